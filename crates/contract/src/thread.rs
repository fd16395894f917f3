//! What a request thread of a worker shows of itself in the shared area: since when it has a request, and which.
//!
//! The thread writes, its leader and httpd's children read; nobody waits for anybody. A reader may see a request's
//! time with the text of the one before, for a moment: the number tells. What is read there was written by the group's
//! user, so times are only ever subtracted with saturation, and the text is cut and made printable.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use rustix::time::{ClockId, clock_gettime};

/// Words of text.
const WORDS: usize = 29;

/// Longest text about a request, in bytes; the rest is cut off.
pub const TEXT: usize = WORDS * 8;

/// One request thread.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Thread {
    /// When it took its request; 0 while it has none.
    began: AtomicU64,
    /// The number of that request in this thread, from 1.
    number: AtomicU64,
    length: AtomicU64,
    text: [AtomicU64; WORDS],
}

/// A request that a thread has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its number in the thread, which tells it from the next one.
    pub number: u64,
    /// For how long, in milliseconds.
    pub age: u64,
    /// Its id, method and URL, as far as they are known; printable.
    pub text: String,
}

/// The clock of all times in the shared area: milliseconds of the system's monotonic clock, never 0.
pub fn clock() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec).unwrap_or(0), now.tv_nsec.unsigned_abs());
    (seconds * 1000 + nanoseconds / 1_000_000).max(1)
}

impl Thread {
    /// The thread has taken its request `number`, of which nothing is known yet, at `now`.
    pub fn begin(&self, number: u64, now: u64) {
        self.length.store(0, Relaxed);
        self.number.store(number, Relaxed);
        self.began.store(now, Release);
    }

    /// What the request is: its id, method and URL.
    pub fn describe<'t>(&self, parts: impl Iterator<Item = &'t [u8]>) {
        let mut text = [0; TEXT];
        let mut length = 0;
        for part in parts {
            for (place, byte) in text.iter_mut().skip(length).zip(part) {
                *place = *byte;
                length += 1;
            }
        }
        for (cell, word) in self.text.iter().zip(text.chunks_exact(8)).take(length.div_ceil(8)) {
            cell.store(word.try_into().map_or(0, u64::from_le_bytes), Relaxed);
        }
        self.length.store(length as u64, Release);
    }

    /// The thread has no request any more.
    pub fn end(&self) {
        self.began.store(0, Release);
    }

    /// The request that the thread has at `now`.
    pub fn running(&self, now: u64) -> Option<Running> {
        let began = self.began.load(Acquire);
        let number = self.number.load(Relaxed);
        (began != 0).then(|| Running { number, age: now.saturating_sub(began), text: self.text() })
    }

    /// Since when it has a request.
    pub fn began(&self) -> Option<u64> {
        Some(self.began.load(Acquire)).filter(|began| *began != 0)
    }

    fn text(&self) -> String {
        let length = usize::try_from(self.length.load(Acquire)).unwrap_or(TEXT).min(TEXT);
        let bytes: Vec<u8> = self.text.iter().flat_map(|word| word.load(Relaxed).to_le_bytes()).collect();
        let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    /// As if there had never been a request.
    pub fn clear(&self) {
        self.began.store(0, Relaxed);
        self.number.store(0, Relaxed);
        self.length.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread() -> Thread {
        Thread {
            began: AtomicU64::new(0),
            number: AtomicU64::new(0),
            length: AtomicU64::new(0),
            text: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    #[test]
    fn a_record_is_four_lines_of_cache() {
        assert_eq!(size_of::<Thread>(), 256);
    }

    #[test]
    fn shows_its_request() {
        let thread = thread();
        assert_eq!((thread.running(5), thread.began()), (None, None));
        thread.begin(7, 1000);
        assert_eq!(thread.running(1500).unwrap(), Running { number: 7, age: 500, text: String::new() });
        thread.describe([&b"GET"[..], b" ", b"/x?y=1"].into_iter());
        assert_eq!(thread.running(900).unwrap(), Running { number: 7, age: 0, text: "GET /x?y=1".into() });
        thread.describe([[b'u'; 500].as_slice(), b"more"].into_iter());
        assert_eq!(thread.running(900).unwrap().text, "u".repeat(TEXT));
        thread.end();
        assert_eq!(thread.running(2000), None);
    }

    #[test]
    fn nonsense_is_harmless() {
        let thread = thread();
        thread.began.store(u64::MAX, Relaxed);
        thread.length.store(u64::MAX, Relaxed);
        thread.text.iter().for_each(|word| word.store(u64::from_le_bytes(*b"\n\xff\0\x1b[2Jx"), Relaxed));
        let running = thread.running(5).unwrap();
        assert!(running.age == 0 && !running.text.contains(char::is_control), "{running:?}");
    }

    #[test]
    fn the_clock_runs() {
        let first = clock();
        assert!(first > 0 && clock() >= first);
    }
}
