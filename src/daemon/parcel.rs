//! What is sent for one request: the REQUEST payload and the request's body.
//!
//! Up to `request-buffer-size` of the body is read before a thread is taken, and with `request-buffering=on` the rest as
//! well ([`super::buffered`]), so that slow clients cost no thread. This, and the payload, are kept until a worker has
//! taken the request.

use std::time::{Duration, Instant};

use contract::frame::MAX_REQUEST;
use contract::request::{Attempts, Flags, Request as Payload};
use contract::thread::clock;

use super::buffered::{Buffered, NotStored};
use super::error::Error;
use super::outgoing::{Extent, Outgoing};
use super::upload::{Rest, Upload};
use super::{Group, now};
use crate::apache::{Body, Pieces, Request};
use crate::notes;

/// One request's payload and body.
pub(super) struct Parcel<'r> {
    request: Request<'r>,
    payload: Vec<u8>,
    flags: Flags,
    /// When the child began to look for a thread.
    queue_start: u64,
    /// Until when a worker may take it (queue-timeout); 0 is for ever.
    deadline: u64,
    attempts: Attempts,
    /// What has been read of the body.
    first: Option<Pieces<'r>>,
    extent: Extent,
    rest: More<'r>,
}

/// What there is of a body beyond the first piece.
enum More<'r> {
    Nothing,
    /// It is with the client.
    Coming(Body<'r>),
    Stored(Buffered),
}

impl<'r> Parcel<'r> {
    /// Reads as much of the body as `group` wants to have before it gives a thread.
    pub(super) fn new(
        request: Request<'r>,
        payload: Vec<u8>,
        group: &Group,
        received: Instant,
    ) -> Result<Self, Error> {
        if payload.len() > MAX_REQUEST {
            return Err(Error::TooLarge { length: payload.len(), limit: MAX_REQUEST });
        }
        let flags = Payload::decode(&payload).map(|payload| payload.flags).unwrap_or_default();
        let (first, extent, rest) = (None, Extent::None, More::Nothing);
        let attempts = Attempts::default();
        let deadline = deadline(group, received);
        let mut new =
            Self { request, payload, flags, queue_start: 0, deadline, attempts, first, extent, rest };
        if !flags.has(Flags::NO_BODY) {
            new.read_first(usize::try_from(group.settings.request_buffer_size).unwrap_or(usize::MAX))?;
            if group.settings.request_buffering {
                new.read_rest(group)?;
            }
        }
        new.queue_start = now();
        Ok(new)
    }

    fn read_first(&mut self, limit: usize) -> Result<(), Error> {
        let mut body = Body::new(self.request);
        let pieces = self.first.insert(body.pieces());
        while pieces.len() < limit && !body.has_ended() {
            let room = limit - pieces.len();
            if let Err(error) = body.gather(pieces, room, true) {
                return Err(Error::Body { status: error.status() });
            }
        }
        if body.has_ended() {
            self.extent = Extent::Whole;
        } else {
            self.extent = Extent::Begun;
            self.rest = More::Coming(body);
        }
        Ok(())
    }

    fn read_rest(&mut self, group: &Group) -> Result<(), Error> {
        let More::Coming(body) = &mut self.rest else { return Ok(()) };
        let folder = &group.spool_directory;
        match Buffered::read(body, folder) {
            Ok(Some(stored)) => self.rest = More::Stored(stored),
            Ok(None) => (self.extent, self.rest) = (Extent::Whole, More::Nothing),
            Err(NotStored::Body(status)) => return Err(Error::Body { status }),
            Err(NotStored::File(length, source)) => {
                self.request.close_connection_after();
                let (group, folder) = (group.name(), folder.clone());
                return Err(Error::NotStored { group, folder, length, source });
            }
        }
        Ok(())
    }

    /// Whether there is a body.
    pub(super) fn has_body(&self) -> bool {
        self.extent != Extent::None
    }

    /// Whether more of the body is to follow once a worker has taken the request.
    pub(super) fn has_more(&self) -> bool {
        !matches!(self.rest, More::Nothing)
    }

    /// Notes how long it has waited for a worker, if that is wanted.
    pub(super) fn note_wait(&self) {
        if self.flags.has(Flags::COSTS) {
            notes::waited(self.request, now().saturating_sub(self.queue_start));
        }
    }

    /// A worker has sent it back, since it is about to end.
    pub(super) fn sent_back(&mut self) {
        self.attempts.restarts = self.attempts.restarts.saturating_add(1);
    }

    /// The parcel on its way, once more from its beginning. With `announce` the worker says that it has taken it.
    pub(super) fn upload(&mut self, announce: bool) -> Upload<'_, 'r> {
        let flags = self.flags.with(Flags::NO_BODY, !self.has_body()).with(Flags::ANNOUNCE, announce);
        self.attempts.connects = self.attempts.connects.saturating_add(1);
        Payload::stamp(&mut self.payload, flags, self.queue_start, self.attempts, self.deadline);
        let first = self.first.iter().flat_map(Pieces::iter);
        let first = Outgoing::new(&self.payload, first, self.extent);
        let rest = match &mut self.rest {
            More::Nothing => Rest::Nothing,
            More::Coming(body) => Rest::coming(body),
            More::Stored(stored) => Rest::Stored(stored),
        };
        Upload::new(first, rest, Duration::from_micros(self.request.server().timeout()))
    }
}

/// Until when a worker may take a request, by the clock that it shares with this process. (Linux's time namespaces shift
/// that clock; but who starts httpd in one has its leaders and workers in there, too.)
fn deadline(group: &Group, received: Instant) -> u64 {
    let limit = group.settings.queue_timeout.duration();
    if limit.is_zero() {
        return 0;
    }
    let left = limit.saturating_sub(received.elapsed());
    clock().saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
}
