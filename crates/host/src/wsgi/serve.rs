//! One request, from the application's lookup to `close()`.

use contract::request::Request;
use contract::response::Outcome;

use super::exchange::Exchange;
use crate::python::process::Process;

/// How a request ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// What httpd must know.
    pub outcome: Outcome,
    /// The whole body, when it is complete and nothing of it was sent: the caller sends it now that the interpreter
    /// has been left, in one write with the head (which [`Exchange::head`] was given).
    pub last: Option<Vec<u8>>,
    /// Microseconds from the entry into the application to its end.
    pub application_time: u64,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It was run.
    Done(Done),
    /// Its script has changed and [`OnChange::Reject`] was asked for: nothing was run.
    Changed,
}

/// What to do when the script file has changed since it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnChange {
    /// Load it again in its interpreter (embedded mode).
    ReloadInPlace,
    /// Run nothing and say so (workers).
    Reject,
}

/// What only the caller knows about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    /// Number of the thread in its process, from 1 (`mod_wsgi.thread_id`).
    pub thread_id: u32,
    /// When a worker took the request, in microseconds since the epoch; 0 in embedded mode (`mod_wsgi.daemon_start`).
    pub daemon_start: u64,
    /// `wsgi.run_once`.
    pub run_once: bool,
}

/// Runs one request. The caller is not attached to any interpreter.
pub(crate) fn serve(
    process: &Process,
    request: &Request<'_>,
    facts: &Facts,
    exchange: &mut dyn Exchange,
    on_change: OnChange,
) -> Answer {
    let _ = (process, request, facts, exchange, on_change);
    Answer::Done(Done { outcome: Outcome::Refused(500), last: None, application_time: 0 })
}
