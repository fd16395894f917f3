//! What the requests of this process do, as numbers: the source of `request_metrics()` and `process_metrics()`, and of
//! the telemetry reporter.
//!
//! There is one consumer of intervals in a process: the application, which asks with `start_recording_metrics()`, or
//! the reporter. Each request thread adds to a slot of its own, whose lock only [`Recorder::drain`] and its like ask for
//! too, so threads never wait for each other. As long as nobody has switched recording on, a request costs two looks
//! at the clock and its slot's counters.

mod recording;
mod slot;

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contract::counters::APPLICATIONS;

pub(crate) use self::recording::Recording;
use self::slot::{Running, Slot, Told};
use super::interval::{Interval, Times};
use super::meters::Meters;
use super::sample::{Lifetime, Sample};
use super::slow::{Details, SlowRequest};
use crate::python::usage::Usage;

/// The recorder of this process.
pub(crate) static RECORDER: Recorder = Recorder::new();

/// Somebody consumes intervals.
const RECORDING: u8 = 1;
/// Some interpreter has subscribers of events, which want times.
const EVENTS: u8 = 2;
/// Slow requests are wanted.
const SLOW: u8 = 4;
/// … with the client's User-Agent.
const USER_AGENT: u8 = 8;
/// The consumer is the telemetry reporter.
const REPORTER: u8 = 16;

/// Finished slow requests that are kept for the consumer; more are forgotten.
const MOST_SLOW: usize = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct Recorder {
    switches: AtomicU8,
    in_flight: AtomicU32,
    slots: RwLock<Vec<Arc<Slot>>>,
    since: Mutex<Option<Since>>,
    slow: Mutex<Slow>,
}

/// Where the current interval begins.
#[derive(Debug, Clone, Copy)]
struct Since {
    at: Instant,
    time: SystemTime,
    usage: Usage,
}

#[derive(Debug)]
struct Slow {
    after: Duration,
    finished: VecDeque<SlowRequest>,
}

/// What the reporter wants of slow requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SlowRequests {
    /// From which duration on a request is slow.
    pub after: Duration,
    /// Whether the User-Agent is kept.
    pub user_agent: bool,
}

impl Recorder {
    /// One that is off.
    const fn new() -> Self {
        Self {
            switches: AtomicU8::new(0),
            in_flight: AtomicU32::new(0),
            slots: RwLock::new(Vec::new()),
            since: Mutex::new(None),
            slow: Mutex::new(Slow { after: Duration::MAX, finished: VecDeque::new() }),
        }
    }

    /// The application becomes the consumer, unless there is one.
    pub(crate) fn record_for_application(&self) {
        self.start(RECORDING);
    }

    /// The telemetry reporter becomes the consumer; called before the process takes requests.
    pub(crate) fn record_for_reporter(&self, slow: Option<SlowRequests>) {
        let mut switches = RECORDING | REPORTER;
        if let Some(wanted) = slow {
            lock(&self.slow).after = wanted.after;
            switches |= SLOW | if wanted.user_agent { USER_AGENT } else { 0 };
        }
        self.start(switches);
    }

    /// Some interpreter has subscribers of events: times are taken from the next request on.
    pub(crate) fn observe(&self) {
        if !self.is(EVENTS) {
            self.switches.fetch_or(EVENTS, Relaxed);
        }
    }

    /// Whether the application is the consumer.
    pub(crate) fn is_for_application(&self) -> bool {
        self.switches.load(Relaxed) & (RECORDING | REPORTER) == RECORDING
    }

    /// This process was forked from one that recorded, and has done nothing yet.
    pub(crate) fn forked(&self) {
        if let Some(since) = &mut *lock(&self.since) {
            *since = Since::now();
        }
    }

    /// Requests that run now.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// The thread `number` (from 1) is there, though it may not have had a request.
    pub(crate) fn thread_started(&self, number: u32) {
        drop(self.slot(number));
    }

