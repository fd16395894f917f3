//! A thread of our own in an httpd child.
//!
//! httpd steers its children by signals, and which thread of a process gets one is the kernel's choice: so ours
//! block all of them, from their first moment. A thread must have ended before the child's pools go, since what
//! httpd maps goes with them: its starter joins it in a cleanup of the child's pool.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread::{Builder, JoinHandle};

use super::fence::{Nothing, fence};

/// Starts a thread that no signal reaches, behind the fence.
pub(crate) fn spawn(name: &'static str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the set is writable.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: both sets are writable, and the first has been filled.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let started = Builder::new().name(name.to_owned()).spawn(move || {
        fence(name, || {
            body();
            Nothing
        });
    });
    // SAFETY: the mask that this thread had.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    started
}
