//! Streams of HTTP/2: whether one has taken what was passed to it.
//!
//! mod_http2 keeps what a stream's handler passes on until the connection's own thread takes it, which it does as the
//! client's window and socket allow. The handler waits if more comes than is to be kept; while nothing is kept, one bucket
//! of any length fits. So each passage is followed by a marker, a bucket without content that goes behind the filters of the
//! request, straight to the stream. It is destroyed some time after it was taken, by the handler's thread when that
//! passes something; passing nothing does as well.
//!
//! mod_http2 1.x destroys it only after more was taken: a stream of it cannot be asked.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

use super::brigade::Brigade;
use super::fence::{Answered, Nothing, fence};
use super::request::Request;
use crate::sys;

/// A type of buckets.
struct Kind(sys::apr_bucket_type_t);

// SAFETY: it is only read, and its name is a constant.
unsafe impl Sync for Kind {}

static MARKER: Kind = Kind(sys::apr_bucket_type_t {
    name: c"WSGI MARKER".as_ptr(),
    num_func: 5,
    is_metadata: sys::APR_BUCKET_METADATA,
    destroy: Some(destroy),
    read: Some(read),
    setaside: Some(sys::apr_bucket_setaside_noop),
    split: Some(sys::apr_bucket_split_notimpl),
    copy: Some(sys::apr_bucket_copy_notimpl),
});

/// The way of a response into a stream.
pub(crate) struct Stream<'r> {
    request: Request<'r>,
    brigade: Brigade<'r>,
    /// Held by the newest marker as well, until that is destroyed.
    marker: Option<Arc<()>>,
}

impl<'r> Stream<'r> {
    /// That of `request`, if it came in one that can be asked.
    pub(crate) fn of(request: Request<'r>) -> Option<Self> {
        let asks = request.is_stream() && hands_back();
        asks.then(|| Self { request, brigade: Brigade::new(request), marker: None })
    }

    /// Sends a marker after what was passed on.
    pub(crate) fn mark(&mut self) {
        let marker = Arc::new(());
        let held = Arc::into_raw(Arc::clone(&marker)).cast_mut().cast();
        // SAFETY: the type is a static, the allocator is alive; the bucket owns `held`.
        let bucket = unsafe { sys::wsgi_bucket_create(&raw const MARKER.0, held, self.brigade.allocator()) };
        // SAFETY: made just now with the brigade's allocator.
        unsafe { self.brigade.push(bucket) };
        self.marker = Some(marker);
        self.brigade.pass_straight(self.request); // that the stream has ended shows when more is passed on
    }

    /// Whether the stream has taken all of it, so that one more bucket never waits.
    pub(crate) fn has_taken(&mut self) -> bool {
        if self.is_marked() {
            self.brigade.pass_straight(self.request); // nothing, with which what was taken is destroyed
        }
        !self.is_marked()
    }

    /// Whether the newest marker is still on its way.
    fn is_marked(&self) -> bool {
        self.marker.as_ref().is_some_and(|marker| Arc::strong_count(marker) > 1)
    }
}

/// Whether it is mod_http2 2.x, with which a directive of this name came.
fn hands_back() -> bool {
    // SAFETY: the list of modules does not change while requests are served.
    let module = unsafe { sys::ap_find_linked_module(c"mod_http2.c".as_ptr()) };
    if module.is_null() {
        return false;
    }
    // SAFETY: a loaded module.
    let commands = unsafe { (*module).cmds };
    // SAFETY: the module's table of directives.
    !commands.is_null() && !unsafe { sys::ap_find_command(c"H2StreamTimeout".as_ptr(), commands) }.is_null()
}

/// Of a marker.
extern "C" fn destroy(held: *mut c_void) {
    fence("destroy a marker", || {
        // SAFETY: made by `into_raw` in `mark`; a bucket is destroyed once.
        drop(unsafe { Arc::from_raw(held.cast::<()>().cast_const()) });
        Nothing
    });
}

/// Of a marker: nothing is in it.
extern "C" fn read(
    _: *mut sys::apr_bucket,
    data: *mut *const c_char,
    length: *mut sys::apr_size_t,
    _: sys::apr_read_type_e,
) -> sys::apr_status_t {
    fence("read a marker", || {
        // SAFETY: the caller's places for the answer.
        unsafe { data.write(ptr::null()) };
        // SAFETY: as above.
        unsafe { length.write(0) };
        Answered(0)
    })
}
