//! A worker process of a daemon group.

/// Runs the worker: called by the bootstrap on Python's main thread, attached to the main interpreter.
pub(crate) fn run() -> ! {
    std::process::abort()
}
