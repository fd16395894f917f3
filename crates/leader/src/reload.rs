//! Replacing workers.
//!
//! For a changed script the old workers stop taking requests at once, and requests wait for the new code. For every
//! other reason (`maximum-requests`, a signal) the old one serves until the new one does.

use std::time::Instant;

use contract::control::ToWorker;
use tracing::Level;

use crate::event::Action;
use crate::supervise::{Phase, Supervisor};
use crate::worker::{State, Worker};

impl Supervisor {
    /// A worker has found a changed script: all workers have the old code.
    pub(crate) fn changed(&mut self, now: Instant, slot: u32, script: &str) {
        let told_before = !self.workers.get(&slot).is_some_and(Worker::is_serving);
        if told_before || self.phase == Phase::Leaving || matches!(self.phase, Phase::Stopping { .. }) {
            return;
        }
        let serving: Vec<_> = self.list(Worker::is_serving);
        self.log(
            Level::INFO,
            format!(
                "{script} has changed: replacing {} processes",
                serving.iter().filter(|one| one.2).count()
            ),
        );
        self.why = format!("{script} has changed");
        for (slot, pid, _) in serving.into_iter().filter(|one| one.2) {
            self.log(Level::INFO, format!("Stopping process {pid} in slot {slot}: {script} has changed"));
            self.act(Action::Tell { slot, message: ToWorker::Reload });
            self.set_state(slot, State::Draining { since: now, until: None });
        }
    }

    /// A worker is to be replaced once another can take over from it.
    pub(crate) fn retire(&mut self, slot: u32, reason: &str) {
        let running = matches!(self.phase, Phase::Running | Phase::TakingOver);
        if let Some(worker) = self.workers.get_mut(&slot).filter(|worker| running && worker.is_serving()) {
            let pid = worker.pid;
            if worker.outgoing.replace(reason.to_owned()).is_none() {
                self.why = format!("process {pid} is replaced ({reason})");
            }
        }
    }

    /// All workers are to be replaced.
    pub(crate) fn retire_all(&mut self, reason: &str) {
        for (slot, ..) in self.list(|_| ()) {
            self.retire(slot, reason);
        }
    }

    /// Lets outgoing workers go, as many as there are replacements.
    pub(crate) fn relieve(&mut self, now: Instant) {
        let serving = self.workers.values().filter(|worker| worker.is_serving()).count();
        let surplus = serving.saturating_sub(self.processes as usize);
        let outgoing: Vec<_> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.is_serving())
            .filter_map(|(slot, worker)| Some((*slot, worker.pid, worker.outgoing.clone()?)))
            .take(surplus)
            .collect();
        for (slot, pid, reason) in outgoing {
            if self.graceful_timeout.is_zero() {
                self.stop(now, slot, &reason);
            } else {
                self.drain(now, slot, pid, &reason, Some(now + self.graceful_timeout));
            }
        }
    }

    /// Lets a worker finish what it has, until `until`.
    pub(crate) fn drain(&mut self, now: Instant, slot: u32, pid: u32, reason: &str, until: Option<Instant>) {
        self.log(Level::INFO, format!("Stopping process {pid} in slot {slot} after its requests: {reason}"));
        self.act(Action::Tell { slot, message: ToWorker::Drain });
        self.set_state(slot, State::Draining { since: now, until });
    }
}
