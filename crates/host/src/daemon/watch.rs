//! What an idle request thread waits for: its kept connection, its worker's slot, the group's overflow.
//!
//! Slot and overflow are shared with other threads and waited for with EPOLLEXCLUSIVE: one ticket wakes one thread.
//! Two things follow. A thread that was woken for one of them must try it or pass the wake-up on, since nobody else
//! was woken. And after a ticket the thread goes to the end of the socket's list of waiters, so that threads without
//! a kept connection are woken before it.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{Errno, Result};

use super::shared::Shared;

/// How long a thread that may not take from a readable overflow looks away from it.
const LOOK_AWAY: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

const KEPT: u64 = 0;
const SLOT: u64 = 1;
const OVERFLOW: u64 = 2;
const NUDGE: u64 = 3;
const LEAVING: u64 = 4;

/// What is ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) kept: bool,
    pub(super) slot: bool,
    pub(super) overflow: bool,
    pub(super) nudge: bool,
    pub(super) leaving: bool,
}

/// The poll set of one thread.
pub(super) struct Watch<'s> {
    shared: &'s Shared,
    epoll: OwnedFd,
    /// The overflow is in the set.
    overflow: bool,
    /// The overflow comes back into the set.
    looking_away: bool,
}

impl<'s> Watch<'s> {
    pub(super) fn new(shared: &'s Shared) -> Result<Self> {
        let this =
            Self { shared, epoll: epoll::create(CreateFlags::CLOEXEC)?, overflow: true, looking_away: false };
        this.add(&shared.leaving, LEAVING, EventFlags::IN)?;
        this.add(&shared.nudge, NUDGE, EventFlags::IN | EventFlags::EXCLUSIVE)?;
        this.add(&shared.slot, SLOT, EventFlags::IN | EventFlags::EXCLUSIVE)?;
        this.add(&shared.overflow, OVERFLOW, EventFlags::IN | EventFlags::EXCLUSIVE)?;
        Ok(this)
    }

    /// Waits until something is ready.
    pub(super) fn wait(&mut self) -> Result<Ready> {
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 5];
        let count = loop {
            match epoll::wait(&self.epoll, &mut events, self.looking_away.then_some(&LOOK_AWAY)) {
                Err(Errno::INTR) => {}
                other => break other?,
            }
        };
        if self.looking_away {
            self.looking_away = false;
            self.overflow =
                self.add(&self.shared.overflow, OVERFLOW, EventFlags::IN | EventFlags::EXCLUSIVE).is_ok();
        }
        let mut ready = Ready::default();
        for event in events.iter().take(count) {
            match event.data.u64() {
                KEPT => ready.kept = true,
                SLOT => ready.slot = true,
                OVERFLOW => ready.overflow = true,
                NUDGE => ready.nudge = true,
                _ => ready.leaving = true,
            }
        }
        Ok(ready)
    }

    /// Adds the kept connection.
    pub(super) fn keep(&self, connection: impl AsFd) -> Result<()> {
        self.add(connection, KEPT, EventFlags::IN | EventFlags::RDHUP)
    }

    /// Removes the kept connection.
    pub(super) fn forget(&self, connection: impl AsFd) {
        let _ = epoll::delete(&self.epoll, connection);
    }

    /// Puts this thread at the end of the slot's waiters.
    pub(super) fn requeue_slot(&self) {
        if epoll::delete(&self.epoll, &self.shared.slot).is_ok() {
            let _ = self.add(&self.shared.slot, SLOT, EventFlags::IN | EventFlags::EXCLUSIVE);
        }
    }

    /// Puts this thread at the end of the overflow's waiters.
    pub(super) fn requeue_overflow(&self) {
        if self.overflow && epoll::delete(&self.epoll, &self.shared.overflow).is_ok() {
            let _ = self.add(&self.shared.overflow, OVERFLOW, EventFlags::IN | EventFlags::EXCLUSIVE);
        }
    }

    /// Does not look at the overflow for a millisecond.
    pub(super) fn look_away(&mut self) {
        if self.overflow {
            let _ = epoll::delete(&self.epoll, &self.shared.overflow);
            (self.overflow, self.looking_away) = (false, true);
        }
    }

    /// Nobody is left who could send a ticket to the slot: end of file would wake the thread for ever.
    pub(super) fn drop_slot(&self) {
        let _ = epoll::delete(&self.epoll, &self.shared.slot);
    }

    /// The same for the overflow.
    pub(super) fn drop_overflow(&mut self) {
        if std::mem::take(&mut self.overflow) {
            let _ = epoll::delete(&self.epoll, &self.shared.overflow);
        }
    }

    /// The worker takes nothing new any more: only its slot counts.
    pub(super) fn leave(&mut self) {
        (self.overflow, self.looking_away) = (false, false);
        for descriptor in [&self.shared.overflow, &self.shared.nudge, &self.shared.leaving] {
            let _ = epoll::delete(&self.epoll, descriptor);
        }
    }

    fn add(&self, source: impl AsFd, token: u64, flags: EventFlags) -> Result<()> {
        epoll::add(&self.epoll, source, EventData::new_u64(token), flags)
    }
}

impl AsFd for Watch<'_> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
