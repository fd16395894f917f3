//! A descriptor as a file of APR's that owns it.
//!
//! httpd may keep what is left of a response beyond the request (mod_http2, write completion): its file then moves to
//! another pool, which closes it. A file made by `apr_os_file_put` would not move: it is marked as somebody else's.

use std::io;
use std::os::fd::{AsFd, FromRawFd, IntoRawFd, OwnedFd};

use rustix::io::{DupFlags, dup3};

use super::pool::Pool;
use crate::sys;

/// Gives a copy of `file` to APR, which closes it with `pool` or with the pool that it is moved to.
///
/// APR has no call for that. So it opens what can always be opened, and that descriptor then is made to mean our file.
pub(super) fn give(pool: Pool<'_>, file: impl AsFd, sendfile: bool) -> io::Result<*mut sys::apr_file_t> {
    let mut flags = sys::APR_FOPEN_READ | sys::APR_FOPEN_LARGEFILE;
    if sendfile {
        flags |= sys::APR_FOPEN_SENDFILE_ENABLED;
    }
    let mut opened = std::ptr::null_mut();
    // SAFETY: `opened` is writable, the name ends with NUL, the pool is alive.
    let status = unsafe { sys::apr_file_open(&raw mut opened, c"/".as_ptr(), flags, 0, pool.as_ptr()) };
    if status != 0 {
        return Err(io::Error::from_raw_os_error(status)); // on Linux APR's codes below 20000 are errno
    }
    let mut number = -1;
    // SAFETY: opened just now; `number` is writable.
    unsafe { sys::apr_os_file_get(&raw mut number, opened) };
    // SAFETY: APR's own descriptor, which it gets back below, still open.
    let mut place = unsafe { OwnedFd::from_raw_fd(number) };
    let result = dup3(file.as_fd(), &mut place, DupFlags::CLOEXEC);
    let _ = place.into_raw_fd();
    result?;
    Ok(opened)
}
