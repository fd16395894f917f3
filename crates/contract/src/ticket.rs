//! Sockets without names, and descriptors that travel over them.
//!
//! A slot and the overflow are each a `SOCK_SEQPACKET` pair; httpd children send [`Ticket`]s into one end, workers
//! receive from the other. A ticket carries the worker's end of a fresh `SOCK_STREAM` pair. `O_NONBLOCK` is a
//! property of the open file that all holders share, so every call here passes `MSG_DONTWAIT` where it must not wait.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::{Errno, Result};
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair,
};

/// What accompanies a connection on its way to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// When it was sent, by [`crate::thread::clock`].
    pub sent: u64,
}

/// Bytes of a ticket on the wire.
const TICKET: usize = 8;

/// Most descriptors that Linux lets come with one message. With less room for them the kernel itself closes the rest.
const MAX_DESCRIPTORS: usize = 253;

/// A pair of connected stream sockets: one connection.
pub fn connection() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
}

/// A pair of connected message sockets: a slot, an overflow or a control socket. Both ends are close-on-exec.
pub fn queue() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

impl Ticket {
    /// Sends the ticket and the worker's end of a connection without waiting. `EAGAIN` or `ETOOMANYREFS`: the queue is full.
    pub fn send(self, queue: BorrowedFd<'_>, connection: BorrowedFd<'_>) -> Result<()> {
        send_with(queue, &[IoSlice::new(&self.sent.to_le_bytes())], &[connection], SendFlags::DONTWAIT)
            .map(drop)
    }

    /// Receives a ticket without waiting; `None` when there is none. `Err(Errno::CONNRESET)` at end of file: nobody
    /// is left who could send one. `Err(Errno::MFILE)`: this process had no descriptor left for it; the connection is
    /// closed, and its request goes elsewhere.
    pub fn receive(queue: BorrowedFd<'_>) -> Result<Option<(Self, OwnedFd)>> {
        loop {
            let mut bytes = [0; TICKET];
            let received = match receive_with(queue, &mut bytes, RecvFlags::DONTWAIT) {
                Err(Errno::AGAIN) => return Ok(None),
                other => other?,
            };
            match (received.length, received.descriptor) {
                (TICKET, Some(connection)) => {
                    return Ok(Some((Self { sent: u64::from_le_bytes(bytes) }, connection)));
                }
                (0, None) => return Err(Errno::CONNRESET),
                _ => {} // not a ticket: dropped, its descriptors with it
            }
        }
    }

    /// The first ticket in the queue, which stays there, its connection with it; `None` when there is none.
    pub fn peek(queue: BorrowedFd<'_>) -> Result<Option<Self>> {
        let mut bytes = [0; TICKET];
        match recv(queue, &mut bytes, RecvFlags::DONTWAIT | RecvFlags::PEEK) {
            Ok((TICKET, _)) => Ok(Some(Self { sent: u64::from_le_bytes(bytes) })),
            Ok((0, _)) => Err(Errno::CONNRESET),
            Ok(_) | Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What one `recvmsg` brought.
#[derive(Debug)]
pub struct Received {
    /// Bytes; 0 is end of file.
    pub length: usize,
    /// The descriptor that came along, close-on-exec.
    pub descriptor: Option<OwnedFd>,
}

/// Sends `parts` in one call, with `descriptors` attached to their first byte. Returns how many bytes went out.
/// Never raises SIGPIPE.
pub fn send_with(
    socket: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    descriptors: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::INVAL);
    }
    loop {
        match sendmsg(socket, parts, &mut control, flags | SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Receives into `buffer`. More than one descriptor is refused (`EBADMSG`) and all are closed. Descriptors for which this
/// process had no number left are lost to it (`EMFILE`).
pub fn receive_with(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: RecvFlags) -> Result<Received> {
    receive_into(socket, &mut [IoSliceMut::new(buffer)], flags)
}

/// As [`receive_with`], into several buffers, one after the other.
pub fn receive_into(
    socket: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
    flags: RecvFlags,
) -> Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        match recvmsg(socket, buffers, &mut control, flags | RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut descriptors = Vec::new();
    for item in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = item {
            descriptors.extend(received);
        }
    }
    for descriptor in &descriptors {
        // Whoever closes a TCP socket last waits as long as its owner has asked for (SO_LINGER): not here.
        let _ = set_socket_linger(descriptor, Some(Duration::ZERO)); // fails for what is no socket
    }
    if message.flags.contains(ReturnFlags::CTRUNC) {
        return Err(Errno::MFILE); // there is room for as many as one message can bring
    }
    if descriptors.len() > 1 {
        return Err(Errno::BADMSG);
    }
    Ok(Received { length: message.bytes, descriptor: descriptors.pop() })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_ticket_brings_its_connection() {
        let (ours, theirs) = queue().unwrap();
        assert!(Ticket::receive(theirs.as_fd()).unwrap().is_none());
        let (near, far) = connection().unwrap();
        Ticket { sent: 7 }.send(ours.as_fd(), far.as_fd()).unwrap();
        drop(far);
        assert_eq!(Ticket::peek(theirs.as_fd()).unwrap(), Some(Ticket { sent: 7 }));
        let (ticket, far) = Ticket::receive(theirs.as_fd()).unwrap().unwrap();
        assert_eq!((ticket.sent, Ticket::peek(theirs.as_fd()).unwrap()), (7, None));
        send_with(far.as_fd(), &[IoSlice::new(b"hello")], &[], SendFlags::empty()).unwrap();
        let mut buffer = [0; 9];
        let received = receive_with(near.as_fd(), &mut buffer, RecvFlags::DONTWAIT).unwrap();
        assert_eq!((received.length, received.descriptor.is_none()), (5, true));
        drop(ours);
        assert_eq!(Ticket::peek(theirs.as_fd()).unwrap_err(), Errno::CONNRESET);
        assert_eq!(Ticket::receive(theirs.as_fd()).unwrap_err(), Errno::CONNRESET);
    }

    #[test]
    fn what_is_no_ticket_is_dropped() {
        let (ours, theirs) = queue().unwrap();
        let (_near, far) = connection().unwrap();
        send_with(ours.as_fd(), &[IoSlice::new(b"short")], &[far.as_fd()], SendFlags::empty()).unwrap();
        send_with(ours.as_fd(), &[IoSlice::new(b"8 bytes!")], &[], SendFlags::empty()).unwrap();
        Ticket { sent: 1 }.send(ours.as_fd(), far.as_fd()).unwrap();
        assert_eq!(Ticket::receive(theirs.as_fd()).unwrap().unwrap().0.sent, 1);
    }

    #[test]
    fn two_descriptors_are_refused() {
        let (ours, theirs) = queue().unwrap();
        let (near, far) = connection().unwrap();
        let both = [near.as_fd(), far.as_fd()];
        send_with(ours.as_fd(), &[IoSlice::new(b"8 bytes!")], &both, SendFlags::empty()).unwrap();
        let received = receive_with(theirs.as_fd(), &mut [0; 8], RecvFlags::DONTWAIT);
        assert_eq!(received.unwrap_err(), Errno::BADMSG);
    }
}
