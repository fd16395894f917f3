//! Elastic groups: looks at the load ([`crate::elastic`]) become another number of processes, and from that follow the
//! starts (`Supervisor::fill`) and the ends ([`crate::shrink`]).
//!
//! A leader that takes over begins with as many processes as the previous one had. One that gives way to the next does
//! not look any more: its processes are the next one's to count.

use std::time::Instant;

use contract::launch::Leader;
use tracing::Level;

use crate::elastic::{Bounds, Change, Elastic, Load, Staff};
use crate::event::Action;
use crate::supervise::{Phase, Supervisor};

/// What an elastic group needs to know of itself.
pub(crate) fn elastic(settings: &Leader, now: Instant) -> Option<Elastic> {
    let bounds = Bounds { settings: settings.elastic?, most: settings.processes, threads: settings.threads };
    Some(Elastic::new(bounds, now))
}

impl Supervisor {
    /// The previous leader's group has so many processes: this one begins with as many.
    pub(crate) fn begin_with(&mut self, processes: u32) {
        if let Some(elastic) = &self.elastic {
            self.processes = elastic.clamp(processes);
        }
    }

    /// Judges one look at the load.
    pub(crate) fn loaded_with(&mut self, now: Instant, load: &Load) {
        if !self.may_resize() {
            return;
        }
        let (target, serving, settled) = (self.processes, self.serving(), self.gate_is_open(now));
        let Some(elastic) = &mut self.elastic else { return };
        let Some(change) = elastic.judge(now, Staff { target, serving, settled }, load) else { return };
        let Change { target, reason } = change;
        let goes = if target > self.processes { "grows" } else { "shrinks" };
        self.processes = target;
        self.why = format!("the group {goes} to {}", counted(target));
        self.log(Level::INFO, format!("{}: {reason}", self.why));
        self.act(Action::Resize { target, reason });
    }

    /// Whether the group might grow at once if requests had to wait: then somebody should look.
    pub(crate) fn watches_queue(&self) -> bool {
        let has_room = self.elastic.as_ref().is_some_and(|elastic| self.processes < elastic.bounds().most);
        has_room && self.may_resize() && self.serving() >= self.processes
    }

    /// Whether the number of processes follows the load now.
    pub(crate) fn may_resize(&self) -> bool {
        self.elastic.is_some() && self.counts()
    }

    /// How many processes there are to be: now, at least and at most. `None`: that is for another leader to say.
    pub(crate) fn size(&self) -> Option<[u32; 3]> {
        let fixed = [self.processes; 3];
        let elastic = |elastic: &Elastic| {
            let Bounds { settings, most, .. } = *elastic.bounds();
            [self.processes, settings.least, most]
        };
        self.counts().then(|| self.elastic.as_ref().map_or(fixed, elastic))
    }

    /// Whether the group is this leader's alone.
    fn counts(&self) -> bool {
        self.phase == Phase::Running && !self.handover.gives_way
    }
}

/// `no process`, `1 process`, `2 processes`.
pub(crate) fn counted(processes: u32) -> String {
    match processes {
        0 => "no process".to_owned(),
        1 => "1 process".to_owned(),
        many => format!("{many} processes"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::launch::Elastic as Settings;
    use contract::reason::Reason;

    use super::*;
    use crate::event::Event;
    use crate::supervise::tests::{Group, drain};

    fn group(least: u32, most: u32) -> Group {
        let mut group = Group::running(least.max(1)).with_slots(2 * most as usize);
        let settings = Settings { least, grow_after: 300, shrink_after: 60 };
        let bounds = Bounds { settings, most, threads: 15 };
        group.supervisor.elastic = Some(Elastic::new(bounds, group.now()));
        group
    }

    fn load(group: &mut Group, milliseconds: u64, waited: Option<u64>, busy: u32) -> Vec<Action> {
        let waited = waited.map(Duration::from_millis);
        let load = Load { waited, queued: 5, busy, answered: 0 };
        group.later(milliseconds).on(Event::Load(load)).done()
    }

    #[test]
    fn grows_by_one_that_serves_before_the_next_comes() {
        let mut group = group(1, 3);
        load(&mut group, 0, None, 15);
        assert!(group.supervisor.watches_queue());
        let done = load(&mut group, 1000, Some(900), 15);
        let start = |action: &Action| matches!(action, Action::Start { why, .. } if why.ends_with("grows to 2 processes"));
        assert!(matches!(&done[0], Action::Resize { target: 2, .. }) && start(&done[1]), "{done:?}");
        assert!(!group.supervisor.watches_queue(), "it does not serve yet");
        assert_eq!(load(&mut group, 1000, Some(1900), 15), []);
        group.ready(1, true).done();
        assert_eq!(load(&mut group, 0, Some(1900), 30), []);
        assert_eq!(load(&mut group, 300, Some(2200), 30).len(), 2);
        group.ready(2, true).done();
        assert!(!group.supervisor.watches_queue(), "three are the most");
        assert_eq!(load(&mut group, 5000, Some(7200), 45), []);
    }

    #[test]
    fn shrinks_to_nothing_and_comes_back() {
        let mut group = group(0, 2);
        load(&mut group, 0, None, 0);
        group.supervisor.processes = 1;
        for _ in 0..12 {
            assert_eq!(load(&mut group, 4900, None, 0), [], "five requests wait");
        }
        let idle = Event::Load(Load::default());
        let done: Vec<_> = (0..13).flat_map(|_| group.later(5000).on(idle_again(&idle)).done()).collect();
        assert!(matches!(&done[0], Action::Resize { target: 0, .. }), "{done:?}");
        assert_eq!(done[1..], [drain(0, Reason::Surplus)]);
        assert!(group.supervisor.watches_queue(), "even before that one has ended");
        assert_eq!(group.exited(0, 0, 9).starts(), 0);
        assert_eq!(load(&mut group, 20, Some(0), 0).len(), 2);
    }

    fn idle_again(idle: &Event) -> Event {
        let Event::Load(load) = idle else { return Event::Tick };
        Event::Load(*load)
    }

    #[test]
    fn a_start_that_fails_makes_no_storm() {
        let mut group = group(0, 9);
        group.supervisor.processes = 0;
        group.later(0).exited(0, 0, 9).done();
        assert_eq!(load(&mut group, 20, Some(0), 0).len(), 2);
        group.exited(0, 256, 0).done();
        let starts = (0..600).filter(|_| {
            let started = load(&mut group, 100, Some(50), 0)
                .iter()
                .any(|action| matches!(action, Action::Start { .. }));
            if started {
                group.exited(0, 256, 0).done();
            }
            started
        });
        assert_eq!(starts.count(), 5, "after 1, 2, 4, 8 and 16 s");
    }

    #[test]
    fn begins_with_what_there_was() {
        let mut group = group(2, 5);
        for (before, now) in [(0, 2), (4, 4), (9, 5)] {
            group.supervisor.begin_with(before);
            assert_eq!(group.supervisor.processes, now);
            assert_eq!(group.supervisor.size(), Some([now, 2, 5]));
        }
        group.supervisor.elastic = None;
        group.supervisor.begin_with(9);
        assert_eq!(group.supervisor.size(), Some([5; 3]));
        group.supervisor.handover.gives_way = true;
        assert!(group.supervisor.size().is_none() && !group.supervisor.may_resize());
    }
}
