//! The request that a thread serves, for everything that is written to a log on that thread.
//!
//! `sys.stdout` and `sys.stderr` are one object each per interpreter; the lines come here, and the thread decides where
//! they go. `wsgi.errors` belongs to a request: on its thread it is as `sys.stderr`, and threads of the application's own
//! share a line of their own. Text is kept until its line is complete. Nothing here ever fails.

use std::cell::RefCell;
use std::sync::Arc;

use contract::level;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::call::Call;
use crate::api::tally;

/// A line without an end is written when it has so many bytes.
const LONGEST_LINE: usize = 64 << 10;

thread_local! {
    static CALL: RefCell<Option<Arc<Call>>> = const { RefCell::new(None) };
    static PARTIAL: RefCell<Partial> = const { RefCell::new(Partial { out: Vec::new(), error: Vec::new() }) };
}

/// Text of this thread whose line is not complete.
struct Partial {
    out: Vec<u8>,
    error: Vec<u8>,
}

/// The thread serves a request until this is dropped; then incomplete lines are written.
pub(crate) struct Entered(());

/// Makes `call` this thread's request.
pub(crate) fn enter(call: &Arc<Call>) -> Entered {
    CALL.set(Some(Arc::clone(call)));
    Entered(())
}

impl Drop for Entered {
    fn drop(&mut self) {
        for error in [false, true] {
            if let Some(text) = rest(error) {
                emit(level_of(error), &text, b"", 0);
            }
        }
        if let Some(call) = CALL.take() {
            flush_others(&call);
        }
    }
}

/// Text for a stream.
pub(crate) fn write(py: Python<'_>, error: bool, text: &[u8]) {
    let lines = PARTIAL.with_borrow_mut(|partial| add(partial.of(error), text));
    if let Some(lines) = lines {
        py.detach(|| emit(level_of(error), &lines, b"", 0));
    }
}

/// Text for `wsgi.errors` of a request, on whatever thread.
pub(crate) fn write_to(py: Python<'_>, call: &Arc<Call>, text: &[u8]) {
    if serves(call) {
        return write(py, true, text);
    }
    let lines = add(&mut call.line_of_others(), text);
    if let Some(lines) = lines {
        py.detach(|| emit_to(Some(call), level_of(true), &lines, b"", 0));
    }
}

/// Writes the incomplete line of `wsgi.errors`.
pub(crate) fn flush_to(py: Python<'_>, call: &Arc<Call>) {
    if serves(call) {
        return flush(py, true);
    }
    py.detach(|| flush_others(call));
}

fn flush_others(call: &Arc<Call>) {
    let text = std::mem::take(&mut *call.line_of_others());
    if !text.is_empty() {
        emit_to(Some(call), level_of(true), &text, b"", 0);
    }
}

/// Whether this thread serves that request.
fn serves(call: &Arc<Call>) -> bool {
    CALL.with_borrow(|own| own.as_ref().is_some_and(|own| Arc::ptr_eq(own, call)))
}

/// Adds text to a line that is not complete; what is complete now comes back.
fn add(partial: &mut Vec<u8>, text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte == b'\n');
    let end = end.or_else(|| (partial.len() + text.len() > LONGEST_LINE).then_some(text.len()));
    let Some(end) = end else {
        partial.extend_from_slice(text);
        return None;
    };
    let (complete, begun) = text.split_at_checked(end).unwrap_or((text, b""));
    let mut lines = std::mem::take(partial);
    lines.extend_from_slice(complete);
    partial.extend_from_slice(begun.strip_prefix(b"\n").unwrap_or(begun));
    Some(lines)
}

/// Writes the incomplete line of a stream.
pub(crate) fn flush(py: Python<'_>, error: bool) {
    if let Some(text) = rest(error) {
        py.detach(|| emit(level_of(error), &text, b"", 0));
    }
}

/// A record of its own, with its source place.
pub(crate) fn record(py: Python<'_>, level: u8, text: &[u8], file: &[u8], line: u32) {
    if enabled(level) {
        py.detach(|| emit(level, text, file, line));
    }
}

/// A failure of the application: an error in the log, and the last error that the status page shows.
pub(crate) fn failure(py: Python<'_>, text: &str) {
    tally::raised(text);
    record(py, level::ERROR, text.as_bytes(), b"", 0);
}

/// A line of ours: to this thread's request if it serves one, else to the process.
pub(crate) fn note(level: u8, text: &str) {
    if enabled(level) {
        emit(level, text.as_bytes(), b"", 0);
    }
}

/// Whether a record of `level` would be written.
pub(crate) fn enabled(level: u8) -> bool {
    let of_request = CALL.try_with(|call| call.borrow().as_ref().map(|call| call.log_level())).ok().flatten();
    level <= of_request.unwrap_or_else(crate::log::limit) || level == level::NOTICE
}

/// `mod_wsgi.request_data()`
pub(crate) fn request_data(py: Python<'_>) -> PyResult<Py<PyDict>> {
    let call = CALL.with_borrow(Clone::clone);
    let data = call.and_then(|call| call.data(py));
    data.map(Bound::unbind).ok_or_else(|| PyRuntimeError::new_err("this thread serves no request"))
}

fn level_of(error: bool) -> u8 {
    if error { level::ERROR } else { level::NOTICE }
}

impl Partial {
    fn of(&mut self, error: bool) -> &mut Vec<u8> {
        if error { &mut self.error } else { &mut self.out }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for (text, error) in [(&self.out, false), (&self.error, true)] {
            if !text.is_empty() {
                crate::log::log(level_of(error), &String::from_utf8_lossy(text));
            }
        }
    }
}

fn rest(error: bool) -> Option<Vec<u8>> {
    let text = PARTIAL.try_with(|partial| std::mem::take(partial.borrow_mut().of(error))).unwrap_or_default();
    (!text.is_empty()).then_some(text)
}

/// To this thread's request, else to the process. Not called while attached: a log may be a slow pipe.
fn emit(level: u8, text: &[u8], file: &[u8], line: u32) {
    let call = CALL.try_with(|call| call.borrow().clone()).ok().flatten();
    emit_to(call.as_ref(), level, text, file, line);
}

/// To a request while it lives, else to the process. A forked copy of the process has none: the connection is its
/// parent's.
fn emit_to(call: Option<&Arc<Call>>, level: u8, text: &[u8], file: &[u8], line: u32) {
    let call = call.filter(|_| !crate::python::posix::is_copy());
    if call.is_none_or(|call| call.loan().log(level, text, file, line).is_err()) {
        crate::log::log(level, &String::from_utf8_lossy(text));
    }
}
