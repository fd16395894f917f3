//! The shared statistics area of a process group: a sealed memfd that parent, httpd children, leader and workers map.
//!
//! It is also how a request finds a free thread: [`Slot::try_reserve`]. Everything in it can be written by the
//! group's user, so no reader trusts a value: numbers of slots and threads come from the settings, pids and lengths
//! are only ever compared or clamped. A group with nonsense in its area harms itself alone.
//!
//! The reservation rule: `reserved` counts threads that run a request plus requests on their way to the slot's
//! threads (a ticket in the slot's socket, or a request on a kept connection). A child reserves before it sends to a
//! slot; a thread reserves before it takes from the overflow; the thread that ends a request releases, unless it
//! goes on with the overflow. It never exceeds `threads`, so behind each reservation is an idle thread.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering::SeqCst};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::counters::{Applications, Ends, Lost, Requests};
use crate::note::Note;
use crate::reason::Reason;
use crate::size::Size;
use crate::thread::{Thread, clock};

/// How many ends of workers are remembered.
const EXITS: usize = 32;
/// Longest reason of a failed start that is kept, in bytes.
pub const REASON: usize = 1000;

/// Whether the group can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// No worker has come up yet; requests wait.
    Starting = 0,
    /// At least one worker came up at the last attempt.
    Running = 1,
    /// The last attempt to start failed and none is serving: requests get 503 with [`Group::failure`].
    Failing = 2,
    /// Workers serve, with other code than the scripts' files hold: these could not be loaded ([`Group::failure`]).
    Outdated = 3,
}

/// What belongs to the group as a whole.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Group {
    /// Tickets in the overflow: counted up before one is sent, down by the thread that takes it.
    pub queued: AtomicU32,
    state: AtomicU32,
    failure_length: AtomicU32,
    failure: [AtomicU8; REASON],
    exit_next: AtomicU32,
    exits: [Exit; EXITS],
    /// How many processes it is meant to have.
    pub size: Size,
    /// Since when requests wait in the overflow without a break ([`clock`]): it was empty when one came.
    pub queued_since: AtomicU64,
    /// Workers that were started.
    pub starts: AtomicU64,
    /// Ends of workers.
    pub ends: Ends,
    /// Requests that got no answer.
    pub lost: Lost,
    /// What an application has raised, or why a request was lost.
    pub last_error: Note,
    /// Requests by application group.
    pub applications: Applications,
}

#[repr(C)]
#[derive(Debug)]
struct Exit {
    pid: AtomicU32,
    status: AtomicI32,
    reason: AtomicU32,
    at: AtomicU64,
}

/// The end of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exited {
    /// Its process id.
    pub pid: u32,
    /// Its wait status (wait(2)).
    pub status: i32,
    /// Why it was made to end.
    pub reason: Option<Reason>,
    /// When the leader saw it ([`clock`]).
    pub at: u64,
}

/// One place for a worker process.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Slot {
    /// 1 while the worker wants new requests.
    pub accepting: AtomicU32,
    /// See the module's reservation rule.
    pub reserved: AtomicU32,
    /// Threads that run a request.
    pub busy: AtomicU32,
    /// The worker's process id; 0 when the slot is free.
    pub pid: AtomicU32,
    /// The generation (httpd's) of the leader that owns the worker.
    pub generation: AtomicU32,
    /// Requests ended by this worker.
    pub requests: AtomicU64,
    /// When something last happened in the worker ([`crate::thread::clock`]); 0: nothing ever. Kept only for a group
    /// with inactivity-timeout.
    pub activity: AtomicU64,
    /// When the worker took its first request that needs a script; 0: not yet.
    pub first: AtomicU64,
    /// When the worker last had the GIL of its main interpreter. Kept only for a group with deadlock-timeout.
    pub probed: AtomicU64,
    /// 1 once a script was loaded.
    pub loaded: AtomicU32,
    /// When the worker was started ([`clock`]).
    pub since: AtomicU64,
    /// What this slot's workers have done, the present one and those before.
    pub counted: Requests,
}

impl Group {
    /// Whether the group can serve.
    pub fn state(&self) -> State {
        match self.state.load(SeqCst) {
            1 => State::Running,
            2 => State::Failing,
            3 => State::Outdated,
            _ => State::Starting,
        }
    }

    /// Publishes the state.
    pub fn set_state(&self, state: State) {
        self.state.store(state as u32, SeqCst);
    }

    /// Publishes why the last start or reload failed; call it before [`Group::set_state`].
    pub fn set_failure(&self, reason: &str) {
        let mut length = 0;
        for (cell, byte) in self.failure.iter().zip(reason.bytes()) {
            cell.store(byte, SeqCst);
            length += 1;
        }
        self.failure_length.store(length, SeqCst);
    }

