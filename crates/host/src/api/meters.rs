//! What one request costs: body bytes in both directions, the time that moving them took, and waits for the GIL.
//!
//! Bytes and calls are always counted. Times are taken only while the meters are armed: when events of requests are
//! subscribed or metrics are recorded.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// The meters of one request. Any thread of the application may move them.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    armed: AtomicBool,
    input_reads: AtomicU64,
    input_bytes: AtomicU64,
    input_time: AtomicU64,
    output_writes: AtomicU64,
    output_bytes: AtomicU64,
    output_time: AtomicU64,
    gil_waits: AtomicU64,
    gil_time: AtomicU64,
}

/// What they show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reading {
    /// Reads from httpd.
    pub input_reads: u64,
    /// Bytes given to the application.
    pub input_bytes: u64,
    /// Time in these reads.
    pub input_time: Duration,
    /// Items of the response that were not empty, and calls of `write`.
    pub output_writes: u64,
    /// Their bytes, including those that a Content-Length forbids.
    pub output_bytes: u64,
    /// Time in handing them to httpd.
    pub output_time: Duration,
    /// How often we waited for the GIL.
    pub gil_waits: u64,
    /// How long.
    pub gil_time: Duration,
}

impl Meters {
    /// Begins to take times.
    pub(crate) fn arm(&self) {
        self.armed.store(true, Relaxed);
    }

    /// Runs `read`, a read from httpd.
    pub(crate) fn reading<R>(&self, read: impl FnOnce() -> R) -> R {
        self.input_reads.fetch_add(1, Relaxed);
        self.timed(&self.input_time, read)
    }

    /// The application was given so many bytes of the body.
    pub(crate) fn given(&self, bytes: usize) {
        self.input_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// The application has produced an item of so many bytes.
    pub(crate) fn produced(&self, bytes: u64) {
        self.output_writes.fetch_add(1, Relaxed);
        self.output_bytes.fetch_add(bytes, Relaxed);
    }

    /// Runs `write`, which hands output to httpd.
    pub(crate) fn writing<R>(&self, write: impl FnOnce() -> R) -> R {
        self.timed(&self.output_time, write)
    }

    /// Now, as the instant at which the GIL is asked for, if times are taken.
    pub(crate) fn ask(&self) -> Option<Instant> {
        self.armed.load(Relaxed).then(Instant::now)
    }

    /// The GIL was asked for at `asked`, and is there now. `None`: it was not measured.
    pub(crate) fn waited_since(&self, asked: Option<Instant>) {
        if let Some(asked) = asked {
            self.gil_waits.fetch_add(1, Relaxed);
            self.gil_time.fetch_add(nanos(asked.elapsed()), Relaxed);
        }
    }

    /// Runs `body` without the GIL, and measures the wait for it afterwards.
    pub(crate) fn detached<R: Send>(&self, py: Python<'_>, body: impl FnOnce() -> R + Send) -> R {
        let (result, asked) = py.detach(|| (body(), self.ask()));
        self.waited_since(asked);
        result
    }

    /// Bytes that were given to the application, and bytes that it has produced.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.input_bytes.load(Relaxed), self.output_bytes.load(Relaxed))
    }

    /// What they show now.
    pub(crate) fn read(&self) -> Reading {
        let time = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Relaxed));
        Reading {
            input_reads: self.input_reads.load(Relaxed),
            input_bytes: self.input_bytes.load(Relaxed),
            input_time: time(&self.input_time),
            output_writes: self.output_writes.load(Relaxed),
            output_bytes: self.output_bytes.load(Relaxed),
            output_time: time(&self.output_time),
            gil_waits: self.gil_waits.load(Relaxed),
            gil_time: time(&self.gil_time),
        }
    }

    fn timed<R>(&self, total: &AtomicU64, body: impl FnOnce() -> R) -> R {
        let started = self.ask();
        let result = body();
        if let Some(started) = started {
            total.fetch_add(nanos(started.elapsed()), Relaxed);
        }
        result
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
