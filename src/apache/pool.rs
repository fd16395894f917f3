//! Pools: httpd's memory with a lifetime.
//!
//! Allocation does not fail: httpd installs an abort handler on every pool it makes. A [`Pool`] is borrowed and never
//! destroys anything. Rust values with a destructor live in a pool only through [`Pool::own`].

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use super::fence::{Cleaned, fence};
use crate::sys;

/// A borrowed pool; everything allocated from it lives for `'p`.
#[derive(Clone, Copy)]
pub(crate) struct Pool<'p> {
    raw: NonNull<sys::apr_pool_t>,
    life: PhantomData<&'p ()>,
}

impl<'p> Pool<'p> {
    /// # Safety
    /// `raw` is a pool that is not cleared during `'p`.
    pub(super) unsafe fn from_ptr(raw: *mut sys::apr_pool_t) -> Self {
        // SAFETY: httpd passes no null pools; the caller vouches for the rest.
        let raw = unsafe { NonNull::new_unchecked(raw) };
        Self { raw, life: PhantomData }
    }

    pub(super) fn as_ptr(self) -> *mut sys::apr_pool_t {
        self.raw.as_ptr()
    }

    /// A copy of `bytes`, with a NUL behind; it ends at the first NUL in `bytes`.
    pub(crate) fn string(self, bytes: &[u8]) -> &'p CStr {
        // SAFETY: the pool is alive, and `bytes` is readable for its length.
        let copy = unsafe { sys::apr_pstrmemdup(self.as_ptr(), bytes.as_ptr().cast(), bytes.len()) };
        // SAFETY: APR has just written a NUL-ended string that lives as long as the pool.
        unsafe { CStr::from_ptr(copy) }
    }

    /// Moves `value` into the pool, which drops it when it is cleared.
    pub(crate) fn own<T: 'p>(self, value: T) -> &'p mut T {
        let raw = Box::into_raw(Box::new(value));
        self.at_end(raw.cast(), drop_box::<T>);
        // SAFETY: made just now; only the cleanup frees it, at the end of `'p`.
        unsafe { &mut *raw }
    }

    /// Lends a pool that is destroyed after `with`, and what was allocated from it with it.
    pub(crate) fn with_scratch<R>(self, with: impl FnOnce(Pool<'_>) -> R) -> R {
        /// Destroys the pool, even if `with` panics.
        struct Scratch(*mut sys::apr_pool_t);
        impl Drop for Scratch {
            fn drop(&mut self) {
                // SAFETY: made below, and destroyed nowhere else.
                unsafe { sys::apr_pool_destroy(self.0) };
            }
        }
        let mut raw = ptr::null_mut();
        // SAFETY: the parent is alive and `raw` is writable; the abort handler is the parent's.
        unsafe { sys::apr_pool_create_ex(&raw mut raw, self.as_ptr(), None, ptr::null_mut()) };
        let scratch = Scratch(raw);
        // SAFETY: it is destroyed after `with`, which cannot keep it.
        with(unsafe { Pool::from_ptr(scratch.0) })
    }

    /// Runs `last` when the pool is cleared, before what lives in it is dropped.
    pub(crate) fn on_clear(self, last: impl FnOnce() + 'p) {
        self.own(Last(Some(last)));
    }

    pub(super) fn at_end(
        self,
        data: *mut c_void,
        cleanup: unsafe extern "C" fn(*mut c_void) -> sys::apr_status_t,
    ) {
        // A child cleanup runs between fork and exec of httpd's own helpers, where nothing of ours must happen.
        // SAFETY: `data` is what `cleanup` expects, by the callers in this folder.
        unsafe {
            sys::apr_pool_cleanup_register(
                self.as_ptr(),
                data,
                Some(cleanup),
                Some(sys::apr_pool_cleanup_null),
            );
        }
    }
}

/// Runs its closure when dropped.
struct Last<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for Last<F> {
    fn drop(&mut self) {
        if let Some(last) = self.0.take() {
            last();
        }
    }
}

unsafe extern "C" fn drop_box<T>(data: *mut c_void) -> sys::apr_status_t {
    fence("pool cleanup", || {
        // SAFETY: `own` registered exactly this box, and APR runs a cleanup once.
        drop(unsafe { Box::from_raw(data.cast::<T>()) });
        Cleaned(0)
    })
}
