//! Threads that run Python, as seen by others: their stacks, and exceptions raised in them.
//!
//! CPython knows a thread by its pthread id within one interpreter. Everything here is called attached to the
//! interpreter in which the thread runs.

use std::ffi::c_long;

use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{ffi, types::PyDict};

/// A thread's name for CPython.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ident(libc::pthread_t);

impl Ident {
    /// The calling thread's.
    pub(crate) fn own() -> Self {
        // SAFETY: has no conditions.
        Self(unsafe { libc::pthread_self() })
    }

    /// Raises `class` in the thread the next time that it runs Python code. Returns whether it runs in this interpreter.
    pub(crate) fn raise(self, class: &Bound<'_, PyType>) -> bool {
        // SAFETY: attached, as the token of `class` proves; CPython takes a reference of its own.
        unsafe { ffi::PyThreadState_SetAsyncExc(self.0 as c_long, class.as_ptr()) != 0 }
    }

    /// Takes back what `raise` has done, if it has not happened yet.
    pub(crate) fn forgive(self, _py: Python<'_>) {
        // SAFETY: attached; null means to forget the exception.
        unsafe { ffi::PyThreadState_SetAsyncExc(self.0 as c_long, std::ptr::null_mut()) };
    }

    /// The Python stack of the thread, innermost call last; `None` when it runs no Python code here.
    pub(crate) fn stack(self, py: Python<'_>) -> PyResult<Option<String>> {
        let frames = py.import("sys")?.call_method0("_current_frames")?.cast_into::<PyDict>()?;
        let Some(frame) = frames.get_item(self.0)? else { return Ok(None) };
        let lines = py.import("traceback")?.call_method1("format_stack", (frame,))?;
        let lines: Vec<String> = lines.extract()?;
        Ok(Some(lines.concat().trim_end().to_owned()))
    }
}