    /// Why the last start or reload failed; printable text, whatever the area holds.
    pub fn failure(&self) -> String {
        let length = (self.failure_length.load(SeqCst) as usize).min(REASON);
        let bytes: Vec<u8> = self.failure.iter().take(length).map(|cell| cell.load(SeqCst)).collect();
        String::from_utf8_lossy(&bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    /// Remembers the wait status (wait(2)) with which a worker ended, and why it was made to.
    pub fn record_exit(&self, pid: u32, status: i32, reason: Option<Reason>) {
        let next = self.exit_next.fetch_add(1, SeqCst) as usize % EXITS;
        if let Some(exit) = self.exits.get(next) {
            exit.status.store(status, SeqCst);
            exit.reason.store(reason.map_or(0, |reason| reason as u32), SeqCst);
            exit.at.store(clock(), SeqCst);
            exit.pid.store(pid, SeqCst);
        }
        self.ends.add(reason, ExitStatus::from_raw(status).signal().is_some());
    }

    /// The ends that are remembered, the last one first.
    pub fn exits(&self) -> Vec<Exited> {
        let exited = |exit: &Exit| Exited {
            pid: exit.pid.load(SeqCst),
            status: exit.status.load(SeqCst),
            reason: Reason::from_number(exit.reason.load(SeqCst)),
            at: exit.at.load(SeqCst),
        };
        let mut exits: Vec<_> = self.exits.iter().map(exited).filter(|exit| exit.pid != 0).collect();
        exits.sort_by_key(|exit| std::cmp::Reverse(exit.at));
        exits
    }

    /// The wait status with which worker `pid` ended, once the leader has seen it, and why it was made to end.
    pub fn exit_of(&self, pid: u32) -> Option<(i32, Option<Reason>)> {
        let of_pid = self.exits.iter().filter(|exit| exit.pid.load(SeqCst) == pid);
        let exit = of_pid.max_by_key(|exit| exit.at.load(SeqCst))?; // pids come again
        Some((exit.status.load(SeqCst), Reason::from_number(exit.reason.load(SeqCst))))
    }
}

impl Slot {
    /// Reserves one of the worker's `threads`, if it wants requests and one is free.
    pub fn try_reserve(&self, threads: u32) -> bool {
        if self.accepting.load(SeqCst) == 0 || !self.reserve(threads) {
            return false;
        }
        // A worker that drains clears `accepting` first and then looks at `reserved`: one of the two sees the other.
        if self.accepting.load(SeqCst) == 0 {
            self.release();
            return false;
        }
        true
    }

    /// Reserves a thread whether or not the worker wants requests; for its own threads that take from the overflow.
    pub fn reserve(&self, threads: u32) -> bool {
        self.reserved.fetch_update(SeqCst, SeqCst, |n| (n < threads).then(|| n + 1)).is_ok()
    }

    /// Gives a reservation back; never below zero, whatever somebody has written there.
    pub fn release(&self) {
        let _ = self.reserved.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1));
    }

    /// Makes the slot free for another worker; what is [`Slot::counted`] stays.
    pub fn clear(&self) {
        self.accepting.store(0, SeqCst);
        self.reserved.store(0, SeqCst);
        self.busy.store(0, SeqCst);
        self.requests.store(0, SeqCst);
        self.activity.store(0, SeqCst);
        self.first.store(0, SeqCst);
        self.probed.store(0, SeqCst);
        self.loaded.store(0, SeqCst);
        self.since.store(0, SeqCst);
        self.pid.store(0, SeqCst);
    }
}

/// A mapping of the area.
#[derive(Debug)]
pub struct Area {
    base: NonNull<c_void>,
    slots: usize,
    /// In each slot.
    threads: usize,
}

// SAFETY: the mapping holds atomics only and lives as long as the `Area`.
unsafe impl Send for Area {}
// SAFETY: as above.
unsafe impl Sync for Area {}

impl Area {
    fn size(slots: usize, threads: usize) -> usize {
        size_of::<Group>() + slots * (size_of::<Slot>() + threads * size_of::<Thread>())
    }

