//! Taking over from the leader of the generation before, and giving way to the one of the next.
//!
//! A new leader asks the old one what its workers have loaded, and how many there are to be. It brings up one worker with
//! that, lets it accept, and asks the old leader to let one go; once that has gone, the next. So there is never more than
//! one process too many, and never two that leave together: the old leader's own gate ([`crate::gate`]) stands before the
//! yield, too. If a new worker cannot load what the old ones have, no more of those go.
//!
//! A leader that has a next one while it takes over itself stops that, so that what it says of its workers stays true,
//! and passes yields on to the leader before until nobody is left there. A leader that does not answer in time, or does not know how to yield, serves until all
//! workers of the new one do.

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

/// What is agreed between a leader and those before and after it.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    /// How many processes the leader before keeps. 0 also if it does not say.
    before: u32,
    /// The leader before is letting one go.
    asked: Option<ForWhom>,
    /// The next leader waits for one to go.
    owes: Option<Owed>,
    /// The next leader waits for what is loaded.
    owes_list: bool,
    /// A next leader has come: nothing is taken over any more.
    pub(crate) gives_way: bool,
    /// The leader before still has to hear that it may leave, although nothing is taken over any more.
    is_unfinished: bool,
}

/// Whose new worker it is for which one of the leader before goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ForWhom {
    Us,
    Next,
}

