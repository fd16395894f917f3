//! What the loop waits for.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::nursery::Crib;
use super::{Loop, RunError};
use crate::control::Control;
use crate::signals::Request;
use crate::supervise::Phase;

/// A descriptor that the loop waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Signal(Request),
    Parent,
    Previous,
    /// What an interpreter prints while it comes up.
    Printed(u32),
    Control(u32),
    /// A slot without a worker: a ticket there must go back.
    Vacant(u32),
    Httpd,
    /// It is this leader's turn to start processes, or requests wait for that.
    Turn,
    /// A request waits for a group at rest.
    Ticket,
    /// The overflow of an elastic group that is to grow if somebody comes there.
    Queue,
    Senders,
    Pid(u32),
    /// Templates and what they fork.
    Nursery(Crib),
}

impl Loop {
    /// What is ready, in the order in which it is to be handled: what a worker said before that it ended.
    pub(super) fn wait(&self) -> Result<Vec<Source>, RunError> {
        let now = Instant::now();
        let due = self.supervisor.deadline(now).into_iter().chain(self.looks.next);
        let until = due.fold(self.next_look(), Instant::min);
        let wait = until.saturating_duration_since(now);
        let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
        let sources = self.sources();
        let full: Vec<_> =
            self.controls().filter(|(_, control)| control.is_waiting()).map(|(source, _)| source).collect();
        let mut polled: Vec<_> = sources
            .iter()
            .map(|(source, descriptor)| match source {
                Source::Senders => PollFd::from_borrowed_fd(*descriptor, PollFlags::empty()), // only POLLHUP
                _ if full.contains(source) => {
                    PollFd::from_borrowed_fd(*descriptor, PollFlags::IN | PollFlags::OUT)
                }
                _ => PollFd::from_borrowed_fd(*descriptor, PollFlags::IN),
            })
            .collect();
        match poll(&mut polled, Some(&wait)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Vec::new()),
            Err(error) => return Err(RunError::Poll(error)),
        }
        let ready = sources.iter().zip(&polled).filter(|(_, polled)| !polled.revents().is_empty());
        Ok(ready.map(|((source, _), _)| *source).collect())
    }

    /// The sockets by which messages come and go.
    fn controls(&self) -> impl Iterator<Item = (Source, &Control)> {
        let parents = self.parent.iter().map(|parent| (Source::Parent, parent));
        let previous = self.previous.iter().map(|previous| (Source::Previous, previous));
        let processes = self.processes.iter();
        let controls =
            processes.filter_map(|(slot, process)| Some((Source::Control(*slot), process.control.as_ref()?)));
        parents.chain(previous).chain(controls)
    }

    fn sources(&self) -> Vec<(Source, BorrowedFd<'_>)> {
        let mut sources: Vec<_> =
            self.signals.sources().map(|(request, socket)| (Source::Signal(request), socket)).collect();
        for (slot, process) in &self.processes {
            sources.extend(process.printed.as_ref().map(|printed| (Source::Printed(*slot), printed.as_fd())));
        }
        sources.extend(self.controls().map(|(source, control)| (source, control.as_fd())));
        for ((number, socket), slot) in (0..).zip(&self.slots).zip(self.area.slots()) {
            if slot.pid.load(SeqCst) == 0 && !self.closed.contains(&number) {
                sources.push((Source::Vacant(number), socket.as_fd()));
            }
        }
        sources.extend(self.httpd.as_ref().map(|httpd| (Source::Httpd, httpd.as_fd())));
        if self.supervisor.turn.is_to_come() {
            sources.extend(self.before.as_ref().map(|before| (Source::Turn, before.as_fd())));
            sources.push((Source::Turn, self.overflow.as_fd()));
        }
        if self.is_at_rest(Instant::now()) {
            sources.push((Source::Ticket, self.overflow.as_fd()));
        }
        if self.looks.next.is_none() && self.supervisor.watches_queue() {
            sources.push((Source::Queue, self.overflow.as_fd()));
        }
        // Their end is news once: it stays, and would keep a loop awake that only waits for its workers.
        let stopping = matches!(self.supervisor.phase, Phase::Stopping { .. });
        if (self.orphaned || self.supervisor.is_released()) && !stopping {
            sources.push((Source::Senders, self.overflow.as_fd()));
        }
        sources.extend(self.nursery.sources().into_iter().map(|(crib, end)| (Source::Nursery(crib), end)));
        sources
            .extend(self.processes.iter().map(|(slot, process)| (Source::Pid(*slot), process.pidfd.as_fd())));
        sources
    }
}
