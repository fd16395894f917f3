//! What the recorder hands to its consumer.

use std::time::{Duration, SystemTime};

use super::interval::Interval;
use crate::python::usage::Usage;

/// One interval.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When it began and ended, by the clock that may be set.
    pub started: SystemTime,
    pub ended: SystemTime,
    /// How long it was.
    pub period: Duration,
    /// CPU time of the process in it, and its peak of memory.
    pub usage: Usage,
    /// All threads together.
    pub total: Interval,
    /// The threads that were seen so far, in the order of their numbers.
    pub threads: Vec<ThreadSample>,
}

/// One request thread in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ThreadSample {
    /// Requests that ended.
    pub completed: u64,
    /// Time with requests, also with one that still runs.
    pub busy: Duration,
    /// CPU time of requests that ended.
    pub cpu: Duration,
    /// The longest request that ended.
    pub longest: Duration,
    /// How long the running request has run; zero without one.
    pub current: Duration,
}

/// What has happened since the process began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lifetime {
    /// Requests that ended.
    pub requests: u64,
    /// Requests that run.
    pub running: u32,
    /// Time with requests, over all threads.
    pub busy: Duration,
    /// Requests that each thread has begun.
    pub threads: Vec<u64>,
}

impl Sample {
    /// Threads that had a request in the interval.
    pub(crate) fn active(&self) -> usize {
        let is_active = |thread: &&ThreadSample| thread.completed > 0 || !thread.current.is_zero();
        self.threads.iter().filter(is_active).count()
    }

    /// The part of `threads` threads that was busy, from 0 to 1.
    pub(crate) fn utilization(&self, threads: u32) -> f64 {
        let all = self.period.as_secs_f64() * f64::from(threads.max(1));
        if all > 0.0 { (self.total.busy.as_secs_f64() / all).min(1.0) } else { 0.0 }
    }
}
