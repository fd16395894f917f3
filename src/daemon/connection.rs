//! Connections to workers: made, kept between requests, and written to.
//!
//! A connection is a pair of unnamed stream sockets; the worker gets its end with a ticket. After a request that ended
//! well it is kept for the next one to the same worker. A kept connection may have been closed meanwhile: that shows
//! when it is written to, or by a GOAWAY that crosses the request, and in both cases nothing was run.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::thread::clock;
use contract::ticket::{self, Ticket, send_with};
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::net::sockopt::{Timeout, set_socket_send_buffer_size, set_socket_timeout};

/// How long one wait for a worker lasts before the request looks around.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// How much may be on its way to a worker; the kernel doubles it, up to twice `net.core.wmem_max`. Linux's own size, 208
/// KiB, is full after one piece and a half of an upload, and then child and worker wait for each other at every piece.
const ROOM: usize = 512 << 10;

/// The child's end of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: OwnedFd,
    /// The worker that it leads to, as far as is known; only ever compared and printed.
    pub(super) pid: Option<u32>,
}

impl Connection {
    /// A new connection, and the end that goes to a worker.
    pub(super) fn open(pid: Option<u32>) -> Result<(Self, OwnedFd), Errno> {
        let (ours, theirs) = ticket::connection()?;
        // A property of our end alone: a plain receive returns after a tick, and the usual request needs no poll.
        set_socket_timeout(&ours, Timeout::Recv, Some(TICK))?;
        set_socket_send_buffer_size(&ours, ROOM)?;
        Ok((Self { socket: ours, pid }, theirs))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends the worker's end on its way.
pub(super) fn send_ticket(queue: BorrowedFd<'_>, theirs: &OwnedFd) -> Result<(), Errno> {
    Ticket { sent: clock() }.send(queue, theirs.as_fd())
}

/// The idle connections of one httpd child to the workers of one group, by slot.
#[derive(Debug)]
pub(super) struct Idle {
    slots: Vec<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// How many there are, to be looked at without the lock.
    count: AtomicU32,
    connections: Mutex<Vec<(u32, OwnedFd)>>,
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Vec<(u32, OwnedFd)>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots: (0..slots).map(|_| Kept::default()).collect() }
    }

    /// Whether there may be one to the worker in `slot`.
    pub(super) fn has(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|kept| kept.count.load(Relaxed) > 0)
    }

    /// The one that was used last to worker `pid` in `slot`. Those to an earlier worker of the slot are closed.
    pub(super) fn take(&self, slot: usize, pid: u32) -> Option<Connection> {
        let kept = self.slots.get(slot)?;
        let mut stale = Vec::new();
        let found = {
            let mut connections = kept.lock();
            if connections.iter().any(|(to, _)| *to != pid) {
                let (good, bad) =
                    std::mem::take(&mut *connections).into_iter().partition(|(to, _)| *to == pid);
                (*connections, stale) = (good, bad);
            }
            let found = connections.pop();
            kept.count.store(connections.len() as u32, Relaxed);
            found
        };
        drop(stale); // closed without the lock
        found.map(|(pid, socket)| Connection { socket, pid: Some(pid) })
    }

    /// Keeps a connection to the worker in `slot`, up to `limit` of them.
    pub(super) fn keep(&self, slot: usize, connection: Connection, limit: usize) {
        let (Some(kept), Some(pid)) = (self.slots.get(slot), connection.pid) else { return };
        let mut connections = kept.lock();
        if connections.len() < limit {
            connections.push((pid, connection.socket));
            kept.count.store(connections.len() as u32, Relaxed);
        }
    }
}

/// So many parts go out at once: more than a frame of a body has in pieces of 8,000 bytes, and than sockets take.
const MOST_PARTS: usize = 40;

/// Sends what `parts` (of many maybe the first only) hold beyond the first `skip` bytes, without waiting.
/// `Err(Errno::AGAIN)`: the socket is full.
pub(super) fn send_parts<'p>(
    socket: BorrowedFd<'_>,
    parts: impl IntoIterator<Item = &'p [u8]>,
    mut skip: usize,
) -> Result<usize, Errno> {
    let mut slices = [IoSlice::new(&[]); MOST_PARTS];
    let mut used = 0;
    for part in parts {
        let rest = part.get(skip..).unwrap_or_default();
        skip = skip.saturating_sub(part.len());
        let Some(slice) = slices.get_mut(used) else { break };
        if !rest.is_empty() {
            *slice = IoSlice::new(rest);
            used += 1;
        }
    }
    send_with(socket, slices.get(..used).unwrap_or_default(), &[], SendFlags::DONTWAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::frame::BODY_PIECE;
    use rustix::net::{RecvFlags, recv};

    #[test]
    fn parts_are_sent_from_anywhere() {
        let parts: [&[u8]; 5] = [b"ab", b"", b"cde", b"f", b"gh"];
        for skip in 0..8 {
            let (ours, theirs) = Connection::open(None).unwrap();
            assert_eq!(send_parts(ours.as_fd(), parts, skip), Ok(8 - skip));
            let mut buffer = [0; 16];
            let (length, _) = recv(&theirs, &mut buffer[..], RecvFlags::empty()).unwrap();
            assert_eq!(&buffer[..length], &b"abcdefgh"[skip..]);
        }
    }

    #[test]
    fn two_pieces_of_an_upload_are_on_their_way_at_a_time() {
        let (ours, _theirs) = Connection::open(None).unwrap();
        let piece = vec![7; BODY_PIECE];
        for _ in 0..2 {
            assert_eq!(send_parts(ours.as_fd(), [piece.as_slice()], 0), Ok(BODY_PIECE));
        }
    }

    #[test]
    fn kept_connections_belong_to_one_worker() {
        let idle = Idle::new(2);
        let to = |pid| Connection::open(Some(pid)).unwrap().0;
        idle.keep(1, to(7), 2);
        idle.keep(1, to(7), 2);
        idle.keep(1, to(7), 2);
        assert!(!idle.has(0) && idle.has(1));
        assert!(idle.take(1, 7).is_some_and(|kept| kept.pid == Some(7)));
        assert!(idle.take(1, 8).is_none(), "another worker has the slot");
        assert!(!idle.has(1), "the old worker's are gone");
        idle.keep(9, to(7), 2);
        assert!(idle.take(9, 7).is_none());
    }
}
