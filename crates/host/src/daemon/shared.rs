//! What the threads of a worker share.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::area::{Area, Slot};
use contract::control::{self, FromWorker, ScriptState};
use contract::launch::{Target, Worker};
use contract::modified::Sighting;
use contract::reason::Reason;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::python::memory;
use crate::python::process::Process;
use crate::wsgi::watched::Watched;

/// In the units of [`contract::thread::clock`].
const SECOND: u64 = 1000;

/// What the worker does with requests. It only ever moves downwards in this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Mode {
    /// Takes them.
    Serving = 0,
    /// Serves those that are in its slot, and ends.
    Draining = 1,
    /// A script has changed: answers REJECT(reloading) to those in its slot, and ends.
    Reloading = 2,
    /// Answers REJECT(draining) to those in its slot, and ends soon.
    Stopping = 3,
}

/// What the threads of a worker share.
pub(super) struct Shared {
    pub(super) process: Process,
    pub(super) settings: Worker,
    pub(super) area: Area,
    pub(super) control: OwnedFd,
    pub(super) overflow: OwnedFd,
    pub(super) slot: OwnedFd,
    /// Readable once the mode is not `Serving` any more.
    pub(super) leaving: OwnedFd,
    /// Counted up to wake one idle thread for the overflow.
    pub(super) nudge: OwnedFd,
    /// Counted up to wake the main thread.
    pub(super) main: OwnedFd,
    pub(super) pid: u32,
    mode: AtomicU8,
    /// Threads that have a request, until its last byte is sent.
    active: AtomicU32,
    served: AtomicU64,
    /// When a request last came, give or take a second ([`contract::thread::clock`]).
    came: AtomicU64,
    /// What it has used up; it is replaced then.
    pub(super) shortage: OnceLock<Reason>,
    /// The request threads.
    threads: Vec<Thread>,
}

/// A request thread as the others of its process know it.
#[derive(Default)]
struct Thread {
    watched: OnceLock<Arc<Watched>>,
    /// The system's number for it.
    id: OnceLock<i32>,
}

impl Shared {
    pub(super) fn new(
        process: Process,
        settings: Worker,
        area: Area,
        [control, overflow, slot]: [OwnedFd; 3],
    ) -> std::io::Result<Self> {
        let no_memory = FromWorker::Retire { reason: Reason::MemoryLimit };
        memory::tell(control.as_fd(), serde_json::to_vec(&no_memory)?);
        let event = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let threads = (0..settings.group.threads).map(|_| Thread::default()).collect();
        Ok(Self {
            process,
            settings,
            area,
            control,
            overflow,
            slot,
            leaving: event()?,
            nudge: event()?,
            main: event()?,
            pid: std::process::id(),
            mode: AtomicU8::new(Mode::Serving as u8),
            active: AtomicU32::new(0),
            served: AtomicU64::new(0),
            came: AtomicU64::new(0),
            shortage: OnceLock::new(),
            threads,
        })
    }

    pub(super) fn mode(&self) -> Mode {
        match self.mode.load(SeqCst) {
            0 => Mode::Serving,
            1 => Mode::Draining,
            2 => Mode::Reloading,
            _ => Mode::Stopping,
        }
    }

    /// Moves on to `mode`, if that is further down. Returns whether the worker was serving until now.
    pub(super) fn enter(&self, mode: Mode) -> bool {
        let before = self.mode.fetch_max(mode as u8, SeqCst);
        if let Some(slot) = self.place() {
            slot.accepting.store(0, SeqCst);
        }
        signal(&self.leaving);
        signal(&self.main);
        before == Mode::Serving as u8
    }

    /// Lets httpd's children send requests, unless the worker goes already: its threads have had the overflow before.
    pub(super) fn accept(&self) {
        let Some(slot) = self.place() else { return };
        slot.accepting.store(1, SeqCst);
        if self.mode() != Mode::Serving {
            slot.accepting.store(0, SeqCst);
        }
    }

    /// This worker's slot; there is one unless leader and worker disagree about their number.
    pub(super) fn place(&self) -> Option<&Slot> {
        self.area.slots().get(self.settings.slot as usize)
    }

    /// The calling thread is request thread `number`.
    pub(super) fn introduce(self: &Arc<Self>, number: u32) {
        let Some(thread) = self.thread(number) else { return };
        let shared = Arc::clone(self);
        thread.watched.get_or_init(|| Arc::new(Watched::new(move || shared.script_is_there())));
        thread.id.get_or_init(|| rustix::thread::gettid().as_raw_nonzero().get());
    }

    /// Request thread `number`, once it runs.
    pub(super) fn watched(&self, number: u32) -> Option<Arc<Watched>> {
        self.thread(number)?.watched.get().cloned()
    }

    /// The system's number for request thread `number`, once it runs.
    pub(super) fn system_id(&self, number: u32) -> Option<i32> {
        self.thread(number)?.id.get().copied()
    }

    fn thread(&self, number: u32) -> Option<&Thread> {
        self.threads.get((number as usize).checked_sub(1)?)
    }

    /// A script was loaded.
    pub(super) fn script_is_there(&self) {
        if let Some(slot) = self.place() {
            slot.loaded.store(1, SeqCst);
        }
    }

    /// Number of request threads.
    pub(super) fn threads(&self) -> u32 {
        self.settings.group.threads.max(1)
    }

