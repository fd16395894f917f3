//! What ended processes leave behind in the group's sockets and counts.
//!
//! - A ticket in the slot of a worker that is no more: its request was not run. It is answered with REJECT, so that
//!   the child sends it elsewhere ([`hand_back`]).
//! - A reservation whose httpd child died before it sent anything, or an announced ticket that never came: a count
//!   above zero with nothing behind it ([`Suspicion`]).
//! - The slot of a worker whose leader was killed ([`is_gone`]).

use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use contract::area::{Group, Slot};
use contract::frame::{self, Kind};
use contract::response::Reject;
use contract::ticket::Ticket;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use rustix::process::{Pid, test_kill_process};

/// How long a count must stand unchanged with nothing behind it.
const SETTLED: Duration = Duration::from_secs(2);

/// What was found in a slot without a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HandedBack {
    pub(crate) tickets: u32,
    /// Somebody is left who could send more.
    pub(crate) open: bool,
}

/// Answers every ticket in a slot without a worker.
pub(crate) fn hand_back(slot: BorrowedFd<'_>) -> HandedBack {
    let mut reply = Vec::new();
    frame::append(&mut reply, Kind::Reject, 0, |out| Reject::Draining.encode(out));
    let mut tickets = 0;
    loop {
        match Ticket::receive(slot) {
            Ok(Some((_, connection))) => {
                // If it cannot be sent the child sees the end of the connection instead.
                let _ = send(&connection, &reply, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
                tickets += 1;
            }
            Err(Errno::MFILE) => tickets += 1, // the kernel has closed it, and the child sees that
            Ok(None) => return HandedBack { tickets, open: true },
            Err(_) => return HandedBack { tickets, open: false },
        }
    }
}

/// Whether process `pid`, as some process of the group wrote it down, does not exist.
pub(crate) fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// A count that may have nothing behind it.
#[derive(Debug, Default)]
pub(crate) struct Suspicion {
    seen: Option<(Instant, [u64; 3])>,
}

impl Suspicion {
    /// Looks again. `values` are what must not have changed; `odd` is whether they look wrong. True once that has
    /// been so for long enough.
    fn holds(&mut self, now: Instant, odd: bool, values: [u64; 3]) -> bool {
        match self.seen {
            Some((since, before)) if odd && before == values => now >= since + SETTLED,
            _ => {
                self.seen = odd.then_some((now, values));
                false
            }
        }
    }

    /// Takes reservations back that no request stands behind. Returns how many there were.
    pub(crate) fn repair_slot(&mut self, now: Instant, slot: &Slot, socket: BorrowedFd<'_>) -> Option<u32> {
        let (reserved, busy) = (slot.reserved.load(SeqCst), slot.busy.load(SeqCst));
        let odd = reserved > busy && is_empty(socket);
        let values = [reserved.into(), busy.into(), slot.requests.load(SeqCst)];
        if !self.holds(now, odd, values) {
            return None;
        }
        self.seen = None;
        slot.reserved.compare_exchange(reserved, busy, SeqCst, SeqCst).is_ok().then(|| reserved - busy)
    }

    /// Takes back the announcement of tickets that never came.
    pub(crate) fn repair_queue(
        &mut self,
        now: Instant,
        group: &Group,
        overflow: BorrowedFd<'_>,
    ) -> Option<u32> {
        let queued = group.queued.load(SeqCst);
        if !self.holds(now, queued > 0 && is_empty(overflow), [queued.into(), 0, 0]) {
            return None;
        }
        self.seen = None;
        group.queued.compare_exchange(queued, 0, SeqCst, SeqCst).is_ok().then_some(queued)
    }
}

/// Whether no message waits; at the end of all senders there is none.
fn is_empty(socket: BorrowedFd<'_>) -> bool {
    let mut sockets = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
    let polled = poll(&mut sockets, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    let [socket] = sockets;
    polled.is_ok() && (!socket.revents().contains(PollFlags::IN) || socket.revents().contains(PollFlags::HUP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspicion_takes_two_seconds_without_a_change() {
        let (mut suspicion, start) = (Suspicion::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!suspicion.holds(at(0), true, [1, 0, 5]));
        assert!(!suspicion.holds(at(1), true, [1, 0, 5]));
        assert!(!suspicion.holds(at(2), true, [1, 0, 6]), "a request ended meanwhile");
        assert!(!suspicion.holds(at(3), false, [1, 0, 6]), "its ticket is there");
        assert!(!suspicion.holds(at(4), true, [1, 0, 6]));
        assert!(suspicion.holds(at(6), true, [1, 0, 6]));
    }

    #[test]
    fn this_process_is_not_gone() {
        assert!(!is_gone(std::process::id()));
        assert!(is_gone(0) && is_gone(u32::MAX));
    }
}
