//! How a template forks a worker: a copy of this process that is the child of its own parent, the leader.
//!
//! The copy is made twice, and the one in between ends at once. The leader adopts what it leaves (it is a subreaper), so
//! that it can wait for workers that it has not started. Python hears of one fork only. No thread but the calling one
//! may be there: a copy has no others, and whatever they hold stays held in it.

use std::io;
use std::time::Duration;

use pyo3::ffi;
use pyo3::prelude::*;
use rustix::process::{Pid, WaitOptions, getpid, getppid, waitpid};

use super::posix::{exit_now, own_fork};
use super::state;

/// How often a worker looks whether the process in between has gone.
const LOOK: Duration = Duration::from_micros(50);

/// Where a fork returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Template,
    Worker,
}

/// Forks, and runs `introduce` in the worker before any function of the application. The calling thread is attached to the
/// main interpreter, the only one, by the state that Python has made for it.
pub(super) fn fork(_: Python<'_>, introduce: impl FnOnce()) -> io::Result<Side> {
    // SAFETY: attached. Runs `os.register_at_fork(before=)` and takes the locks of imports.
    unsafe { ffi::PyOS_BeforeFork() };
    let side = own_fork(twice);
    if matches!(side, Ok(Side::Worker)) {
        introduce();
        // SAFETY: in the copy, attached as before.
        unsafe { ffi::PyOS_AfterFork_Child() };
        state::forked();
    } else {
        // SAFETY: attached; it gives back what was taken before the fork.
        unsafe { ffi::PyOS_AfterFork_Parent() };
    }
    side
}

fn twice() -> io::Result<Side> {
    // SAFETY: the copy has no other thread, as this process has none.
    match unsafe { libc::fork() } {
        0 => Ok(between()),
        child => match Pid::from_raw(child).filter(|_| child > 0) {
            Some(child) => end_of(child).map(|()| Side::Template),
            None => Err(io::Error::last_os_error()),
        },
    }
}

/// The process in between: makes the worker, and ends. Returns in the worker, once the leader is its parent.
fn between() -> Side {
    let own = getpid();
    // SAFETY: as above.
    match unsafe { libc::fork() } {
        0 => {
            while getppid() == Some(own) {
                std::thread::sleep(LOOK);
            }
            Side::Worker
        }
        worker => {
            let error = io::Error::last_os_error().raw_os_error().filter(|_| worker < 0);
            exit_now(error.unwrap_or(0))
        }
    }
}

/// Waits for the process in between, whose exit status is the error that it met.
fn end_of(child: Pid) -> io::Result<()> {
    let status = loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(status) => break status,
            Err(_) => return Ok(()), // the application has SIGCHLD ignored, and nobody is there to wait for
        }
    };
    match status.and_then(|(_, status)| status.exit_status()) {
        Some(error @ 1..) => Err(io::Error::from_raw_os_error(error)),
        _ => Ok(()),
    }
}
