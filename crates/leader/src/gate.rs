//! One worker at a time: those that are to be replaced wait here until nobody comes and nobody goes.
//!
//! A worker that waits serves on. The gate is shut while a worker starts, while one that is replaced still serves, and
//! while one finishes its requests; what takes no end (a drain or a stop without a limit) does not keep it shut. A worker
//! with a stuck request comes first, and waits for no drain: it has lost threads. Three things do not wait at all: a
//! changed script, for which the old code must not serve; a worker that can serve nobody ([`crate::limits`]); and
//! cpu-time-limit, since the kernel kills that process soon.

use std::time::{Duration, Instant};

use contract::reason::Reason;

use crate::supervise::{Phase, Supervisor};
use crate::turn::Turn;
use crate::worker::{State, Worker};

impl Supervisor {
    /// A worker is to be replaced, when its turn comes, by one that serves before it goes. True if that is news.
    pub(crate) fn retire(&mut self, now: Instant, slot: u32, reason: Reason) -> bool {
        let running = matches!(self.phase, Phase::Running | Phase::TakingOver);
        let evicted = reason == Reason::GracefulSignal && self.limits.eviction_timeout > 0;
        let reason = if evicted { Reason::EvictionSignal } else { reason };
        let worker = self.workers.get_mut(&slot).filter(|worker| running && worker.is_serving());
        let Some(worker) = worker else { return false };
        let may_stay = |known: Reason| known == Reason::ScriptReload && self.rolling; // if that is called off
        if worker.outgoing.is_some_and(|known| !may_stay(known) || known == reason) {
            return false;
        }
        let is_news = worker.waits.is_none_or(|(_, known)| may_stay(known) && known != reason);
        let (since, first) = worker.waits.filter(|_| !is_news).unwrap_or((now, reason));
        worker.waits = Some((since, first));
        if reason == Reason::CpuTimeLimit {
            self.replace(slot, first);
        }
        is_news
    }

    /// Lets the next worker go for which another is to start, if it is time for that.
    pub(crate) fn let_one_go(&mut self, now: Instant) {
        let waiting = |(slot, worker): (&u32, &Worker)| {
            let is_next = worker.is_serving() && worker.outgoing.is_none();
            let (since, reason) = worker.waits.filter(|_| is_next)?;
            Some((reason != Reason::RequestTimeout, since, *slot, reason))
        };
        let next =
            self.workers.iter().filter_map(waiting).min_by_key(|(patient, since, ..)| (*patient, *since));
        let Some((patient, _, slot, reason)) = next else { return };
        if self.gate_is_open(now) || (!patient && self.phase == Phase::Running && !self.is_somebody_coming())
        {
            self.replace(slot, reason);
        }
    }

    /// Whether the group is as it is meant to be: nobody comes, and nobody is about to go.
    pub(crate) fn gate_is_open(&self, now: Instant) -> bool {
        self.phase == Phase::Running && !self.is_somebody_coming() && !self.is_somebody_leaving(now)
    }

    /// Whether nothing is about to change without an event.
    pub(crate) fn is_at_rest(&self, now: Instant) -> bool {
        let stays = |worker: &Worker| worker.is_serving() && worker.waits.is_none();
        let may_shrink =
            self.elastic.as_ref().is_some_and(|elastic| self.processes > elastic.bounds().settings.least);
        let is_asked = self.is_released() || self.handover.gives_way || self.turn != Turn::Over;
        self.gate_is_open(now) && self.workers.values().all(stays) && !may_shrink && !is_asked
    }

    /// Whether a worker finishes its requests, or ends, and that has not taken too long.
    pub(crate) fn is_somebody_leaving(&self, now: Instant) -> bool {
        let graceful = Duration::from_secs(self.limits.graceful_timeout.into());
        let goes = |worker: &Worker| match worker.state {
            State::Draining { since, until } => until.is_some() || now < since + graceful,
            State::Stopping { kill_at } => kill_at.is_some(),
            State::Starting | State::Ready | State::Serving { .. } => false,
        };
        self.workers.values().any(goes)
    }

    /// Whether a worker starts or is to start, or still serves only until one has started.
    fn is_somebody_coming(&self) -> bool {
        let comes = |worker: &Worker| match worker.state {
            State::Starting | State::Ready => true,
            State::Serving { .. } => worker.outgoing.is_some(),
            State::Draining { .. } | State::Stopping { .. } => false,
        };
        let current = self.workers.values().filter(|worker| worker.is_current()).count();
        current < self.processes as usize || self.is_starting() || self.workers.values().any(comes)
    }