/// Whether it has been settled who goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owed {
    Nobody,
    Somebody,
}

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

    pub(crate) fn previous_loaded(&mut self, now: Instant, loaded: Vec<Target>) {
        if matches!(self.phase, Phase::Asking { .. }) {
            self.loaded = loaded;
            self.phase = Phase::TakingOver;
            self.tell_what_is_loaded(now);
            self.go_on_taking_over();
        }
    }

    /// The previous leader says how many processes it keeps: at first, and when one has gone.
    pub(crate) fn previous_keeps(&mut self, processes: u32) {
        self.handover.before = processes;
        if matches!(self.phase, Phase::Asking { .. }) {
            self.begin_with(processes);
        }
        if self.handover.asked.take() == Some(ForWhom::Next) {
            self.has_given_way(processes.saturating_add(self.processes));
        }
        if processes == 0 && std::mem::take(&mut self.handover.is_unfinished) {
            self.act(Action::TellPrevious(ToLeader::Drain));
        }
        self.go_on_taking_over();
    }

    /// The previous leader ended before it was told to.
    pub(crate) fn previous_gone(&mut self, now: Instant) {
        self.handover.before = 0;
        self.handover.is_unfinished = false;
        if self.handover.asked.take() == Some(ForWhom::Next) {
            self.handover.owes = Some(Owed::Somebody); // those that have gone with it are more than enough
        }
        if matches!(self.phase, Phase::Waiting | Phase::Asking { .. } | Phase::TakingOver) {
            self.phase = Phase::Running;
            self.tell_what_is_loaded(now);
        }
    }

    /// How many workers there are to be now: while the group is taken over, one more than the previous leader leaves.
    pub(crate) fn wanted(&self) -> u32 {
        match self.phase {
            Phase::TakingOver => {
                let room = self.processes.saturating_add(1).saturating_sub(self.handover.before);
                room.max(1).min(self.processes)
            }
            _ => self.processes,
        }
    }

    /// One more of our workers serves, or one less of the previous leader's.
    pub(crate) fn go_on_taking_over(&mut self) {
        if self.phase != Phase::TakingOver || self.handover.asked.is_some() {
            return;
        }
        let serving = self.serving();
        if serving >= self.processes {
            self.finish_take_over();
        } else if serving.saturating_add(self.handover.before) > self.processes {
            self.handover.asked = Some(ForWhom::Us);
            self.act(Action::TellPrevious(ToLeader::Yield));
        }
    }

    /// There is no slot for another worker: the previous leader has more than it has said, or waits for all of ours, and
    /// those that serve are all.
    pub(crate) fn take_over_without_room(&mut self) {
        if self.phase != Phase::TakingOver || self.serving() == 0 || self.handover.asked.is_some() {
            return;
        }
        if self.handover.before == 0 {
            return self.finish_take_over();
        }
        self.handover.asked = Some(ForWhom::Us);
        self.act(Action::TellPrevious(ToLeader::Yield));
    }

    fn finish_take_over(&mut self) {
        self.phase = Phase::Running;
        self.handover.before = 0;
        self.act(Action::TellPrevious(ToLeader::Drain));
    }

    /// How many workers take requests.
    pub(crate) fn serving(&self) -> u32 {
        self.workers.values().filter(|worker| worker.is_serving()).count() as u32
    }

    pub(crate) fn asked_for(&mut self, now: Instant, request: ToLeader) {
        match request {
            ToLeader::WhatIsLoaded => {
                self.handover.owes_list = true;
                self.tell_what_is_loaded(now);
            }
            ToLeader::Yield => {
                self.handover.gives_way = true;
                self.handover.owes = Some(Owed::Nobody);
                self.leave_the_rest(now);
            }
            ToLeader::Release => self.released_until = Some(now + ADOPTION),
            ToLeader::Adopt => self.released_until = None,
            ToLeader::Drain => self.leave(now, "the processes of a graceful restart serve"),
        }
    }

    /// Answers the next leader, once it is known what the previous one's workers have loaded.
    fn tell_what_is_loaded(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Asking { .. }) || !std::mem::take(&mut self.handover.owes_list) {
            return;
        }
        self.leave_the_rest(now);
        let own = match self.phase {
            Phase::Leaving | Phase::Stopping { .. } => 0,
            _ => self.processes,
        };
        self.act(Action::Answer(FromLeader::Keeps(own.saturating_add(self.handover.before))));
        self.act(Action::Answer(FromLeader::loaded(&self.loaded)));
    }

    /// What is not finished of a takeover is left to the next leader.
    fn leave_the_rest(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Asking { .. } | Phase::TakingOver) {
            self.phase = Phase::Running;
            self.handover.gives_way = true;
            self.handover.is_unfinished = true;
            self.processes = self.serving();
            self.stop_those_to_come(now);
        }
    }

    /// Lets one worker go for the next leader, and says so when it has gone. Called after each event.
    pub(crate) fn give_way(&mut self, now: Instant) {
        let Some(owed) = self.handover.owes else { return };
        if matches!(self.phase, Phase::Leaving | Phase::Stopping { .. }) {
            return self.has_given_way(0);
        }
        if self.handover.before > 0 {
            if self.handover.asked.is_none() {
                self.handover.asked = Some(ForWhom::Next);
                self.act(Action::TellPrevious(ToLeader::Yield));
            }
            return;
        }
        if self.is_somebody_leaving(now) {
            return;
        }
        if owed == Owed::Nobody {
            self.handover.owes = Some(Owed::Somebody);
            self.processes = self.processes.saturating_sub(1);
            if self.workers.values().filter(|worker| worker.is_current()).count() > self.processes as usize {
                self.stop_those_to_come(now);
            }
            self.shrink(now, Reason::GracefulSignal);
        }
        if self.surplus() == 0 && !self.is_somebody_leaving(now) {
            self.has_given_way(self.processes);
        }
    }

    fn has_given_way(&mut self, left: u32) {
        self.handover.owes = None;
        self.act(Action::Answer(FromLeader::Keeps(left)));
    }

    /// The next leader's workers come in their place.
    fn stop_those_to_come(&mut self, now: Instant) {
        for (slot, _, coming) in self.list(|worker| matches!(worker.state, State::Starting | State::Ready)) {
            if coming {
                self.stop(
                    now,
                    slot,
                    Reason::GracefulSignal,
                    "the processes of a graceful restart come instead",
                );
            }
        }
    }

    /// Lets all workers finish, and then ends.
    fn leave(&mut self, now: Instant, why: &str) {
        self.released_until = None;
        if matches!(self.phase, Phase::Leaving | Phase::Stopping { .. }) {
            return;
        }
        if matches!(self.phase, Phase::Asking { .. } | Phase::TakingOver)
            || std::mem::take(&mut self.handover.is_unfinished)
        {
            self.act(Action::TellPrevious(ToLeader::Drain)); // which has served until now
        }
        self.phase = Phase::Leaving;
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
                self.tell_what_is_loaded(now);
                self.go_on_taking_over();
            }
            Phase::Stopping { leave_at } if leave_at <= now => self.act(Action::Exit),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
