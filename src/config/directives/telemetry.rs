//! Metrics, and where they are reported.

use super::row::Row;
use crate::config::options;
use crate::config::telemetry::{self, Service, SlowRequests};

pub(super) const ROWS: &[Row] = &[
    Row::global(c"WSGITelemetryService", "unix:/path [interval=seconds]", |server, words| {
        Service::read(words).map(|service| server.global.telemetry.service = Some(service))
    })
    .says(
        c"the datagram socket that metrics are sent to: unix:/PATH and interval=SECONDS",
        "The datagram socket that takes reports of metrics. Every process that runs applications sends one per \
         interval, from a thread of its own.",
    )
    .options(|| options::explained(&telemetry::SERVICE_OPTIONS)),
    Row::global(c"WSGISlowRequests", "seconds", |server, words| {
        let limit = words.only::<SlowRequests>("limit")?;
        server.global.telemetry.slow_requests = (limit.0 > 0.0).then_some(limit.0);
        Ok(())
    })
    .default("0")
    .says(
        c"seconds from which on a request is reported as slow; default 0, never",
        "Requests that take longer are reported to the telemetry service one by one. 0: none is.",
    ),
    Row::global(c"WSGITelemetryOptions", "[+|-]option ... | All | None", |server, words| {
        telemetry::read_options(&mut server.global.telemetry, words)
    })
    .default("None")
    .says(
        c"what reports hold: CaptureUserAgent, All or None, or changes with + and -",
        "What reports hold beyond the usual. `CaptureUserAgent`: those of slow requests name the user agent. Names \
         alone replace what was said before, with `+` and `-` they change it; a line has either the one or the other.",
    ),
    Row::global(c"WSGIServerMetrics", "On|Off", |server, words| {
        words.only("value").map(|on| server.global.server_metrics = Some(on))
    })
    .default("Off")
    .says(
        c"whether mod_wsgi.server_metrics() answers in embedded mode; default Off",
        "On: `mod_wsgi.server_metrics()` answers in embedded mode. Groups have `server-metrics`.",
    ),
];
