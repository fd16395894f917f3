//! What logs can show of a request: where it ran, how long its parts took, and why it failed, as notes for LogFormat.
//!
//! Times are microseconds, as those of `%D`. An ErrorDocument has httpd log another request than the one that ran, so the
//! notes are handed on along the chain just before the log is written.

use std::ffi::CStr;
use std::iter::successors;

use contract::costs::Costs;

use crate::apache::{HandlerResult, Request};
use crate::config::{Mode, Resolved};
use crate::trace;

const PROCESS_GROUP: &CStr = c"WSGI_PROCESS_GROUP";
const APPLICATION_GROUP: &CStr = c"WSGI_APPLICATION_GROUP";
const PID: &CStr = c"WSGI_PID";
const SERVER_TIME: &CStr = c"WSGI_SERVER_TIME";
const QUEUE_TIME: &CStr = c"WSGI_QUEUE_TIME";
const DAEMON_TIME: &CStr = c"WSGI_DAEMON_TIME";
const APPLICATION_TIME: &CStr = c"WSGI_APPLICATION_TIME";
const GIL_TIME: &CStr = c"WSGI_GIL_TIME";
const CPU_TIME: &CStr = c"WSGI_CPU_TIME";
/// Why process groups fail requests; there also without WSGIRequestNotes.
pub(crate) const ERROR_CAUSE: &CStr = c"WSGI_ERROR_CAUSE";

const ALL: [&CStr; 10] = [
    PROCESS_GROUP,
    APPLICATION_GROUP,
    PID,
    SERVER_TIME,
    QUEUE_TIME,
    DAEMON_TIME,
    APPLICATION_TIME,
    GIL_TIME,
    CPU_TIME,
    ERROR_CAUSE,
];

/// Notes where the request is going to run.
pub(crate) fn place(request: Request<'_>, resolved: &Resolved<'_>) {
    let (notes, pool) = (request.notes(), request.pool());
    if let Mode::Daemon(group) = &resolved.mode {
        notes.set(PROCESS_GROUP, pool.string(group));
    }
    let group: &[u8] = match &*resolved.application_group {
        b"" => b"%{GLOBAL}",
        name => name,
    };
    notes.set(APPLICATION_GROUP, pool.string(group));
}

/// Notes what it has cost.
pub(crate) fn costs(request: Request<'_>, costs: &Costs, is_daemon: bool) {
    note(request, PID, costs.pid.into());
    note(request, SERVER_TIME, costs.server);
    if is_daemon {
        note(request, QUEUE_TIME, costs.queue);
        note(request, DAEMON_TIME, costs.daemon);
    }
    note(request, APPLICATION_TIME, costs.application);
    note(request, GIL_TIME, costs.gil_wait);
    note(request, CPU_TIME, costs.cpu);
}

/// Notes how long a request waited that no worker has had.
pub(crate) fn waited(request: Request<'_>, microseconds: u64) {
    note(request, QUEUE_TIME, microseconds);
}

fn note(request: Request<'_>, name: &'static CStr, number: u64) {
    request.notes().set(name, request.pool().string(number.to_string().as_bytes()));
}

/// Before httpd writes its logs about `request`: requests that were made in its place, and it itself, have the same notes.
pub(crate) fn hand_on(request: Request<'_>) -> HandlerResult {
    if request.next().is_none() && request.previous().is_none() {
        return HandlerResult::Declined;
    }
    let first = successors(Some(request), |request| request.previous()).last().unwrap_or(request);
    let chain = || successors(Some(first), |request| request.next());
    let last = chain().last().unwrap_or(first);
    for name in ALL {
        // Of several that ran the last one counts, and what logs ask for is the first or the last of all.
        let Some(value) = chain().filter_map(|request| request.notes().get(name)).last() else { continue };
        for request in [first, last] {
            if request.notes().get(name).is_none() {
                request.notes().set(name, value);
            }
        }
    }
    if let Some(id) = chain().find_map(|request| request.subprocess_env().get(trace::VARIABLE)) {
        first.subprocess_env().set(trace::VARIABLE, id);
        last.subprocess_env().set(trace::VARIABLE, id);
    }
    HandlerResult::Declined
}
