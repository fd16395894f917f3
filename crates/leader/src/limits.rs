//! How long things may take in a worker: requests, loading, quiet, its whole life, the GIL.
//!
//! Each limit stands on its own; none needs another to be set. All are looked at once a second, or less often at rest
//! ([`between_looks`]), from outside, so that a worker that is stuck is noticed as well as one that works. What follows is a replacement that serves before the old
//! worker finishes, unless the old one can serve nobody (a deadlock, nothing loaded): that one is stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use contract::control::{RequestOf, ToWorker};
use contract::limits::{Limits, duration};
use contract::reason::Reason;
use tracing::Level;

use crate::event::Action;
use crate::look::{Running, Seen};
use crate::supervise::{GRACE, Supervisor};
use crate::worker::State;

/// When a look comes so late the leader itself was held up, and so perhaps was the worker.
const HELD_UP: Duration = Duration::from_secs(5);
/// The times between looks at a group at rest.
const LOOKS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// A process that takes so long to come up is worth a line, where startup-timeout does not end it.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// What a deadlocked worker gets to end where shutdown-timeout sets no limit.
const DEADLOCKED: Duration = Duration::from_secs(5);

/// What is remembered of a worker from look to look.
#[derive(Debug)]
pub(crate) struct Watch {
    /// When it was started.
    born: Instant,
    /// When it was looked at.
    looked: Instant,
    /// Requests whose stack was asked for.
    shown: BTreeSet<RequestOf>,
    /// Requests that were interrupted, and when.
    interrupted: BTreeMap<RequestOf, Instant>,
    /// It has been said that it takes long to come up.
    is_late: bool,
    /// The last stamp of its prober, and since when it is that one.
    probe: Option<(u64, Instant)>,
}

impl Watch {
    pub(crate) fn new(now: Instant) -> Self {
        let (shown, interrupted) = (BTreeSet::new(), BTreeMap::new());
        Self { born: now, looked: now, shown, interrupted, is_late: false, probe: None }
    }

    /// Forgets requests that have ended.
    fn keep(&mut self, running: &[Running]) {
        let runs = |request: &RequestOf| running.iter().any(|running| running.request == *request);
        self.shown.retain(runs);
        self.interrupted.retain(|request, _| runs(request));
    }

    /// For how long the GIL has not been had.
    fn without_gil(&mut self, now: Instant, stamp: u64, limits: &Limits) -> Duration {
        let held_up = now.saturating_duration_since(self.looked) > between_looks(limits) + HELD_UP;
        match self.probe {
            Some((last, since)) if last == stamp && !held_up => now.saturating_duration_since(since),
            _ => {
                self.probe = Some((stamp, now));
                Duration::ZERO
            }
        }
    }
}

/// How often a group at rest is looked at: limits that count without any request are kept within a tenth.
pub(crate) fn between_looks(limits: &Limits) -> Duration {
    let [shortest, longest] = LOOKS;
    let own = [limits.restart_interval, limits.inactivity_timeout, limits.deadlock_timeout];
    let own = own.into_iter().filter_map(duration).min();
    own.map_or(longest, |limit| (limit / 10).clamp(shortest, longest))
}

impl Supervisor {
    /// Judges one look at a worker.
    pub(crate) fn seen(&mut self, now: Instant, slot: u32, seen: &Seen) {
        let Some(worker) = self.workers.get(&slot).filter(|_| !self.is_service()) else { return };
        match worker.state {
            State::Starting => self.check_loading(now, slot, seen),
            State::Serving { since } => {
                self.check_requests(now, slot, seen);
                self.check_age(now, slot, since);
                self.check_activity(now, slot, seen);
                self.check_first_script(now, slot, seen);
                self.check_gil(now, slot, seen.probed);
            }
            State::Draining { .. } => {
                self.check_requests(now, slot, seen);
                self.check_lost(now, slot, seen);
                self.check_gil(now, slot, seen.probed);
            }
            State::Ready | State::Stopping { .. } => {}
        }
        if let Some(worker) = self.workers.get_mut(&slot) {
            worker.watch.looked = now;
            worker.busy = seen.requests.len();
        }
    }

