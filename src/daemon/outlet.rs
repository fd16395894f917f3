//! The way out of a response, the client's socket or a stream of HTTP/2: how much it takes without waiting, and how long
//! a worker may wait for it.
//!
//! A client that keeps up is worth a short wait: what it takes at once need not be spooled. So a response begins with a
//! little patience and earns more with what its client takes; who takes less than [`QUICK`] has soon used it up. The
//! decisions are those of [`super::delivery`].

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt::socket_send_buffer_size;

use super::queue::timespec;
use crate::apache::{Request, Stream};

/// What a socket with room takes without waiting, whatever its size.
pub(super) const SURE: usize = 16 << 10;
/// Patience at the beginning.
const FIRST: Duration = Duration::from_millis(10);
/// And at most.
const MOST: Duration = Duration::from_millis(100);
/// How many bytes earn a microsecond: a client that takes 16 MB/s is waited for, however long its response is.
const QUICK: usize = 16;

/// A stream does not say when it has room: it is asked when it has had none for a quarter longer, within these limits.
const SOON: Duration = Duration::from_micros(100);
const LATE: Duration = Duration::from_millis(100);

/// The client's socket, or its stream.
pub(super) struct Outlet<'r> {
    request: Request<'r>,
    stream: Option<Stream<'r>>,
    /// What the socket takes when it has room; 0: not asked yet.
    room: usize,
    /// Since when it has had none.
    stuck: Option<Instant>,
    /// How long it may be waited for, less what has passed since it is stuck.
    patience: Duration,
}

impl<'r> Outlet<'r> {
    pub(super) fn new(request: Request<'r>) -> Self {
        Self { request, stream: Stream::of(request), room: 0, stuck: None, patience: FIRST }
    }

    /// How many of `wanted` bytes, in one bucket, it takes now without waiting. Without a socket to ask, all.
    pub(super) fn room(&mut self, wanted: usize) -> usize {
        if let Some(stream) = &mut self.stream {
            return if stream.has_taken() { wanted } else { 0 };
        }
        let Some(client) = self.request.client_fd() else { return wanted };
        if !self.is_writable(Duration::ZERO) {
            return 0;
        }
        if wanted > SURE && wanted > self.room {
            // Linux calls a socket writable while a third of its buffer is free.
            self.room = socket_send_buffer_size(client).unwrap_or(0) / 3;
        }
        wanted.min(self.room.max(SURE))
    }

    /// Waits for room as long as its patience lasts; whether there is some. A stream is not waited for.
    pub(super) fn wait(&self) -> bool {
        !self.is_asked() && self.is_writable(self.patience())
    }

    /// It had no room: for how long that has been so.
    pub(super) fn stay(&mut self) -> Duration {
        self.stuck.get_or_insert_with(Instant::now).elapsed()
    }

    /// Whether it has to be asked for room.
    pub(super) fn is_asked(&self) -> bool {
        self.stream.is_some()
    }

    /// After how long it is to be asked again, if it does not say by itself when it has room.
    pub(super) fn turn(&self) -> Option<Duration> {
        let stuck = self.stuck.map_or(Duration::ZERO, |since| since.elapsed());
        self.stream.as_ref().map(|_| (stuck / 4).clamp(SOON, LATE))
    }

    /// It has got `length` bytes.
    pub(super) fn took(&mut self, length: usize) {
        if let Some(stream) = &mut self.stream {
            stream.mark();
        }
        let earned = Duration::from_micros((length / QUICK) as u64);
        self.patience = (self.patience() + earned).min(MOST);
        self.stuck = None;
    }

    /// How long it may still be waited for.
    pub(super) fn patience(&self) -> Duration {
        self.patience.saturating_sub(self.stuck.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    fn is_writable(&self, wait: Duration) -> bool {
        let Some(client) = self.request.client_fd() else { return true };
        poll(&mut [PollFd::new(&client, PollFlags::OUT)], Some(&timespec(wait))) != Ok(0)
    }
}
