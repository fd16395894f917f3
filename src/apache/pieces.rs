//! Pieces of a request body in the memory that httpd's filters have read them into, so that they can be sent from there.

use super::brigade::{Brigade, Bucket};
use super::request::Request;
use crate::sys;

/// What is shorter is copied behind the short piece before it: each bucket from a socket has 8,000 bytes of memory, and a
/// client that sends byte by byte would fill one for each.
const SHORT: usize = 4000;
/// What APR allocates for the first of several short pieces.
const BUFFER: usize = 8000;

/// Bytes of a body, in order.
pub(crate) struct Pieces<'r> {
    request: Request<'r>,
    /// Buckets that were read and set aside; none is deleted but by `clear`.
    brigade: Brigade<'r>,
    length: usize,
    /// How many more bytes fit behind the short pieces at the end.
    room: usize,
}

impl<'r> Pieces<'r> {
    pub(super) fn new(request: Request<'r>) -> Self {
        Self { request, brigade: Brigade::new(request), length: 0, room: 0 }
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.brigade.iter().map(|bucket| {
            let bytes = bucket.read().unwrap_or_default(); // it was read before, and is in memory
            // SAFETY: the bucket is ours, and deleted by nobody who has not got `self` for himself.
            unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) }
        })
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.brigade.cleanup();
        (self.length, self.room) = (0, 0);
    }

    /// Takes a bucket out of another brigade.
    pub(super) fn take(&mut self, bucket: Bucket<'_>) -> Result<(), sys::apr_status_t> {
        let bytes = bucket.read()?;
        self.length += bytes.len();
        if bytes.len() >= SHORT && bucket.keep(self.brigade, self.request) {
            self.room = 0;
            return Ok(());
        }
        if !bytes.is_empty() {
            self.copy(bytes);
        }
        bucket.delete();
        Ok(())
    }

    fn copy(&mut self, bytes: &[u8]) {
        if self.room < bytes.len() {
            self.brigade.divide(); // APR begins no buffer behind one that is full: each byte would be a bucket
            self.room = BUFFER;
        }
        self.brigade.copy(bytes);
        self.room = self.room.saturating_sub(bytes.len());
    }
}

impl Drop for Pieces<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}
