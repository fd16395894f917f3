//! Fault points of test builds: with MOD_WSGI_FAULT=NAME in httpd's environment, a request with the header `X-Fault: NAME`
//! finds a bug at the point of that name. In other builds there are none.

use std::ffi::CStr;

use crate::apache::Request;

/// Panics if the request is meant to find the bug `name`.
#[cfg(feature = "faults")]
#[expect(clippy::panic, reason = "it is what the test is about")]
pub(crate) fn point(request: Request<'_>, name: &CStr) {
    let wanted = std::env::var_os("MOD_WSGI_FAULT").is_some_and(|fault| fault.to_str() == name.to_str().ok());
    if wanted && request.headers_in().get(c"X-Fault") == Some(name) {
        panic!("fault point `{}`", name.to_string_lossy());
    }
}

/// Nothing.
#[cfg(not(feature = "faults"))]
pub(crate) fn point(_: Request<'_>, _: &CStr) {}
