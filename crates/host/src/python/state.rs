//! Thread states: one for each thread and interpreter, made on that thread, kept for the thread's life (so that an
//! application's `threading.local` lasts from request to request). A thread that ends leaves its states behind, since
//! to release them it would have to wait for the GIL; they are released when another thread begins (mod_http2 ends
//! threads that are idle and starts new ones). At the end of the process nobody begins, so nothing is released then.
//!
//! Before 3.12 CPython's GILState interface, which C extensions use for callbacks, follows a pthread key of its own
//! that holds the *first* state made on a thread, whatever interpreter is current. Its number is not exported, so
//! [`find_key`] looks for the key whose value is the current state; [`Attached`] then keeps it right.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};

use pyo3::ffi;

use super::quiet;

thread_local! {
    static STATES: RefCell<States> = const { RefCell::new(States(Vec::new())) };
}

/// States of threads that have ended.
static LEFT: Mutex<Vec<State>> = Mutex::new(Vec::new());
/// A thread releases such states.
static IS_RELEASING: AtomicBool = AtomicBool::new(false);

/// Stack of that thread, on which finalizers of the application may run.
const STACK: usize = 8 << 20;

/// A thread's state for an interpreter.
struct State {
    interpreter: *mut ffi::PyInterpreterState,
    state: *mut ffi::PyThreadState,
}

// SAFETY: handles that only CPython looks into; a state is used by one thread at a time.
unsafe impl Send for State {}

/// The thread states of a thread.
struct States(Vec<State>);

impl Drop for States {
    fn drop(&mut self) {
        LEFT.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.0);
    }
}

/// The key of the GILState interface; negative if there is none or it could not be told.
static KEY: AtomicI64 = AtomicI64::new(-1);

/// The minor version of the Python that runs.
pub(super) fn minor() -> u32 {
    static MINOR: OnceLock<u32> = OnceLock::new();
    *MINOR.get_or_init(|| {
        let number = version().split('.').nth(1).and_then(|minor| minor.parse().ok());
        number.unwrap_or(0)
    })
}

/// Whether the Python that runs was built without the GIL (it may run with one nevertheless).
pub(super) fn is_free_threaded() -> bool {
    version().contains("free-threading build")
}

/// "3.11.2 (main, …", "3.14.0 free-threading build (main, …"
fn version() -> &'static str {
    // SAFETY: may be called at any time, even before Python is started.
    let version = unsafe { ffi::Py_GetVersion() };
    // SAFETY: CPython returns a static text.
    unsafe { std::ffi::CStr::from_ptr(version) }.to_str().unwrap_or_default()
}

/// Finds the key of the GILState interface. Called while no other thread is attached, on a thread whose first state is
/// `current`.
pub(super) fn find_key(current: *mut ffi::PyThreadState) {
    if minor() >= 12 {
        return; // follows the current state by itself
    }
    // SAFETY: a question about a limit.
    let keys = unsafe { libc::sysconf(libc::_SC_THREAD_KEYS_MAX) };
    let holds = |key: &libc::pthread_key_t| {
        // SAFETY: below PTHREAD_KEYS_MAX; glibc and musl answer null for a key that is not in use.
        let value = unsafe { libc::pthread_getspecific(*key) };
        value.cast::<ffi::PyThreadState>() == current
    };
    if key().as_ref().is_some_and(holds) {
        return; // it is the same after a fork
    }
    let mut found = (0..libc::pthread_key_t::try_from(keys).unwrap_or(0)).filter(holds);
    let found = match (found.next(), found.next()) {
        (Some(key), None) => key.into(),
        _ => -1, // none, or another library keeps the same pointer: GILState stays as CPython has it
    };
    KEY.store(found, SeqCst);
}

fn key() -> Option<libc::pthread_key_t> {
    KEY.load(SeqCst).try_into().ok()
}

/// After a fork, in the copy: CPython has released all states but the current one, and before 3.12 made its key anew.
pub(super) fn forked() {
    STATES.with_borrow_mut(|States(states)| states.clear());
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).clear();
    // SAFETY: the caller is attached.
    find_key(unsafe { ffi::PyThreadState_Get() });
}

