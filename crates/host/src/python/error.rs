//! What can go wrong on the way into Python.

use thiserror::Error;

/// Why an interpreter cannot be had.
#[derive(Debug, Clone, Error)]
pub(crate) enum PythonError {
    /// Setting up an interpreter raised; the traceback's lines.
    #[error("the interpreter of application group {group:?} could not be set up:\n{traceback}")]
    Setup {
        /// The application group.
        group: String,
        /// Lines, formatted by Python.
        traceback: String,
    },
}