    /// request-timeout and interrupt-timeout. The limit itself is where a stack is shown; a request is interrupted, or
    /// its worker replaced, at the limit that the number of threads gives.
    fn check_requests(&mut self, now: Instant, slot: u32, seen: &Seen) {
        let limits = self.limits;
        let (Some(soft), Some(hard)) = (duration(limits.request_timeout), limits.request(self.threads))
        else {
            return;
        };
        let Some(worker) = self.workers.get_mut(&slot) else { return };
        worker.watch.keep(&seen.requests);
        let (pid, mut actions, mut lost) = (worker.pid, Vec::new(), None);
        for running in seen.requests.iter().filter(|running| running.age >= soft) {
            let request = running.request;
            if worker.watch.shown.insert(request) {
                actions.push(Action::Log(Level::WARN, overdue(running, pid, limits.request_timeout)));
                actions.push(Action::Tell { slot, message: ToWorker::ShowStack(request) });
            }
            if running.age < hard {
                continue;
            }
            match (worker.watch.interrupted.get(&request), duration(limits.interrupt_timeout)) {
                (None, Some(_)) => {
                    worker.watch.interrupted.insert(request, now);
                    actions.push(Action::Tell { slot, message: ToWorker::Interrupt(request) });
                }
                (Some(at), Some(time)) if now < *at + time => {}
                _ => lost = Some(running),
            }
        }
        actions.into_iter().for_each(|action| self.act(action));
        if let Some(running) = lost.filter(|_| self.retire(now, slot, Reason::RequestTimeout)) {
            let threads = self.threads;
            self.log(
                Level::ERROR,
                format!(
                    "process {pid} in slot {slot} is replaced, since {}: the limit is {:.1} s \
                     (request-timeout={}, {threads} threads); other requests of it may finish",
                    has_run(running),
                    hard.as_secs_f64(),
                    limits.request_timeout
                ),
            );
        }
    }

    /// A worker that only has requests for which nobody waits any more has finished.
    fn check_lost(&mut self, now: Instant, slot: u32, seen: &Seen) {
        let Some(limit) = self.limits.lost(self.threads) else { return };
        if !seen.requests.is_empty() && seen.requests.iter().all(|running| running.age >= limit) {
            self.stop(
                now,
                slot,
                Reason::RequestTimeout,
                "all requests that it has are overdue (request-timeout)",
            );
        }
    }

    /// restart-interval. One worker at a time.
    fn check_age(&mut self, now: Instant, slot: u32, since: Instant) {
        let old = duration(self.limits.restart_interval).is_some_and(|limit| since + limit <= now);
        if old && self.gate_is_open(now) {
            self.retire(now, slot, Reason::RestartInterval);
        }
    }

    /// inactivity-timeout: the replacement loads nothing before it is asked to, since memory is what this is about.
    fn check_activity(&mut self, now: Instant, slot: u32, seen: &Seen) {
        let (Some(limit), Some(quiet)) = (duration(self.limits.inactivity_timeout), seen.quiet) else {
            return;
        };
        let lost = self.limits.lost(self.threads);
        let waited_for = |running: &Running| lost.is_none_or(|lost| running.age < lost);
        let idle = quiet >= limit && !seen.requests.iter().any(waited_for);
        if idle && self.gate_is_open(now) && self.retire(now, slot, Reason::InactivityTimeout) {
            self.afresh = true;
        }
    }

    /// startup-timeout and deadlock-timeout of a worker that loads scripts before it serves.
    fn check_loading(&mut self, now: Instant, slot: u32, seen: &Seen) {
        let limits = self.limits;
        let Some(worker) = self.workers.get_mut(&slot) else { return };
        let (age, stuck) = (now - worker.watch.born, worker.watch.without_gil(now, seen.probed, &limits));
        let late = duration(limits.startup_timeout).is_some_and(|limit| !seen.loaded && age >= limit);
        let deadlocked =
            duration(limits.deadlock_timeout).is_some_and(|limit| seen.probed != 0 && stuck >= limit);
        let (reason, what) = match (late, deadlocked) {
            (true, _) => {
                let seconds = limits.startup_timeout;
                (Reason::StartupTimeout, format!("has loaded no script within {seconds} s (startup-timeout)"))
            }
            (false, true) => {
                let seconds = limits.deadlock_timeout;
                let text = format!(
                    "has kept Python's lock (the GIL) for {seconds} s while it loads scripts (deadlock-timeout)"
                );
                (Reason::DeadlockTimeout, text)
            }
            (false, false) => return self.say_if_late(slot, age),
        };
        worker.state = State::Stopping { kill_at: Some(now + GRACE) };
        worker.ends_for(reason);
        let (pid, scripts) = (worker.pid, worker.scripts.clone());
        let text = format!(
            "process {pid} {what}; where it was is in the log, if Python ran: mend what hangs there, or raise the limit"
        );
        self.act(Action::Abort { slot });
        if !self.call_off(&scripts, &text) {
            self.start_failed(now, &text);
        }
    }

