//! The interpreters of this process.

use std::sync::Arc;

use contract::launch::{Python, Target};

use super::error::PythonError;
use super::interpreter::Interpreter;

/// The Python of this process: its main interpreter and one sub-interpreter for each application group.
#[derive(Debug)]
pub(crate) struct Process {
    settings: Python,
}

impl Process {
    /// Takes over a Python that already runs: called once, on its main thread, attached to the main interpreter
    /// (the thread state is kept as the main interpreter's own). Sets up `sys`, logging and the `mod_wsgi` module.
    /// Afterwards the caller detaches by [`Process::detached`].
    pub(crate) fn adopt(settings: Python) -> Result<Self, PythonError> {
        Ok(Self { settings })
    }

    /// Runs `body` with the calling thread, which is attached, detached.
    pub(crate) fn detached<R>(body: impl FnOnce() -> R) -> R {
        body()
    }

    /// What it was started with.
    pub(crate) fn settings(&self) -> &Python {
        &self.settings
    }

    /// The interpreter of an application group (empty: the main one), made at its first use. Only requests for the
    /// same group wait for that. A failure is tried again at the next call.
    pub(crate) fn interpreter(&self, name: &str) -> Result<Arc<Interpreter>, PythonError> {
        Err(PythonError::Setup { group: name.to_owned(), traceback: String::new() })
    }

    /// Loads a script if its interpreter has not got it; a failure is logged. Returns whether it is there.
    pub(crate) fn load(&self, target: &Target) -> bool {
        let _ = target;
        false
    }

    /// The scripts that are loaded now.
    pub(crate) fn loaded(&self) -> Vec<Target> {
        Vec::new()
    }

    /// Delivers `process_signal` to the subscribers of every interpreter.
    pub(crate) fn signal(&self, name: &str, number: i32) {
        let _ = (name, number);
    }

    /// Ends every interpreter, the main one last: `process_stopping` subscribers with `reason`, non-daemon threads
    /// joined, `atexit`, streams flushed. Never finalizes Python. Called detached, once; it may take as long as the
    /// application likes, so the caller keeps its own clock.
    pub(crate) fn stop(&self, reason: &str) {
        let _ = reason;
    }
}