/// This thread's state for `interpreter`, made at its first use.
pub(super) fn of_this_thread(interpreter: *mut ffi::PyInterpreterState) -> *mut ffi::PyThreadState {
    STATES.with_borrow_mut(|States(states)| {
        if let Some(known) = states.iter().find(|known| known.interpreter == interpreter) {
            return known.state;
        }
        if states.is_empty() {
            release_left();
        }
        // SAFETY: interpreters are never ended; this function needs no GIL.
        let state = unsafe { ffi::PyThreadState_New(interpreter) };
        assert!(!state.is_null(), "no memory for a Python thread state");
        states.push(State { interpreter, state });
        state
    })
}

/// Has the states of ended threads released, apart: that may run finalizers, and waits for the GIL.
fn release_left() {
    let nothing = LEFT.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
    if nothing || IS_RELEASING.swap(true, SeqCst) {
        return;
    }
    let release = || {
        let left = std::mem::take(&mut *LEFT.lock().unwrap_or_else(PoisonError::into_inner));
        left.into_iter().for_each(State::release);
        IS_RELEASING.store(false, SeqCst);
    };
    if quiet::spawn("wsgi-states", STACK, release).is_err() {
        IS_RELEASING.store(false, SeqCst); // the next thread that begins tries it again
    }
}

impl State {
    /// Called on a thread that has no states of its own: CPython forgets the present one for the GILState interface.
    fn release(self) {
        let attached = Attached::acquire(self.state);
        // SAFETY: attached by it; its thread has ended.
        unsafe { ffi::PyThreadState_Clear(self.state) };
        drop(attached);
        // SAFETY: cleared, and not current any more; this needs no GIL.
        unsafe { ffi::PyThreadState_Delete(self.state) };
    }
}

/// The calling thread is attached by a thread state until this is dropped.
pub(super) struct Attached {
    state: *mut ffi::PyThreadState,
    previous: *mut c_void,
}

impl Attached {
    /// Attaches by `state`, which no thread is using. Waits for the GIL.
    pub(super) fn acquire(state: *mut ffi::PyThreadState) -> Self {
        // SAFETY: `state` is a live state in no one's use, and this thread has none current (callers see to both).
        unsafe { ffi::PyEval_AcquireThread(state) };
        Self { state, previous: bind(state.cast()) }
    }

    /// Takes over an attachment that CPython made by itself: `state` is this thread's current one.
    pub(super) fn assume(state: *mut ffi::PyThreadState) -> Self {
        Self { state, previous: bind(state.cast()) }
    }

    /// The state by which the thread is attached.
    pub(super) fn state(&self) -> *mut ffi::PyThreadState {
        self.state
    }

    /// Ends the attachment without detaching: another state is current by now.
    pub(super) fn forget(self) {
        bind(self.previous);
        #[expect(clippy::mem_forget, reason = "the release, which is what drop does, must not happen")]
        std::mem::forget(self);
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        bind(self.previous);
        // SAFETY: `self.state` is current since `acquire`: what ran in between left everything as it found it.
        unsafe { ffi::PyEval_ReleaseThread(self.state) };
    }
}

/// The calling thread, which was attached, is detached until this is dropped.
pub(super) struct Suspended(*mut ffi::PyThreadState);

impl Suspended {
    /// For a thread that Python has called and that pyo3 knows nothing of.
    pub(super) fn enter() -> Self {
        // SAFETY: the caller is attached.
        Self(unsafe { ffi::PyEval_SaveThread() })
    }

    /// Stays detached for good.
    pub(super) fn forget(self) {
        #[expect(clippy::mem_forget, reason = "what drop does must not happen")]
        std::mem::forget(self);
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        // SAFETY: the state that `enter` got, which no thread uses.
        unsafe { ffi::PyEval_RestoreThread(self.0) };
    }
}

/// Points the GILState interface of this thread at `state` and returns what it pointed at.
fn bind(state: *mut c_void) -> *mut c_void {
    let Some(key) = key() else { return std::ptr::null_mut() };
    // SAFETY: `find_key` found it in use, and CPython keeps it for the life of the process.
    let previous = unsafe { libc::pthread_getspecific(key) };
    // SAFETY: as above; the value is what CPython itself stores there, a live thread state or null.
    unsafe { libc::pthread_setspecific(key, state) };
    previous
}
