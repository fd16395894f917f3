//! The response: status and headers as the application gave them, and a body through httpd's output filters.
//!
//! Nothing reaches httpd before the first output, so a request can still be answered with an error page after its
//! head was said. Each passage down the filters ends with a flush bucket: the client has its bytes before anything
//! else is done, and after the last one httpd's keep-alive loop finds the next request without a detour.

use std::ffi::{CStr, c_int};
use std::os::fd::{AsRawFd, OwnedFd};

use contract::response::{FilePart, Head};
use thiserror::Error;

use super::brigade::Brigade;
use super::request::{Request, field, text};
use crate::sys;

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

/// Why a head cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum HeadError {
    /// Output has begun.
    #[error("the response has begun; its status and headers cannot change any more")]
    Begun,
    /// A header httpd would stumble over.
    #[error("the response header `{name}` has the value `{value}`: {reason}")]
    Header {
        /// Its name, printable.
        name: String,
        /// Its value, printable.
        value: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A status that is no final one.
    #[error("the response status {0} is not between 200 and 999")]
    Status(u16),
}

/// The response to one request.
pub(crate) struct Responder<'r> {
    request: Request<'r>,
    brigade: Brigade<'r>,
    head: Vec<u8>,
    begun: bool,
    sendfile: bool,
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
        Self { request, brigade, head: Vec::new(), begun: false, sendfile: false }
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
        check(head)?;
        self.head.clear();
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
        if !bytes.is_empty() {
            // SAFETY: filters that keep the bytes beyond `pass`, below, set them aside, which copies them.
            let bucket = unsafe {
                sys::apr_bucket_transient_create(bytes.as_ptr().cast(), bytes.len(), self.brigade.allocator())
            };
            // SAFETY: made just now with the brigade's allocator.
            unsafe { self.brigade.push(bucket) };
        }
        if last { self.finish() } else { self.flush() }
    }

    /// Appends a part of a regular file, which is closed with the request.
    ///
    /// It is never mapped: somebody who truncates a mapped file kills the process that reads it with SIGBUS.
    pub(crate) fn file(&mut self, file: OwnedFd, part: FilePart) {
        const PIECE: u64 = 1 << 30; // what one bucket can hold everywhere
        let pool = self.request.pool();
        let mut fd = pool.own(file).as_raw_fd();
        let mut flags = sys::APR_FOPEN_READ | sys::APR_FOPEN_LARGEFILE;
        if self.sendfile {
            flags |= sys::APR_FOPEN_SENDFILE_ENABLED;
        }
        let mut opened = std::ptr::null_mut();
        // SAFETY: the descriptor lives as long as the pool; APR registers no cleanup for it.
        unsafe { sys::apr_os_file_put(&raw mut opened, &raw mut fd, flags, pool.as_ptr()) };
        let mut offset = part.offset;
        let mut left = part.length;
        while left > 0 {
            let length = left.min(PIECE);
            // SAFETY: file, pool and allocator are alive; the contract promises a regular file that is long enough.
            let bucket = unsafe {
                sys::apr_bucket_file_create(
                    opened,
                    offset as sys::apr_off_t,
                    length as usize,
                    pool.as_ptr(),
                    self.brigade.allocator(),
                )
            };
            // SAFETY: a file bucket, made just now.
            unsafe { sys::apr_bucket_file_enable_mmap(bucket, 0) };
            // SAFETY: made with the brigade's allocator.
            unsafe { self.brigade.push(bucket) };
            offset += length;
            left -= length;
        }
    }

    /// Sends what has been appended.
    pub(crate) fn flush(&mut self) -> Result<(), ClientGone> {
        self.push_flush();
        self.pass()
    }

    /// Sends what has been appended and ends the response. When all of it goes out here, httpd computes its length.
    pub(crate) fn finish(&mut self) -> Result<(), ClientGone> {
        self.push_end();
        self.push_flush();
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
        let pool = self.request.pool();
        // SAFETY: pool and allocator are alive; no text is given.
        let bucket = unsafe {
            sys::ap_bucket_error_create(
                sys::HTTP_BAD_GATEWAY,
                std::ptr::null(),
                pool.as_ptr(),
                self.brigade.allocator(),
            )
        };
        // SAFETY: made with the brigade's allocator.
        unsafe { self.brigade.push(bucket) };
        let _ = self.finish();
    }

    /// Leaves the response to httpd: its ErrorDocument for the head's status, with the headers that survive errors.
    pub(crate) fn leave_to_httpd(mut self) -> HandlerResult {
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
        let Ok(head) = Head::decode(&payload) else { return };
        let (request, pool) = (self.request, self.request.pool());
        request.set_status(head.status, head.reason);
        for (name, value) in head.headers() {
            if name.eq_ignore_ascii_case(b"Content-Type") {
                request.set_content_type(pool.string(value));
            } else if name.eq_ignore_ascii_case(b"Content-Length") {
                request.set_content_length(length(value).unwrap_or(0));
            } else if name.eq_ignore_ascii_case(b"WWW-Authenticate") {
                request.err_headers_out().add(c"WWW-Authenticate", pool.string(value));
            } else {
                request.headers_out().add(pool.string(name), pool.string(value));
            }
        }
    }
}

