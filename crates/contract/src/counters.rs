//! What is counted in the shared area: requests and their times, what got lost on the way to them, ends of workers.
//!
//! Whoever ends a request adds to its slot's [`Requests`] and its group's [`Applications`], with a few relaxed additions
//! and no look at a clock; httpd's children count in [`Lost`] what never got an answer. Nothing is ever set back, neither
//! by a restart of httpd nor by a new worker, as long as the area lives. All of it can be written by the group's user:
//! a reader gets numbers of any size, and adds them with saturation.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use crate::reason::Reason;

/// The first bucket of a [`Histogram`] ends here: 2 to this power, in microseconds.
const FIRST: u32 = 6;
/// Buckets of a [`Histogram`]: up to 64 µs, 128 µs … 67 s, and what took longer.
pub const BUCKETS: usize = 22;
/// Application groups that are counted apart; requests of any others are counted together.
pub const APPLICATIONS: usize = 16;
/// Longest name of an application group that is kept, in bytes.
const NAME: usize = 80;

/// How long something took, in buckets of powers of two.
#[repr(C)]
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    /// In microseconds.
    sum: AtomicU64,
}

/// What a [`Histogram`] holds; several can be added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Distribution {
    /// How many fell into each bucket.
    pub buckets: [u64; BUCKETS],
    /// All together, in microseconds.
    pub sum: u64,
}

/// The requests that the workers of one slot have ended; in embedded mode, those of all of httpd's children.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Requests {
    /// From httpd's reception of the request to the application's end.
    pub latency: Histogram,
    /// From the search for a thread to the thread.
    pub queue: Histogram,
    /// Bytes of bodies that applications have read.
    pub input: AtomicU64,
    /// Bytes of bodies that applications have produced.
    pub output: AtomicU64,
}

/// The requests of one application group, as all workers of the process group have ended them.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Application {
    /// 0: free, 1: the name is being written, 2: in use.
    state: AtomicU32,
    length: AtomicU32,
    name: [AtomicU8; NAME],
    statuses: [AtomicU64; STATUSES],
    /// Microseconds in the application.
    time: AtomicU64,
}

/// Classes of statuses: 1xx to 5xx.
pub const STATUSES: usize = 5;

/// The application groups of a process group.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Applications {
    named: [Application; APPLICATIONS],
    others: Application,
}

/// What an [`Application`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The application group; `None`: all that have no place of their own.
    pub name: Option<String>,
    /// Requests by class of status, 1xx to 5xx.
    pub statuses: [u64; STATUSES],
    /// Microseconds in the application.
    pub time: u64,
}

/// A request that has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// The place of its application group ([`Applications::place`]).
    pub application: usize,
    /// Its status.
    pub status: u16,
    /// Microseconds from httpd's reception to the application's end.
    pub latency: u64,
    /// Microseconds from the search for a thread to the thread; `None` in embedded mode.
    pub queue: Option<u64>,
    /// Microseconds in the application.
    pub time: u64,
    /// Bytes that the application has read.
    pub input: u64,
    /// Bytes that the application has produced.
    pub output: u64,
}

/// Why a request got no answer of the application's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Loss {
    /// The queue stayed full for connect-timeout.
    QueueFull = 0,
    /// It waited for longer than queue-timeout.
    QueueTimeout = 1,
    /// No worker could be started.
    Failing = 2,
    /// Its worker died.
    WorkerDied = 3,
    /// Its worker sent nothing for socket-timeout, or no verdict in time.
    WorkerSilent = 4,
    /// Its worker broke the protocol, or its response cannot be sent.
    WorkerBroken = 5,
    /// The client went while it waited, or its body could not be read.
    ClientGone = 6,
    /// The system refused something: descriptors, memory, room on the disk.
    System = 7,
    /// The configuration does not let it run in this group.
    Refused = 8,
}

/// Requests without an answer, by [`Loss`].
#[repr(C)]
#[derive(Debug)]
pub struct Lost([AtomicU64; Loss::ALL.len()]);

/// Ends of workers: by [`Reason`], without one, and by a signal.
#[repr(C)]
#[derive(Debug)]
pub struct Ends([AtomicU64; Reason::ALL.len() + 2]);

/// The bucket for something that took so long.
fn bucket(micros: u64) -> usize {
    let octave = 64 - (micros.saturating_sub(1) >> FIRST).leading_zeros() as usize;
    octave.min(BUCKETS - 1)
}

/// The end of a bucket in microseconds, which lies in it; `None`: it has no end.
pub fn bound(bucket: usize) -> Option<u64> {
    let power = FIRST + u32::try_from(bucket).unwrap_or(u32::MAX / 2);
    (bucket + 1 < BUCKETS).then(|| 1 << power)
}

impl Histogram {
    /// Something took so long, in microseconds.
    pub fn add(&self, micros: u64) {
        if let Some(bucket) = self.buckets.get(bucket(micros)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(micros, Relaxed);
    }

    /// What it holds now.
    pub fn read(&self) -> Distribution {
        let mut read = Distribution { sum: self.sum.load(Relaxed), ..Distribution::default() };
        for (to, from) in read.buckets.iter_mut().zip(&self.buckets) {
            *to = from.load(Relaxed);
        }
        read
    }
}

impl Distribution {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        for (to, from) in self.buckets.iter_mut().zip(other.buckets) {
            *to = to.saturating_add(from);
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |count, bucket| count.saturating_add(*bucket))
    }

