//! How a worker gets a slot and begins: from nothing, or as a copy of the template.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use contract::area::Slot;
use contract::control::{self, FromWorker, Placed, ToTemplate};
use contract::launch::Target;
use contract::thread::clock;
use contract::ticket;
use rustix::io::Errno;

use super::{Loop, messages};
use crate::event::Event;
use crate::process::Process;
use crate::repair::hand_back;
use crate::spawn::{Place, SpawnError, spawn};
use crate::template::Start;

/// Why nothing was heard of a forked worker.
const STILLBORN: &str = "the process that has loaded the application ended while it forked a worker; look at functions of \
                         mod_wsgi.subscribe_fork(before=...) and os.register_at_fork, and for libraries that do not survive \
                         a fork";

/// A worker of which nobody knows yet who it is.
pub(super) struct Forked {
    pub(super) slot: u32,
    pub(super) control: OwnedFd,
    /// Its template's process id.
    template: u32,
    pub(super) start: Start,
}

impl Loop {
    /// Makes a free slot ours. Its number is kept from others by the leader's own process id, until a worker has it.
    pub(super) fn claim(&self) -> Option<u32> {
        let claim = |slot: &Slot| slot.pid.compare_exchange(0, std::process::id(), SeqCst, SeqCst).is_ok();
        let free = (0..).zip(self.area.slots()).zip(&self.slots).find(|((_, slot), _)| claim(slot));
        let ((number, slot), socket) = free?;
        hand_back(socket.as_fd());
        slot.reserved.store(0, SeqCst);
        Some(number)
    }

    /// Starts a worker from nothing.
    pub(super) fn spawn_worker(&mut self, start: Start) -> Event {
        let Some(number) = self.claim() else { return Event::NoSlot };
        let Start { reload, why } = start;
        let Some(socket) = self.slots.get(number as usize) else { return Event::NoSlot };
        match spawn(&self.settings, &self.place(Some((number, socket.as_fd()))), reload) {
            Ok(process) => {
                let origin = format!("{}: {why}", self.settings.interpreter.display());
                self.begin(number, process, &origin)
            }
            Err(error) => self.not_spawned(number, error.to_string()),
        }
    }

    /// Starts a template.
    pub(super) fn spawn_template(&self, reload: Vec<Target>) -> Result<Process, SpawnError> {
        spawn(&self.settings, &self.place(None), reload)
    }

    /// Has the template fork a worker. What becomes of it is heard later.
    pub(super) fn fork(&mut self, start: Start) -> Option<Event> {
        let Some(slot) = self.claim() else {
            self.nursery.templates.forked(Instant::now());
            return Some(Event::NoSlot);
        };
        match self.order_fork(slot, &start.reload) {
            Ok((template, control)) => {
                self.nursery.forked = Some(Forked { slot, control, template, start });
                None
            }
            Err(error) => {
                self.nursery.templates.forked(Instant::now());
                let reason =
                    format!("the process that has loaded the application cannot be told to fork: {error}");
                Some(self.not_spawned(slot, reason))
            }
        }
    }

    fn order_fork(&self, number: u32, reload: &[Target]) -> Result<(u32, OwnedFd), Errno> {
        let (template, to_template) = self.nursery.forker().ok_or(Errno::PIPE)?;
        let (ours, theirs) = ticket::queue()?;
        let socket = self.slots.get(number as usize).ok_or(Errno::INVAL)?;
        control::pass(&ours, &Placed::new(number, reload), socket.as_fd())?;
        control::pass(to_template, &ToTemplate::Fork, theirs.as_fd())?;
        Ok((template, ours))
    }

    /// The worker that was forked last says who it is, and may say more.
    pub(super) fn hear_forked(&mut self) {
        let Some(forked) = self.nursery.forked.take() else { return };
        let (messages, open) = messages::<FromWorker>(&forked.control, "a process that was just forked");
        let mut messages = messages.into_iter();
        let slot = forked.slot;
        let event = match messages.next() {
            Some(FromWorker::Forked { pid }) => self.adopt(pid, forked),
            None if open => return self.nursery.forked = Some(forked),
            None | Some(_) => self.not_spawned(slot, STILLBORN.to_owned()),
        };
        self.happened(event);
        for message in messages {
            self.happened(Event::Said { slot, message });
        }
        self.nursery.templates.forked(Instant::now());
    }

    /// The system does not let the template fork.
    pub(super) fn not_forked(&mut self, reason: String) {
        if let Some(forked) = self.nursery.forked.take() {
            let event = self.not_spawned(forked.slot, reason);
            self.happened(event);
            self.nursery.templates.forked(Instant::now());
        }
    }

    fn adopt(&mut self, pid: u32, forked: Forked) -> Event {
        let Forked { slot, control, template, start } = forked;
        match Process::watch(pid, control, None) {
            Ok(process) => self.begin(
                slot,
                process,
                &format!("the application, forked from process {template}: {}", start.why),
            ),
            Err(error) => {
                self.not_spawned(slot, format!("process {pid}, which was forked, cannot be watched: {error}"))
            }
        }
    }

    /// A worker has slot `number`; `origin` says from what it was made, and why.
    pub(super) fn begin(&mut self, number: u32, process: Process, origin: &str) -> Event {
        let (pid, threads) = (process.id(), self.settings.threads);
        if let Some(slot) = self.slot(number) {
            slot.generation.store(self.settings.generation, SeqCst);
            slot.since.store(clock(), SeqCst);
            slot.pid.store(pid, SeqCst);
        }
        self.area.group().starts.fetch_add(1, SeqCst);
        tracing::info!("Starting process {pid} in slot {number} with {threads} threads and {origin}");
        self.processes.insert(number, process);
        Event::Spawned { slot: number, pid }
    }

    /// Slot `number` is free again.
    pub(super) fn not_spawned(&self, number: u32, reason: String) -> Event {
        if let Some(slot) = self.slot(number) {
            slot.clear();
        }
        Event::NotSpawned { reason }
    }

    fn place<'g>(&'g self, slot: Option<(u32, BorrowedFd<'g>)>) -> Place<'g> {
        Place {
            slots: self.slots.len() as u32,
            area: self.area_file.as_fd(),
            overflow: self.overflow.as_fd(),
            question: self.question.as_fd(),
            slot,
        }
    }
}
