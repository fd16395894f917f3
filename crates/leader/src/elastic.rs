//! How many processes an elastic group (`processes=MIN-MAX`) is meant to have: looks at its load go in, another number
//! and the reason for it come out. No clock, no system call; who starts and stops is [`crate::resize`].
//!
//! **Growing** takes a queue. Its first request has waited for grow-after, all processes that were asked for serve, and
//! all their threads are busy. One process is added, then two, then four as long as the queue does not empty in
//! between, but never more than what it takes to run all that is queued. At 0 processes any request is reason enough.
//!
//! **Shrinking** takes time. For shrink-after the load would have fitted into one process less, with a third of its
//! threads to spare on average; the last process goes only after nothing at all has happened.
//!
//! **Hysteresis.** Threads that were free do not say how busy processors and locks are: with one process less the same
//! load may queue again. If it does, soon after, that is a [`Lesson`]: so many processes are not enough for so many
//! requests a second, and the group shrinks to them again only once there are clearly fewer requests, or the next day.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::launch::Elastic as Settings;

/// What one look stands for at most: a leader that was held up knows nothing of the time between.
const LONGEST: Duration = Duration::from_secs(5);
/// How long a lesson counts.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a group can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) settings: Settings,
    /// Most processes.
    pub(crate) most: u32,
    /// Request threads in each.
    pub(crate) threads: u32,
}

/// What a group has to do at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// For how long the first request in the queue has waited; `None`: none waits.
    pub(crate) waited: Option<Duration>,
    /// Requests in the queue.
    pub(crate) queued: u32,
    /// Requests that run.
    pub(crate) busy: u32,
    /// Requests that were answered since the leader runs.
    pub(crate) answered: u64,
}

/// What a group has at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Staff {
    /// Processes that it is meant to have.
    pub(crate) target: u32,
    /// Processes that take requests.
    pub(crate) serving: u32,
    /// No process comes or goes.
    pub(crate) settled: bool,
}

/// Another number of processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) target: u32,
    /// Why, to be read after "the group grows to 3 processes: ".
    pub(crate) reason: String,
}

/// What is remembered of the looks before.
#[derive(Debug)]
pub(crate) struct Elastic {
    bounds: Bounds,
    window: Window,
    /// Since when all processes that the group is meant to have serve.
    complete: Option<Instant>,
    /// Processes to add the next time.
    step: u32,
    /// The last time that the group shrank, until it is too long ago to have been wrong.
    shrank: Option<Shrank>,
    /// By number of processes.
    lessons: BTreeMap<u32, Lesson>,
}

/// The group shrank.
#[derive(Debug, Clone, Copy)]
struct Shrank {
    at: Instant,
    /// To so many processes.
    target: u32,
    /// Requests a second before.
    rate: f64,
    /// Requests that had come until then.
    come: u64,
}

/// So many requests a second were too many.
#[derive(Debug, Clone, Copy)]
struct Lesson {
    rate: f64,
    learnt: Instant,
}

/// The load over some time.
#[derive(Debug)]
struct Window {
    since: Instant,
    looked: Instant,
    /// Requests that had been answered when it began, and at the last look.
    answered: [u64; 2],
    /// Requests that had come until the last look.
    come: u64,
    /// The most requests at one look.
    peak: u32,
    /// Seconds, each as often as requests were there.
    work: f64,
}

impl Elastic {
    pub(crate) fn new(bounds: Bounds, now: Instant) -> Self {
        let window = Window { since: now, looked: now, answered: [0; 2], come: 0, peak: 0, work: 0.0 };
        Self { bounds, window, complete: None, step: 1, shrank: None, lessons: BTreeMap::new() }
    }

    /// Fewest and most processes.
    pub(crate) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The number of processes next to `processes` that the group may have.
    pub(crate) fn clamp(&self, processes: u32) -> u32 {
        processes.max(self.bounds.settings.least).min(self.bounds.most)
    }

    /// Takes one look in. `Some`: the group is to have another number of processes.
    pub(crate) fn judge(&mut self, now: Instant, staff: Staff, load: &Load) -> Option<Change> {
        self.window.add(now, load);
        self.complete = (staff.serving >= staff.target).then(|| self.complete.unwrap_or(now));
        if load.waited.is_none() {
            self.step = 1;
        }
        let change = self.grow(now, staff, load).or_else(|| self.shrink(now, staff))?;
        self.window.restart();
        Some(change)
    }

