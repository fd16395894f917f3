//! What an elastic group has to do, as its area and its queue show it. Once a second, and more often while requests wait
//! and the group could grow: then the queue itself wakes the loop.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use contract::thread::clock;
use contract::ticket::Ticket;

use super::Loop;
use crate::elastic::Load;
use crate::event::Event;

/// How often a queue is looked at that is not empty.
const LOOK: Duration = Duration::from_millis(100);

/// What is remembered from look to look.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// When the queue is looked at again; `None`: when somebody comes.
    pub(super) next: Option<Instant>,
    /// The queue has woken the loop.
    woken: bool,
    /// Requests answered, as each slot showed it.
    slots: Vec<u64>,
    /// Requests answered since the leader runs.
    answered: u64,
}

impl Loop {
    /// Looks, if it is time for that.
    pub(super) fn look_at_load(&mut self, now: Instant, tick: bool) {
        if !self.looks.are_due(now, tick, self.supervisor.may_resize()) {
            return;
        }
        // Who was woken looks twice: a queue that empties at once must not wake the loop for each request.
        let woken = std::mem::take(&mut self.looks.woken);
        let load = self.load();
        self.happened(Event::Load(load));
        let again = woken || load.waited.is_some();
        self.looks.next = (again && self.supervisor.watches_queue()).then(|| now + LOOK);
    }

    /// Shows in the area how many processes there are to be.
    pub(super) fn show_size(&self) {
        if let Some([target, least, most]) = self.supervisor.size() {
            self.area.group().size.show(target, least, most);
        }
    }

    fn load(&mut self) -> Load {
        let threads = self.settings.threads;
        let slots = || self.processes.keys().filter_map(|number| self.slot(*number));
        let serving = slots().filter(|slot| slot.accepting.load(SeqCst) != 0);
        let busy = serving.map(|slot| slot.busy.load(SeqCst).min(threads)).fold(0, u32::saturating_add);
        let waited = Ticket::peek(self.overflow.as_fd()).ok().flatten().map(age);
        let shown = self.area.slots().iter().map(|slot| slot.requests.load(SeqCst)).collect();
        let answered = self.looks.count(shown);
        Load { waited, queued: self.area.group().queued.load(SeqCst), busy, answered }
    }
}

impl Looks {
    /// Somebody has come to the queue.
    pub(super) fn wake(&mut self, now: Instant) {
        (self.next, self.woken) = (Some(now), true);
    }

    /// Whether it is time to look. Who does not look any more has no time for it either: the loop would not sleep.
    fn are_due(&mut self, now: Instant, tick: bool, may_resize: bool) -> bool {
        if !may_resize {
            (self.next, self.woken) = (None, false);
        }
        may_resize && (tick || self.next.is_some_and(|at| at <= now))
    }

    /// Adds what slots show: a number that is lower than before is that of another worker.
    fn count(&mut self, shown: Vec<u64>) -> u64 {
        for (at, requests) in shown.iter().enumerate() {
            let before = self.slots.get(at).filter(|before| *before <= requests).unwrap_or(&0);
            self.answered = self.answered.saturating_add(requests - before);
        }
        self.slots = shown;
        self.answered
    }
}

/// For how long a ticket has waited.
fn age(ticket: Ticket) -> Duration {
    Duration::from_millis(clock().saturating_sub(ticket.sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_over_the_ends_of_workers() {
        let mut looks = Looks::default();
        assert_eq!(looks.count(vec![5, 0]), 5);
        assert_eq!(looks.count(vec![7, 3]), 10);
        assert_eq!(looks.count(vec![0, 3]), 10, "its worker has ended");
        assert_eq!(looks.count(vec![2, 3]), 12);
    }

    #[test]
    fn a_leader_that_gives_way_has_nothing_to_look_at() {
        let (mut looks, now) = (Looks::default(), Instant::now());
        looks.wake(now);
        assert!(looks.are_due(now, false, true));
        assert!(!looks.are_due(now, true, false));
        assert_eq!(looks.next, None, "the loop would wake up for it again and again");
    }

    #[test]
    fn tickets_of_the_future_have_not_waited() {
        assert_eq!(age(Ticket { sent: u64::MAX }), Duration::ZERO);
        assert!(age(Ticket { sent: 0 }) > Duration::ZERO);
    }
}
