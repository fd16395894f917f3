//! How often the leader looks around: once a second while something happens, and hardly ever while nothing does. With
//! hundreds of groups most are idle, and a second is short for nothing.
//!
//! What can happen in a group at rest wakes the loop: a worker says that a request has come after a pause
//! ([`contract::control::FromWorker::Busy`]), a ticket lies in the overflow, a message comes, a process ends. Limits that
//! count without any request say how far apart looks may be ([`between_looks`]).

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use contract::area::Slot;

use super::{Loop, TICK};
use crate::limits::between_looks;

/// How long nothing must have happened.
const PAUSE: Duration = Duration::from_secs(5);

/// When something last happened.
#[derive(Debug)]
pub(super) struct Pace {
    woken: Instant,
    /// What the slots showed at the last look: requests answered.
    answered: u64,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { woken: now, answered: 0 }
    }

    /// Something happens.
    pub(super) fn wake(&mut self, now: Instant) {
        self.woken = now;
    }

    /// Takes in what a look has shown.
    fn look(&mut self, now: Instant, works: bool, answered: u64) {
        if works || answered != self.answered {
            self.woken = now;
        }
        self.answered = answered;
    }

    fn rests(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.woken) >= PAUSE
    }
}

impl Loop {
    /// When the loop looks around the next time.
    pub(super) fn next_look(&self) -> Instant {
        self.ticked
            + if self.is_at_rest(Instant::now()) { between_looks(&self.settings.limits) } else { TICK }
    }

    /// Nothing happens, and nothing is about to.
    pub(super) fn is_at_rest(&self, now: Instant) -> bool {
        self.pace.rests(now) && self.supervisor.is_at_rest(now) && self.nursery.is_at_rest()
    }

    /// After a look at the area: whether somebody works, or waits, or is to be looked after.
    pub(super) fn find_pace(&mut self, now: Instant) {
        let group = self.area.group();
        let needs_looks = |(number, slot): (u32, &Slot)| {
            let ours = self.processes.contains_key(&number);
            let has_work = slot.busy.load(SeqCst) > 0 || slot.reserved.load(SeqCst) > 0;
            let is_unloaded = slot.first.load(SeqCst) != 0 && slot.loaded.load(SeqCst) == 0;
            has_work || is_unloaded || (!ours && slot.pid.load(SeqCst) != 0)
        };
        let works = group.queued.load(SeqCst) > 0 || (0..).zip(self.area.slots()).any(needs_looks);
        let requests = self.area.slots().iter().map(|slot| slot.requests.load(SeqCst));
        let answered = requests.fold(0, u64::wrapping_add);
        self.pace.look(now, works, answered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_rests_after_a_pause() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(start);
        pace.look(at(1), false, 0);
        assert!(!pace.rests(at(4)) && pace.rests(at(5)));
        pace.look(at(6), false, 1);
        assert!(!pace.rests(at(10)), "a request was answered");
        pace.look(at(11), true, 1);
        assert!(!pace.rests(at(15)), "one runs");
        pace.wake(at(17));
        assert!(!pace.rests(at(21)) && pace.rests(at(22)));
    }
}