    /// The time, in microseconds, within which that share (0 to 100) of all lies: the end of a bucket. `None`: there are
    /// none, or it lies in the bucket without an end.
    pub fn percentile(&self, share: u64) -> Option<u64> {
        let count = u128::from(self.count());
        let wanted = (count * u128::from(share)).div_ceil(100);
        let mut seen = 0;
        let at = self.buckets.iter().position(|bucket| {
            seen += u128::from(*bucket);
            seen >= wanted
        })?;
        bound(at).filter(|_| count > 0)
    }
}

impl Requests {
    /// Counts a request.
    pub fn add(&self, ended: &Ended) {
        self.latency.add(ended.latency);
        if let Some(queue) = ended.queue {
            self.queue.add(queue);
        }
        for (total, bytes) in [(&self.input, ended.input), (&self.output, ended.output)] {
            if bytes > 0 {
                total.fetch_add(bytes, Relaxed);
            }
        }
    }
}

impl Application {
    fn name(&self) -> String {
        let length = (self.length.load(Acquire) as usize).min(NAME);
        let bytes: Vec<u8> = self.name.iter().take(length).map(|cell| cell.load(Relaxed)).collect();
        String::from_utf8_lossy(&bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    fn is_named(&self, name: &[u8]) -> bool {
        let length = name.len().min(NAME);
        let cells = self.name.iter().map(|cell| cell.load(Relaxed));
        self.state.load(Acquire) == 2
            && self.length.load(Relaxed) as usize == length
            && name.iter().take(length).copied().eq(cells.take(length))
    }

    fn claim(&self, name: &[u8]) -> bool {
        if self.state.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
            return false;
        }
        let mut length = 0;
        for (cell, byte) in self.name.iter().zip(name) {
            cell.store(*byte, Relaxed);
            length += 1;
        }
        self.length.store(length, Relaxed);
        self.state.store(2, Release);
        true
    }

    fn read(&self, name: Option<String>) -> Served {
        let mut statuses = [0; STATUSES];
        for (to, from) in statuses.iter_mut().zip(&self.statuses) {
            *to = from.load(Relaxed);
        }
        Served { name, statuses, time: self.time.load(Relaxed) }
    }
}

impl Applications {
    /// The place of an application group, taken now if it has none. To be remembered: this compares names. (Two that
    /// ask at the same time may take two places; readers add them.)
    pub fn place(&self, name: &[u8]) -> usize {
        let known = self.named.iter().position(|place| place.is_named(name));
        known.or_else(|| self.named.iter().position(|place| place.claim(name))).unwrap_or(APPLICATIONS)
    }

    /// Counts a request.
    pub fn add(&self, ended: &Ended) {
        let place = self.named.get(ended.application).unwrap_or(&self.others);
        let class = usize::from(ended.status / 100).clamp(1, STATUSES) - 1;
        if let Some(count) = place.statuses.get(class) {
            count.fetch_add(1, Relaxed);
        }
        place.time.fetch_add(ended.time, Relaxed);
    }

    /// All that have been used, each name once.
    pub fn read(&self) -> Vec<Served> {
        let mut all: Vec<Served> = Vec::new();
        let named = self.named.iter().filter(|place| place.state.load(Acquire) == 2);
        let others = Some(self.others.read(None)).filter(|others| *others != Served::none(None));
        for served in named.map(|place| place.read(Some(place.name()))).chain(others) {
            match all.iter_mut().find(|known| known.name == served.name) {
                Some(known) => known.add(&served),
                None => all.push(served),
            }
        }
        all
    }
}

impl Served {
    fn none(name: Option<String>) -> Self {
        Self { name, statuses: [0; STATUSES], time: 0 }
    }

    /// All requests.
    pub fn count(&self) -> u64 {
        self.statuses.iter().fold(0, |count, class| count.saturating_add(*class))
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        for (to, from) in self.statuses.iter_mut().zip(other.statuses) {
            *to = to.saturating_add(from);
        }
        self.time = self.time.saturating_add(other.time);
    }
}

impl Loss {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::QueueFull,
        Self::QueueTimeout,
        Self::Failing,
        Self::WorkerDied,
        Self::WorkerSilent,
        Self::WorkerBroken,
        Self::ClientGone,
        Self::System,
        Self::Refused,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
            Self::Failing => "failing",
            Self::WorkerDied => "worker_died",
            Self::WorkerSilent => "worker_silent",
            Self::WorkerBroken => "worker_broken",
            Self::ClientGone => "client_gone",
            Self::System => "system",
            Self::Refused => "refused",
        }
    }
}

