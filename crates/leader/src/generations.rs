//! Taking over from the leader of the generation before, and giving way to the one of the next.
//!
//! A new leader asks the old one what its workers have loaded, brings its own up with that, lets them accept all at
//! once, and only then tells the old leader to drain. If its workers cannot load that, the old ones serve on.

use std::time::{Duration, Instant};

use contract::control::{FromLeader, ToLeader};
use contract::launch::Target;
use contract::reason::Reason;
use tracing::Level;

use crate::event::Action;
use crate::supervise::{Phase, Supervisor};
use crate::worker::State;

/// How long the previous leader may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a released leader waits to be adopted.
const ADOPTION: Duration = Duration::from_secs(60);

impl Supervisor {
    /// Begins to take over from the previous leader.
    pub(crate) fn take_over(&mut self, now: Instant) {
        if self.is_service() {
            self.phase = Phase::Waiting;
            return self.act(Action::TellPrevious(ToLeader::Drain));
        }
        self.phase = Phase::Asking { until: now + ANSWER };
        self.why = "httpd was restarted gracefully".to_owned();
        self.act(Action::TellPrevious(ToLeader::WhatIsLoaded));
    }

    pub(crate) fn previous_loaded(&mut self, loaded: Vec<Target>) {
        if matches!(self.phase, Phase::Asking { .. }) {
            self.loaded = loaded;
            self.phase = Phase::TakingOver;
        }
    }

    /// The previous leader ended before it was told to: whoever is ready serves.
    pub(crate) fn previous_gone(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Waiting | Phase::Asking { .. } | Phase::TakingOver) {
            self.phase = Phase::Running;
            self.accept_ready(now);
        }
    }

    /// Once `enough` workers are ready (all, or what there are slots for), they serve and the previous leader's finish.
    pub(crate) fn finish_take_over(&mut self, now: Instant, enough: usize) {
        let ready = self.workers.values().filter(|worker| worker.state == State::Ready).count();
        if self.phase == Phase::TakingOver && ready >= enough {
            self.phase = Phase::Running;
            self.accept_ready(now);
            self.act(Action::TellPrevious(ToLeader::Drain));
        }
    }

    fn accept_ready(&mut self, now: Instant) {
        for (slot, _, ready) in self.list(|worker| worker.state == State::Ready) {
            if ready {
                self.accept(now, slot);
            }
        }
    }

    pub(crate) fn asked_for(&mut self, now: Instant, request: ToLeader) {
        match request {
            ToLeader::WhatIsLoaded => self.act(Action::Answer(FromLeader::loaded(&self.loaded))),
            ToLeader::Release => self.released_until = Some(now + ADOPTION),
            ToLeader::Adopt => self.released_until = None,
            ToLeader::Drain => self.leave(now, "the processes of a graceful restart serve"),
        }
    }

    /// Lets all workers finish, and then ends.
    fn leave(&mut self, now: Instant, why: &str) {
        if matches!(self.phase, Phase::Leaving | Phase::Stopping { .. }) {
            return;
        }
        if matches!(self.phase, Phase::Asking { .. } | Phase::TakingOver) {
            self.act(Action::TellPrevious(ToLeader::Drain)); // which has served until now
        }
        self.phase = Phase::Leaving;
        self.released_until = None;
        for (slot, _, state) in self.list(|worker| worker.state) {
            match state {
                State::Starting | State::Ready => self.stop(now, slot, Reason::GracefulSignal, why),
                State::Serving { .. } => self.drain(now, slot, Reason::GracefulSignal, why, None),
                State::Draining { .. } | State::Stopping { .. } => {}
            }
        }
        self.leave_if_done();
    }

    /// Ends the leader when nothing is left to wait for.
    pub(crate) fn leave_if_done(&mut self) {
        if self.workers.is_empty() && matches!(self.phase, Phase::Leaving | Phase::Stopping { .. }) {
            self.act(Action::Exit);
        }
    }

    /// Whether the configuration that made this leader is gone: then it ends with its last sender.
    pub(crate) fn is_released(&self) -> bool {
        self.released_until.is_some()
    }

    pub(crate) fn tick_generations(&mut self, now: Instant) {
        if self.released_until.is_some_and(|at| at <= now) {
            self.leave(now, "the group is no longer configured");
        }
        match self.phase {
            Phase::Asking { until } if until <= now => {
                self.log(
                    Level::WARN,
                    "the previous leader does not answer; starting without what it has loaded",
                );
                self.phase = Phase::TakingOver;
            }
            Phase::Stopping { leave_at } if leave_at <= now => self.act(Action::Exit),
            _ => {}
        }
    }
}
