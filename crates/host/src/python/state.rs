//! Thread states: one for each thread and interpreter, made on that thread, kept for the thread's life (so that an
//! application's `threading.local` lasts from request to request). A thread that ends leaves its states behind: request
//! threads live as long as their process, and a release at a thread's end would have to wait for the GIL.
//!
//! Before 3.12 CPython's GILState interface, which C extensions use for callbacks, follows a pthread key of its own
//! that holds the *first* state made on a thread, whatever interpreter is current. Its number is not exported, so
//! [`find_key`] looks for the key whose value is the current state; [`Attached`] then keeps it right.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::OnceLock;

use pyo3::ffi;

/// The thread states of this thread, by interpreter.
type States = Vec<(*mut ffi::PyInterpreterState, *mut ffi::PyThreadState)>;

thread_local! {
    static STATES: RefCell<States> = const { RefCell::new(Vec::new()) };
}

/// The key of the GILState interface, if there is one and it could be told.
static KEY: OnceLock<Option<libc::pthread_key_t>> = OnceLock::new();

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

/// Finds the key of the GILState interface. Called once, before any other thread is attached, on a thread whose first
/// state is `current`.
pub(super) fn find_key(current: *mut ffi::PyThreadState) {
    KEY.get_or_init(|| {
        if minor() >= 12 {
            return None; // follows the current state by itself
        }
        // SAFETY: a question about a limit.
        let keys = unsafe { libc::sysconf(libc::_SC_THREAD_KEYS_MAX) };
        let holds = |key: &libc::pthread_key_t| {
            // SAFETY: below PTHREAD_KEYS_MAX; glibc and musl answer null for a key that is not in use.
            let value = unsafe { libc::pthread_getspecific(*key) };
            value.cast::<ffi::PyThreadState>() == current
        };
        let mut found = (0..libc::pthread_key_t::try_from(keys).unwrap_or(0)).filter(holds);
        match (found.next(), found.next()) {
            (Some(key), None) => Some(key),
            _ => None, // none, or another library keeps the same pointer: GILState stays as CPython has it
        }
    });
}

/// This thread's state for `interpreter`, made at its first use.
pub(super) fn of_this_thread(interpreter: *mut ffi::PyInterpreterState) -> *mut ffi::PyThreadState {
    STATES.with_borrow_mut(|states| {
        if let Some((_, state)) = states.iter().find(|(known, _)| *known == interpreter) {
            return *state;
        }
        // SAFETY: interpreters are never ended; this function needs no GIL.
        let state = unsafe { ffi::PyThreadState_New(interpreter) };
        assert!(!state.is_null(), "no memory for a Python thread state");
        states.push((interpreter, state));
        state
    })
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
    let Some(key) = KEY.get().copied().flatten() else { return std::ptr::null_mut() };
    // SAFETY: `find_key` found it in use, and CPython keeps it for the life of the process.
    let previous = unsafe { libc::pthread_getspecific(key) };
    // SAFETY: as above; the value is what CPython itself stores there, a live thread state or null.
    unsafe { libc::pthread_setspecific(key, state) };
    previous
}
