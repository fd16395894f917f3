//! What a worker needs of the system that no safe library offers: signals as bytes in a pipe, and descriptors that
//! the processes which the application forks do not keep.
//!
//! A forked copy of a worker would hold the group's sockets and the connection of each running request open, so that
//! nobody could tell when the worker has ended, and would answer signals meant for it. So the copy closes what
//! [`keep_out_of_forks`] lists, and gives signals back their default. Descriptors are close-on-exec besides: this is
//! for forks without exec.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed, Ordering::SeqCst};

use super::fence::fence;

/// Stack for the handlers of signals, on which a thread whose own stack is full can still say so.
const SIGNAL_STACK: usize = 64 << 10;

/// Where the handler writes.
static PIPE: AtomicI32 = AtomicI32::new(-1);
/// The signals that are caught; 0 is none.
static CAUGHT: [AtomicI32; 8] = [const { AtomicI32::new(0) }; 8];
/// A worker is being forked from its template: it keeps everything.
static IS_OWN_FORK: AtomicBool = AtomicBool::new(false);
/// This is a copy of the process that the application has forked.
static IS_COPY: AtomicBool = AtomicBool::new(false);
/// The descriptors that forked copies close; -1 is none.
static PRIVATE: [AtomicI32; 4096] = [const { AtomicI32::new(-1) }; 4096];

/// Writes the number of each of these signals, as one byte, to `pipe`, which must not block and stays open. Without a
/// pipe they are taken and forgotten.
pub(crate) fn catch(signals: &[c_int], pipe: Option<BorrowedFd<'_>>) -> std::io::Result<()> {
    PIPE.store(pipe.map_or(-1, |pipe| pipe.as_raw_fd()), SeqCst);
    for (signal, cell) in signals.iter().zip(&CAUGHT) {
        // SAFETY: all zeroes is a valid sigaction: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: `action` is whole, and its handler calls write(2) only.
        if unsafe { libc::sigaction(*signal, &raw const action, std::ptr::null_mut()) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        cell.store(*signal, SeqCst);
    }
    Ok(())
}

/// Makes forked copies of this process close what is listed, from now on.
pub(crate) fn guard_forks() {
    // SAFETY: `in_forked_child` is a function of this library, which is never unmapped.
    let _ = unsafe { libc::pthread_atfork(None, None, Some(in_forked_child)) };
}

/// Lists a descriptor (or none any more) in place `index` of those that forked copies close. Take it off the list
/// before it is closed. More places than there are: it is not listed.
pub(crate) fn keep_out_of_forks(index: usize, descriptor: Option<BorrowedFd<'_>>) {
    if let Some(cell) = PRIVATE.get(index) {
        cell.store(descriptor.map_or(-1, |descriptor| descriptor.as_raw_fd()), SeqCst);
    }
}

/// The descriptors that are listed.
pub(crate) fn kept_out_of_forks() -> Vec<c_int> {
    PRIVATE.iter().map(|cell| cell.load(SeqCst)).filter(|number| *number >= 0).collect()
}

/// Forks by `fork` without closing anything, and without giving back signals. No other thread is there.
pub(super) fn own_fork<R>(fork: impl FnOnce() -> R) -> R {
    IS_OWN_FORK.store(true, SeqCst);
    let forked = fork();
    IS_OWN_FORK.store(false, SeqCst);
    forked
}

/// Whether this is a copy of the process that the application has forked: requests, and what belongs to them, are its
/// parent's.
pub(crate) fn is_copy() -> bool {
    IS_COPY.load(Relaxed)
}

/// A copy that the application has forked goes no further: the request that it comes from is its parent's.
pub(crate) fn end_copy() {
    if is_copy() {
        crate::log::log(
            contract::level::ERROR,
            "a process that the application has forked came back from the request, and was ended: a child must leave with \
             os._exit(), or run another program",
        );
        exit_now(1);
    }
}

/// Ends the process at once: no exit handlers of C, no destructors, while other threads run on.
pub(crate) fn exit_now(status: c_int) -> ! {
    // SAFETY: has no conditions.
    unsafe { libc::_exit(status) }
}

/// The signal that makes a thread write its Python stack to the log: one that nobody else uses.
pub(crate) fn stack_signal() -> c_int {
    libc::SIGRTMIN() + 7
}

/// Sends a signal to one thread of this process; to none if it has ended.
pub(crate) fn signal_thread(thread: i32, signal: c_int) {
    // SAFETY: plain numbers; the kernel knows which threads there are.
    let _ = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, signal) };
}

/// Gives the calling thread, which lives as long as the process, a stack for signal handlers.
pub(crate) fn take_signal_stack() {
    let memory = Box::leak(Box::<[u8]>::new_uninit_slice(SIGNAL_STACK)); // most threads never touch its pages
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIGNAL_STACK };
    // SAFETY: the memory is this thread's for ever.
    let _ = unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
}

extern "C" fn on_signal(signal: c_int) {
    fence("on_signal", (), || {
        // SAFETY: the address of this thread's errno.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: as above; a handler must leave errno as it was.
        let before = unsafe { *errno };
        let byte = signal as u8;
        // SAFETY: one byte on this stack; a full or closed pipe is an error that nobody misses.
        let _ = unsafe { libc::write(PIPE.load(SeqCst), (&raw const byte).cast(), 1) };
        // SAFETY: as above.
        unsafe { *errno = before };
    });
}

/// Runs in a forked child, whose memory other threads may have left in any state: system calls only.
extern "C" fn in_forked_child() {
    fence("in_forked_child", (), || {
        if IS_OWN_FORK.load(SeqCst) {
            return;
        }
        IS_COPY.store(true, Relaxed);
        for signal in CAUGHT.iter().map(|cell| cell.load(SeqCst)).filter(|signal| *signal != 0) {
            // SAFETY: a signal that we caught gets its default back.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        for cell in &PRIVATE {
            let descriptor = cell.swap(-1, SeqCst);
            if descriptor >= 0 {
                // SAFETY: this copy of the process never uses it; its owners are threads that do not exist here.
                let _ = unsafe { libc::close(descriptor) };
            }
        }
    });
}