    /// Says once that a worker takes long to come up, where nothing will end it.
    fn say_if_late(&mut self, slot: u32, age: Duration) {
        let Some(worker) = self.workers.get_mut(&slot).filter(|_| self.limits.startup_timeout == 0) else {
            return;
        };
        if age >= LONG && !std::mem::replace(&mut worker.watch.is_late, true) {
            let text = waited_for(&format!("process {} in slot {slot}", worker.pid), age);
            self.log(Level::WARN, text);
        }
    }

    /// startup-timeout of a worker whose first script is loaded for its first request.
    fn check_first_script(&mut self, now: Instant, slot: u32, seen: &Seen) {
        let (Some(limit), Some(first)) = (duration(self.limits.startup_timeout), seen.first) else { return };
        if seen.loaded || first < limit {
            return;
        }
        for running in &seen.requests {
            self.act(Action::Tell { slot, message: ToWorker::ShowStack(running.request) });
        }
        let pid = self.workers.get(&slot).map_or(0, |worker| worker.pid);
        let cause = match seen.requests.first() {
            Some(running) => format!("{}; its stack follows: mend what hangs there", has_run(running)),
            None => "the tracebacks are in the log above: mend what fails there".to_owned(),
        };
        self.log(
            Level::ERROR,
            format!(
                "process {pid} in slot {slot} is replaced: no script was loaded within {} s of the first request \
                 (startup-timeout), {cause}, or raise the limit",
                limit.as_secs()
            ),
        );
        self.replace_at_once(now, slot, Reason::StartupTimeout);
    }

    /// For a worker that can serve nobody.
    fn replace_at_once(&mut self, now: Instant, slot: u32, reason: Reason) {
        let pid = self.workers.get(&slot).map_or(0, |worker| worker.pid);
        self.why = format!("process {pid} is replaced ({reason})");
        self.stop(now, slot, reason, reason.as_str());
    }

    /// deadlock-timeout.
    fn check_gil(&mut self, now: Instant, slot: u32, stamp: u64) {
        let Some(limit) = duration(self.limits.deadlock_timeout).filter(|_| stamp != 0) else { return };
        let Some(worker) = self.workers.get_mut(&slot) else { return };
        if worker.watch.without_gil(now, stamp, &self.limits) < limit
            || matches!(worker.state, State::Stopping { .. })
        {
            return;
        }
        let pid = worker.pid;
        self.act(Action::Close { slot });
        self.log(
            Level::ERROR,
            format!(
                "process {pid} in slot {slot} is deadlocked: nobody could take Python's lock (the GIL) for {} s \
                 (deadlock-timeout). The stacks of its requests follow; the one that does not wait for the lock holds it, \
                 as a rule in an extension module",
                limit.as_secs()
            ),
        );
        self.act(Action::Tell { slot, message: ToWorker::DumpStacks });
        self.replace_at_once(now, slot, Reason::DeadlockTimeout);
        if let Some(worker) = self.workers.get_mut(&slot) {
            let State::Stopping { kill_at } = &mut worker.state else { return };
            kill_at.get_or_insert(now + DEADLOCKED);
        }
    }
}

/// The line about a request that has run longer than it should.
fn overdue(running: &Running, pid: u32, limit: u32) -> String {
    format!("{}, in process {pid}: longer than request-timeout={limit}; its stack follows", has_run(running))
}

/// The line about a process that takes long to come up.
pub(crate) fn waited_for(process: &str, age: Duration) -> String {
    format!(
        "{process} has not come up for {} s, and is waited for: its interpreter, or what it loads, takes long or hangs. \
         Where it is, py-spy or gdb say; startup-timeout of WSGIDaemonProcess ends such a process, and writes its stack",
        age.as_secs()
    )
}

fn has_run(running: &Running) -> String {
    let (text, thread) = (running.text.as_str(), running.request.thread);
    let text = if text.is_empty() { "a request that has not arrived in full" } else { text };
    format!("{text} has run for {:.1} s in thread {thread}", running.age.as_secs_f64())
}

#[cfg(test)]
mod tests;
