//! Interpreters with a GIL of their own (WSGIPerInterpreterGIL).
//!
//! CPython makes them with `Py_NewInterpreterFromConfig`, which is not in the stable ABI, and whose configuration has
//! no promised layout: it is given to the versions that are listed here, and to no other. An extension module that
//! does not declare that it supports this cannot be imported there (CPython's own rule for such interpreters).
//!
//! `os.fork` and `os.exec*` are not allowed in them: the first would kill the child, the second the server process.
//! Daemon threads are, since Python is never finalized here.

use std::ffi::{CStr, c_char, c_int};

use pyo3::ffi;
use thiserror::Error;

use super::state;

/// `PyInterpreterConfig`, the same in 3.12, 3.13 and 3.14.
#[repr(C)]
struct Config {
    use_main_obmalloc: c_int,
    allow_fork: c_int,
    allow_exec: c_int,
    allow_threads: c_int,
    allow_daemon_threads: c_int,
    check_multi_interp_extensions: c_int,
    gil: c_int,
}

static CONFIG: Config = Config {
    use_main_obmalloc: 0,
    allow_fork: 0,
    allow_exec: 0,
    allow_threads: 1,
    allow_daemon_threads: 1,
    check_multi_interp_extensions: 1,
    gil: 2, // PyInterpreterConfig_OWN_GIL
};

/// `PyStatus`
#[repr(C)]
struct Status {
    kind: c_int,
    function: *const c_char,
    message: *const c_char,
    exit_code: c_int,
}

type NewInterpreter = unsafe extern "C" fn(*mut *mut ffi::PyThreadState, *const Config) -> Status;

/// Why interpreters of this Python share the GIL whatever the configuration says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    /// Before 3.12.
    #[error("Python 3.{0} has one GIL for all interpreters; use Python 3.13 or later")]
    OneGil(u32),
    /// 3.12.
    #[error(
        "in Python 3.12 such an interpreter cannot import modules of the standard library that nearly every application needs (datetime's C interface, ctypes, pyexpat); use Python 3.13 or later"
    )]
    Unfinished,
    /// A version that is newer than this code.
    #[error(
        "this build of mod_wsgi does not know how Python 3.{0} wants it done; use Python 3.13 or 3.14, or a newer mod_wsgi"
    )]
    Unknown(u32),
    /// No GIL to have.
    #[error("this Python is free-threaded (WSGIFreeThreading says whether it runs with a GIL)")]
    FreeThreaded,
}

/// Makes interpreters with a GIL of their own.
#[derive(Clone, Copy)]
pub(super) struct Maker(NewInterpreter);

impl Maker {
    /// For the Python that runs, if it can.
    pub(super) fn find() -> Result<Self, Refusal> {
        let minor = state::minor();
        allowed(minor, state::is_free_threaded())?;
        // SAFETY: a C string; the function is looked for in the whole process, as those of the stable ABI are.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"Py_NewInterpreterFromConfig".as_ptr()) };
        if found.is_null() {
            return Err(Refusal::Unknown(minor));
        }
        // SAFETY: in the versions that `allowed` lets through, the function has this type.
        Ok(Self(unsafe { std::mem::transmute::<*mut libc::c_void, NewInterpreter>(found) }))
    }

    /// A new interpreter, by whose first state, which is returned, the thread is now attached; the state by which it
    /// was attached to the main interpreter is detached.
    pub(super) fn make(self) -> Result<*mut ffi::PyThreadState, String> {
        let mut home = std::ptr::null_mut();
        // SAFETY: the caller is attached to the main interpreter; a place and a whole configuration.
        let status = unsafe { (self.0)(&raw mut home, &raw const CONFIG) };
        if status.kind == 0 && !home.is_null() {
            return Ok(home);
        }
        if status.message.is_null() {
            return Err("CPython gives no reason".to_owned());
        }
        // SAFETY: CPython's messages are static texts.
        Err(unsafe { CStr::from_ptr(status.message) }.to_string_lossy().into_owned())
    }
}

fn allowed(minor: u32, free_threaded: bool) -> Result<(), Refusal> {
    match minor {
        _ if free_threaded => Err(Refusal::FreeThreaded),
        0..=11 => Err(Refusal::OneGil(minor)),
        12 => Err(Refusal::Unfinished),
        13 | 14 => Ok(()),
        _ => Err(Refusal::Unknown(minor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_versions_are_asked() {
        assert_eq!(allowed(10, false), Err(Refusal::OneGil(10)));
        assert_eq!(allowed(12, false), Err(Refusal::Unfinished));
        assert_eq!(allowed(13, false), Ok(()));
        assert_eq!(allowed(14, false), Ok(()));
        assert_eq!(allowed(15, false), Err(Refusal::Unknown(15)));
        assert_eq!(allowed(14, true), Err(Refusal::FreeThreaded));
    }
}
