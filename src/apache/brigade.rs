//! Bucket brigades: how data travels through httpd's filters.

use std::ffi::c_char;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::request::{Request, field};
use crate::sys;

/// A brigade of our own, from the request's pool.
#[derive(Clone, Copy)]
pub(super) struct Brigade<'r> {
    raw: NonNull<sys::apr_bucket_brigade>,
    allocator: *mut sys::apr_bucket_alloc_t,
    life: PhantomData<Request<'r>>,
}

/// A bucket of a brigade.
pub(super) struct Bucket<'b> {
    raw: NonNull<sys::apr_bucket>,
    life: PhantomData<&'b ()>,
}

impl<'r> Brigade<'r> {
    pub(super) fn new(request: Request<'r>) -> Self {
        let connection = request.connection();
        let allocator = field!(connection.bucket_alloc);
        // SAFETY: pool and allocator are the request's own.
        let raw = unsafe { sys::apr_brigade_create(request.pool().as_ptr(), allocator) };
        // SAFETY: allocation from a pool of httpd does not fail.
        let raw = unsafe { NonNull::new_unchecked(raw) };
        Self { raw, allocator, life: PhantomData }
    }

    pub(super) fn as_ptr(self) -> *mut sys::apr_bucket_brigade {
        self.raw.as_ptr()
    }

    pub(super) fn allocator(self) -> *mut sys::apr_bucket_alloc_t {
        self.allocator
    }

    pub(super) fn is_empty(self) -> bool {
        // SAFETY: the brigade is ours and alive.
        (unsafe { sys::wsgi_brigade_empty(self.as_ptr()) }) != 0
    }

    pub(super) fn first(&self) -> Option<Bucket<'_>> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: the brigade is not empty, so its first element is a bucket.
        let raw = unsafe { sys::wsgi_brigade_first(self.as_ptr()) };
        NonNull::new(raw).map(|raw| Bucket { raw, life: PhantomData })
    }

    /// The buckets, from the first on.
    pub(super) fn iter(&self) -> impl Iterator<Item = Bucket<'_>> {
        // SAFETY: the brigade is ours and alive; nothing is read of what is no bucket.
        let end = unsafe { sys::wsgi_brigade_sentinel(self.as_ptr()) };
        std::iter::successors(self.first(), move |bucket| {
            // SAFETY: the bucket is alive and in this brigade.
            let next = unsafe { sys::wsgi_bucket_next(bucket.as_ptr()) };
            NonNull::new(next)
                .filter(|next| next.as_ptr() != end)
                .map(|raw| Bucket { raw, life: PhantomData })
        })
    }

    /// # Safety
    /// `bucket` was made with this brigade's allocator and is in no other brigade.
    pub(super) unsafe fn push(self, bucket: *mut sys::apr_bucket) {
        // SAFETY: by the caller.
        unsafe { sys::wsgi_brigade_insert_tail(self.as_ptr(), bucket) };
    }

    /// Appends an empty bucket: what is copied next does not go into the memory of the one before.
    pub(super) fn divide(self) {
        // SAFETY: the bytes are static, and the allocator is this brigade's.
        let bucket = unsafe { sys::apr_bucket_immortal_create(c"".as_ptr(), 0, self.allocator) };
        // SAFETY: a new bucket of that allocator.
        unsafe { self.push(bucket) };
    }

    /// Appends a copy of `bytes`.
    pub(super) fn copy(self, bytes: &[u8]) {
        // SAFETY: the bytes are readable; they are copied into buckets (no flush function is given, so all stays).
        unsafe {
            sys::apr_brigade_write(
                self.as_ptr(),
                None,
                std::ptr::null_mut(),
                bytes.as_ptr().cast(),
                bytes.len(),
            )
        };
    }

    /// Passes on what is in it behind the filters of the request, straight to the connection.
    pub(super) fn pass_straight(self, request: Request<'_>) {
        let connection = request.connection();
        let filters = field!(connection.output_filters);
        // SAFETY: the connection's own filters and our own brigade; this thread runs both.
        let _ = unsafe { sys::ap_pass_brigade(filters, self.as_ptr()) };
        self.cleanup();
    }

    /// Frees what is left in it.
    pub(super) fn cleanup(self) {
        // SAFETY: the brigade is ours and alive.
        unsafe { sys::apr_brigade_cleanup(self.as_ptr().cast()) };
    }
}

impl Bucket<'_> {
    pub(super) fn as_ptr(&self) -> *mut sys::apr_bucket {
        self.raw.as_ptr()
    }

    /// Whether it marks the end of the stream.
    pub(super) fn is_end(&self) -> bool {
        // SAFETY: the bucket is alive.
        (unsafe { sys::wsgi_bucket_is_eos(self.as_ptr()) }) != 0
    }

    pub(super) fn is_metadata(&self) -> bool {
        // SAFETY: the bucket is alive.
        (unsafe { sys::wsgi_bucket_is_metadata(self.as_ptr()) }) != 0
    }

    /// Its bytes, read into memory if they are not there yet (a file's, a pipe's).
    pub(super) fn read(&self) -> Result<&[u8], sys::apr_status_t> {
        let block = sys::APR_BLOCK_READ; // nobody could say when to try again
        let (mut data, mut length) = (std::ptr::null::<c_char>(), 0);
        // SAFETY: the bucket is alive; the two places are writable.
        let status = unsafe { sys::wsgi_bucket_read(self.as_ptr(), &raw mut data, &raw mut length, block) };
        match status {
            0 if length == 0 => Ok(&[]),
            // SAFETY: a bucket that was read keeps its bytes in their place until it is set aside or deleted.
            0 => Ok(unsafe { std::slice::from_raw_parts(data.cast(), length) }),
            status => Err(status),
        }
    }

    /// Moves it to the end of `kept`, for as long as the request lives. False where it cannot be kept: it stays.
    pub(super) fn keep(&self, kept: Brigade<'_>, request: Request<'_>) -> bool {
        // SAFETY: the bucket and the request's pool are alive.
        if unsafe { sys::wsgi_bucket_setaside(self.as_ptr(), request.pool().as_ptr()) } != 0 {
            return false;
        }
        // SAFETY: the bucket is in a brigade.
        unsafe { sys::wsgi_bucket_remove(self.as_ptr()) };
        // SAFETY: it is in no brigade now; buckets of a connection have one allocator.
        unsafe { kept.push(self.as_ptr()) };
        true
    }

    /// Takes it out of its brigade and frees it.
    pub(super) fn delete(self) {
        // SAFETY: the bucket is alive, and the handle ends here.
        unsafe { sys::wsgi_bucket_delete(self.as_ptr()) };
    }
}