    fn replace(&mut self, slot: u32, reason: Reason) {
        if let Some(worker) = self.workers.get_mut(&slot) {
            worker.outgoing = Some(reason);
            self.why = format!("process {} is replaced ({reason})", worker.pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::control::FromWorker;
    use contract::limits::Limits;

    use super::*;
    use crate::event::{Action, Event};
    use crate::signals::Request;
    use crate::supervise::tests::{Group, drain, stop};

    fn retires(group: &mut Group, slot: u32, reason: Reason) -> usize {
        group.on(Event::Said { slot, message: FromWorker::Retire { reason } }).starts()
    }

    #[test]
    fn a_signal_to_all_replaces_one_after_the_other() {
        let mut group = Group::running(3);
        assert_eq!(group.on(Event::Signal(Request::Replace)).starts(), 1);
        for (slot, replacement) in [(0, 3), (1, 0), (2, 1)] {
            assert_eq!(group.later(1000).starts(), 0, "the next waits for the end of the one before");
            group.ready(replacement, true);
            let done = group.done();
            assert_eq!(done.last(), Some(&drain(slot, Reason::GracefulSignal)), "{done:?}");
            assert_eq!(group.exited(slot, 0, 9).starts(), usize::from(slot < 2));
        }
        assert_eq!(group.later(60_000).done(), []);
    }

    #[test]
    fn all_reasons_wait_at_one_gate_and_the_stuck_go_first() {
        let mut group = Group::running(4);
        assert_eq!(retires(&mut group, 3, Reason::MaximumRequests), 1);
        assert_eq!(retires(&mut group, 2, Reason::GracefulSignal), 0);
        assert_eq!(retires(&mut group, 1, Reason::RequestTimeout), 0);
        assert_eq!(retires(&mut group, 0, Reason::CpuTimeLimit), 1, "the kernel does not wait");
        group.ready(4, true).ready(5, true);
        let done = group.done();
        let first = [drain(0, Reason::CpuTimeLimit), drain(3, Reason::MaximumRequests)];
        assert!(first.iter().all(|drain| done.contains(drain)), "{done:?}");
        assert!(
            matches!(done.last(), Some(Action::Start { .. })),
            "the stuck one waits for no drain: {done:?}"
        );
        group.ready(6, true);
        assert_eq!(group.done().last(), Some(&drain(1, Reason::RequestTimeout)));
        assert_eq!(group.exited(0, 0, 1).exited(3, 0, 1).starts(), 0);
        assert_eq!(group.exited(1, 0, 1).starts(), 1);
        group.ready(0, true);
        assert_eq!(group.done().last(), Some(&drain(2, Reason::GracefulSignal)));
    }

    #[test]
    fn what_takes_no_end_keeps_the_gate_shut_for_a_while_only() {
        let mut group = Group::running(2);
        let changed = FromWorker::Changed { script: "/a.wsgi".to_owned() };
        group
            .on(Event::Said { slot: 0, message: changed })
            .ready(2, true)
            .ready(3, true)
            .exited(1, 0, 1)
            .done();
        assert_eq!(retires(&mut group, 2, Reason::MaximumRequests), 0, "process 0 finishes its requests");
        assert_eq!(group.later(14_000).starts(), 0);
        assert_eq!(group.later(1000).starts(), 1, "graceful-timeout is over");

        let mut stuck = Group::running(2);
        stuck.supervisor.limits = Limits { graceful_timeout: 0, shutdown_timeout: 0, ..Limits::default() };
        retires(&mut stuck, 0, Reason::GracefulSignal);
        stuck.ready(2, true);
        assert_eq!(stuck.done().last(), Some(&stop(0, Reason::GracefulSignal)));
        assert_eq!(retires(&mut stuck, 1, Reason::MaximumRequests), 1, "the stop has no limit");
    }

    #[test]
    fn a_start_that_fails_keeps_the_others_serving() {
        let mut group = Group::running(2);
        group.on(Event::Signal(Request::Replace)).ready(2, false).exited(2, 0, 0);
        assert_eq!(group.later(1000).starts(), 2, "the failed one, and the next attempt");
        let leaves = |action: &Action| matches!(action, Action::Tell { slot: 0 | 1, .. });
        assert!(!group.ready(2, false).done().iter().any(leaves));
    }
}