    fn grow(&mut self, now: Instant, staff: Staff, load: &Load) -> Option<Change> {
        let (Bounds { settings, most, threads }, Staff { target, .. }) = (self.bounds, staff);
        let (waited, complete) = (load.waited?, self.complete?);
        if target >= most {
            return None;
        }
        if target == 0 {
            return Some(Change { target: 1, reason: "a request has come".to_owned() });
        }
        // Requests that waited for a process to start say nothing about the number of processes.
        let waited = waited.min(now.saturating_duration_since(complete));
        let all = staff.serving.saturating_mul(threads);
        let is_full = u64::from(load.busy) * 10 >= u64::from(all) * 9;
        if waited < Duration::from_millis(settings.grow_after.into()) || !is_full {
            return None;
        }
        let needed = load.queued.div_ceil(threads.max(1)).max(1);
        let step = self.step.min(needed).min(most - target);
        self.step = self.step.saturating_mul(2);
        self.complete = None;
        self.learn(now, target);
        let reason = format!(
            "requests have waited for {:.1} s, {} are in the queue, and {} of {all} threads are busy",
            waited.as_secs_f64(),
            load.queued,
            load.busy
        );
        Some(Change { target: target + step, reason })
    }

    /// Requests wait. If they do because the group has just shrunk, and not because more of them come, that was wrong.
    fn learn(&mut self, now: Instant, target: u32) {
        let Some(Shrank { at, target: few, rate, come }) = self.shrank.take() else { return };
        let time = now.saturating_duration_since(at);
        let is_recent = time <= Duration::from_secs(self.bounds.settings.shrink_after.into()).max(LONGEST);
        let rate_since = self.window.come.saturating_sub(come) as f64 / time.as_secs_f64().max(1.0);
        if few == target && is_recent && rate_since <= rate * 1.25 {
            self.lessons.insert(few, Lesson { rate, learnt: now });
        }
    }

    fn shrink(&mut self, now: Instant, staff: Staff) -> Option<Change> {
        let Bounds { settings, threads, .. } = self.bounds;
        let Some(rest) = staff.target.checked_sub(1).filter(|rest| *rest >= settings.least) else {
            self.window.restart();
            return None;
        };
        let room = rest.saturating_mul(threads);
        if self.window.peak > room {
            self.window.restart();
            return None;
        }
        let length = self.window.length();
        if length < Duration::from_secs(settings.shrink_after.into()) || !staff.settled {
            return None;
        }
        let (mean, rate) = (self.window.mean(), self.window.rate());
        self.lessons.retain(|_, lesson| now < lesson.learnt + DAY);
        let is_too_much = self.lessons.range(rest..).any(|(_, lesson)| rate > lesson.rate * 0.8);
        if is_too_much || mean * 3.0 > f64::from(room) * 2.0 {
            self.window.restart();
            return None;
        }
        self.shrank = (rest > 0).then_some(Shrank { at: now, target: rest, rate, come: self.window.come });
        let seconds = length.as_secs();
        let reason = match self.window.peak {
            0 => format!("nothing was to be done for {seconds} s"),
            peak => format!(
                "for {seconds} s at most {peak} requests ran at a time, {mean:.1} on average, and {rest} processes \
                 have {room} threads"
            ),
        };
        Some(Change { target: rest, reason })
    }
}

impl Window {
    fn add(&mut self, now: Instant, load: &Load) {
        let time = now.saturating_duration_since(self.looked).min(LONGEST);
        let requests = load.busy.saturating_add(load.queued.max(load.waited.is_some().into()));
        let [first, before] = self.answered;
        let worked = u32::from(load.answered != before);
        self.peak = self.peak.max(requests).max(worked);
        self.work += f64::from(requests) * time.as_secs_f64();
        self.come = load.answered.saturating_add(requests.into());
        (self.looked, self.answered) = (now, [first, load.answered]);
    }

    fn length(&self) -> Duration {
        self.looked.saturating_duration_since(self.since)
    }

    /// Requests that were there at a time, on average.
    fn mean(&self) -> f64 {
        self.work / self.length().as_secs_f64().max(0.001)
    }

    /// Requests that were answered in a second.
    fn rate(&self) -> f64 {
        let [first, last] = self.answered;
        last.saturating_sub(first) as f64 / self.length().as_secs_f64().max(0.001)
    }

    /// Begins anew with the last look.
    fn restart(&mut self) {
        let [_, last] = self.answered;
        (self.since, self.answered, self.peak, self.work) = (self.looked, [last; 2], 0, 0.0);
    }
}

#[cfg(test)]
mod tests;
