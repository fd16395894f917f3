//! What comes from a worker: bytes off the connection, taken apart into frames.
//!
//! A frame is handed on when it is all there, except a piece of the body, which goes on as it arrives. Nothing is
//! trusted: lengths have the contract's limits, and a descriptor is only accepted with the FILE that it belongs to.

use std::collections::VecDeque;
use std::os::fd::{BorrowedFd, OwnedFd};

use contract::frame::{BODY_PIECE, HEADER, Header, Kind};
use contract::ticket::receive_with;
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::error::Broken;

/// What one `recvmsg` can bring at first: most responses, whole.
const ROOM: usize = 16 << 10;
/// And once there was more than that, unless a frame needs more.
const MOST: usize = BODY_PIECE + 8192;
/// A larger buffer is given back after its request: httpd has hundreds of threads, few of which have large responses
/// at a time.
const KEEP: usize = 32 << 10;

/// Something from the worker.
#[derive(Debug)]
pub(super) enum Piece<'b> {
    /// A part of a BODY frame's payload; more of it may follow.
    Body(&'b [u8]),
    /// A whole frame of another kind.
    Frame(Header, &'b [u8]),
    /// A FILE frame's payload, and its descriptor.
    File(&'b [u8], OwnedFd),
}

/// The receiving side of a connection, with a buffer that serves one request after the other.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    /// The last `recvmsg` left no room.
    filled: bool,
    start: usize,
    end: usize,
    /// How much of a BODY frame's payload has not come yet.
    body_left: usize,
    files: VecDeque<OwnedFd>,
}

impl Incoming {
    /// Forgets everything; before another connection.
    pub(super) fn reset(&mut self) {
        if self.buffer.len() > KEEP {
            self.buffer = Vec::new();
        }
        (self.start, self.end, self.body_left) = (0, 0, 0);
        self.files.clear();
    }

    /// Whether nothing is left over: no byte and no descriptor.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end && self.body_left == 0 && self.files.is_empty()
    }

    /// The next piece of what has come; `None` when more must come first.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'_>>, Broken> {
        let header = loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            if self.body_left > 0 {
                let length = self.body_left.min(unread.len());
                return Ok(self.body(length));
            }
            let Some(header) = Header::decode(unread)? else { return Ok(None) };
            if header.kind != Kind::Body {
                break header;
            }
            self.start += HEADER;
            self.body_left = header.length;
        };
        if self.end - self.start < HEADER + header.length {
            return Ok(None);
        }
        let payload = self.start + HEADER..self.start + HEADER + header.length;
        self.start = payload.end;
        let payload = self.buffer.get(payload).unwrap_or_default();
        if header.kind != Kind::File {
            return Ok(Some(Piece::Frame(header, payload)));
        }
        let file = self.files.pop_front().ok_or(Broken::File("its descriptor is missing"))?;
        Ok(Some(Piece::File(payload, file)))
    }

    fn body(&mut self, length: usize) -> Option<Piece<'_>> {
        let start = self.start;
        self.start += length;
        self.body_left -= length;
        let bytes = self.buffer.get(start..start + length).filter(|bytes| !bytes.is_empty())?;
        Some(Piece::Body(bytes))
    }

    /// Receives once. `Ok(0)` is the end of the connection.
    pub(super) fn fill(&mut self, socket: BorrowedFd<'_>, flags: RecvFlags) -> Result<usize, Errno> {
        self.make_room();
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let received = receive_with(socket, room, flags)?;
        self.filled = received.length == room.len();
        self.end += received.length;
        self.files.extend(received.descriptor);
        // Each FILE has one descriptor and comes by itself, so that never more than one waits.
        if self.files.len() > 1 { Err(Errno::BADMSG) } else { Ok(received.length) }
    }

    /// Room behind what is unread, for a whole frame if a part of one is there.
    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
        let frame = match Header::decode(unread) {
            Ok(Some(header)) if self.body_left == 0 && header.kind != Kind::Body => HEADER + header.length,
            _ => 0,
        };
        let needed = frame.max(if self.filled || self.buffer.len() >= MOST { MOST } else { ROOM });
        if self.start > 0 && self.start + needed > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.buffer.len() < needed {
            self.buffer.resize(needed, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::frame;
    use contract::response::{End, FilePart, Outcome, Taken};
    use contract::ticket;
    use rustix::net::{SendFlags, send};
    use std::io::IoSlice;
    use std::os::fd::AsFd;

    fn frames() -> Vec<u8> {
        let mut out = Vec::new();
        frame::append(&mut out, Kind::Taken, 0, |out| Taken { slot: 1, pid: 2 }.encode(out));
        frame::append(&mut out, Kind::Body, 0, |_| {});
        frame::append(&mut out, Kind::Body, 0, |out| out.extend_from_slice(b"hello"));
        let end = End { outcome: Outcome::Complete, keep: true, application_time: 5 };
        frame::append(&mut out, Kind::End, 0, |out| end.encode(out));
        out
    }

    /// The kinds, and the body put together.
    fn drain(incoming: &mut Incoming) -> (Vec<Kind>, Vec<u8>) {
        let (mut kinds, mut body) = (Vec::new(), Vec::new());
        while let Some(piece) = incoming.next().unwrap() {
            match piece {
                Piece::Body(bytes) => body.extend_from_slice(bytes),
                Piece::Frame(header, _) => kinds.push(header.kind),
                Piece::File(..) => kinds.push(Kind::File),
            }
        }
        (kinds, body)
    }

    #[test]
    fn any_cut_gives_the_same_frames() {
        let bytes = frames();
        for cut in 0..=bytes.len() {
            let (ours, theirs) = ticket::connection().unwrap();
            let mut incoming = Incoming::default();
            let (mut kinds, mut body) = (Vec::new(), Vec::new());
            for part in [&bytes[..cut], &bytes[cut..]].into_iter().filter(|part| !part.is_empty()) {
                send(&theirs, part, SendFlags::empty()).unwrap();
                assert_eq!(incoming.fill(ours.as_fd(), RecvFlags::DONTWAIT).unwrap(), part.len());
                let (more, bytes) = drain(&mut incoming);
                kinds.extend(more);
                body.extend(bytes);
            }
            assert_eq!(kinds, [Kind::Taken, Kind::End], "cut at {cut}");
            assert_eq!(body, b"hello", "cut at {cut}");
            assert!(incoming.is_empty());
        }
    }

    #[test]
    fn a_large_frame_gets_room_and_large_bodies_pass_through() {
        let (ours, theirs) = ticket::connection().unwrap();
        let mut bytes = Vec::new();
        frame::append(&mut bytes, Kind::Head, 0, |out| out.extend(vec![7; 600_000]));
        frame::append(&mut bytes, Kind::Body, 0, |out| out.extend(vec![8; 900_000]));
        let sender = std::thread::spawn(move || {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let sent = send(&theirs, rest, SendFlags::empty()).unwrap();
                rest = &rest[sent..];
            }
        });
        let mut incoming = Incoming::default();
        let (mut kinds, mut body) = (Vec::new(), 0);
        while incoming.fill(ours.as_fd(), RecvFlags::empty()).unwrap() > 0 {
            let (more, bytes) = drain(&mut incoming);
            kinds.extend(more);
            body += bytes.len();
        }
        sender.join().unwrap();
        assert_eq!((kinds.as_slice(), body), ([Kind::Head].as_slice(), 900_000));
        assert!(incoming.buffer.len() < 1 << 20);
        incoming.reset();
        assert!(incoming.buffer.len() <= KEEP);
    }

    #[test]
    fn a_file_needs_its_descriptor() {
        let (ours, theirs) = ticket::connection().unwrap();
        let file: OwnedFd = std::fs::File::open("/proc/self/exe").unwrap().into();
        let mut bytes = Vec::new();
        frame::append(&mut bytes, Kind::File, 0, |out| FilePart { offset: 0, length: 1 }.encode(out));
        ticket::send_with(theirs.as_fd(), &[IoSlice::new(&bytes)], &[file.as_fd()], SendFlags::empty())
            .unwrap();
        let mut incoming = Incoming::default();
        incoming.fill(ours.as_fd(), RecvFlags::empty()).unwrap();
        assert!(matches!(incoming.next(), Ok(Some(Piece::File(..)))));
        assert!(incoming.is_empty());
        send(&theirs, &bytes, SendFlags::empty()).unwrap();
        incoming.fill(ours.as_fd(), RecvFlags::empty()).unwrap();
        assert!(incoming.next().is_err());
    }

    #[test]
    fn descriptors_without_a_file_are_refused() {
        let (ours, theirs) = ticket::connection().unwrap();
        let file: OwnedFd = std::fs::File::open("/proc/self/exe").unwrap().into();
        let mut incoming = Incoming::default();
        for expected in [Ok(1), Err(Errno::BADMSG)] {
            let sent =
                ticket::send_with(theirs.as_fd(), &[IoSlice::new(b"x")], &[file.as_fd()], SendFlags::empty());
            assert_eq!(sent, Ok(1));
            assert_eq!(incoming.fill(ours.as_fd(), RecvFlags::empty()), expected);
        }
        incoming.reset();
        assert!(incoming.is_empty());
    }

    #[test]
    fn unknown_kinds_and_lengths_over_the_limit_are_refused() {
        for bytes in [[99, 0, 0, 0, 0, 0, 0, 0], [16, 0, 0, 0, 255, 255, 255, 255]] {
            let (ours, theirs) = ticket::connection().unwrap();
            send(&theirs, &bytes, SendFlags::empty()).unwrap();
            let mut incoming = Incoming::default();
            incoming.fill(ours.as_fd(), RecvFlags::empty()).unwrap();
            assert!(incoming.next().is_err());
        }
    }
}