/// Refuses what httpd would answer with an error of its own, or what would break the framing.
fn check(head: &Head<'_>) -> Result<(), HeadError> {
    if head.status < 200 {
        return Err(HeadError::Status(head.status));
    }
    for (name, value) in head.headers() {
        let reason = if name.is_empty() || name.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b':') {
            "a name has only visible characters and no colon"
        } else if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            "a value has no line end and no NUL"
        } else if name.eq_ignore_ascii_case(b"Content-Length") && length(value).is_none() {
            "it must be a number"
        } else {
            continue;
        };
        let [name, value] = [name, value].map(|bytes| bytes.escape_ascii().to_string());
        return Err(HeadError::Header { name, value, reason });
    }
    Ok(())
}

/// A Content-Length; blanks may lead.
fn length(value: &[u8]) -> Option<i64> {
    let digits = value.trim_ascii_start();
    let text =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

impl<'r> Request<'r> {
    /// Status and reason phrase of the response; an empty phrase is httpd's own.
    fn set_status(self, status: u16, reason: &[u8]) {
        let line: &CStr = if reason.is_empty() {
            self.pool().string(status.to_string().as_bytes())
        } else {
            self.pool().string(&[status.to_string().as_bytes(), b" ", reason].concat())
        };
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).status = c_int::from(status) };
        // SAFETY: as above; the line lives in its pool.
        unsafe { (*self.as_ptr()).status_line = line.as_ptr() };
    }

    /// What `ap_pass_brigade` notes when a brigade ends with EOS; ours end with a flush behind it.
    fn set_ended(self) {
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).eos_sent = 1 };
        if let Some(before) = self.previous() {
            // SAFETY: so is the one before an internal redirect.
            unsafe { (*before.as_ptr()).eos_sent = 1 };
        }
    }

    fn set_content_type(self, value: &'r CStr) {
        // SAFETY: request and value are alive; httpd adds output filters that go by type.
        unsafe { sys::ap_set_content_type(self.as_ptr(), value.as_ptr()) };
    }

    fn set_content_length(self, length: i64) {
        // SAFETY: the request is alive.
        unsafe { sys::ap_set_content_length(self.as_ptr(), length) };
    }

    /// Lets httpd answer with another of its URLs, as GET and without a body.
    pub(crate) fn redirect_internally(self, location: &[u8]) {
        let location = self.pool().string(location);
        self.headers_in().unset(c"Content-Length");
        // SAFETY: the request is alive; the string is a constant.
        unsafe { (*self.as_ptr()).method = c"GET".as_ptr() };
        // SAFETY: the request is alive.
        unsafe { (*self.as_ptr()).method_number = sys::M_GET as c_int };
        // SAFETY: request and location are alive; httpd runs the other request to its end.
        unsafe { sys::ap_internal_redirect_handler(location.as_ptr(), self.as_ptr()) };
    }
}
