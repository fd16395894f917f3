//! How long httpd waits for a client that takes nothing: the time-out of its socket, set for the length of a response.

use std::time::Duration;

use super::Request;
use crate::sys;

/// The client's socket has another time-out until this is dropped.
pub(crate) struct Patience {
    socket: *mut sys::apr_socket_t,
    before: sys::apr_interval_time_t,
}

impl Patience {
    /// Waits for the client of `request` for at most `limit`. `None`: the connection is shared with other requests
    /// (HTTP/2), or has no socket.
    pub(crate) fn set(request: Request<'_>, limit: Duration) -> Option<Self> {
        if request.is_stream() {
            return None;
        }
        // SAFETY: httpd keeps connection and socket for the length of the request.
        let socket = unsafe { sys::ap_get_conn_socket(request.connection().as_ptr()) };
        if socket.is_null() {
            return None;
        }
        let mut before = 0;
        // SAFETY: a live socket; `before` is writable.
        let known = unsafe { sys::apr_socket_timeout_get(socket, &raw mut before) } == 0;
        let limit = i64::try_from(limit.as_micros()).unwrap_or(i64::MAX);
        // SAFETY: as above; a plain number.
        let set = known && unsafe { sys::apr_socket_timeout_set(socket, limit) } == 0;
        set.then_some(Self { socket, before })
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        // SAFETY: the socket of a request that has not ended.
        unsafe { sys::apr_socket_timeout_set(self.socket, self.before) };
    }
}
