//! The loop: descriptors become events, actions become system calls.

mod load;
mod nursery;
mod pace;
mod start;
mod wait;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use contract::area::{Area, Slot, State as Health};
use contract::control;
use contract::launch::Leader;
use contract::reason::Reason;
use contract::thread::{Thread, clock};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, PidfdFlags, Signal, pidfd_open};
use serde::de::DeserializeOwned;
use thiserror::Error;

use self::load::Looks;
use self::nursery::Nursery;
use self::pace::Pace;
use self::wait::Source;
use crate::control::Control;
use crate::event::{Action, Event};
use crate::log;
use crate::look::Seen;
use crate::process::Process;
use crate::repair::{Suspicion, hand_back, is_gone};
use crate::settings::Given;
use crate::signals::Signals;
use crate::supervise::Supervisor;
use crate::template::Start;

/// How often counts, limits and foreign slots are looked at, unless the group is at rest.
const TICK: Duration = Duration::from_secs(1);
/// How many messages of one process are heard in a turn: a socket holds fewer.
const MESSAGES: u32 = 512;

/// Why the loop cannot go on.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    #[error("cannot wait for events: {0}")]
    Poll(#[source] Errno),
    #[error("cannot set up signals: {0}")]
    Signals(#[source] io::Error),
}

struct Loop {
    settings: Leader,
    area: Area,
    area_file: OwnedFd,
    overflow: OwnedFd,
    /// For workers only.
    question: OwnedFd,
    slots: Vec<OwnedFd>,
    parent: Option<Control>,
    previous: Option<Control>,
    /// For whose end it waits before it starts processes.
    before: Option<OwnedFd>,
    /// For whose end another leader waits.
    after: Option<OwnedFd>,
    httpd: Option<OwnedFd>,
    /// The parent is gone; the end of all senders is waited for.
    orphaned: bool,
    signals: Signals,
    /// Slots to which nobody can send any more.
    closed: BTreeSet<u32>,
    processes: BTreeMap<u32, Process>,
    nursery: Nursery,
    supervisor: Supervisor,
    suspicions: Vec<Suspicion>,
    queue_suspicion: Suspicion,
    looks: Looks,
    pace: Pace,
    ticked: Instant,
    done: bool,
}

/// Runs until the group has ended.
pub(crate) fn run(given: Given) -> Result<(), RunError> {
    let settings = given.settings;
    if !settings.core_dumps {
        let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    let signals = Signals::install().map_err(RunError::Signals)?;
    let httpd = Pid::from_raw(settings.httpd_pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let now = Instant::now();
    let mut this = Loop {
        supervisor: Supervisor::new(&settings, now),
        nursery: Nursery::new(&settings),
        settings,
        area: given.area,
        area_file: given.area_file,
        overflow: given.overflow,
        question: given.question,
        suspicions: given.slots.iter().map(|_| Suspicion::default()).collect(),
        slots: given.slots,
        parent: Some(Control::new(given.parent, "httpd".to_owned())),
        previous: given.previous.map(|socket| Control::new(socket, "the leader before".to_owned())),
        before: given.turn,
        after: given.next,
        orphaned: httpd.is_none(),
        httpd,
        signals,
        closed: BTreeSet::new(),
        processes: BTreeMap::new(),
        queue_suspicion: Suspicion::default(),
        looks: Looks::default(),
        pace: Pace::new(now),
        ticked: now,
        done: false,
    };
    this.show_size();
    this.perform_all();
    while !this.done {
        this.turn()?;
    }
    Ok(())
}

impl Loop {
    fn turn(&mut self) -> Result<(), RunError> {
        let ready = self.wait()?;
        for source in ready {
            self.ready(source);
        }
        let now = Instant::now();
        let tick = now >= self.next_look();
        if tick {
            self.ticked = now;
            self.look_around(now);
            self.show_size();
        }
        self.look_at_load(now, tick);
        self.happened(Event::Tick);
        self.tend(now);
        Ok(())
    }

    fn ready(&mut self, source: Source) {
        self.pace.wake(Instant::now());
        if let Some(control) = self.control(source) {
            control.flush();
        }
        match source {
            Source::Signal(request) => {
                self.signals.clear(request);
                self.happened(Event::Signal(request));
            }
            Source::Parent => {
                let (messages, open) = said_by(self.parent.as_ref());
                if !open {
                    self.parent = None;
                }
                messages.into_iter().for_each(|message| self.happened(Event::Asked(message)));
            }
            Source::Previous => {
                let (messages, open) = said_by(self.previous.as_ref());
                messages.into_iter().for_each(|message| self.happened(Event::Previous(message)));
                if !open {
                    self.previous = None;
                    self.happened(Event::PreviousGone);
                }
            }
            Source::Printed(slot) => self.pass_on(slot),
            Source::Control(slot) => self.hear(slot),
            Source::Vacant(number) => {
                let vacant =
                    self.area.slots().get(number as usize).is_some_and(|slot| slot.pid.load(SeqCst) == 0);
                let socket = self.slots.get(number as usize).filter(|_| vacant);
                if socket.is_some_and(|socket| !hand_back(socket.as_fd()).open) {
                    self.closed.insert(number);
                }
            }
            Source::Httpd => {
                (self.httpd, self.orphaned) = (None, true);
                self.happened(Event::HttpdGone);
            }
            Source::Turn => {
                self.before = None;
                self.happened(Event::Turn);
            }
            Source::Ticket => {} // awake, the loop sees what becomes of it
            Source::Queue => self.looks.wake(Instant::now()),
            Source::Senders => self.happened(Event::NoSenders),
            Source::Pid(slot) => self.reap(slot),
            Source::Nursery(place) => self.visit(place),
        }
    }

    /// Whose messages come by that source.
    fn control(&mut self, source: Source) -> Option<&mut Control> {
        match source {
            Source::Parent => self.parent.as_mut(),
            Source::Previous => self.previous.as_mut(),
            Source::Control(slot) => self.processes.get_mut(&slot)?.control.as_mut(),
            _ => None,
        }
    }

    fn hear(&mut self, slot: u32) {
        let Some(process) = self.processes.get_mut(&slot) else { return };
        let (messages, open) = said_by(process.control.as_ref());
        if !open {
            process.control = None;
        }
        for message in messages {
            self.happened(Event::Said { slot, message });
        }
    }

    /// Passes what an interpreter prints on to the log, and lets the supervisor know.
    fn pass_on(&mut self, slot: u32) {
        if let Some(text) = self.processes.get_mut(&slot).and_then(Process::read_printed) {
            let _ = io::stderr().write_all(&text);
            self.happened(Event::Printed { slot, text: String::from_utf8_lossy(&text).into_owned() });
        }
    }

    fn reap(&mut self, slot: u32) {
        self.hear(slot); // what it said last
        self.pass_on(slot);
        let Some(process) = self.processes.get_mut(&slot) else { return };
        let Some(status) = process.reap() else { return };
        self.processes.remove(&slot);
        let (requests, busy) =
            self.slot(slot).map_or((0, 0), |slot| (slot.requests.load(SeqCst), slot.busy.load(SeqCst)));
        self.happened(Event::Exited { slot, status, requests, busy });
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        self.area.slots().get(number as usize)
    }

    /// Takes an event to the supervisor and does what it wants.
    fn happened(&mut self, event: Event) {
        self.supervisor.on(Instant::now(), event);
        self.perform_all();
    }

    fn perform_all(&mut self) {
        let mut answers = VecDeque::new();
        loop {
            while let Some(action) = self.supervisor.next() {
                answers.extend(self.perform(action));
            }
            let Some(answer) = answers.pop_front() else { return };
            self.supervisor.on(Instant::now(), answer);
        }
    }

    fn perform(&mut self, action: Action) -> Vec<Event> {
        match action {
            Action::Start { reload, why } => return self.start(Start { reload, why }),
            Action::Renew => return self.renew(),
            Action::Tell { slot, message } => {
                let process = self.processes.get_mut(&slot);
                send_to(process.and_then(|process| process.control.as_mut()), &message);
            }
            Action::Close { slot } => {
                if let Some(slot) = self.slot(slot) {
                    slot.accepting.store(0, SeqCst);
                }
            }
            Action::Terminate { slot } => self.signal(slot, Signal::TERM),
            Action::Abort { slot } => self.signal(slot, Signal::ABORT),
            Action::Kill { slot } => self.signal(slot, Signal::KILL),
            Action::Free { slot, pid, status, reason } => self.free(slot, pid, status, reason),
            Action::Publish(health, failure) => self.publish(health, &failure),
            Action::Resize { target, reason } => self.area.group().size.change(target, &reason, clock()),
            Action::Answer(answer) => send_to(self.parent.as_mut(), &answer),
            Action::TellPrevious(message) => send_to(self.previous.as_mut(), &message),
            Action::PassTurn => self.after = None,
            Action::Log(level, text) => log::write(level, &text),
            Action::Exit => self.done = true,
        }
        Vec::new()
    }

    fn signal(&self, slot: u32, signal: Signal) {
        if let Some(process) = self.processes.get(&slot) {
            process.signal(signal);
        }
    }

    /// The end is published before the slot is free: a child that finds it free must find the reason.
    fn free(&self, number: u32, pid: u32, status: i32, reason: Option<Reason>) {
        self.area.group().record_exit(pid, status, reason);
        let Some(slot) = self.slot(number) else { return };
        slot.accepting.store(0, SeqCst);
        let returned = self.slots.get(number as usize).map_or(0, |socket| hand_back(socket.as_fd()).tickets);
        if returned > 0 {
            tracing::info!("{returned} requests that waited for process {pid} go to another");
        }
        self.area.threads(number as usize).iter().for_each(Thread::clear);
        slot.clear();
    }

    fn publish(&self, health: Health, failure: &str) {
        let others = || self.area.slots().iter().any(|slot| slot.accepting.load(SeqCst) != 0);
        if matches!(health, Health::Failing | Health::Outdated) {
            self.area.group().set_failure(failure);
        }
        // Failing and Starting are what a group is where nobody serves; the others are said by those who do.
        if matches!(health, Health::Running | Health::Outdated) || !others() {
            self.area.group().set_state(health);
        }
    }

    /// Once a second: counts with nothing behind them, slots of processes whose leader is no more.
    fn look_around(&mut self, now: Instant) {
        for (((number, slot), socket), suspicion) in
            (0..).zip(self.area.slots()).zip(&self.slots).zip(&mut self.suspicions)
        {
            let pid = slot.pid.load(SeqCst);
            if self.processes.contains_key(&number) {
                if let Some(count) = suspicion.repair_slot(now, slot, socket.as_fd()) {
                    tracing::warn!(
                        "took back {count} reservations of process {pid} that no request stood behind"
                    );
                }
            } else if pid != 0 && is_gone(pid) {
                tracing::info!("slot {number} is free again: its process {pid} ended without a leader");
                hand_back(socket.as_fd());
                self.area.threads(number as usize).iter().for_each(Thread::clear);
                slot.clear();
            }
        }
        if let Some(count) = self.queue_suspicion.repair_queue(now, self.area.group(), self.overflow.as_fd())
        {
            tracing::warn!("took back the announcement of {count} requests that never came");
        }
        self.bury_strangers();
        self.find_pace(now);
        for (number, seen) in self.look(clock()) {
            self.happened(Event::Seen { slot: number, seen });
        }
        let idle = |slot: &&Slot| slot.reserved.load(SeqCst) == 0 && slot.busy.load(SeqCst) == 0;
        let idle: Vec<_> = self
            .processes
            .keys()
            .copied()
            .filter(|slot| self.slot(*slot).as_ref().is_some_and(idle))
            .collect();
        idle.into_iter().for_each(|slot| self.happened(Event::Idle { slot }));
    }
}

impl Loop {
    /// What the area shows of each of our workers.
    fn look(&self, now: u64) -> Vec<(u32, Seen)> {
        let seen = |number: &u32| {
            let slot = self.slot(*number)?;
            Some((*number, Seen::of(slot, self.area.threads(*number as usize), now)))
        };
        self.processes.keys().filter_map(seen).collect()
    }
}

/// As [`messages`]; of nobody there is none.
fn said_by<T: DeserializeOwned>(control: Option<&Control>) -> (Vec<T>, bool) {
    control.map_or_else(|| (Vec::new(), false), |control| messages(control, control.whose()))
}

/// The messages that wait in a control socket, and whether the other side is still there. More than a socket holds come
/// from somebody who does not stop: those are for the next turn.
fn messages<T: DeserializeOwned>(socket: &impl AsFd, whose: &str) -> (Vec<T>, bool) {
    let mut messages = Vec::new();
    for _ in 0..MESSAGES {
        match control::receive(socket) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break,
            Err(Errno::BADMSG) => tracing::warn!(
                "a message of {whose} is not understood, and is ignored: an application that writes to descriptors that \
                 it has not opened, or parts of several builds, do this"
            ),
            Err(_) => return (messages, false),
        }
    }
    (messages, true)
}

fn send_to(control: Option<&mut Control>, message: &impl serde::Serialize) {
    if let Some(control) = control {
        control.send(message);
    }
}
