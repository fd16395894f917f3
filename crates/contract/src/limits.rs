//! The limits of a group's processes, as leader and workers honour them. Lengths of time are in seconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// All limits; 0 is none, unless the field says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Until the first script is loaded, counted from the start of loading or from the first request.
    pub startup_timeout: u32,
    /// For one request; see [`Limits::request`].
    pub request_timeout: u32,
    /// How long a request that was interrupted at its limit may take to end, before its process is replaced; 0: it is
    /// not interrupted.
    pub interrupt_timeout: u32,
    /// How long the GIL may be out of reach.
    pub deadlock_timeout: u32,
    /// How long nothing may happen.
    pub inactivity_timeout: u32,
    /// How long running requests keep their process before it is replaced; 0: until shutdown-timeout.
    pub graceful_timeout: u32,
    /// The same after USR1; 0: as graceful-timeout.
    pub eviction_timeout: u32,
    /// From the start of a shutdown to the forced exit.
    pub shutdown_timeout: u32,
    /// The age at which a process is replaced.
    pub restart_interval: u32,
    /// Requests after which a process is replaced.
    pub maximum_requests: u32,
    /// Processor time after which a process is replaced.
    pub cpu_time: u32,
}

impl Limits {
    /// How long a request of a process with so many threads may run. One that is stuck takes one of them, so the more
    /// there are the longer it may wait to be replaced: request-timeout × (1 + ln threads).
    pub fn request(&self, threads: u32) -> Option<Duration> {
        let scale = 1.0 + f64::from(threads.max(1)).ln();
        duration(self.request_timeout).map(|limit| limit.mul_f64(scale))
    }

    /// The age from on which nobody waits for a request any more.
    pub fn lost(&self, threads: u32) -> Option<Duration> {
        self.request(threads).map(|limit| limit + Duration::from_secs(self.interrupt_timeout.into()))
    }
}

/// A limit in seconds, of which 0 is none.
pub fn duration(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_more_time_among_more_threads() {
        let limits = Limits { request_timeout: 10, interrupt_timeout: 5, ..Limits::default() };
        let seconds = |threads| limits.request(threads).map(|limit| limit.as_secs_f64());
        assert_eq!(seconds(1), Some(10.0));
        assert!(seconds(3).is_some_and(|limit| (limit - 20.99).abs() < 0.01));
        assert!(seconds(15).is_some_and(|limit| (limit - 37.08).abs() < 0.01));
        assert_eq!(limits.lost(1), Some(Duration::from_secs(15)));
    }

    #[test]
    fn without_a_limit_nothing_is_lost() {
        let limits = Limits { interrupt_timeout: 5, ..Limits::default() };
        assert_eq!((limits.request(4), limits.lost(4), duration(0)), (None, None, None));
    }
}
