//! Telemetry (WSGITelemetryService): what this process does, as datagrams to a service on the same machine.
//!
//! The source of all numbers is the recorder ([`crate::api::recorder`]), whose one consumer is the reporter here as
//! long as telemetry is on. Reports are made by two threads of their own: [`reporter`] samples requests at each
//! interval and needs no Python, so it goes on when no thread gets at the GIL any more; [`gc`] asks each interpreter for
//! what its garbage collector did. No request ever waits for either, nor for the service: see [`socket`].
//!
//! - [`datagram`]: the form, byte for byte; [`report`]: what all reports of a process have in common;
//! - [`sample`], [`slow`], [`gc`]: reports about an interval, a slow request, a garbage collector.
//!
//! Reports never hold query strings, and the User-Agent only with `WSGITelemetryOptions +CaptureUserAgent`.

mod datagram;
pub(crate) mod gc;
mod report;
mod reporter;
mod sample;
mod slow;
mod socket;

pub(crate) use reporter::{start, stopped, stopping};
