//! What can go wrong on the way into Python.

use pyo3::prelude::*;
use pyo3::types::PyAnyMethods;
use thiserror::Error;

/// Why an interpreter cannot be had.
#[derive(Debug, Clone, Error)]
pub(crate) enum PythonError {
    /// CPython would not make one.
    #[error(
        "Python could not make an interpreter for application group '{group}' (out of memory, or its site module failed)"
    )]
    Create {
        /// The application group.
        group: String,
    },
    /// Setting it up raised.
    #[error("the interpreter of application group '{group}' could not be set up: {traceback}")]
    Setup {
        /// The application group.
        group: String,
        /// Lines, formatted by Python.
        traceback: String,
    },
}

impl PythonError {
    /// Makes plain data of an exception that came before the shim was there.
    pub(super) fn from_exception(py: Python<'_>, group: &str, error: PyErr) -> Self {
        let format = || -> PyResult<String> {
            let lines = py.import("traceback")?.getattr("format_exception")?;
            let lines = lines.call1((error.get_type(py), error.value(py), error.traceback(py)))?;
            pyo3::types::PyString::new(py, "").as_any().call_method1("join", (lines,))?.extract()
        };
        let traceback = format().unwrap_or_else(|_| "(no traceback)".into());
        Self::Setup { group: group.to_owned(), traceback }
    }
}
