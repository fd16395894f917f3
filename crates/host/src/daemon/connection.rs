//! A connection from an httpd child: bytes and descriptors in and out, with a time limit on each wait.
//!
//! `O_NONBLOCK` would be shared with the child, so every call passes `MSG_DONTWAIT` and waits by poll.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use contract::frame::{HEADER, Header, Kind};
use contract::ticket::{receive_into, send_with};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

/// What a buffer for requests holds at first: most requests, with a form. Each thread has one, and the rest of a longer
/// body is received where the application wants it.
pub(super) const REQUEST_BUFFER: usize = 16 << 10;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: OwnedFd,
    /// Longest wait for the other side.
    limit: Duration,
    /// A descriptor that came and was not yet asked for.
    descriptor: Option<OwnedFd>,
}

/// A request as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'b> {
    /// The payload of the REQUEST frame.
    pub(super) payload: &'b [u8],
    /// What followed it: the beginning of the body.
    pub(super) early: &'b [u8],
}

impl Connection {
    pub(super) fn new(socket: OwnedFd, limit: Duration) -> Self {
        Self { socket, limit, descriptor: None }
    }

    /// Reads a REQUEST frame into `buffer`. `Ok(None)`: the child has closed the connection instead.
    pub(super) fn request<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<Option<Message<'b>>> {
        if buffer.len() < REQUEST_BUFFER || buffer.len() > REQUEST_BUFFER * 4 {
            buffer.resize(REQUEST_BUFFER, 0);
            buffer.shrink_to_fit();
        }
        let mut filled = 0;
        let end = loop {
            let received = buffer.get(..filled).unwrap_or_default();
            if let Some(header) = Header::decode(received).map_err(invalid)? {
                if header.kind != Kind::Request {
                    return Err(invalid(format!("{:?} instead of a request", header.kind)));
                }
                let end = HEADER + header.length;
                if filled >= end {
                    break end;
                }
                if buffer.len() < end {
                    buffer.resize(end, 0);
                }
            }
            match self.receive(buffer.get_mut(filled..).unwrap_or_default())? {
                0 => return Ok(None),
                count => filled += count,
            }
        };
        let received = buffer.get(..filled).unwrap_or_default();
        let (frame, early) = received.split_at_checked(end).unwrap_or_default();
        Ok(Some(Message { payload: frame.get(HEADER..).unwrap_or_default(), early }))
    }

    /// Reads at least one byte; 0 is the end.
    pub(super) fn receive(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.receive_both(out, &mut [])
    }

    /// Reads at least one byte into `out`, and into `behind` if there are more than that has room for.
    pub(super) fn receive_both(&mut self, out: &mut [u8], behind: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.receive_parts(&mut [IoSliceMut::new(out), IoSliceMut::new(behind)])? {
                Some(count) => return Ok(count),
                None => self.wait(PollFlags::IN)?,
            }
        }
    }

    /// Fills `out`.
    pub(super) fn receive_all(&mut self, out: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.receive(rest)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(())
    }

    /// Reads what is there; `None`: nothing yet.
    pub(super) fn receive_now(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        self.receive_parts(&mut [IoSliceMut::new(out)])
    }

    fn receive_parts(&mut self, parts: &mut [IoSliceMut<'_>]) -> io::Result<Option<usize>> {
        match receive_into(self.socket.as_fd(), parts, RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(received) => {
                if received.descriptor.is_some()
                    && std::mem::replace(&mut self.descriptor, received.descriptor).is_some()
                {
                    return Err(invalid("a descriptor that nothing asked for"));
                }
                Ok(Some(received.length))
            }
        }
    }

    /// The descriptor that came with the frame at hand.
    pub(super) fn take_descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptor.take()
    }

    /// Sends all of `parts`, with `descriptors` attached to the first byte.
    pub(super) fn send(&self, parts: &mut [IoSlice<'_>], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let (mut parts, mut descriptors) = (parts, descriptors);
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match send_with(self.socket.as_fd(), parts, descriptors, SendFlags::DONTWAIT) {
                Ok(sent) => {
                    descriptors = &[];
                    IoSlice::advance_slices(&mut parts, sent);
                }
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends what fits without waiting, and returns how much that was.
    pub(super) fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match send_with(self.socket.as_fd(), &[IoSlice::new(bytes)], &[], SendFlags::DONTWAIT) {
            Err(Errno::AGAIN) => Ok(0),
            other => Ok(other?),
        }
    }

    /// Whether the child has given up.
    pub(super) fn hung_up(&self) -> bool {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        matches!(poll(&mut sockets, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(1))
    }

    fn wait(&self, flags: PollFlags) -> io::Result<()> {
        let limit =
            Timespec { tv_sec: self.limit.as_secs() as i64, tv_nsec: self.limit.subsec_nanos().into() };
        loop {
            match poll(&mut [PollFd::new(&self.socket, flags)], Some(&limit)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The other side broke the contract.
pub(super) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
