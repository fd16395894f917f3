//! The body of a request, read through httpd's input filters (de-chunked, decrypted, within LimitRequestBody): copied,
//! or as pieces of httpd's own memory ([`super::pieces`]).

use std::thread;
use std::time::{Duration, Instant};

use super::brigade::Brigade;
use super::pieces::Pieces;
use super::request::{Request, field};
use crate::sys;

/// How much of a body that nobody has read is taken from a client of HTTP/2, how long it may send nothing, and how often
/// it is asked, for its streams have no socket to wait for.
const MOST_DISCARDED: usize = 64 << 20;
const DISCARD_PATIENCE: Duration = Duration::from_secs(2);
const DISCARD_STEP: Duration = Duration::from_millis(5);

/// The body of a request. The first read sends `100 Continue` if the client waits for it.
pub(crate) struct Body<'r> {
    request: Request<'r>,
    brigade: Brigade<'r>,
    /// How much of the brigade's first bucket has been read.
    used: usize,
    ended: bool,
}

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// So many bytes, at least one.
    Data(usize),
    /// Nothing yet (only without waiting).
    Pending,
    /// The end.
    End,
}

/// The body could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request body could not be read: {}", super::responder::reason(*status))]
pub(crate) struct BodyError {
    status: u16,
}

impl BodyError {
    /// The status that says so to the client.
    pub(crate) fn status(self) -> u16 {
        self.status
    }
}

impl<'r> Body<'r> {
    /// The body of `request`; one per request.
    pub(crate) fn new(request: Request<'r>) -> Self {
        Self { request, brigade: Brigade::new(request), used: 0, ended: false }
    }

    /// Whether there can be one, by the headers.
    pub(crate) fn is_announced(request: Request<'_>) -> bool {
        let headers = request.headers_in();
        headers.get(c"Content-Length").is_some_and(|length| length.to_bytes() != b"0")
            || headers.get(c"Transfer-Encoding").is_some()
    }

    /// A place for pieces of it.
    pub(crate) fn pieces(&self) -> Pieces<'r> {
        Pieces::new(self.request)
    }

    /// Whether its end has been seen.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads at least one byte into `out`; 0 is the end.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> Result<usize, BodyError> {
        while !out.is_empty() {
            let count = self.copy(out)?;
            if count > 0 || self.ended {
                return Ok(count);
            }
            self.fill(out.len(), true)?;
        }
        Ok(0)
    }

    /// Adds up to `limit` bytes to `pieces`, without a copy of them. Without `wait` it takes only what is there.
    pub(crate) fn gather(
        &mut self,
        pieces: &mut Pieces<'r>,
        limit: usize,
        wait: bool,
    ) -> Result<Progress, BodyError> {
        let before = pieces.len();
        while !self.ended && limit > 0 {
            if !self.fill(limit, wait)? {
                return Ok(Progress::Pending);
            }
            self.hand_over(pieces)?;
            if pieces.len() > before {
                return Ok(Progress::Data(pieces.len() - before));
            }
        }
        Ok(Progress::End)
    }

    /// Asks the filters for up to `limit` bytes; false when nothing is there yet.
    fn fill(&self, limit: usize, wait: bool) -> Result<bool, BodyError> {
        let block = if wait { sys::APR_BLOCK_READ } else { sys::APR_NONBLOCK_READ };
        let request = self.request;
        let limit = sys::apr_off_t::try_from(limit).unwrap_or(sys::apr_off_t::MAX);
        let filters = field!(request.input_filters);
        // SAFETY: the request's own filters fill our empty brigade.
        let status = unsafe {
            sys::ap_get_brigade(filters, self.brigade.as_ptr(), sys::AP_MODE_READBYTES, block, limit)
        };
        match status {
            0 => Ok(wait || !self.brigade.is_empty()),
            status if !wait && is_eagain(status) => Ok(false),
            status => Err(self.failed(status)),
        }
    }

    /// Copies what the brigade holds; what has no room stays for the next time.
    fn copy(&mut self, out: &mut [u8]) -> Result<usize, BodyError> {
        let mut count = 0;
        while let Some(bucket) = self.brigade.first() {
            if bucket.is_end() {
                self.ended = true;
            } else if !bucket.is_metadata() {
                let bytes = bucket.read().map_err(|status| self.failed(status))?;
                let (rest, room) = (bytes.get(self.used..), out.get_mut(count..));
                let (rest, room) = (rest.unwrap_or_default(), room.unwrap_or_default());
                let length = rest.len().min(room.len());
                if let (Some(rest), Some(room)) = (rest.get(..length), room.get_mut(..length)) {
                    room.copy_from_slice(rest);
                }
                count += length;
                if length < rest.len() {
                    self.used += length;
                    return Ok(count);
                }
                self.used = 0;
            }
            bucket.delete();
        }
        Ok(count)
    }

    /// Moves what the brigade holds to `pieces`.
    fn hand_over(&mut self, pieces: &mut Pieces<'r>) -> Result<(), BodyError> {
        while let Some(bucket) = self.brigade.first() {
            if bucket.is_end() {
                self.ended = true;
            } else if !bucket.is_metadata() {
                pieces.take(bucket).map_err(|status| self.failed(status))?;
                continue;
            }
            bucket.delete();
        }
        Ok(())
    }

    fn failed(&self, status: sys::apr_status_t) -> BodyError {
        self.request.close_connection_after();
        // SAFETY: a pure mapping.
        let status = unsafe { sys::ap_map_http_request_error(status, sys::HTTP_BAD_REQUEST) };
        BodyError { status: u16::try_from(status).ok().filter(|code| *code >= 400).unwrap_or(400) }
    }
}

/// Reads what the application has left of a body, before the end of the response goes out: once it has, mod_http2 resets
/// the stream, and some clients take that for an error although they have the whole response. In HTTP/1 httpd does it.
pub(super) fn discard(request: Request<'_>) {
    if field!(request.expecting_100) != 0 {
        return; // the client waits to be asked for it, and must not be now
    }
    let (mut body, mut read) = (Body::new(request), 0);
    let (mut pieces, mut since) = (body.pieces(), Instant::now());
    while read < MOST_DISCARDED {
        pieces.clear();
        match body.gather(&mut pieces, 64 << 10, false) {
            Ok(Progress::Data(length)) => (read, since) = (read + length, Instant::now()),
            Ok(Progress::Pending) if since.elapsed() < DISCARD_PATIENCE => thread::sleep(DISCARD_STEP),
            Ok(Progress::Pending | Progress::End) | Err(_) => return,
        }
    }
}

fn is_eagain(status: sys::apr_status_t) -> bool {
    // SAFETY: a pure test.
    (unsafe { sys::wsgi_status_is_eagain(status) }) != 0
}
