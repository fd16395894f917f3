//! Status and headers of a response: what may be sent, and where httpd's filters look for it.

use std::ffi::{CStr, c_int};

use contract::response::Head;
use thiserror::Error;

use super::request::Request;
use crate::sys;

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

/// Refuses what httpd would answer with an error of its own, or what would break the framing.
pub(super) fn check(head: &Head<'_>) -> Result<(), HeadError> {
    if head.status < 200 {
        return Err(HeadError::Status(head.status));
    }
    for (name, value) in head.headers() {
        let reason = if name.is_empty() || name.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b':') {
            "a name has only visible characters and no colon"
        } else if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            "a value has no control characters"
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

/// Puts the head into the request, where httpd's filters look for it.
pub(super) fn apply(request: Request<'_>, head: &Head<'_>) {
    let pool = request.pool();
    request.set_status(head.status, head.reason);
    for (name, value) in head.headers() {
        if name.eq_ignore_ascii_case(b"Content-Type") {
            request.set_content_type(pool.string(value));
        } else if name.eq_ignore_ascii_case(b"Content-Length") {
            request.set_content_length(length(value).unwrap_or(0));
        } else if name.eq_ignore_ascii_case(b"WWW-Authenticate") {
            request.err_headers_out().add(pool.string(name), pool.string(value));
        } else if name.eq_ignore_ascii_case(b"Transfer-Encoding") {
            // How the body is framed is httpd's choice; it would take this for its own and send the body as it is.
        } else {
            request.headers_out().add(pool.string(name), pool.string(value));
        }
    }
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

    fn set_content_type(self, value: &'r CStr) {
        // SAFETY: request and value are alive; httpd adds output filters that go by type.
        unsafe { sys::ap_set_content_type(self.as_ptr(), value.as_ptr()) };
    }

    fn set_content_length(self, length: i64) {
        // SAFETY: the request is alive.
        unsafe { sys::ap_set_content_length(self.as_ptr(), length) };
    }
}
