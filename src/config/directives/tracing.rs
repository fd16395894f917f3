//! What lets a request be followed through logs and other programs.

use super::row::Row;
use crate::config::options;
use crate::config::tracing::{OPTIONS, TraceContext};

pub(super) const ROWS: &[Row] = &[
    Row::location(c"WSGITraceContext", "Auto|On|Off [sampled=share]", |here, words| {
        TraceContext::read(words).map(|context| here.trace_context = Some(context))
    })
    .default("Auto")
    .says(
        c"which W3C trace context requests have: Auto, On or Off; default Auto",
        "Each request gets the ids of a W3C trace: those of its header `traceparent` if that is valid, else new ones. They \
         are in the variable `WSGI_TRACE_ID`, for applications, logs (`%{WSGI_TRACE_ID}e`) and error pages, and, as a \
         `traceparent`, in `environ[\"mod_wsgi.traceparent\"]`. Auto: the headers stay as they came. On: the application \
         sees a valid `HTTP_TRACEPARENT` in any case, and no `HTTP_TRACESTATE` that belongs to an invalid one. Off: there \
         are no ids. See [tracing](tracing.md).",
    )
    .options(|| options::explained(&OPTIONS))
    .differs("there is no such directive; it behaves as Off."),
    Row::location(c"WSGIServerTiming", "On|Off", |here, words| {
        words.only("value").map(|on| here.server_timing = Some(on))
    })
    .default("Off")
    .says(
        c"whether responses have a Server-Timing header; default Off",
        "On: responses of applications get a header `Server-Timing` with the milliseconds that the request waited for a \
         thread (`queue`), that were needed until the application was entered (`daemon`), and that the application took \
         until its first output (`app`). Browsers show them. So does anybody else who asks: what takes long may tell \
         outsiders what a request found, so do not use it where that matters.",
    )
    .differs("there is no such directive."),
    Row::location(c"WSGIRequestNotes", "On|Off", |here, words| {
        words.only("value").map(|on| here.request_notes = Some(on))
    })
    .default("Off")
    .says(
        c"whether access logs can show where and how long requests ran; default Off",
        "On: each request gets notes for `LogFormat`, as `%{WSGI_QUEUE_TIME}n`: where it ran, and how long it waited, \
         ran, waited for the GIL and used a CPU. [Logging](logging.md) lists them.",
    )
    .differs("there is no such directive."),
];
