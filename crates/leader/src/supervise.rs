//! Every decision of the leader: an event in, actions out. No clock, no process, no descriptor.
//!
//! Workers are wanted rather than counted: after each event [`Supervisor::fill`] compares the processes that the
//! group is meant to have with those that are coming up or serve, and starts what is missing. A worker whose turn it is
//! to be replaced ([`crate::gate`]) stays out of that comparison and serves on until its replacement does; another
//! leader's workers serve on until all of ours are ready ([`crate::generations`]).

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use contract::area::State as Health;
use contract::control::{FromLeader, FromWorker, ToWorker};
use contract::launch::{Leader, Target};
use contract::limits::{Limits, duration};
use contract::reason::Reason;
use tracing::Level;

use crate::backoff::Backoff;
use crate::elastic::Elastic;
use crate::event::{Action, Event};
use crate::generations::Handover;
use crate::resize;
use crate::rolling::{Files, MOST_SCRIPTS, Scripts};
use crate::signals::Request;
use crate::turn::Turn;
use crate::worker::{State, Worker};

/// What workers get when httpd stops: it kills the leader 3 s after its SIGTERM.
const HURRY: Duration = Duration::from_millis(1800);
/// When the leader goes after that SIGTERM, whatever is left.
const LEAVE: Duration = Duration::from_millis(2700);
/// How much longer than shutdown-timeout a worker may take before it is killed.
pub(crate) const GRACE: Duration = Duration::from_millis(300);
/// Why a process that has come up is of no use.
pub(crate) const NOT_LOADED: &str = "a new process could not load what the serving processes have loaded (its traceback is in \
                                     the log above); they serve on with the code that they have. Mend the script, or remove it";

/// What the leader as a whole is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waits for the previous leader to say what its workers have loaded.
    Asking { until: Instant },
    /// Waits for the end of the previous leader, whose processes are not to run at the same time.
    Waiting,
    /// Its workers come up beside those of the previous leader, which serve on.
    TakingOver,
    /// Keeps the group at its number of processes.
    Running,
    /// Another leader serves, or nobody wants the group: workers finish, then all ends.
    Leaving,
    /// Everything ends now.
    Stopping { leave_at: Instant },
}

/// The state of the group, and the actions that follow from the event at hand.
#[derive(Debug)]
pub(crate) struct Supervisor {
    /// How many processes the group is meant to have at this moment.
    pub(crate) processes: u32,
    /// How that follows the load; `None`: it does not.
    pub(crate) elastic: Option<Elastic>,
    pub(crate) threads: u32,
    pub(crate) limits: Limits,
    /// reload=rolling.
    pub(crate) rolling: bool,
    /// preload=on.
    pub(crate) preload: bool,
    pub(crate) phase: Phase,
    pub(crate) workers: BTreeMap<u32, Worker>,
    /// What workers have loaded, so that replacements load it before they serve.
    pub(crate) loaded: Vec<Target>,
    /// For reload=rolling: what is known of their files.
    pub(crate) files: Files,
    /// What is agreed with the leader before and with the next one.
    pub(crate) handover: Handover,
    /// Whose turn it is to start processes.
    pub(crate) turn: Turn,
    /// When the leader leaves unless adopted.
    pub(crate) released_until: Option<Instant>,
    pub(crate) backoff: Backoff,
    /// Why the next worker is started.
    pub(crate) why: String,
    /// With preload=on: why workers have the code that was there, and not what the files hold.
    pub(crate) kept: Option<String>,
    /// The next worker loads nothing before it is asked to.
    pub(crate) afresh: bool,
    /// Whether a start was asked for and not yet answered.
    pub(crate) asked: u32,
    /// Whether the lack of a slot has been reported.
    slotless: bool,
    /// No start before this, for want of a slot.
    pub(crate) slot_at: Option<Instant>,
    actions: VecDeque<Action>,
}

impl Supervisor {
    pub(crate) fn new(settings: &Leader, now: Instant) -> Self {
        let mut new = Self {
            processes: settings.elastic.map_or(settings.processes.max(1), |elastic| elastic.least),
            elastic: resize::elastic(settings, now),
            threads: settings.threads,
            limits: settings.limits,
            rolling: settings.rolling,
            preload: settings.python.preload,
            phase: Phase::Running,
            workers: BTreeMap::new(),
            loaded: Vec::new(),
            files: Files::default(),
            handover: Handover::default(),
            turn: Turn::new(settings, now),
            released_until: None,
            backoff: Backoff::default(),
            why: "the group starts".to_owned(),
            kept: None,
            afresh: false,
            asked: 0,
            slotless: false,
            slot_at: None,
            actions: VecDeque::new(),
        };
        if settings.takes_over {
            new.take_over(now);
        } else {
            new.act(Action::Publish(Health::Starting, String::new()));
        }
        new.fill(now);
        new.pass_turn(now);
        new
    }

