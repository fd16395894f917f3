//! When the next worker may be started, after one that failed: 1 s, then twice as long each time, at most 30 s.
//!
//! Workers that are started together fail together; that is one failure. While starts fail, one worker at a time is
//! tried.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// How often starting has failed in a row, and until when to wait.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    retry_at: Option<Instant>,
    early_deaths: u32,
}

impl Backoff {
    /// A start failed: how long to wait before the next.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        if let Some(at) = self.retry_at.filter(|at| *at > now) {
            return at - now; // a companion of the one that has been counted
        }
        self.failures = self.failures.saturating_add(1);
        let wait = FIRST.saturating_mul(1 << (self.failures - 1).min(5)).min(LONGEST);
        self.retry_at = Some(now + wait);
        wait
    }

    /// A worker ended by itself soon after it came up, without having answered a request. The first is replaced at
    /// once, the next ones count as failed starts.
    pub(crate) fn died_early(&mut self, now: Instant) -> Option<Duration> {
        self.early_deaths = self.early_deaths.saturating_add(1);
        (self.early_deaths > 1).then(|| self.failed(now))
    }

    /// A worker came up.
    pub(crate) fn came_up(&mut self) {
        if self.early_deaths <= 1 {
            self.failures = 0;
        }
        self.retry_at = None;
    }

    /// A worker ended that had answered requests.
    pub(crate) fn served(&mut self) {
        *self = Self::default();
    }

    /// Whether the last start failed.
    pub(crate) fn failing(&self) -> bool {
        self.failures > 0
    }

    /// Until when to wait, if that is later than `now`.
    pub(crate) fn waits_until(&self, now: Instant) -> Option<Instant> {
        self.retry_at.filter(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_half_a_minute() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..7 {
            let wait = backoff.failed(now);
            assert_eq!(backoff.failed(now), wait, "a companion does not count");
            now += wait;
            waits.push(wait.as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        backoff.came_up();
        assert!(!backoff.failing());
        assert_eq!(backoff.failed(now).as_secs(), 1);
    }

    #[test]
    fn early_deaths_wait_from_the_second_on() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.died_early(now), None);
        backoff.came_up();
        assert_eq!(backoff.died_early(now), Some(Duration::from_secs(1)));
        let now = now + Duration::from_secs(1);
        backoff.came_up();
        assert_eq!(backoff.died_early(now), Some(Duration::from_secs(2)));
        backoff.served();
        assert_eq!(backoff.died_early(now), None);
    }
}
