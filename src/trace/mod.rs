//! The W3C trace context of a request: taken from its headers, or made, once, and left where applications, logs and error
//! pages find it.
//!
//! A request within a request and one that httpd puts in the place of another (an ErrorDocument) belong to the same trace.
//! httpd is no span of it: nothing is reported from here, so a valid `traceparent` goes on as it came. One that is made
//! has the id of a parent that nobody reports. Applications whose tracer goes by the headers would miss that parent, or
//! follow its flag in the place of a sampler of their own; so it becomes a header only where the administrator says so.

mod context;
mod random;

use std::ffi::CStr;

use self::context::TraceParent;
use crate::apache::Request;
use crate::config::tracing::TraceContext;
use crate::config::values::Switch;

/// The note with the request's `traceparent`.
const NOTE: &CStr = c"mod_wsgi.traceparent";
/// The variable with the trace's id.
pub(crate) const VARIABLE: &CStr = c"WSGI_TRACE_ID";

/// Settles the trace of `request`, unless that has happened, or is not wanted here.
pub(crate) fn settle(request: Request<'_>) {
    let wanted = request.settings().trace_context.unwrap_or(TraceContext::DEFAULT);
    if wanted.mode == Switch::Off || request.notes().get(NOTE).is_some() {
        return;
    }
    let headers = request.headers_in();
    let sent = headers.get(c"traceparent").map(CStr::to_bytes).and_then(TraceParent::parse);
    if let Some(sent) = sent {
        return leave(request, sent);
    }
    let Some(value) = inherited(request).or_else(|| make(request, wanted.sampled)) else { return };
    if let Some(made) = TraceParent::parse(value.to_bytes()) {
        leave(request, made);
    }
    if wanted.mode == Switch::On {
        headers.set(c"traceparent", value);
        headers.unset(c"tracestate"); // it belongs to another, or to none
    }
}

/// The request's `traceparent`, if it has been settled.
pub(crate) fn traceparent(request: Request<'_>) -> Option<&CStr> {
    request.notes().get(NOTE)
}

fn leave(request: Request<'_>, parent: TraceParent<'_>) {
    let pool = request.pool();
    request.notes().set(NOTE, pool.string(parent.value()));
    request.subprocess_env().set(VARIABLE, pool.string(parent.trace_id()));
}

/// That of the request for which this one is made.
fn inherited<'r>(request: Request<'r>) -> Option<&'r CStr> {
    let before = |request: &Request<'r>| request.previous().or_else(|| request.main());
    std::iter::successors(before(&request), before).find_map(traceparent)
}

fn make(request: Request<'_>, sampled: f64) -> Option<&CStr> {
    let value = context::write(random::bytes()?, sampled)?;
    Some(request.pool().string(&value))
}
