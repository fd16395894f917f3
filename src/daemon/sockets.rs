//! The sockets and the shared area of one process group.
//!
//! The parent makes them and keeps both ends over graceful restarts, because each generation's leader needs the
//! workers' ends. A child of httpd closes those: then the end of the last httpd process is an end-of-file for workers.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::area::Area;
use contract::counters::Loss;
use contract::thread::clock;
use contract::ticket;
use rustix::net::sockopt::{set_socket_send_buffer_size, socket_send_buffer_size};

use super::error::Error;

/// What one ticket takes of the sending buffer, measured.
const TICKET: usize = 800;

/// The sockets of a group, as httpd's processes have them.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) area: Area,
    /// The senders' ends, by slot.
    pub(super) slots: Vec<OwnedFd>,
    /// The senders' end.
    pub(super) overflow: OwnedFd,
    /// Where workers' questions about httpd's scoreboard come in; see [`super::questions`].
    pub(super) question: OwnedFd,
    workers: Mutex<Option<Ends>>,
}

/// What a leader hands to workers.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) area: OwnedFd,
    pub(super) overflow: OwnedFd,
    pub(super) question: OwnedFd,
    pub(super) slots: Vec<OwnedFd>,
}

impl Sockets {
    /// Makes room for the workers of two generations, of `threads` threads each, and a queue for `backlog` requests.
    pub(super) fn create(processes: u32, threads: u32, backlog: u32) -> io::Result<Self> {
        let count = processes.max(1) as usize * 2;
        let (area, file) = Area::create(count, threads as usize)?;
        let (overflow, theirs) = ticket::queue()?;
        let wanted = (backlog as usize).saturating_mul(TICKET);
        if wanted > socket_send_buffer_size(&overflow)? {
            set_socket_send_buffer_size(&overflow, wanted / 2)?; // the kernel doubles it, up to twice wmem_max
        }
        let (question, asking) = ticket::queue()?;
        let pairs = (0..count).map(|_| ticket::queue()).collect::<Result<Vec<_>, _>>()?;
        let (slots, ends) = pairs.into_iter().unzip();
        let workers = Mutex::new(Some(Ends { area: file, overflow: theirs, question: asking, slots: ends }));
        Ok(Self { area, slots, overflow, question, workers })
    }

    /// The workers' ends; they are there in the parent.
    pub(super) fn ends(&self) -> MutexGuard<'_, Option<Ends>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that got no answer, and shows why as the last error, unless its client or its own body is why.
    pub(super) fn count(&self, error: &Error) {
        let group = self.area.group();
        group.lost.add(error.loss());
        if error.loss() != Loss::ClientGone {
            group.last_error.write(error.to_string().as_bytes(), clock());
        }
    }

    /// How many requests the queue has room for.
    pub(super) fn room(&self) -> usize {
        socket_send_buffer_size(self.overflow.as_fd()).unwrap_or(0) / TICKET
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::connection::{Connection, send_ticket};

    #[test]
    fn the_queue_holds_its_backlog() {
        let sockets = Sockets::create(1, 1, 200).unwrap();
        assert_eq!((sockets.slots.len(), sockets.area.slots().len()), (2, 2));
        assert!(sockets.room() >= 200);
        let mut sent = 0;
        while sent < 200 {
            let (_ours, theirs) = Connection::open(None).unwrap();
            send_ticket(sockets.overflow.as_fd(), &theirs).unwrap();
            sent += 1;
        }
    }

    #[test]
    fn when_the_ends_are_closed_the_sockets_say_so() {
        let sockets = Sockets::create(1, 1, 10).unwrap();
        drop(sockets.ends().take());
        let (_ours, theirs) = Connection::open(None).unwrap();
        assert!(send_ticket(sockets.overflow.as_fd(), &theirs).is_err());
    }
}