impl Lost {
    /// Counts one.
    pub fn add(&self, loss: Loss) {
        if let Some(count) = self.0.get(loss as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// How many there are of each.
    pub fn read(&self) -> impl Iterator<Item = (Loss, u64)> {
        Loss::ALL.into_iter().zip(self.0.iter().map(|count| count.load(Relaxed)))
    }
}

impl Ends {
    /// Counts the end of a worker; `killed`: by a signal.
    pub(crate) fn add(&self, reason: Option<Reason>, killed: bool) {
        let at = match reason {
            Some(reason) => reason as usize,
            None if killed => Reason::ALL.len() + 1,
            None => 0,
        };
        if let Some(count) = self.0.get(at) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// How many there are of each, by their words: those of [`Reason`], `killed` (by a signal, and nobody had asked) and
    /// `exited`.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let reasons = Reason::ALL.into_iter().map(Reason::as_str);
        let words = std::iter::once("exited").chain(reasons).chain(std::iter::once("killed"));
        words.zip(self.0.iter().map(|count| count.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::Area;

    #[test]
    fn buckets_are_octaves() {
        assert_eq!([0, 1, 64, 65, 128, 129].map(bucket), [0, 0, 0, 1, 1, 2]);
        assert_eq!((bucket(67_108_864), bucket(67_108_865), bucket(u64::MAX)), (20, 21, 21));
        assert_eq!(
            (bound(0), bound(20), bound(21), bound(usize::MAX - 1)),
            (Some(64), Some(67_108_864), None, None)
        );
        for at in 0..BUCKETS - 1 {
            let end = bound(at).unwrap();
            assert_eq!((bucket(end), bucket(end + 1)), (at, at + 1));
        }
    }

    #[test]
    fn percentiles_are_ends_of_buckets() {
        let mut all = Distribution::default();
        assert_eq!(all.percentile(50), None);
        all.buckets[0] = 90;
        all.buckets[4] = 9;
        all.buckets[BUCKETS - 1] = 1;
        let shares = [50, 90, 91, 99, 100].map(|share| all.percentile(share));
        assert_eq!(shares, [Some(64), Some(64), Some(1024), Some(1024), None]);
        all.buckets = [u64::MAX; BUCKETS];
        all.add(&all.clone());
        assert_eq!(all.count(), u64::MAX);
    }

    #[test]
    fn requests_are_counted_by_slot_and_application() {
        let (area, file) = Area::create(2, 1).unwrap();
        let theirs = Area::map(&file, 2, 1).unwrap();
        let applications = &area.group().applications;
        let (one, two) = (applications.place(b"one"), applications.place(b"two"));
        assert_eq!((applications.place(b"one"), theirs.group().applications.place(b"two")), (one, two));
        let request = Ended {
            application: two,
            status: 503,
            latency: 900,
            queue: Some(100),
            time: 500,
            input: 7,
            output: 8,
        };
        area.slots()[1].counted.add(&request);
        applications.add(&request);
        applications.add(&Ended { application: 99, status: 0, ..request });
        let counted = &theirs.slots()[1].counted;
        assert_eq!((counted.latency.read().count(), counted.queue.read().sum), (1, 100));
        assert_eq!((counted.input.load(Relaxed), counted.output.load(Relaxed)), (7, 8));
        area.slots()[1].clear();
        assert_eq!(counted.latency.read().sum, 900, "another worker goes on counting");
        let read = theirs.group().applications.read();
        let names: Vec<_> = read.iter().map(|served| (served.name.as_deref(), served.statuses)).collect();
        assert_eq!(names, [(Some("one"), [0; 5]), (Some("two"), [0, 0, 0, 0, 1]), (None, [1, 0, 0, 0, 0])]);
    }

    #[test]
    fn places_run_out_and_nonsense_is_harmless() {
        let (area, _file) = Area::create(1, 1).unwrap();
        let applications = &area.group().applications;
        let places: Vec<_> = (0..20).map(|n| applications.place(format!("group {n}").as_bytes())).collect();
        assert_eq!((places[15], places[16], places[19]), (15, APPLICATIONS, APPLICATIONS));
        for place in &applications.named {
            place.state.store(2, Relaxed);
            place.length.store(u32::MAX, Relaxed);
            place.name.iter().for_each(|byte| byte.store(0x1b, Relaxed));
            place.statuses.iter().for_each(|count| count.store(u64::MAX, Relaxed));
        }
        let read = applications.read();
        assert_eq!((read.len(), read[0].count()), (1, u64::MAX), "the same name is the same application");
        assert_eq!(read[0].name.as_deref(), Some(&*" ".repeat(NAME)));
    }

    #[test]
    fn words_fit_their_numbers() {
        let (area, _file) = Area::create(1, 1).unwrap();
        for (at, loss) in Loss::ALL.into_iter().enumerate() {
            assert_eq!(loss as usize, at);
            area.group().lost.add(loss);
        }
        assert!(area.group().lost.read().all(|(_, count)| count == 1));
        let ends = &area.group().ends;
        ends.add(None, false);
        ends.add(None, true);
        ends.add(Some(Reason::DescriptorLimit), false);
        let seen: Vec<_> = ends.read().filter(|(_, count)| *count > 0).map(|(word, _)| word).collect();
        assert_eq!(seen, ["exited", "descriptor_limit", "killed"]);
    }
}
