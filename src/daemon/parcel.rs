//! What is sent for one request: the REQUEST payload and the request's body.
//!
//! Up to `request-buffer-size` of the body is read before a thread is taken, so that slow clients cost no thread. This
//! much, and the payload, are kept until a worker has taken the request.

use std::time::Duration;

use contract::frame::MAX_REQUEST;
use contract::request::{Attempts, Flags, Request as Payload};

use super::error::Error;
use super::now;
use super::outgoing::{Extent, Outgoing};
use super::upload::Upload;
use crate::apache::{Body, Progress, Request};

/// One request's payload and body.
pub(super) struct Parcel<'r> {
    request: Request<'r>,
    payload: Vec<u8>,
    flags: Flags,
    /// When the child began to look for a thread.
    queue_start: u64,
    attempts: Attempts,
    /// What has been read of the body.
    first: Vec<u8>,
    extent: Extent,
    /// The body, if there is more of it.
    rest: Option<Body<'r>>,
}

impl<'r> Parcel<'r> {
    /// Reads the first piece of the body, up to `limit` bytes.
    pub(super) fn new(request: Request<'r>, payload: Vec<u8>, limit: u64) -> Result<Self, Error> {
        if payload.len() > MAX_REQUEST {
            return Err(Error::TooLarge { length: payload.len(), limit: MAX_REQUEST });
        }
        let flags = Payload::decode(&payload).map(|payload| payload.flags).unwrap_or_default();
        let (first, extent, rest) = (Vec::new(), Extent::None, None);
        let attempts = Attempts::default();
        let mut new = Self { request, payload, flags, queue_start: 0, attempts, first, extent, rest };
        if !flags.has(Flags::NO_BODY) {
            new.read_first(usize::try_from(limit).unwrap_or(usize::MAX))?;
        }
        new.queue_start = now();
        Ok(new)
    }

    fn read_first(&mut self, limit: usize) -> Result<(), Error> {
        let mut body = Body::new(self.request);
        while self.first.len() < limit {
            let room = limit - self.first.len();
            match body.read(&mut self.first, room, true) {
                Ok(Progress::Data(_)) => {}
                Ok(Progress::End | Progress::Pending) => {
                    self.extent = Extent::Whole;
                    return Ok(());
                }
                Err(error) => return Err(Error::Body { status: error.status() }),
            }
        }
        self.extent = Extent::Begun;
        self.rest = Some(body);
        Ok(())
    }

    /// Whether there is a body.
    pub(super) fn has_body(&self) -> bool {
        self.extent != Extent::None
    }

    /// Whether more of the body is with the client.
    pub(super) fn has_more(&self) -> bool {
        self.rest.is_some()
    }

    /// A worker has sent it back, since it is about to end.
    pub(super) fn sent_back(&mut self) {
        self.attempts.restarts = self.attempts.restarts.saturating_add(1);
    }

    /// The parcel on its way, once more from its beginning. With `announce` the worker says that it has taken it.
    pub(super) fn upload(&mut self, announce: bool) -> Upload<'_, 'r> {
        let flags = self.flags.with(Flags::NO_BODY, !self.has_body()).with(Flags::ANNOUNCE, announce);
        self.attempts.connects = self.attempts.connects.saturating_add(1);
        Payload::stamp(&mut self.payload, flags, self.queue_start, self.attempts);
        let first = Outgoing::new(&self.payload, &self.first, self.extent);
        Upload::new(first, self.rest.as_mut(), Duration::from_micros(self.request.server().timeout()))
    }
}
