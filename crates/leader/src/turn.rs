//! Whose turn it is to start its first processes, where one httpd has many groups.
//!
//! Starting an interpreter is work for a processor. If hundreds did it at once, all of them would be ready only when the
//! last one is, and httpd itself would hardly run. So the parent puts leaders into as many rows as there are processors
//! for, and each waits for the one before it in its row: until that one's processes have come up or failed, has ended,
//! or has had its time. Who is wanted by a request waits for nobody.

use std::time::{Duration, Instant};

use contract::launch::Leader;

use crate::event::Action;
use crate::supervise::Supervisor;
use crate::worker::State;

/// How long the one after waits for processes that take long to come up.
const ENOUGH: Duration = Duration::from_secs(2);
/// How long a leader waits for its turn altogether.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a leader is in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Others start, at most until then.
    Waits { until: Instant },
    /// It starts; the next one waits for that, at most until then.
    Has { until: Instant },
    /// It is the turn of others.
    Over,
}

impl Turn {
    pub(crate) fn new(settings: &Leader, now: Instant) -> Self {
        match (settings.waits_for_turn, settings.passes_turn) {
            (true, _) => Self::Waits { until: now + PATIENCE },
            (false, true) => Self::begin(now),
            (false, false) => Self::Over,
        }
    }

    fn begin(now: Instant) -> Self {
        Self::Has { until: now + ENOUGH }
    }

    pub(crate) fn is_to_come(self) -> bool {
        matches!(self, Self::Waits { .. })
    }

    /// When it changes by itself.
    pub(crate) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Waits { until } | Self::Has { until } => Some(until),
            Self::Over => None,
        }
    }
}

impl Supervisor {
    /// The one before has finished, or somebody cannot wait.
    pub(crate) fn turn_has_come(&mut self, now: Instant) {
        if self.turn.is_to_come() {
            self.turn = Turn::begin(now);
        }
    }

    /// Looks at the clock.
    pub(crate) fn tick_turn(&mut self, now: Instant) {
        if matches!(self.turn, Turn::Waits { until } if until <= now) {
            self.turn_has_come(now);
        }
    }

    /// Lets the next one begin, as soon as nothing comes up any more. Called after each event.
    pub(crate) fn pass_turn(&mut self, now: Instant) {
        let Turn::Has { until } = self.turn else { return };
        let comes_up =
            self.is_starting() || self.workers.values().any(|worker| worker.state == State::Starting);
        if !comes_up || until <= now {
            self.turn = Turn::Over;
            self.act(Action::PassTurn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::supervise::tests::Group;

    /// A leader of two processes behind another one.
    fn waiting() -> Group {
        let mut group = Group::behind_another(2);
        assert_eq!(group.starts(), 0);
        group
    }

    fn passes(group: &mut Group) -> bool {
        group.done().contains(&Action::PassTurn)
    }

    #[test]
    fn who_waits_starts_when_the_one_before_has_finished() {
        let mut group = waiting();
        assert_eq!(group.later(1000).starts(), 0);
        assert_eq!(group.on(Event::Turn).starts(), 2);
        group.ready(0, true);
        assert!(!passes(&mut group));
        group.ready(1, true);
        assert!(passes(&mut group));
        group.later(5000);
        assert!(!passes(&mut group), "once");
    }

    #[test]
    fn nobody_waits_for_ever() {
        assert_eq!(waiting().later(PATIENCE.as_millis() as u64).starts(), 2);
        let mut group = waiting();
        group.on(Event::Turn).later(ENOUGH.as_millis() as u64);
        assert!(passes(&mut group), "its processes take too long");
    }

    #[test]
    fn a_process_that_fails_ends_the_turn() {
        let mut group = waiting();
        group.on(Event::Turn).exited(0, 256, 0).exited(1, 256, 0);
        assert!(passes(&mut group));
    }

    #[test]
    fn a_leader_without_others_starts_at_once() {
        let mut group = Group::new(1, false);
        assert_eq!(group.starts(), 1);
        group.ready(0, true);
        assert!(!passes(&mut group), "there is nobody to pass to");
    }
}