    /// Makes an area for `slots` workers of `threads` threads each, all zero, whose size nobody can change any more (a
    /// shrunk file would kill its readers with SIGBUS, so it is sealed).
    pub fn create(slots: usize, threads: usize) -> io::Result<(Self, OwnedFd)> {
        let file = memfd_create("mod_wsgi", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, Self::size(slots, threads) as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok((Self::map(file.as_fd(), slots, threads)?, file))
    }

    /// Maps an area made for `slots` workers of `threads` threads each.
    pub fn map(file: impl AsFd, slots: usize, threads: usize) -> io::Result<Self> {
        let size = Self::size(slots, threads);
        if fstat(file.as_fd())?.st_size as u64 != size as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "statistics area has another size"));
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice; it aliases nothing.
        let base = unsafe { mmap(std::ptr::null_mut(), size, access, MapFlags::SHARED, file, 0) }?;
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, slots, threads })
    }

    /// What belongs to the group as a whole.
    pub fn group(&self) -> &Group {
        // SAFETY: the mapping starts with a `Group`, is page-aligned, and any bytes are a valid `Group` of atomics.
        unsafe { self.base.cast::<Group>().as_ref() }
    }

    /// All slots.
    pub fn slots(&self) -> &[Slot] {
        // SAFETY: `map` checked that the mapping is longer than a `Group`.
        let first = unsafe { self.base.byte_add(size_of::<Group>()) };
        // SAFETY: `map` checked that `slots` of them follow; `Group`'s size is a multiple of their alignment.
        unsafe { std::slice::from_raw_parts(first.cast::<Slot>().as_ptr(), self.slots) }
    }

    /// The request threads of the worker in slot `slot`; none if there is no such slot.
    pub fn threads(&self, slot: usize) -> &[Thread] {
        self.all_threads().chunks(self.threads.max(1)).nth(slot).unwrap_or_default()
    }

    fn all_threads(&self) -> &[Thread] {
        // SAFETY: `map` checked that the mapping is longer than this.
        let first = unsafe { self.base.byte_add(Self::size(self.slots, 0)) };
        let count = self.slots * self.threads;
        // SAFETY: `map` checked that so many follow; a `Slot`'s size is a multiple of their alignment.
        unsafe { std::slice::from_raw_parts(first.cast::<Thread>().as_ptr(), count) }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: our own mapping with its own size; no borrow outlives `self`.
        let _ = unsafe { munmap(self.base.as_ptr(), Self::size(self.slots, self.threads)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_show_the_same() {
        let (ours, file) = Area::create(4, 3).unwrap();
        let theirs = Area::map(&file, 4, 3).unwrap();
        assert_eq!((ours.slots().len(), ours.group().state()), (4, State::Starting));
        theirs.group().set_failure("no interpreter\nat all");
        theirs.group().set_state(State::Failing);
        assert_eq!(ours.group().state(), State::Failing);
        assert_eq!(ours.group().failure(), "no interpreter at all");
        assert!(Area::map(&file, 5, 3).is_err() && ftruncate(&file, 1).is_err(), "its size is fixed");
    }

    #[test]
    fn each_slot_has_its_threads() {
        let (area, file) = Area::create(2, 3).unwrap();
        let theirs = Area::map(&file, 2, 3).unwrap();
        theirs.threads(1)[2].begin(1, 5);
        assert_eq!(area.threads(1).iter().filter(|thread| thread.began().is_some()).count(), 1);
        assert_eq!((area.threads(0).len(), area.threads(2).len()), (3, 0));
        assert!(area.threads(0).iter().all(|thread| thread.began().is_none()));
        let (service, _file) = Area::create(2, 0).unwrap();
        assert!(service.threads(0).is_empty() && service.slots().len() == 2);
    }

    #[test]
    fn a_reservation_needs_an_accepting_slot_and_a_thread() {
        let (area, _file) = Area::create(1, 1).unwrap();
        let slot = &area.slots()[0];
        assert!(!slot.try_reserve(2), "it does not accept");
        slot.accepting.store(1, SeqCst);
        assert!(slot.try_reserve(2) && slot.try_reserve(2) && !slot.try_reserve(2));
        slot.release();
        assert!(slot.try_reserve(2));
        slot.accepting.store(0, SeqCst);
        slot.release();
        assert!(!slot.try_reserve(2) && slot.reserve(2), "its own threads may");
        for _ in 0..5 {
            slot.release();
        }
        assert_eq!(slot.reserved.load(SeqCst), 0);
    }

    #[test]
    fn ends_are_remembered_for_a_while() {
        let (area, _file) = Area::create(1, 1).unwrap();
        let group = area.group();
        assert_eq!(group.exit_of(1), None);
        for pid in 1..=EXITS as u32 + 1 {
            group.record_exit(pid, pid as i32 * 256, None);
        }
        assert_eq!((group.exit_of(1), group.exit_of(2)), (None, Some((512, None))));
        assert_eq!(group.exit_of(EXITS as u32 + 1), Some(((EXITS as i32 + 1) * 256, None)));
        group.record_exit(99, 9, Some(Reason::MemoryLimit));
        let exits = group.exits();
        assert!(exits.len() == EXITS && exits.iter().all(|exit| exit.at <= exits[0].at));
        let last = exits.iter().find(|exit| exit.pid == 99).unwrap();
        assert_eq!((last.status, last.reason), (9, Some(Reason::MemoryLimit)));
        group.record_exit(99, 256, None);
        assert_eq!(group.exit_of(99), Some((256, None)), "the last process with that id");
    }

    #[test]
    fn nonsense_in_the_area_is_harmless() {
        let (area, _file) = Area::create(1, 1).unwrap();
        area.group().failure_length.store(u32::MAX, SeqCst);
        area.group().failure.iter().for_each(|byte| byte.store(0xff, SeqCst));
        assert!(area.group().failure().chars().count() <= REASON);
        area.group().state.store(77, SeqCst);
        assert_eq!(area.group().state(), State::Starting);
        area.group().exit_next.store(u32::MAX, SeqCst);
        area.group().record_exit(5, 6, Some(Reason::CpuTimeLimit));
        assert_eq!(area.group().exit_of(5), Some((6, Some(Reason::CpuTimeLimit))));
        area.group().exits.iter().for_each(|exit| exit.reason.store(99, SeqCst));
        assert_eq!(area.group().exit_of(5), Some((6, None)));
        area.slots()[0].reserved.store(u32::MAX, SeqCst);
        assert!(!area.slots()[0].reserve(u32::MAX));
    }
}
