//! More workers serve than the group is meant to have: the surplus goes, one after the other.
//!
//! Who goes finishes its requests, however long they take, and takes no new ones. It leaves when nobody else comes or
//! goes ([`crate::gate`]), so that a shrinking group never loses two workers at a time.

use std::cmp::Reverse;
use std::time::Instant;

use contract::reason::Reason;

use crate::resize::counted;
use crate::supervise::Supervisor;
use crate::worker::{State, Worker};

impl Supervisor {
    /// Lets one worker go for which no other is to start, if more serve than [`Supervisor::processes`] and it is time
    /// for that. Called after each event: the next goes once the one before has gone.
    pub(crate) fn shrink(&mut self, now: Instant, reason: Reason) {
        if self.surplus() == 0 {
            return;
        }
        self.relieve(now); // one that waits for a replacement needs none any more
        if self.surplus() == 0 || !self.gate_is_open(now) {
            return;
        }
        let serving = |(slot, worker): (&u32, &Worker)| match worker.state {
            State::Serving { since } => Some((*slot, worker.waits, worker.busy, since)),
            _ => None,
        };
        // Who is to be replaced anyway, else the least busy, of those the youngest.
        let next = self.workers.iter().filter_map(serving).min_by_key(|(slot, waits, busy, since)| {
            (waits.is_none(), *busy, Reverse(*since), Reverse(*slot))
        });
        let Some((slot, waits, ..)) = next else { return };
        let why = match self.handover.gives_way {
            true => "one of a graceful restart serves in its place".to_owned(),
            false => format!("the group goes on with {}", counted(self.processes)),
        };
        let reason = if self.handover.gives_way { Reason::GracefulSignal } else { reason };
        let reason = waits.map_or(reason, |(_, known)| known);
        self.drain(now, slot, reason, &why, None); // nobody needs its place: it may take its time
    }

    /// How many more workers serve than the group is meant to have.
    pub(crate) fn surplus(&self) -> usize {
        let serving = self.workers.values().filter(|worker| worker.is_serving()).count();
        serving.saturating_sub(self.processes as usize)
    }
}

#[cfg(test)]
mod tests {
    use contract::control::FromWorker;

    use super::*;
    use crate::event::Event;
    use crate::look::{Running, Seen};
    use crate::supervise::tests::{Group, drain};

    fn busy(requests: u32) -> Seen {
        let request = |thread| Running {
            request: contract::control::RequestOf { thread, number: 1 },
            age: std::time::Duration::ZERO,
            text: String::new(),
        };
        Seen { requests: (0..requests).map(request).collect(), ..Seen::default() }
    }

    #[test]
    fn the_least_busy_go_first_one_after_the_other() {
        let mut group = Group::running(3);
        for (slot, requests) in [(0, 1), (1, 3), (2, 2)] {
            group.on(Event::Seen { slot, seen: busy(requests) });
        }
        group.supervisor.processes = 1;
        assert_eq!(group.later(0).done(), [drain(0, Reason::Surplus)]);
        assert_eq!(group.later(10_000).done(), [], "the next waits for its end, or for graceful-timeout");
        assert_eq!(group.exited(0, 0, 5).done().last(), Some(&drain(2, Reason::Surplus)));
        assert_eq!(group.exited(2, 0, 5).starts(), 0);
        assert_eq!(group.later(60_000).done(), []);
    }

    #[test]
    fn one_that_is_to_be_replaced_goes_without_a_replacement() {
        let mut group = Group::running(3);
        let retire = FromWorker::Retire { reason: Reason::MaximumRequests };
        group.on(Event::Said { slot: 1, message: retire.clone() });
        assert_eq!(group.starts(), 1);
        group.supervisor.processes = 2;
        assert_eq!(group.later(0).done(), [drain(1, Reason::MaximumRequests)]);
        assert_eq!(group.exited(1, 0, 5).ready(3, true).done().last(), Some(&drain(3, Reason::Surplus)));
        assert_eq!(group.exited(3, 0, 0).starts(), 0);
        assert_eq!(group.later(60_000).done(), [], "two are left, and two are wanted");
    }

    #[test]
    fn nobody_goes_while_somebody_comes() {
        let mut group = Group::running(2);
        group.exited(0, 9, 5).done();
        group.supervisor.processes = 1;
        assert_eq!(group.later(0).done(), []);
        group.ready(0, true);
        assert_eq!(group.done().last(), Some(&drain(0, Reason::Surplus)), "the youngest");
    }
}
