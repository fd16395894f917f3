//! In which order leaders start their processes: in rows, so that many groups do not start all at once.
//!
//! A row is a chain of pipes on which nothing is ever written. Each leader has the reading end of one whose writing end
//! the leader before it closes when its processes have come up; the end of that leader closes it as well. The first ones
//! wait for the parent, which has all leaders to start before httpd listens. Nobody else keeps any of these ends, so no row
//! can get stuck for good; how long a leader waits at most it knows itself.

use std::collections::VecDeque;
use std::num::NonZero;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};

/// How many groups may start processes at the same time for each processor.
const FOR_EACH: usize = 2;

/// The rows, while leaders are started.
pub(super) struct Turns {
    rows: usize,
    /// Leaders that are still to be started.
    left: usize,
    /// What the next leaders wait for.
    ends: VecDeque<Option<OwnedFd>>,
    /// Closed with this value: the first leaders of all rows may start.
    _begin: Option<OwnedFd>,
}

/// One leader's place.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Closed at the other end when it may start.
    pub(super) waits: Option<OwnedFd>,
    /// Closed when the next one may.
    pub(super) passes: Option<OwnedFd>,
}

impl Turns {
    /// Rows for so many leaders.
    pub(super) fn of(leaders: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_rows(leaders, processors * FOR_EACH)
    }

    fn with_rows(leaders: usize, rows: usize) -> Self {
        let (begin, keep) = pipe(leaders > rows);
        let first = || begin.as_ref().and_then(|begin| begin.try_clone().ok());
        Self { rows, left: leaders, ends: (0..rows).map(|_| first()).collect(), _begin: keep }
    }

    /// The next leader's place. Without descriptors for it, it and the one behind start at once.
    pub(super) fn next(&mut self) -> Turn {
        let is_followed = self.left > self.rows;
        self.left = self.left.saturating_sub(1);
        let (end, passes) = pipe(is_followed);
        self.ends.push_back(end);
        Turn { waits: self.ends.pop_front().flatten(), passes }
    }
}

/// Both ends of one, if it is wanted and the system has descriptors for it.
fn pipe(wanted: bool) -> (Option<OwnedFd>, Option<OwnedFd>) {
    wanted.then(|| pipe_with(PipeFlags::CLOEXEC).ok()).flatten().unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn has_come(turn: &Turn) -> bool {
        let Some(end) = &turn.waits else { return true };
        let mut ends = [PollFd::new(end, PollFlags::IN)];
        poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    #[test]
    fn each_waits_for_the_one_before_in_its_row() {
        let mut turns = Turns::with_rows(5, 2);
        let mut places: Vec<_> = (0..5).map(|_| turns.next()).collect();
        assert!(!places.iter().any(has_come), "leaders are still being started");
        drop(turns);
        let come = |places: &[Turn]| places.iter().map(has_come).collect::<Vec<_>>();
        assert_eq!(come(&places), [true, true, false, false, false]);
        places[1].passes = None;
        assert_eq!(come(&places), [true, true, false, true, false]);
        places[0] = Turn::default(); // its end does the same
        assert_eq!(come(&places), [true, true, true, true, false]);
        assert!(places[3].passes.is_none() && places[4].passes.is_none(), "nobody is behind them");
    }

    #[test]
    fn few_groups_wait_for_nobody() {
        let mut turns = Turns::with_rows(3, 4);
        assert!((0..3).map(|_| turns.next()).all(|turn| turn.waits.is_none() && turn.passes.is_none()));
        assert!(turns.next().passes.is_none(), "more than were announced");
    }
}
