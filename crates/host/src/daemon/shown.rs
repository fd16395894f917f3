//! What a request thread shows of itself: in the shared area to the leader and to httpd's children, in memory to the
//! watcher of this process.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use contract::control::FromWorker;
use contract::request::{Flags, Request};
use contract::thread::{Thread, clock};

use super::shared::Shared;
use crate::wsgi::watched::Watched;

/// A request thread's face.
pub(super) struct Shown<'s> {
    shared: &'s Shared,
    record: Option<&'s Thread>,
    watched: Arc<Watched>,
    /// A request that needs its script has come to this thread.
    has_begun: AtomicBool,
    /// The present request counts as activity.
    counts: AtomicBool,
}

/// The thread has a request until this is dropped.
pub(super) struct Begun<'a>(Option<&'a Thread>);

impl<'s> Shown<'s> {
    /// Of thread `number`, from 1.
    pub(super) fn new(shared: &'s Shared, number: u32) -> Self {
        let at = (number as usize).saturating_sub(1);
        let record = shared.area.threads(shared.settings.slot as usize).get(at);
        let watched = shared.watched(number).unwrap_or_else(|| Arc::new(Watched::new(|| {})));
        Self { shared, record, watched, has_begun: AtomicBool::new(false), counts: AtomicBool::new(true) }
    }

    /// For those who watch the thread from within the process.
    pub(super) fn watched(&self) -> &Arc<Watched> {
        &self.watched
    }

    /// The thread has another request, which may not have come in full.
    pub(super) fn begin(&self) -> Begun<'s> {
        let (number, now) = (self.watched.begin(), clock());
        self.shared.is_busy(now);
        if let Some(record) = self.record {
            record.begin(number, now);
        }
        Begun(self.record)
    }

    /// The request is one that needs its script: startup-timeout counts from the first of them.
    pub(super) fn needs_script(&self) {
        if !self.has_begun.swap(true, Relaxed) {
            if let Some(slot) = self.shared.place() {
                let _ = slot.first.compare_exchange(0, clock(), SeqCst, SeqCst);
            }
        }
    }

    /// The request is there.
    pub(super) fn describe(&self, request: &Request<'_>) {
        self.counts.store(!request.flags.has(Flags::IGNORE_ACTIVITY), Relaxed);
        self.beat();
        let Some(record) = self.record else { return };
        let (mut id, mut method, mut uri) = (&b"-"[..], &b""[..], &b""[..]);
        for (name, value) in request.environ.iter().map_while(Result::ok) {
            match name {
                b"REQUEST_METHOD" => method = value,
                b"REQUEST_URI" => uri = value,
                b"mod_wsgi.request_id" => {
                    id = value;
                    break; // behind the others
                }
                _ => {}
            }
        }
        record.describe([id, b" ", method, b" ", uri].into_iter());
    }

    /// Says something to the leader.
    pub(super) fn tell(&self, message: &FromWorker) {
        self.shared.tell(message);
    }

    /// Something happens in the request: inactivity-timeout counts from here.
    pub(super) fn beat(&self) {
        if self.counts.load(Relaxed) && self.shared.settings.group.limits.inactivity_timeout > 0 {
            if let Some(slot) = self.shared.place() {
                slot.activity.store(clock(), Relaxed);
            }
        }
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.0 {
            record.end();
        }
    }
}
