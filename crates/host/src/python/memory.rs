//! The allocator of this library: the C library's, with a word to the leader when there is no memory left.
//!
//! Rust ends the process when it gets no memory. All that the leader sees of that is SIGABRT, which has many causes; so
//! the message that names this one is made beforehand, and sending it takes no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use rustix::process::{Resource, getrlimit};

use super::posix::is_copy;

/// Of what is allowed, the part that must be left: one in so many.
const RESERVE: u64 = 16;

#[global_allocator]
static ALLOCATOR: Told = Told;

static MESSAGE: OnceLock<Vec<u8>> = OnceLock::new();
/// Where it goes; -1 is nowhere, also once it was sent.
static SOCKET: AtomicI32 = AtomicI32::new(-1);

struct Told;

/// Sends `message` to `socket`, which stays open, when memory is refused for the first time.
pub(crate) fn tell(socket: BorrowedFd<'_>, message: Vec<u8>) {
    MESSAGE.get_or_init(|| message);
    SOCKET.store(socket.as_raw_fd(), SeqCst);
}

/// Whether little is left of what the limits on memory allow this process.
pub(crate) fn is_short() -> bool {
    let limits = [Resource::Data, Resource::As].map(|resource| getrlimit(resource).current);
    let Some(limit) = limits.into_iter().flatten().min() else { return false };
    let Ok(layout) = Layout::from_size_align((limit / RESERVE) as usize, 16) else { return false };
    if layout.size() == 0 {
        return true;
    }
    // SAFETY: the size is not 0.
    let memory = unsafe { System.alloc(layout) };
    if memory.is_null() {
        return true;
    }
    // SAFETY: it was allocated with this layout, and was not touched.
    unsafe { System.dealloc(memory, layout) };
    false
}

/// Memory was refused. To a copy that the application has forked: its parent's socket is closed there, and the number may
/// be another's.
#[cold]
fn refused() {
    if is_copy() {
        return;
    }
    let socket = SOCKET.swap(-1, SeqCst);
    if let Some(message) = MESSAGE.get().filter(|_| socket >= 0) {
        // SAFETY: the message is readable for its length; the leader may be gone, and then nobody misses it.
        let _ = unsafe {
            libc::send(
                socket,
                message.as_ptr().cast(),
                message.len(),
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
    }
}

fn noted(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        refused();
    }
    memory
}

// SAFETY: all is done by the C library's allocator, which keeps the rules; `refused` allocates nothing.
unsafe impl GlobalAlloc for Told {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        noted(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        noted(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        noted(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
