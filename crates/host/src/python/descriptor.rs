//! File descriptors that Python objects give us as numbers.

use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{Shutdown, shutdown};

/// A close-on-exec copy of descriptor `number`, which may be anything that an application calls one.
pub(crate) fn duplicate(number: RawFd) -> rustix::io::Result<OwnedFd> {
    if number < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: not -1. If it is not open, the kernel says so; the borrow ends with the call.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_dupfd_cloexec(borrowed, 0)
}

/// Makes every read of socket `number`, begun or to come, find the end.
pub(super) fn end_reading(number: RawFd) {
    if number < 0 {
        return;
    }
    // SAFETY: not -1. If it is not open, the kernel says so; the borrow ends with the call.
    let socket = unsafe { BorrowedFd::borrow_raw(number) };
    let _ = shutdown(socket, Shutdown::Read); // fails when the other side has closed it, which ends reads as well
}
