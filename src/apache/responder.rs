//! The response: status and headers as the application gave them, and a body through httpd's output filters.
//!
//! Nothing reaches httpd before the first output, so a request can still be answered with an error page after its
//! head was said. Each passage down the filters ends with a flush bucket: the client has its bytes before anything
//! else is done, and after the last one httpd's keep-alive loop finds the next request without a detour. (The last one
//! does so only where nothing but httpd's own protocol filters will see it.)
//!
//! What a `Range` header asks for, httpd's filter cuts out of the first passage if that holds the whole response. So
//! a part is sent of files only, where it is sure to be the same file; everything else goes out as the application
//! gave it, however it happened to come in pieces.

use std::ffi::c_int;
use std::os::fd::{AsFd, BorrowedFd};

use contract::level;
use contract::response::{FilePart, Head};
use thiserror::Error;

use super::body;
use super::brigade::Brigade;
use super::file;
use super::head::{self, HeadError};
use super::request::{Request, field, text};
use crate::sys;

/// Room for a usual head; more is allocated when it is needed.
const USUAL_HEAD: usize = 512;

/// What a handler tells httpd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandlerResult {
    /// The request is not ours.
    Declined,
    /// The response has been sent, or the connection was given up.
    Done,
    /// Nothing was sent: httpd answers with this status and its ErrorDocument.
    Status(u16),
}

/// The client is gone, or a filter has answered in our place; more output is pointless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the client is gone")]
pub(crate) struct ClientGone;

/// The response to one request.
pub(crate) struct Responder<'r> {
    request: Request<'r>,
    brigade: Brigade<'r>,
    head: Vec<u8>,
    begun: bool,
    sendfile: bool,
    has_file: bool,
}

/// httpd's text for a status.
pub(super) fn reason(status: u16) -> &'static str {
    // SAFETY: returns a constant string for every number.
    text(unsafe { sys::ap_get_status_line(c_int::from(status)) })
        .and_then(|line| line.to_str().ok())
        .unwrap_or("")
}

impl HandlerResult {
    pub(super) fn code(self) -> c_int {
        match self {
            Self::Declined => sys::DECLINED,
            Self::Done => sys::OK as c_int,
            Self::Status(status) => c_int::from(status),
        }
    }
}

impl<'r> Responder<'r> {
    /// The response to `request`; one per request.
    pub(crate) fn new(request: Request<'r>) -> Self {
        let brigade = Brigade::new(request);
        Self { request, brigade, head: Vec::new(), begun: false, sendfile: false, has_file: false }
    }

    /// Files may go out by sendfile.
    pub(crate) fn allow_sendfile(&mut self, allowed: bool) {
        self.sendfile = allowed;
    }

    /// Status and headers; kept until the first output, and replaced by a later head until then.
    pub(crate) fn head(&mut self, head: &Head<'_>) -> Result<(), HeadError> {
        if self.begun {
            return Err(HeadError::Begun);
        }
        head::check(head)?;
        self.head.clear();
        self.head.reserve(USUAL_HEAD);
        Head::encode(&mut self.head, head.status, head.reason, head.headers());
        Ok(())
    }

    /// Whether anything has gone to the client, so that no error page is possible any more.
    pub(crate) fn begun(&self) -> bool {
        self.begun
    }

