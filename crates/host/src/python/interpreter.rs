//! One Python interpreter, and the only way into it.
//!
//! The first ("home") thread state of an interpreter is kept for its whole life and used for two things only: to
//! set the interpreter up, and to end it. Requests use states of their own threads, so the home state is always
//! free when the end comes.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;

use super::door::{Called, Door};
use super::error::PythonError;
use super::objects::Objects;
use super::own_gil::Maker;
use super::script::Scripts;
use super::state::{self, Attached};
use crate::api::tally;

thread_local! {
    /// Whether this thread is within [`Interpreter::with`].
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// An interpreter of this process: the main one, or the sub-interpreter of one application group. It lives as long
/// as the process.
pub(crate) struct Interpreter {
    name: String,
    raw: *mut ffi::PyInterpreterState,
    own_gil: bool,
    home: Mutex<Home>,
    door: Door,
    objects: OnceLock<ManuallyDrop<Objects>>,
    scripts: Scripts,
    /// Where its requests are counted.
    place: OnceLock<usize>,
}

/// The home state; its lock is what makes set-up and end follow each other.
struct Home(*mut ffi::PyThreadState);

// SAFETY: the raw pointers are handles that only CPython looks into, under its GIL (or its own locks); `home` is used under its lock;
// the Python objects in `door` and `objects` are touched within `with` only.
unsafe impl Send for Interpreter {}
// SAFETY: as above.
unsafe impl Sync for Interpreter {}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpreter").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Interpreter {
    /// The main interpreter, to which the calling thread is attached by its first state. The thread stays attached.
    pub(super) fn adopt_main() -> Result<Arc<Self>, PythonError> {
        // SAFETY: the caller is attached.
        let home = unsafe { ffi::PyThreadState_Get() };
        state::find_key(home);
        Self::adopt_current(String::new(), home, false)
    }

    /// A new sub-interpreter that shares the main one's GIL. `main` is entered and left by the calling thread, which is
    /// not attached.
    pub(super) fn create(main: &Self, name: String) -> Result<Arc<Self>, PythonError> {
        let _inside = Inside::enter();
        let attached = Attached::acquire(state::of_this_thread(main.raw));
        // SAFETY: attached to the main interpreter.
        let home = unsafe { ffi::Py_NewInterpreter() };
        if home.is_null() {
            let reason = "out of memory, or its site module failed".to_owned();
            return Err(PythonError::Create { group: name, reason });
        }
        // The GIL is now held by way of `home`: what `attached` knows is not current any more.
        let new = Attached::assume(home);
        let made = Self::adopt_current(name, home, false);
        // SAFETY: exchanges the current state for the one that `attached` will release; both share the GIL.
        unsafe { ffi::PyThreadState_Swap(attached.state()) };
        new.forget();
        drop(attached);
        made
    }

    /// As [`Interpreter::create`], with a GIL of its own.
    pub(super) fn create_with_own_gil(
        main: &Self,
        name: String,
        maker: Maker,
    ) -> Result<Arc<Self>, PythonError> {
        let _inside = Inside::enter();
        let attached = Attached::acquire(state::of_this_thread(main.raw));
        let home = match maker.make() {
            Ok(home) => home,
            Err(reason) => return Err(PythonError::Create { group: name, reason }), // `attached` is current again
        };
        attached.forget(); // CPython has let go of the main GIL
        let new = Attached::assume(home);
        let made = Self::adopt_current(name, home, true);
        drop(new);
        made
    }

    /// Makes the handle and the door of the interpreter to which this thread is attached by `home`.
    fn adopt_current(
        name: String,
        home: *mut ffi::PyThreadState,
        own_gil: bool,
    ) -> Result<Arc<Self>, PythonError> {
        // SAFETY: the caller is attached.
        let raw = unsafe { ffi::PyInterpreterState_Get() };
        let no_memory = || PythonError::Create { group: name.clone(), reason: "out of memory".to_owned() };
        let door = Door::make().ok_or_else(no_memory)?;
        let scripts = Scripts::default();
        Ok(Arc::new(Self {
            name,
            raw,
            own_gil,
            home: Mutex::new(Home(home)),
            door,
            objects: OnceLock::new(),
            scripts,
            place: OnceLock::new(),
        }))
    }

    /// Where its requests are counted.
    pub(crate) fn place(&self) -> usize {
        *self.place.get_or_init(|| tally::place(&self.name))
    }

    /// The application group; empty for the main interpreter.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it shares no GIL with others.
    pub(crate) fn has_own_gil(&self) -> bool {
        self.own_gil
    }

    /// What Rust keeps of this interpreter's objects. It is there before anybody else gets at the interpreter.
    pub(crate) fn objects(&self) -> &Objects {
        #[expect(clippy::expect_used, reason = "Process hands an interpreter out after set_up only")]
        self.objects.get().expect("the interpreter is set up")
    }

    /// The scripts that were loaded here.
    pub(crate) fn scripts(&self) -> &Scripts {
        &self.scripts
    }

    /// Whether [`Interpreter::set_up`] has succeeded.
    pub(super) fn is_set_up(&self) -> bool {
        self.objects.get().is_some()
    }

    /// Fills `objects`, in the home state.
    pub(super) fn set_up(
        &self,
        make: impl FnOnce(Python<'_>) -> Result<Objects, PythonError>,
    ) -> Result<(), PythonError> {
        let objects = self.at_home(|py| make(py).map(ManuallyDrop::new))?;
        let _ = self.objects.set(objects); // a second one is never dropped, hence harmless
        Ok(())
    }

    /// Runs `body` attached to this interpreter on the calling thread, which must not be attached to any. No Python
    /// object may leave it.
    pub(crate) fn with<R>(&self, body: impl FnOnce(Python<'_>) -> R) -> R {
        let inside = Inside::enter();
        let attached = Attached::acquire(state::of_this_thread(self.raw));
        let called = self.door.call(|py| Ok(body(py)));
        drop(attached);
        drop(inside);
        called.finish()
    }

    /// As [`Interpreter::with`], in the home state.
    pub(super) fn at_home<R>(&self, body: impl FnOnce(Python<'_>) -> R) -> R {
        let inside = Inside::enter();
        let home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        let attached = Attached::acquire(home.0);
        let called = self.door.call(|py| Ok(body(py)));
        drop(attached);
        drop(home);
        drop(inside);
        called.finish()
    }

    /// Runs `body` for a C function that Python has called: the thread is attached to this interpreter, maybe without
    /// pyo3's knowledge. `None`: an exception is set.
    pub(super) fn called_from_c<R>(&self, body: impl FnOnce(Python<'_>) -> PyResult<R>) -> Option<R> {
        match self.door.call(body) {
            Called::Returned(value) => Some(value),
            Called::Raised => None,
            Called::Panicked(payload) => {
                crate::log::log(contract::level::CRIT, &format!("panic: {}", super::fence::text(&*payload)));
                super::fence::discard(payload);
                // SAFETY: CPython's own exception type, which is set since its start.
                let class = unsafe { ffi::PyExc_SystemError };
                // SAFETY: the caller is attached.
                unsafe { ffi::PyErr_SetString(class, c"panic within mod_wsgi".as_ptr()) };
                None
            }
        }
    }
}

/// Marks the thread as attached by us.
struct Inside;

impl Inside {
    /// A nested entry would be a fatal error of CPython's; this way it is a panic, which costs one request.
    fn enter() -> Self {
        assert!(!INSIDE.replace(true), "entered an interpreter within an interpreter");
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}
