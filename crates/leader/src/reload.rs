//! Replacing workers.
//!
//! For a changed script the old workers stop taking requests at once, and requests wait for the new code. For every
//! other reason (`maximum-requests`, a signal) the old one serves until the new one does, one worker at a time ([`crate::gate`]).

use std::time::{Duration, Instant};

use contract::area::State as Health;
use contract::control::ToWorker;
use contract::limits::duration;
use contract::reason::Reason;
use tracing::Level;

use crate::event::Action;
use crate::rolling::Scripts;
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
        self.renew();
        for (slot, pid, _) in serving.into_iter().filter(|one| one.2) {
            self.log(Level::INFO, format!("Stopping process {pid} in slot {slot}: {script} has changed"));
            self.act(Action::Tell { slot, message: ToWorker::Reload });
            self.set_state(slot, State::Draining { since: now, until: None });
            self.workers.get_mut(&slot).map(|worker| worker.ends_for(Reason::ScriptReload));
        }
    }

    /// All workers are to be replaced, one after the other.
    pub(crate) fn retire_all(&mut self, now: Instant, reason: Reason) {
        for (slot, ..) in self.list(|_| ()) {
            if self.is_service() {
                self.stop(now, slot, reason, reason.as_str());
            } else {
                self.retire(now, slot, reason);
            }
        }
    }

    /// With preload=on the code could not be loaded anew: who was to go for its sake serves on, and whoever comes has the
    /// code that is there. `starts` have waited for the new one.
    pub(crate) fn keep_code(&mut self, reason: &str, starts: u32) {
        self.asked = self.asked.saturating_sub(starts);
        if self.call_off(&Scripts::of_template(&self.files), reason) || self.serving() == 0 {
            return;
        }
        let stays = |known: Reason| !matches!(known, Reason::GracefulSignal | Reason::EvictionSignal);
        for worker in self.workers.values_mut().filter(|worker| worker.is_serving()) {
            worker.outgoing = worker.outgoing.filter(|known| stays(*known));
            worker.waits = worker.waits.filter(|(_, known)| stays(*known));
        }
        let text = format!(
            "the processes serve on with the code that they have, since newer code cannot be had: {reason}. Mend that, and \
             touch the script, or send the signal again"
        );
        if starts > 0 {
            self.log(Level::ERROR, text.clone());
        }
        self.act(Action::Publish(Health::Outdated, text.clone()));
        self.kept = Some(text);
    }

    /// With preload=on the code was loaded anew.
    pub(crate) fn renewed(&mut self) {
        if self.kept.take().is_some() {
            let (health, failure) = self.health();
            self.act(Action::Publish(health, failure));
        }
    }

    /// What the group's state is while workers serve.
    pub(crate) fn health(&self) -> (Health, String) {
        let kept = self.kept.as_ref().map(|failure| (Health::Outdated, failure.clone()));
        kept.unwrap_or_else(|| self.files.health())
    }

    /// How long a worker that is replaced for `reason` may finish its requests; `None`: it may not.
    fn time_to_finish(&self, reason: Reason) -> Option<Duration> {
        match reason {
            Reason::EvictionSignal => duration(self.limits.eviction_timeout),
            _ => duration(self.limits.graceful_timeout),
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
            .filter_map(|(slot, worker)| Some((*slot, worker.outgoing?)))
            .take(surplus)
            .collect();
        for (slot, reason) in outgoing {
            match self.time_to_finish(reason) {
                None => self.stop(now, slot, reason, reason.as_str()),
                Some(time) => self.drain(now, slot, reason, reason.as_str(), Some(now + time)),
            }
        }
    }

    /// Lets a worker finish what it has, until `until`.
    pub(crate) fn drain(
        &mut self,
        now: Instant,
        slot: u32,
        reason: Reason,
        why: &str,
        until: Option<Instant>,
    ) {
        if self.is_service() {
            return self.stop(now, slot, reason, why);
        }
        let Some(worker) = self.workers.get_mut(&slot) else { return };
        let (pid, reason) = (worker.pid, worker.ends_for(reason));
        worker.state = State::Draining { since: now, until };
        self.log(Level::INFO, format!("Stopping process {pid} in slot {slot} after its requests: {why}"));
        self.act(Action::Tell { slot, message: ToWorker::Drain { reason } });
    }
}
