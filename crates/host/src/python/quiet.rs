//! A thread of our own that no signal reaches: in an httpd child they are httpd's, in a worker the main thread's.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread::{Builder, JoinHandle};

use super::fence::fence;

/// Starts it with a stack of that size, behind the fence.
pub(crate) fn spawn(
    name: &'static str,
    stack: usize,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the set is writable.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: both sets are writable, and the first has been filled.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let builder = Builder::new().name(name.to_owned()).stack_size(stack);
    let started = builder.spawn(move || fence(name, (), body)); // it inherits the mask
    // SAFETY: the mask that this thread had.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    started
}
