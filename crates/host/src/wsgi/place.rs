//! A script and where it runs, in words for the log.

use std::fmt;

use contract::level;
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;

use super::current;
use crate::python::interpreter::Interpreter;

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) script: &'a [u8],
    pub(super) process_group: &'a str,
    pub(super) interpreter: &'a Interpreter,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = String::from_utf8_lossy(self.script);
        let (process, group) = (self.process_group, self.interpreter.name());
        write!(f, "'{script}' (process group '{process}', application group '{group}')")
    }
}

impl Place<'_> {
    /// Logs what the script has raised; `when` is a clause, or empty.
    pub(super) fn raised(&self, py: Python<'_>, error: PyErr, when: &str) {
        let exit = error.is_instance_of::<PySystemExit>(py);
        let (name, trace) = self.interpreter.objects().shim.describe(error, py);
        let text = if exit {
            format!("SystemExit exception raised by WSGI script {self}{when}, ignored\n{trace}")
        } else {
            format!("{name} exception raised processing WSGI script {self}{when}\n{trace}")
        };
        current::failure(py, &text);
    }

    /// Logs that a request which had run for too long has ended.
    pub(super) fn interrupted(&self, py: Python<'_>) {
        let text = format!("Request interrupted by RequestTimeout; thread recovered ({self})");
        current::failure(py, &text);
    }

    /// Logs that the script lacks its callable; `candidates` are names that were meant, perhaps.
    pub(super) fn has_no(&self, py: Python<'_>, callable: &[u8], candidates: &str) {
        let callable = String::from_utf8_lossy(callable);
        let hint = match candidates {
            "" => "it defines no callable".to_owned(),
            names => format!("it defines {names}; name one with callable-object= or WSGICallableObject"),
        };
        let text = format!("WSGI script {self} has no callable object '{callable}': {hint}");
        current::failure(py, &text);
    }

    /// Logs that a response is shorter than its head says.
    pub(super) fn cut_short(&self, py: Python<'_>, promised: u64, sent: u64) {
        let text = format!(
            "WSGI script {self} sent {sent} bytes of body where its Content-Length is {promised}; the connection is \
             closed, so that the client can tell"
        );
        current::record(py, level::WARN, text.as_bytes(), b"", 0);
    }
}
