//! One request on its way into the records.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use contract::counters;

use super::slot::Slot;
use super::{RECORDING, Recorder};
use crate::api::interval::{Ended, Times};
use crate::api::meters::Meters;
use crate::api::slow::SlowRequest;
use crate::api::tally;
use crate::python::usage::Usage;

/// A request that is being recorded; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(super) recorder: &'static Recorder,
    pub(super) slot: Arc<Slot>,
    pub(super) number: u32,
    pub(super) begun: Instant,
    pub(super) times: Cell<Times>,
    /// When the application was left, and with which status.
    pub(super) left: Cell<Option<(u64, u16)>>,
    /// The thread's at the beginning, if somebody consumes intervals.
    pub(super) usage: Option<Usage>,
    /// The status that httpd answers with, whatever the application said.
    pub(super) refused: Cell<Option<u16>>,
    /// Where the application group is counted.
    pub(super) place: Cell<usize>,
    pub(super) meters: Arc<Meters>,
    pub(super) is_told: bool,
    pub(super) is_cancelled: bool,
}

impl Recording {
    /// The application is entered at `now`, in microseconds since the epoch.
    pub(crate) fn enter(&self, now: u64) {
        self.times.set(Times { application_start: now, ..self.times.get() });
        if !self.is_told {
            return;
        }
        if let Some(told) = self.slot.lock().running.as_mut().and_then(|running| running.told.as_mut()) {
            told.times.application_start = now;
        }
    }

    /// The application has been left.
    pub(crate) fn leave(&self, now: u64, status: u16) {
        self.left.set(Some((now, status)));
    }

    /// It runs in the application group that is counted there ([`tally::place`]).
    pub(crate) fn counts_for(&self, place: usize) {
        self.place.set(place);
    }

    /// httpd answers with this status.
    pub(crate) fn refuse(&self, status: u16) {
        self.refused.set(Some(status));
    }

    /// When the request came where, so far.
    pub(crate) fn times(&self) -> Times {
        self.times.get()
    }

    /// When the application was left, if it was reached.
    pub(crate) fn left_at(&self) -> Option<u64> {
        self.left.get().map(|(at, _)| at)
    }

    /// Runs `write`, which hands output to httpd.
    pub(crate) fn writing<R>(&self, write: impl FnOnce() -> R) -> R {
        self.meters.writing(write)
    }

    /// It was not run: it does not count.
    pub(crate) fn cancel(mut self) {
        self.is_cancelled = true;
    }

    /// As it is counted in the shared area, having kept its thread for `duration`.
    fn counted(&self, duration: Duration) -> counters::Ended {
        let times = self.times.get();
        let (input, output) = self.meters.bytes();
        let begun = if times.daemon_start == 0 { times.request_start } else { times.daemon_start };
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let (end, status) = self.left.get().unwrap_or((begun.saturating_add(micros), 500));
        let entered = if times.application_start == 0 { end } else { times.application_start };
        let queue = times.daemon_start.saturating_sub(times.queue_start);
        counters::Ended {
            application: self.place.get(),
            status: self.refused.get().unwrap_or(status),
            latency: end.saturating_sub(times.request_start),
            queue: (times.daemon_start != 0).then_some(queue),
            time: end.saturating_sub(entered),
            input,
            output,
        }
    }

    /// As a request that has ended, after `duration`.
    fn ended(&self, duration: Duration, usage: Option<Usage>) -> Ended {
        Ended {
            reached: self.left.get().map(|(end, status)| (self.times.get().split(end), status)),
            reading: self.meters.read(),
            duration,
            cpu: usage.map(Usage::cpu).unwrap_or_default(),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let (recorder, now) = (self.recorder, Instant::now());
        let duration = now.saturating_duration_since(self.begun);
        let in_flight = recorder.in_flight.fetch_sub(1, Relaxed);
        let usage = self.usage.map(|before| Usage::of_thread().since(before));
        let ended = recorder.is(RECORDING).then(|| self.ended(duration, usage));
        let mut state = self.slot.lock();
        let Some(running) = state.running.take() else { return };
        if self.is_cancelled {
            state.started -= 1;
            return;
        }
        state.ended += 1;
        state.busy += duration;
        tally::count(&self.counted(duration));
        let Some(ended) = ended else { return };
        state.interval.busy += now.saturating_duration_since(running.counted);
        state.interval.add(&ended);
        drop(state);
        if let Some(told) = running.told {
            let request = || {
                let slow = told.slow(self.number, duration, in_flight);
                let (split, status) = ended.reached.unwrap_or((slow.split, 500));
                SlowRequest { is_finished: true, split, status, cpu: usage, ..slow }
            };
            recorder.keep_slow(request, duration);
        }
    }
}
