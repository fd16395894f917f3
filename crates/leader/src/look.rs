//! What the shared area shows of one worker at one moment. The worker's user has written it: times are differences
//! that were clamped, and the text is printable and short.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use contract::area::Slot;
use contract::control::RequestOf;
use contract::thread::Thread;

/// One look at a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The requests that it runs.
    pub(crate) requests: Vec<Running>,
    /// For how long nothing has happened in it; `None`: nothing ever has, or nobody wants to know.
    pub(crate) quiet: Option<Duration>,
    /// How long ago it took its first request.
    pub(crate) first: Option<Duration>,
    /// A script was loaded.
    pub(crate) loaded: bool,
    /// When it last had the GIL: a stamp that is only compared; 0 is never.
    pub(crate) probed: u64,
}

/// A request that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) request: RequestOf,
    pub(crate) age: Duration,
    /// Its id, method and URL.
    pub(crate) text: String,
}

impl Seen {
    /// Looks at a worker's slot and threads.
    pub(crate) fn of(slot: &Slot, threads: &[Thread], now: u64) -> Self {
        let since = |at: u64| (at != 0).then(|| Duration::from_millis(now.saturating_sub(at)));
        let running = |(thread, shown): (u32, &Thread)| {
            let running = shown.running(now)?;
            let request = RequestOf { thread, number: running.number };
            Some(Running { request, age: Duration::from_millis(running.age), text: running.text })
        };
        Self {
            requests: (1..).zip(threads).filter_map(running).collect(),
            quiet: since(slot.activity.load(SeqCst)),
            first: since(slot.first.load(SeqCst)),
            loaded: slot.loaded.load(SeqCst) != 0,
            probed: slot.probed.load(SeqCst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::area::Area;

    #[test]
    fn sees_what_workers_write() {
        let (area, _file) = Area::create(1, 2).unwrap();
        let (slot, threads) = (&area.slots()[0], area.threads(0));
        assert_eq!(Seen::of(slot, threads, 5), Seen::default());
        threads[1].begin(9, 1000);
        threads[1].describe([&b"id GET /"[..]].into_iter());
        slot.first.store(500, SeqCst);
        slot.activity.store(u64::MAX, SeqCst);
        let seen = Seen::of(slot, threads, 3000);
        let request = RequestOf { thread: 2, number: 9 };
        assert_eq!(
            seen.requests,
            [Running { request, age: Duration::from_secs(2), text: "id GET /".into() }]
        );
        assert_eq!((seen.first, seen.quiet), (Some(Duration::from_millis(2500)), Some(Duration::ZERO)));
    }
}
