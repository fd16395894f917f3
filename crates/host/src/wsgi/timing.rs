//! What a request has taken, for those outside who want to know: the Server-Timing header of its response, and its costs
//! for httpd's logs.

use std::fmt::Write as _;

use contract::costs::Costs;

use crate::api::interval::Times;
use crate::api::meters::Meters;
use crate::api::recorder::{Recording, micros_now};
use crate::python::usage::Usage;

/// The header's name.
pub(super) const SERVER_TIMING: &[u8] = b"Server-Timing";

/// The value of the header: what has passed until `now`, in milliseconds.
pub(super) fn server_timing(times: Times, now: u64) -> String {
    let split = times.split(now);
    let mut value = String::with_capacity(64);
    for (name, time) in [("queue", split.queue), ("daemon", split.daemon), ("app", Some(split.application))] {
        let Some(time) = time else { continue };
        let separator = if value.is_empty() { "" } else { ", " };
        let _ = write!(value, "{separator}{name};dur={:.3}", time.as_secs_f64() * 1000.0); // a String takes everything
    }
    value
}

/// The costs of a request in the making.
pub(super) struct Account(Usage);

impl Account {
    /// On the request's thread, before anything is done for it.
    pub(super) fn open(meters: &Meters) -> Self {
        meters.arm();
        Self(Usage::of_thread())
    }

    /// On the same thread, once the application has finished.
    pub(super) fn close(&self, recording: &Recording, meters: &Meters) -> Costs {
        let split = recording.times().split(recording.left_at().unwrap_or_else(micros_now));
        let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Costs {
            pid: std::process::id(),
            server: micros(split.server),
            queue: micros(split.queue.unwrap_or_default()),
            daemon: micros(split.daemon.unwrap_or_default()),
            application: micros(split.application),
            gil_wait: micros(meters.read().gil_time),
            cpu: micros(Usage::of_thread().since(self.0).cpu()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_in_milliseconds() {
        let times =
            Times { request_start: 500, queue_start: 1000, daemon_start: 1250, application_start: 2500 };
        assert_eq!(server_timing(times, 12_501), "queue;dur=0.250, daemon;dur=1.250, app;dur=10.001");
        let embedded = Times { request_start: 500, application_start: 2500, ..Times::default() };
        assert_eq!(server_timing(embedded, 2500), "app;dur=0.000");
    }

    #[test]
    fn clocks_that_were_set_back_make_no_nonsense() {
        let times = Times { request_start: 9, queue_start: 8, daemon_start: 7, application_start: 6 };
        assert_eq!(server_timing(times, 5), "queue;dur=0.000, daemon;dur=0.000, app;dur=0.000");
    }
}
