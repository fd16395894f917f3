//! The whole of what goes to a worker: the first part ([`super::outgoing`]), and the rest of a long body once the
//! worker has taken the request: read from the client, or in the file that it was stored in.
//!
//! Nothing here waits: a full socket or a slow client is reported, and the caller waits for both directions at once.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use contract::frame::{BODY_BROKEN, BODY_PIECE, Header, Kind, append};
use contract::ticket::send_with;
use rustix::io::Errno;
use rustix::net::SendFlags;

use super::buffered::Buffered;
use super::connection::send_parts;
use super::outgoing::Outgoing;
use crate::apache::{Body, Pieces, Progress};

/// A request on its way to a worker.
pub(super) struct Upload<'u, 'r> {
    pub(super) first: Outgoing<'u>,
    rest: Rest<'u, 'r>,
    /// What goes before a piece of the body and after it, and how much of the three has been sent.
    head: Vec<u8>,
    tail: Vec<u8>,
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
    /// What the client sends, and a piece of it that is on its way.
    Coming(&'u mut Body<'r>, Pieces<'r>),
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
            head: Vec::new(),
            tail: Vec::new(),
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
        let rest = matches!(self.rest, Rest::Nothing) || (self.last && self.sent == self.framed());
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
            while self.sent < self.framed() {
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
                send_with(socket, &[IoSlice::new(&self.head)], &[stored.file.as_fd()], SendFlags::DONTWAIT)
            }
            _ => {
                let body = self.pieces().into_iter().flat_map(Pieces::iter);
                let parts = [self.head.as_slice()].into_iter().chain(body).chain([self.tail.as_slice()]);
                send_parts(socket, parts, self.sent)
            }
        }
    }

    /// The piece that is on its way.
    fn pieces(&self) -> Option<&Pieces<'r>> {
        if let Rest::Coming(_, pieces) = &self.rest { Some(pieces) } else { None }
    }

    /// The length of what is on its way.
    fn framed(&self) -> usize {
        self.head.len() + self.pieces().map_or(0, Pieces::len) + self.tail.len()
    }

    /// Frames what there is of the body, up to a piece's size, and its end; false when the client has sent nothing.
    fn refill(&mut self) -> bool {
        self.head.clear();
        self.tail.clear();
        self.sent = 0;
        let (body, pieces) = match &mut self.rest {
            Rest::Nothing => return false,
            Rest::Coming(body, pieces) => (body, pieces),
            Rest::Stored(stored) => {
                append(&mut self.head, Kind::BodyFile, 0, |out| stored.part.encode(out));
                self.last = true;
                return true;
            }
        };
        pieces.clear();
        let mut ends = Ok(body.has_ended());
        while ends == Ok(false) && pieces.len() < BODY_PIECE {
            ends = match body.gather(pieces, BODY_PIECE - pieces.len(), false) {
                Ok(Progress::Pending) => break,
                Ok(_) => Ok(body.has_ended()),
                Err(error) => Err(error.status()),
            };
        }
        if pieces.len() > 0 {
            self.has_consumed = true;
            self.head.extend_from_slice(&Header::new(Kind::Body, pieces.len()).encode());
        } else if ends == Ok(false) {
            if self.starving.get_or_insert_with(Instant::now).elapsed() < self.patience {
                return false;
            }
            ends = Err(408);
        }
        self.starving = None;
        self.last = ends != Ok(false);
        if self.last {
            self.broken = ends.err();
            let flags = if ends.is_err() { BODY_BROKEN } else { 0 };
            append(&mut self.tail, Kind::BodyEnd, flags, |_| {});
        }
        true
    }
}

impl<'u, 'r> Rest<'u, 'r> {
    /// What the client sends of `body`.
    pub(super) fn coming(body: &'u mut Body<'r>) -> Self {
        let pieces = body.pieces();
        Self::Coming(body, pieces)
    }
}