    /// A request begins on the thread `number`. Not called while attached.
    pub(crate) fn begin(
        &'static self,
        number: u32,
        times: Times,
        meters: &Arc<Meters>,
        details: impl FnOnce(bool) -> Details,
    ) -> Recording {
        let switches = self.switches.load(Relaxed);
        if switches & (RECORDING | EVENTS) != 0 {
            meters.arm();
        }
        let usage = (switches & RECORDING != 0).then(Usage::of_thread);
        let in_flight = self.in_flight.fetch_add(1, Relaxed) + 1;
        let told = (switches & SLOW != 0).then(|| {
            let (meters, details) = (Arc::clone(meters), details(switches & USER_AGENT != 0));
            Box::new(Told { times, in_flight, meters, details })
        });
        let slot = self.slot(number);
        let begun = Instant::now();
        let is_told = told.is_some();
        let mut state = slot.lock();
        state.started += 1;
        state.running = Some(Running { begun, counted: begun, told });
        drop(state);
        Recording {
            recorder: self,
            slot,
            number,
            begun,
            times: Cell::new(times),
            left: Cell::new(None),
            usage,
            refused: Cell::new(None),
            place: Cell::new(APPLICATIONS),
            meters: Arc::clone(meters),
            is_told,
            is_cancelled: false,
        }
    }

    /// What has happened since the last call, or since recording began; `None` when it has not.
    pub(crate) fn drain(&self) -> Option<Sample> {
        let now = Since::now();
        let mut since = lock(&self.since);
        let before = since.replace(now);
        let Some(before) = before else {
            *since = None;
            return None;
        };
        let mut total = Interval::default();
        let mut threads = Vec::new();
        for slot in self.slots() {
            let (interval, thread) = slot.drain(now.at);
            total.merge(&interval);
            threads.push(thread);
        }
        Some(Sample {
            started: before.time,
            ended: now.time,
            period: now.at.saturating_duration_since(before.at),
            usage: now.usage.since(before.usage),
            total,
            threads,
        })
    }

    /// What has happened since the process began, recording or not.
    pub(crate) fn lifetime(&self) -> Lifetime {
        let now = Instant::now();
        let mut lifetime = Lifetime::default();
        for slot in self.slots() {
            let state = slot.lock();
            let running = state.running.as_ref().map(|running| now.saturating_duration_since(running.begun));
            lifetime.requests += state.ended;
            lifetime.running += u32::from(running.is_some());
            lifetime.busy += state.busy + running.unwrap_or_default();
            lifetime.threads.push(state.started);
        }
        lifetime
    }

    /// Up to `most` running requests that are slow by now, the oldest first.
    pub(crate) fn running_slow(&self, most: usize) -> Vec<SlowRequest> {
        let (now, after) = (Instant::now(), lock(&self.slow).after);
        let mut slow = Vec::new();
        for (slot, number) in self.slots().iter().zip(1..) {
            let state = slot.lock();
            let Some(running) = &state.running else { continue };
            let duration = now.saturating_duration_since(running.begun);
            if duration >= after {
                slow.extend(running.told.iter().map(|told| told.slow(number, duration, self.in_flight())));
            }
        }
        slow.sort_by_key(|slow| std::cmp::Reverse(slow.duration));
        slow.truncate(most);
        slow
    }

    /// The slow requests that have ended since the last call.
    pub(crate) fn finished_slow(&self) -> Vec<SlowRequest> {
        lock(&self.slow).finished.drain(..).collect()
    }

    fn is(&self, switch: u8) -> bool {
        self.switches.load(Relaxed) & switch != 0
    }

    fn start(&self, switches: u8) {
        let mut since = lock(&self.since);
        if since.is_some() {
            return;
        }
        let now = Since::now();
        *since = Some(now);
        for slot in self.slots() {
            if let Some(running) = &mut slot.lock().running {
                running.counted = now.at;
            }
        }
        self.switches.fetch_or(switches, Relaxed);
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The slot of the thread `number`; numbers are given in order, so there are no gaps for long.
    fn slot(&self, number: u32) -> Arc<Slot> {
        let index = number.max(1) as usize - 1;
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(index) {
            return Arc::clone(slot);
        }
        drop(slots);
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        while slots.len() <= index {
            slots.push(Arc::default());
        }
        slots.get(index).map(Arc::clone).unwrap_or_default()
    }

    fn keep_slow(&self, request: impl FnOnce() -> SlowRequest, duration: Duration) {
        let mut slow = lock(&self.slow);
        if duration < slow.after || slow.finished.len() >= MOST_SLOW {
            return;
        }
        slow.finished.push_back(request());
    }
}

impl Since {
    fn now() -> Self {
        Self { at: Instant::now(), time: SystemTime::now(), usage: Usage::of_process() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Microseconds since the epoch.
pub(crate) fn micros_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