    /// Longest wait for httpd's child.
    pub(super) fn socket_timeout(&self) -> Duration {
        match self.settings.group.socket_timeout {
            0 => Duration::from_secs(60),
            seconds => Duration::from_secs(seconds.into()),
        }
    }

    /// Whether requests wait in the overflow that this worker may take.
    pub(super) fn queue_waits(&self) -> bool {
        self.mode() == Mode::Serving && self.area.group().queued.load(SeqCst) > 0
    }

    /// A ticket was taken from the overflow.
    pub(super) fn unqueue(&self) {
        let _ = self.area.group().queued.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1));
    }

    /// A request has come. The leader, which looks away once it has seen none for five seconds, is told of the first one
    /// after a pause that is shorter than that.
    pub(super) fn is_busy(&self, now: u64) {
        let before = self.came.load(Relaxed);
        if now < before.saturating_add(SECOND) {
            return;
        }
        self.came.store(now, Relaxed);
        if now >= before.saturating_add(2 * SECOND) {
            // If there is no room for it the leader has enough to hear.
            let _ = control::encode(&FromWorker::Busy).and_then(|busy| control::post(&self.control, &busy));
        }
    }

    /// A thread has a request.
    fn begin(&self) {
        self.active.fetch_add(1, SeqCst);
        if let Some(slot) = self.place() {
            slot.busy.fetch_add(1, SeqCst);
        }
    }

    /// A thread has none any more.
    fn end(&self) {
        if let Some(slot) = self.place() {
            let _ = slot.busy.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1));
        }
        self.active.fetch_sub(1, SeqCst);
        if self.mode() != Mode::Serving {
            signal(&self.main);
        }
    }

    /// Threads that have a request.
    pub(super) fn active(&self) -> u32 {
        self.active.load(SeqCst)
    }

    /// A request was answered. True when that was the last one that this worker is meant to answer.
    pub(super) fn count(&self) -> bool {
        if let Some(slot) = self.place() {
            slot.requests.fetch_add(1, SeqCst);
        }
        let served = self.served.fetch_add(1, SeqCst) + 1;
        served == u64::from(self.settings.group.limits.maximum_requests)
    }

    /// Whether nothing is left to do for a worker that drains: no thread has a request, none is announced or waits.
    pub(super) fn is_drained(&self) -> bool {
        let reserved = self.place().map_or(0, |slot| slot.reserved.load(SeqCst));
        reserved == 0 && self.active() == 0 && !waits(&self.slot)
    }

    /// Loads a script, unless it is there, and says so. Whether it is there.
    pub(super) fn load(&self, target: &Target) -> bool {
        let before = self.settings.group.rolling.then(|| Sighting::of(&target.script));
        let is_there = self.process.load(target);
        if is_there {
            self.script_is_there();
        }
        // What could not be loaded is what was in the file before; it may have been mended meanwhile.
        self.tell_version(target, before.filter(|_| !is_there));
        is_there
    }

    /// With reload=rolling: tells the leader which version of a script is loaded, or could not be loaded, and what was
    /// seen of its file; without that, what it is now.
    pub(super) fn tell_version(&self, target: &Target, file: Option<Sighting>) {
        if self.settings.group.rolling {
            let loaded = self.process.version(target);
            let file = file.unwrap_or_else(|| Sighting::of(&target.script));
            self.tell(&FromWorker::Script(ScriptState {
                target: target.clone(),
                loaded,
                file,
                noticed: false,
                wanted: false,
            }));
        }
    }

    /// Tells the leader; it is not there any more if that fails, which the main thread notices.
    pub(super) fn tell(&self, message: &FromWorker) {
        let _ = control::send(&self.control, message);
    }
}

/// A thread's hold on a request: it counts as busy, and owns the reservation, until this is dropped.
pub(super) struct Hold<'s> {
    shared: &'s Shared,
    reserved: bool,
}

impl<'s> Hold<'s> {
    /// Takes over a reservation that was made for this thread.
    pub(super) fn new(shared: &'s Shared) -> Self {
        shared.begin();
        Self { shared, reserved: true }
    }

    pub(super) fn is_reserved(&self) -> bool {
        self.reserved
    }

    /// Gives the reservation back before the request is quite over.
    pub(super) fn release(&mut self) {
        if std::mem::take(&mut self.reserved) {
            if let Some(slot) = self.shared.place() {
                slot.release();
            }
        }
    }

    /// There was no reservation.
    pub(super) fn disown(&mut self) {
        self.reserved = false;
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.release();
        self.shared.end();
    }
}

/// Makes an eventfd readable.
pub(super) fn signal(event: &OwnedFd) {
    let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
}

/// Makes an eventfd unreadable.
pub(super) fn clear(event: &OwnedFd) {
    let _ = rustix::io::read(event, &mut [0; 8]);
}

/// Whether a message waits; at the end of all senders there is none.
pub(super) fn waits(socket: impl AsFd) -> bool {
    let mut sockets = [PollFd::new(&socket, PollFlags::IN)];
    let polled = poll(&mut sockets, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    let [socket] = sockets;
    polled.is_ok() && socket.revents().contains(PollFlags::IN) && !socket.revents().contains(PollFlags::HUP)
}

/// Microseconds since the epoch.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
