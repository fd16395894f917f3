//! One worker as the leader sees it.

use std::time::Instant;

use contract::reason::Reason;

use crate::limits::Watch;
use crate::printed::Printed;
use crate::rolling::Scripts;

/// Where a worker is in its life. It only ever moves downwards in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Its interpreter starts and loads what it must. A SIGTERM ends it at once.
    Starting,
    /// It could serve; the leader holds it back until the whole generation can.
    Ready,
    /// It takes requests.
    Serving {
        /// When it began to.
        since: Instant,
    },
    /// It finishes what it has, then exits.
    Draining {
        /// When it was told to.
        since: Instant,
        /// When it is stopped instead.
        until: Option<Instant>,
    },
    /// It was told to exit, whatever it has.
    Stopping {
        /// When it is killed; `None` also once it was.
        kill_at: Option<Instant>,
    },
}

/// A worker process.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Its process id.
    pub(crate) pid: u32,
    /// Where it is in its life.
    pub(crate) state: State,
    /// Since when, and why, it is to be replaced; it serves on until its turn comes.
    pub(crate) waits: Option<(Instant, Reason)>,
    /// Why it is being replaced; it serves on until its replacement does.
    pub(crate) outgoing: Option<Reason>,
    /// Why it was told to end; the first reason counts.
    pub(crate) reason: Option<Reason>,
    /// For reload=rolling: what it has loaded.
    pub(crate) scripts: Scripts,
    /// How many requests it ran when it was last looked at.
    pub(crate) busy: usize,
    /// What its limits need to remember.
    pub(crate) watch: Watch,
    /// Its interpreter cannot be executed: it was never a worker.
    pub(crate) unborn: bool,
    /// What it said before it gave up.
    pub(crate) failure: Option<String>,
    /// The end of what its interpreter printed while it came up.
    pub(crate) printed: Printed,
}

impl Worker {
    pub(crate) fn new(pid: u32, now: Instant) -> Self {
        Self {
            pid,
            state: State::Starting,
            waits: None,
            outgoing: None,
            reason: None,
            scripts: Scripts::default(),
            busy: 0,
            watch: Watch::new(now),
            unborn: false,
            failure: None,
            printed: Printed::default(),
        }
    }

    /// Why it ends, or is to end. The first reason counts.
    pub(crate) fn ends_for(&mut self, reason: Reason) -> Reason {
        let known = self.reason.or(self.outgoing);
        *self.reason.insert(known.unwrap_or(reason))
    }

    /// Whether it is one of the processes that the group is meant to have.
    pub(crate) fn is_current(&self) -> bool {
        self.outgoing.is_none()
            && matches!(self.state, State::Starting | State::Ready | State::Serving { .. })
    }

    /// Whether eviction-timeout counts.
    pub(crate) fn is_evicted(&self) -> bool {
        self.reason == Some(Reason::EvictionSignal)
    }

    pub(crate) fn is_serving(&self) -> bool {
        matches!(self.state, State::Serving { .. })
    }

    /// When its state has to be looked at again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Draining { until, .. } => until,
            State::Stopping { kill_at } => kill_at,
            State::Starting | State::Ready | State::Serving { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outgoing_workers_are_not_current() {
        let mut worker = Worker::new(1, Instant::now());
        assert!(worker.is_current());
        worker.state = State::Serving { since: Instant::now() };
        worker.outgoing = Some(Reason::MaximumRequests);
        assert!(worker.is_serving() && !worker.is_current());
        assert_eq!(worker.ends_for(Reason::RequestTimeout), Reason::MaximumRequests);
    }
}
