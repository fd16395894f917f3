//! The descriptors that a leader or a worker was started with, as owned values.
//!
//! [`crate::launch`] says which number holds what. A number alone owns nothing, so this is the one place that
//! believes it: each number is handed out once in the life of a process, and only while the caller, who must be the
//! first user of descriptors in the program, has opened nothing that could have got one of these numbers.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::launch::CONTROL_FD;

static TAKEN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Takes descriptor `number` over, and makes it close-on-exec. Fails if it is not open, was taken before, or is one
/// of the standard streams.
pub fn take(number: i32) -> io::Result<OwnedFd> {
    if number < CONTROL_FD {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: borrowed for the next two calls, which fail with EBADF if nothing is open there.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(borrowed)?;
    fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC)?;
    if !TAKEN.lock().unwrap_or_else(PoisonError::into_inner).insert(number) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // SAFETY: it is open, and whoever started this program left it for us; `TAKEN` says that nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
