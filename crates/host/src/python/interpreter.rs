//! One Python interpreter, and the only way into it.

use pyo3::Python;

/// An interpreter of this process: the main one, or the sub-interpreter of one application group.
#[derive(Debug)]
pub(crate) struct Interpreter {
    name: String,
}

impl Interpreter {
    /// The application group; empty for the main interpreter.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `body` attached to this interpreter on the calling thread, which must not be attached to any. No Python
    /// object may leave it.
    pub(crate) fn with<R>(&self, body: impl FnOnce(Python<'_>) -> R) -> R {
        let _ = body;
        unimplemented!()
    }
}
