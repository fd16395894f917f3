//! What is known of one request thread.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::{lock, micros_now};
use crate::api::interval::{Interval, Times};
use crate::api::meters::Meters;
use crate::api::sample::ThreadSample;
use crate::api::slow::{Details, SlowRequest};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<State>,
}

/// What is under its lock.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Requests that began, and that ended.
    pub(super) started: u64,
    pub(super) ended: u64,
    /// Time with requests that ended, since the process began.
    pub(super) busy: Duration,
    pub(super) interval: Box<Interval>,
    pub(super) running: Option<Running>,
}

/// The request that a thread runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) begun: Instant,
    /// Up to here its time is in the intervals.
    pub(super) counted: Instant,
    pub(super) told: Option<Box<Told>>,
}

/// What can be told of a running request, if slow ones are wanted.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) times: Times,
    pub(super) in_flight: u32,
    pub(super) meters: Arc<Meters>,
    pub(super) details: Details,
}

impl Slot {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Takes the interval, with the time of the running request until `now`.
    pub(super) fn drain(&self, now: Instant) -> (Box<Interval>, ThreadSample) {
        let mut state = self.lock();
        let mut interval = std::mem::take(&mut state.interval);
        let mut current = Duration::ZERO;
        if let Some(running) = &mut state.running {
            interval.busy += now.saturating_duration_since(running.counted);
            current = now.saturating_duration_since(running.begun);
            running.counted = now.max(running.counted);
        }
        drop(state);
        let thread = ThreadSample {
            completed: interval.requests,
            busy: interval.busy,
            cpu: interval.cpu,
            longest: interval.longest,
            current,
        };
        (interval, thread)
    }
}

impl Told {
    /// As a slow request that still runs, or has just ended.
    pub(super) fn slow(&self, thread: u32, duration: Duration, in_flight_end: u32) -> SlowRequest {
        SlowRequest {
            is_finished: false,
            thread,
            duration,
            times: self.times,
            split: self.times.split(micros_now()),
            reading: self.meters.read(),
            cpu: None,
            status: 0,
            in_flight: (self.in_flight, in_flight_end),
            details: self.details.clone(),
        }
    }
}