    /// The next thing to do.
    pub(crate) fn next(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Takes an event in.
    pub(crate) fn on(&mut self, now: Instant, event: Event) {
        match event {
            Event::Spawned { slot, pid } => self.spawned(now, slot, pid),
            Event::NotSpawned { reason } => {
                self.asked = self.asked.saturating_sub(1);
                self.start_failed(now, &reason);
            }
            Event::NotLoaded { reason } => {
                self.asked = self.asked.saturating_sub(1);
                let scripts = Scripts::of_template(&self.files);
                self.not_loaded(now, &scripts, &reason);
            }
            Event::Preloads => self.preloads(),
            Event::Kept { reason, starts } => self.keep_code(&reason, starts),
            Event::Renewed => self.renewed(),
            Event::NoSlot => self.no_slot(now),
            Event::Said { slot, message } => self.said(now, slot, message),
            Event::Printed { slot, text } => {
                if let Some(worker) = self.workers.get_mut(&slot) {
                    worker.printed.add(&text);
                }
            }
            Event::Seen { slot, seen } => self.seen(now, slot, &seen),
            Event::Idle { slot } => self.idle(now, slot),
            Event::Load(load) => self.loaded_with(now, &load),
            Event::Exited { slot, status, requests, busy } => self.exited(now, slot, status, requests, busy),
            Event::Asked(request) => self.asked_for(now, request),
            Event::Previous(FromLeader::Keeps(processes)) => self.previous_keeps(processes),
            Event::Previous(FromLeader::Loaded(loaded)) => self.previous_loaded(now, loaded),
            Event::PreviousGone => self.previous_gone(now),
            Event::Signal(Request::Stop) => self.stop_all(now, "httpd stops it"),
            Event::Signal(Request::Replace) => {
                self.renew();
                self.retire_all(now, Reason::GracefulSignal);
            }
            Event::HttpdGone => self.log(Level::INFO, "the httpd parent is gone; serving its last children"),
            Event::NoSenders => self.stop_all(now, "nobody is left who could send a request"),
            Event::Turn => self.turn_has_come(now),
            Event::Tick => self.tick(now),
        }
        self.roll(now);
        self.shrink(now, Reason::Surplus);
        self.give_way(now);
        self.let_one_go(now);
        self.fill(now);
        self.pass_turn(now);
    }

    /// When [`Event::Tick`] is due at the latest.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Asking { until } => Some(until),
            Phase::Stopping { leave_at } => Some(leave_at),
            Phase::Waiting | Phase::TakingOver | Phase::Running | Phase::Leaving => None,
        };
        let workers = self.workers.values().filter_map(Worker::deadline);
        workers
            .chain(phase)
            .chain(self.turn.deadline())
            .chain(self.released_until)
            .chain(self.backoff.waits_until(now))
            .min()
    }

    /// Starts what is missing, unless it is too early for that.
    fn fill(&mut self, now: Instant) {
        let waits = self.backoff.waits_until(now).is_some() || self.slot_at.is_some_and(|at| at > now);
        if waits || self.turn.is_to_come() || !matches!(self.phase, Phase::TakingOver | Phase::Running) {
            return;
        }
        let coming = self.workers.values().filter(|worker| worker.state == State::Starting).count();
        // Two processes of a service must not run at the same time.
        let counts = |worker: &&Worker| worker.is_current() || self.is_service();
        let current = self.workers.values().filter(counts).count();
        let mut missing = (self.wanted() as usize).saturating_sub(current + self.asked as usize);
        if self.backoff.failing() {
            missing = missing.min(1_usize.saturating_sub(coming + self.asked as usize)); // one at a time
        }
        for _ in 0..missing {
            self.asked += 1;
            let reload = if std::mem::take(&mut self.afresh) { Vec::new() } else { self.loaded.clone() };
            self.act(Action::Start { reload, why: self.why.clone() });
        }
    }

    /// Workers that start from now on load everything anew.
    pub(crate) fn renew(&mut self) {
        if self.preload {
            self.act(Action::Renew);
        }
    }

    /// Whether its processes run scripts instead of requests.
    pub(crate) fn is_service(&self) -> bool {
        self.threads == 0
    }

    /// Whether a start was asked for and not yet answered.
    pub(crate) fn is_starting(&self) -> bool {
        self.asked > 0
    }

    fn spawned(&mut self, now: Instant, slot: u32, pid: u32) {
        self.asked = self.asked.saturating_sub(1);
        self.slotless = false;
        let scripts = Scripts::new(&self.files, self.loaded.len());
        self.workers.insert(slot, Worker { scripts, ..Worker::new(pid, now) });
        if !matches!(self.phase, Phase::TakingOver | Phase::Running) {
            self.act(Action::Kill { slot }); // the phase changed meanwhile; it has done nothing yet
        }
    }

    fn said(&mut self, now: Instant, slot: u32, message: FromWorker) {
        let Some(worker) = self.workers.get_mut(&slot) else { return };
        match message {
            FromWorker::Ready { loaded } if worker.state == State::Starting => self.ready(now, slot, loaded),
            FromWorker::Loaded(target) => self.is_loaded(target),
            FromWorker::Changed { script } => self.changed(now, slot, &script),
            FromWorker::Script(state) => {
                let loaded = state.loaded.filter(|_| self.rolling).map(|_| state.target.clone());
                self.heard_of_script(slot, state);
                loaded.into_iter().for_each(|target| self.is_loaded(target)); // its Loaded may come later
            }
            FromWorker::Retire { reason } => {
                if reason == Reason::GracefulSignal {
                    self.renew(); // whoever sends the signal may have changed a module
                }
                self.retire(now, slot, reason);
            }
            FromWorker::Failed { reason } => worker.failure = Some(reason),
            FromWorker::NotExecuted { reason } => (worker.failure, worker.unborn) = (Some(reason), true),
            FromWorker::Ready { .. }
            | FromWorker::Busy
            | FromWorker::Forked { .. }
            | FromWorker::Probed
            | FromWorker::NotForked { .. }
            | FromWorker::Unfit { .. } => {}
        }
    }

    /// Some worker has this script.
    fn is_loaded(&mut self, target: Target) {
        if self.loaded.len() < MOST_SCRIPTS && !self.loaded.contains(&target) {
            self.loaded.push(target);
            self.share_scripts();
        }
    }

    fn ready(&mut self, now: Instant, slot: u32, loaded: bool) {
        self.set_state(slot, State::Ready);
        if (!loaded || self.lacks_a_script(slot)) && self.others_serve() {
            let why = "it could not load what the serving processes have loaded";
            self.stop(now, slot, Reason::ShutdownSignal, why);
            let scripts = self.workers.get(&slot).map(|worker| worker.scripts.clone()).unwrap_or_default();
            return self.not_loaded(now, &scripts, NOT_LOADED);
        }
        self.backoff.came_up();
        self.accept(now, slot);
    }

    /// Whether requests are served well by others than the worker that is coming up.
    pub(crate) fn others_serve(&self) -> bool {
        let serves = |worker: &Worker| (self.rolling || worker.outgoing.is_some()) && worker.is_serving();
        self.phase == Phase::TakingOver || self.workers.values().any(serves)
    }

    /// A process that has come up, and found its scripts like this, is of no use while others serve.
    fn not_loaded(&mut self, now: Instant, scripts: &Scripts, reason: &str) {
        if !self.call_off(scripts, reason) {
            self.start_failed(now, reason);
            self.act(Action::Publish(Health::Outdated, reason.to_owned()));
        }
    }

    /// Lets a worker take requests, and one that it replaces finish.
    pub(crate) fn accept(&mut self, now: Instant, slot: u32) {
        if let Some(worker) = self.workers.get_mut(&slot) {
            worker.state = State::Serving { since: now };
            self.act(Action::Tell { slot, message: ToWorker::Accept });
            self.admit(slot);
            self.share_scripts();
            let (health, failure) = self.health();
            self.act(Action::Publish(health, failure));
            self.relieve(now);
            self.go_on_taking_over();
        }
    }

    /// All slots hold processes that have not ended. One of ours that has drained for long enough is stopped.
    fn no_slot(&mut self, now: Instant) {
        self.asked = self.asked.saturating_sub(1);
        self.slot_at = Some(now + Duration::from_millis(500));
        if !self.slotless {
            self.slotless = true;
            self.log(
                Level::INFO,
                "a process waits to start until one that is finishing its requests has ended",
            );
        }
        self.take_over_without_room();
        let draining = self.workers.iter().filter_map(|(slot, worker)| match worker.state {
            State::Draining { since, .. } => Some((since, *slot)),
            _ => None,
        });
        let patience = Duration::from_secs(self.limits.graceful_timeout.into());
        if let Some((since, slot)) = draining.min().filter(|(since, _)| *since + patience <= now) {
            let seconds = now.duration_since(since).as_secs();
            let why = format!("it is still busy after {seconds} s and its place is needed");
            self.stop(now, slot, Reason::GracefulSignal, &why);
        }
    }

    /// A drained worker that does not end (an `atexit` function that hangs) gets shutdown-timeout.
    fn idle(&mut self, now: Instant, slot: u32) {
        let limit = duration(self.limits.shutdown_timeout);
        if let Some(Worker { state: State::Draining { until: until @ None, .. }, .. }) =
            self.workers.get_mut(&slot)
        {
            *until = limit.map(|limit| now + limit);
        }
    }

    fn tick(&mut self, now: Instant) {
        self.tick_generations(now);
        self.tick_turn(now);
        let due: Vec<_> = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.deadline().is_some_and(|at| at <= now))
            .map(|(slot, worker)| (*slot, worker.pid, worker.state))
            .collect();
        for (slot, pid, state) in due {
            match state {
                State::Draining { .. } => {
                    let evicted = self.workers.get(&slot).is_some_and(|worker| worker.is_evicted());
                    let limit = if evicted { "eviction-timeout" } else { "graceful-timeout" };
                    let why = format!("its time to finish requests is over ({limit})");
                    self.stop(now, slot, Reason::GracefulSignal, &why);
                }
                State::Stopping { .. } => {
                    self.log(
                        Level::ERROR,
                        format!("process {pid} in slot {slot} did not stop in time and is killed (shutdown-timeout)"),
                    );
                    self.set_state(slot, State::Stopping { kill_at: None });
                    self.act(Action::Kill { slot });
                }
                State::Starting | State::Ready | State::Serving { .. } => {}
            }
        }
    }

    /// Tells a worker to exit.
    pub(crate) fn stop(&mut self, now: Instant, slot: u32, reason: Reason, why: &str) {
        let limit = duration(self.limits.shutdown_timeout);
        let Some(worker) = self.workers.get_mut(&slot) else { return };
        // A service does not listen to its leader, nor does a worker that is loading.
        let starting = worker.state == State::Starting || self.threads == 0;
        let pid = worker.pid;
        let reason = worker.ends_for(reason);
        worker.state = State::Stopping { kill_at: limit.map(|limit| now + limit + GRACE) };
        self.log(Level::INFO, format!("Stopping process {pid} in slot {slot}: {why}"));
        self.act(Action::Tell { slot, message: ToWorker::Stop { reason } });
        if starting {
            self.act(Action::Terminate { slot });
        }
    }

    /// Ends everything within what httpd grants.
    fn stop_all(&mut self, now: Instant, reason: &str) {
        if matches!(self.phase, Phase::Stopping { .. }) {
            return;
        }
        let limit = duration(self.limits.shutdown_timeout).unwrap_or(HURRY).min(HURRY);
        let milliseconds = limit.as_millis() as u32;
        self.phase = Phase::Stopping { leave_at: now + LEAVE };
        let service = self.is_service();
        for (slot, pid, starting) in self.list(|worker| worker.state == State::Starting || service) {
            self.log(Level::INFO, format!("Stopping process {pid} in slot {slot}: {reason}"));
            self.act(Action::Tell { slot, message: ToWorker::StopWithin { milliseconds } });
            if starting {
                self.act(Action::Terminate { slot });
            }
            self.set_state(slot, State::Stopping { kill_at: Some(now + limit + GRACE) });
            self.workers.get_mut(&slot).map(|worker| worker.ends_for(Reason::ShutdownSignal));
        }
        self.leave_if_done();
    }

    /// All workers, each with the answer to a question.
    pub(crate) fn list<T>(&self, question: impl Fn(&Worker) -> T) -> Vec<(u32, u32, T)> {
        self.workers.iter().map(|(slot, worker)| (*slot, worker.pid, question(worker))).collect()
    }

    pub(crate) fn set_state(&mut self, slot: u32, state: State) {
        if let Some(worker) = self.workers.get_mut(&slot) {
            worker.state = state;
        }
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(crate) fn log(&mut self, level: Level, text: impl Into<String>) {
        self.act(Action::Log(level, text.into()));
    }
}

#[cfg(test)]
pub(crate) mod tests;