    /// Appends a copy of `bytes` to what the next [`Self::flush`] or [`Self::finish`] sends.
    pub(crate) fn body(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.brigade.copy(bytes);
        }
    }

    /// Sends `bytes` without copying them first; with `last`, also the end of the response.
    pub(crate) fn send(&mut self, bytes: &[u8], last: bool) -> Result<(), ClientGone> {
        self.push_transient(bytes);
        if last { self.finish() } else { self.flush() }
    }

    /// Sends `first` and `second` in one passage without copying them first.
    pub(crate) fn send_both(&mut self, first: &[u8], second: &[u8]) -> Result<(), ClientGone> {
        self.push_transient(first);
        self.send(second, false)
    }

    /// Appends `bytes`, which are passed on before this object is used for anything else.
    fn push_transient(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        // SAFETY: filters that keep the bytes beyond `pass`, which both callers come to, set them aside, which copies them.
        let bucket = unsafe {
            sys::apr_bucket_transient_create(bytes.as_ptr().cast(), bytes.len(), self.brigade.allocator())
        };
        // SAFETY: made just now with the brigade's allocator.
        unsafe { self.brigade.push(bucket) };
    }

    /// Appends a part of a regular file of the application, which is closed when it was sent.
    pub(crate) fn file(&mut self, file: impl AsFd, part: FilePart) -> Result<(), ClientGone> {
        self.has_file = true;
        self.part(file.as_fd(), part, self.sendfile)
    }

    /// Appends parts of a file of our own. They go out by sendfile: of what httpd reads it has more in memory than it
    /// sets aside without waiting for the client.
    pub(crate) fn own_file(&mut self, file: impl AsFd, parts: &[FilePart]) -> Result<(), ClientGone> {
        parts.iter().try_for_each(|part| self.part(file.as_fd(), *part, true))
    }

    /// Appends a part of a regular file. Each part has a descriptor of its own, since httpd moves the file of the one
    /// bucket that it sets aside.
    ///
    /// It is never mapped: somebody who truncates a mapped file kills the process that reads it with SIGBUS.
    fn part(&self, file: BorrowedFd<'_>, part: FilePart, sendfile: bool) -> Result<(), ClientGone> {
        let pool = self.request.pool();
        let file = file::give(pool, file, sendfile).map_err(|error| {
            let text = format!(
                "the response is cut short: no descriptor for a file of it: {error}; raise httpd's limit on open files (ulimit -n)"
            );
            self.request.log(level::ERROR, &text);
            ClientGone
        })?;
        let FilePart { offset, length } = part;
        // SAFETY: file, pool and brigade are alive; the contract promises a regular file that is long enough.
        let bucket = unsafe {
            sys::apr_brigade_insert_file(
                self.brigade.as_ptr(),
                file,
                offset as sys::apr_off_t,
                length as sys::apr_off_t,
                pool.as_ptr(),
            )
        };
        // SAFETY: a file bucket, made just now; those that a long part is split into share what is set here.
        unsafe { sys::apr_bucket_file_enable_mmap(bucket, 0) };
        Ok(())
    }

    /// Sends what has been appended.
    pub(crate) fn flush(&mut self) -> Result<(), ClientGone> {
        self.push_flush();
        self.pass()
    }

    /// Whether a part is asked for of a file, if one comes, so that it must go out with the end of the response.
    pub(crate) fn waits_for_end(&self) -> bool {
        !self.begun && self.request.wants_part() && self.request.is_get()
    }

    /// Sends what has been appended and ends the response, however long the client takes.
    pub(crate) fn finish(&mut self) -> Result<(), ClientGone> {
        self.complete()?;
        self.end(true)
    }

    /// Ends the response and sends what the client takes at once. The rest is left to httpd: the event MPM needs no
    /// thread for it, if it is in files, or little.
    pub(crate) fn leave(&mut self) -> Result<(), ClientGone> {
        self.complete()?;
        self.end(false)
    }

    /// What goes before the end.
    fn complete(&mut self) -> Result<(), ClientGone> {
        let wants_file = self.has_file && self.waits_for_end();
        let as_given = !self.begun && self.request.wants_part() && !wants_file;
        let has_unread_body = self.request.is_stream() && body::Body::is_announced(self.request);
        if as_given || has_unread_body {
            self.flush()?;
        }
        if has_unread_body {
            body::discard(self.request);
        }
        Ok(())
    }

    fn end(&mut self, flush: bool) -> Result<(), ClientGone> {
        self.push_end();
        if flush && !self.request.has_content_filter() {
            self.push_flush(); // other modules' filters expect the end at the end
        }
        let passed = self.pass();
        self.request.set_ended();
        passed
    }

    /// Ends a response that has begun such that the client can tell that it is cut short: no final chunk, and the
    /// connection closes. httpd's chunk filter understands a "bad gateway" error bucket so.
    pub(crate) fn abort(&mut self) {
        if !self.begun {
            // In one brigade with the head the bucket would become an error page, and on a connection known to close
            // httpd would not frame the body in chunks.
            let _ = self.flush();
        }
        self.request.close_connection_after();
        self.push_error();
        let _ = self.end(true);
    }

    /// The client takes nothing any more: nothing waits for it, and what it has got does not look complete. A stream of
    /// HTTP/2 is reset: the error goes straight to mod_http2, for filters of the request could have more for it.
    pub(crate) fn give_up(&self) {
        if self.request.has_ended() {
            return;
        }
        self.request.abort_connection();
        if self.request.is_stream() {
            self.push_error();
            self.brigade.pass_straight(self.request);
        }
    }

    /// Leaves the response to httpd: its ErrorDocument for the head's status, with the headers that survive errors.
    pub(crate) fn leave_to_httpd(&mut self) -> HandlerResult {
        let status = Head::decode(&self.head).map_or(500, |head| head.status);
        self.apply_head();
        HandlerResult::Status(status)
    }

    fn push_end(&self) {
        // SAFETY: the allocator is alive.
        let end = unsafe { sys::apr_bucket_eos_create(self.brigade.allocator()) };
        // SAFETY: made with the brigade's allocator.
        unsafe { self.brigade.push(end) };
    }

    fn push_error(&self) {
        let (text, pool) = (std::ptr::null(), self.request.pool().as_ptr());
        // SAFETY: pool and allocator are alive; no text is given.
        let error = unsafe {
            sys::ap_bucket_error_create(sys::HTTP_BAD_GATEWAY, text, pool, self.brigade.allocator())
        };
        // SAFETY: made with the brigade's allocator.
        unsafe { self.brigade.push(error) };
    }

    fn push_flush(&self) {
        // SAFETY: the allocator is alive.
        let flush = unsafe { sys::apr_bucket_flush_create(self.brigade.allocator()) };
        // SAFETY: made with the brigade's allocator.
        unsafe { self.brigade.push(flush) };
    }

    fn pass(&mut self) -> Result<(), ClientGone> {
        if !self.begun {
            self.begun = true;
            self.apply_head();
        }
        let request = self.request;
        let filters = field!(request.output_filters);
        // SAFETY: the request's own filters and our own brigade.
        let status = unsafe { sys::ap_pass_brigade(filters, self.brigade.as_ptr()) };
        self.brigade.cleanup();
        if status == 0 && !self.request.is_aborted() { Ok(()) } else { Err(ClientGone) }
    }

    /// Puts the head into the request, where httpd's filters look for it.
    fn apply_head(&mut self) {
        let payload = std::mem::take(&mut self.head);
        if let Ok(head) = Head::decode(&payload) {
            head::apply(self.request, &head);
        }
    }
}

impl Request<'_> {
    /// The client asks for a part of the resource.
    fn wants_part(self) -> bool {
        self.headers_in().get(c"Range").is_some()
    }

    /// GET, or HEAD, which httpd counts among them.
    fn is_get(self) -> bool {
        i64::from(field!(self.method_number)) == i64::from(sys::M_GET)
    }
}
