//! The whole of what goes to a worker: the first part ([`super::outgoing`]), and the rest of a long body once the
//! worker has taken the request: read from the client, or in the file that it was stored in.
//!
//! Nothing here waits: a full socket or a slow client is reported, and the caller waits for both directions at once.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use contract::frame::{BODY_BROKEN, BODY_PIECE, HEADER, Header, Kind, append};
use contract::ticket::send_with;
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::buffered::Buffered;
use super::connection::send_parts;
use super::outgoing::Outgoing;
use crate::apache::{Body, Progress};

/// A request on its way to a worker.
pub(super) struct Upload<'u, 'r> {
    pub(super) first: Outgoing<'u>,
    rest: Rest<'u, 'r>,
    /// A piece of the rest, framed, and how much of it has been sent.
    piece: Vec<u8>,
    sent: usize,
    /// The worker has taken the request: the rest may follow.
    taken: bool,
    /// Bytes of the rest were read, which cannot be sent to another worker.
    pub(super) has_consumed: bool,
    /// The last piece has been framed.
    last: bool,
    /// Nothing more can be sent.
    given_up: bool,
    /// How long the client may send nothing, and since when it has.
    patience: Duration,
    starving: Option<Instant>,
    /// The body could not be read to its end: the status for the client.
    pub(super) broken: Option<u16>,
}

/// What follows the first part.
pub(super) enum Rest<'u, 'r> {
    /// Nothing.
    Nothing,
    /// What the client sends.
    Coming(&'u mut Body<'r>),
    /// What it has sent.
    Stored(&'u Buffered),
}

/// What the upload waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: all is sent, or the worker must speak first.
    Nothing,
    /// Room in the connection.
    Room,
    /// The client's next bytes.
    Client,
}

impl<'u, 'r> Upload<'u, 'r> {
    /// `patience` is how long the client may send nothing.
    pub(super) fn new(first: Outgoing<'u>, rest: Rest<'u, 'r>, patience: Duration) -> Self {
        Self {
            first,
            rest,
            piece: Vec::new(),
            sent: 0,
            taken: false,
            has_consumed: false,
            last: false,
            given_up: false,
            patience,
            starving: None,
            broken: None,
        }
    }

    /// Whether all of it has been sent, so that the connection can carry another request.
    pub(super) fn is_complete(&self) -> bool {
        let rest = matches!(self.rest, Rest::Nothing) || (self.last && self.sent == self.piece.len());
        self.first.is_delivered() && rest && !self.given_up && self.broken.is_none()
    }

    /// The worker has taken the request.
    pub(super) fn take(&mut self) {
        self.taken = true;
    }

    /// The connection does not accept anything any more.
    pub(super) fn give_up(&mut self) {
        self.given_up = true;
    }

    /// Sends what can be sent now.
    pub(super) fn push(&mut self, socket: BorrowedFd<'_>) -> Result<Need, Errno> {
        if self.given_up {
            return Ok(Need::Nothing);
        }
        if !self.first.push(socket)? {
            return Ok(Need::Room);
        }
        if matches!(self.rest, Rest::Nothing) || !self.taken {
            return Ok(Need::Nothing);
        }
        loop {
            while self.sent < self.piece.len() {
                match self.send(socket) {
                    Ok(sent) => self.sent += sent,
                    Err(Errno::AGAIN) => return Ok(Need::Room),
                    Err(error) => return Err(error),
                }
            }
            if self.last {
                return Ok(Need::Nothing);
            }
            if !self.refill() {
                return Ok(Need::Client);
            }
        }
    }

    /// Sends what the socket takes of the piece; a file's descriptor goes with the first byte.
    fn send(&self, socket: BorrowedFd<'_>) -> Result<usize, Errno> {
        match self.rest {
            Rest::Stored(stored) if self.sent == 0 => {
                let piece = [IoSlice::new(&self.piece)];
                send_with(socket, &piece, &[stored.file.as_fd()], SendFlags::DONTWAIT)
            }
            _ => send_parts(socket, &[&self.piece], self.sent),
        }
    }

    /// Frames the next piece of the body, or its end; false when the client has sent nothing.
    fn refill(&mut self) -> bool {
        self.piece.clear();
        self.sent = 0;
        let body = match &mut self.rest {
            Rest::Nothing => return false,
            Rest::Coming(body) => body,
            Rest::Stored(stored) => {
                append(&mut self.piece, Kind::BodyFile, 0, |out| stored.part.encode(out));
                self.last = true;
                return true;
            }
        };
        self.piece.reserve_exact(HEADER + BODY_PIECE); // once, and not by and by as the filters' small buckets come
        self.piece.resize(HEADER, 0);
        let header = match body.read(&mut self.piece, BODY_PIECE, false) {
            Ok(Progress::Data(length)) => {
                self.has_consumed = true;
                Header::new(Kind::Body, length)
            }
            Ok(Progress::End) => Header::new(Kind::BodyEnd, 0),
            Ok(Progress::Pending)
                if self.starving.get_or_insert_with(Instant::now).elapsed() < self.patience =>
            {
                self.piece.clear();
                return false;
            }
            Ok(Progress::Pending) => self.broken_off(408),
            Err(error) => self.broken_off(error.status()),
        };
        self.starving = None;
        self.last = header.kind == Kind::BodyEnd;
        self.piece.truncate(HEADER + header.length);
        if let Some(head) = self.piece.first_chunk_mut() {
            *head = header.encode();
        }
        true
    }

    fn broken_off(&mut self, status: u16) -> Header {
        self.broken = Some(status);
        Header { kind: Kind::BodyEnd, flags: BODY_BROKEN, length: 0 }
    }
}
