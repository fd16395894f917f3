//! The memory of the process's arguments, which is what `ps` shows.
//!
//! The addresses come to an ELF constructor: glibc calls those of a library that is opened later with the arguments
//! of the process, too. Nothing else tells them (CPython keeps copies). musl does not; there nothing is recorded.

use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};

/// The first byte that may be overwritten, behind `argv[0]`, and how many there are.
static START: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());
static SIZE: AtomicUsize = AtomicUsize::new(0);

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[used]
#[unsafe(link_section = ".init_array")]
static RECORD: unsafe extern "C" fn(c_int, *const *mut c_char) = loaded;

/// Called by the loader.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" fn loaded(count: c_int, arguments: *const *mut c_char) {
    // SAFETY: the loader passes the process's arguments.
    super::fence::fence("the constructor", (), || unsafe { record(count, arguments) });
}

/// Records where the arguments lie. They are laid out by the kernel one behind the other; a gap ends what is ours.
///
/// # Safety
/// `arguments` are `count` pointers to texts.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe fn record(count: c_int, arguments: *const *mut c_char) {
    if arguments.is_null() {
        return;
    }
    let (mut end, mut start) = (std::ptr::null_mut(), std::ptr::null_mut::<c_char>());
    for index in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the loader passes `count` pointers.
        let place = unsafe { arguments.add(index) };
        // SAFETY: as above.
        let argument = unsafe { place.read() };
        if argument.is_null() || (index > 0 && argument != end) {
            break;
        }
        if index == 1 {
            start = argument;
        }
        // SAFETY: a text that ends with NUL.
        let length = unsafe { libc::strlen(argument) };
        // SAFETY: just behind that NUL.
        end = unsafe { argument.add(length + 1) };
    }
    if !start.is_null() {
        SIZE.store(end.addr() - start.addr(), SeqCst);
        START.store(start, SeqCst);
    }
}

/// Replaces what `ps` shows after `argv[0]` (which must stay: Python finds its virtual environment through it).
/// Text that does not fit is cut. Does nothing when the arguments are not known. Nobody else may be using them:
/// CPython has made its copy when an extension module is loaded.
pub(crate) fn set_title(title: &[u8]) {
    let (start, size) = (START.load(SeqCst), SIZE.load(SeqCst));
    if start.is_null() {
        return;
    }
    let length = title.len().min(size.saturating_sub(1)); // the last byte stays NUL, or the kernel shows the environment
    // SAFETY: `record` found `size` bytes of arguments there, in the process's own stack; `length` is below it.
    unsafe { std::ptr::copy_nonoverlapping(title.as_ptr().cast(), start, length) };
    // SAFETY: within the same bytes.
    let rest = unsafe { start.add(length) };
    // SAFETY: as above.
    unsafe { std::ptr::write_bytes(rest, 0, size - length) };
}
