//! How many processes a group is meant to have, in the shared area: now, at least, at most, and how that came.
//!
//! The leader writes it, and whoever shows the state of the group reads it. As all of the area it can be written by the
//! group's user: numbers are shown and never counted with, the text is cut and made printable.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

/// Longest reason that is kept, in bytes.
const REASON: usize = 200;

/// The number of processes of a group.
#[repr(C)]
#[derive(Debug)]
pub struct Size {
    /// When it last changed ([`crate::thread::clock`]); 0: never.
    changed: AtomicU64,
    target: AtomicU32,
    least: AtomicU32,
    most: AtomicU32,
    grown: AtomicU32,
    shrunk: AtomicU32,
    length: AtomicU32,
    reason: [AtomicU8; REASON],
}

/// What a [`Size`] holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Processes that the group is meant to have.
    pub target: u32,
    /// The fewest.
    pub least: u32,
    /// The most; the same as the fewest in a group that is not elastic.
    pub most: u32,
    /// How often it has grown.
    pub grown: u32,
    /// How often it has shrunk.
    pub shrunk: u32,
    /// When that last happened ([`crate::thread::clock`]), and why; `None`: never.
    pub last: Option<(u64, String)>,
}

impl Size {
    /// Shows what holds now. What was counted before stays.
    pub fn show(&self, target: u32, least: u32, most: u32) {
        self.target.store(target, SeqCst);
        self.least.store(least, SeqCst);
        self.most.store(most, SeqCst);
    }

    /// Shows another number of processes than before.
    pub fn change(&self, target: u32, reason: &str, now: u64) {
        let before = self.target.swap(target, SeqCst);
        let count = if target > before { &self.grown } else { &self.shrunk };
        count.fetch_add(1, SeqCst);
        let mut length = 0;
        for (cell, byte) in self.reason.iter().zip(reason.bytes()) {
            cell.store(byte, SeqCst);
            length += 1;
        }
        self.length.store(length, SeqCst);
        self.changed.store(now, SeqCst);
    }

    /// What it holds.
    pub fn shown(&self) -> Shown {
        let changed = self.changed.load(SeqCst);
        Shown {
            target: self.target.load(SeqCst),
            least: self.least.load(SeqCst),
            most: self.most.load(SeqCst),
            grown: self.grown.load(SeqCst),
            shrunk: self.shrunk.load(SeqCst),
            last: (changed != 0).then(|| (changed, self.reason())),
        }
    }

    fn reason(&self) -> String {
        let length = (self.length.load(SeqCst) as usize).min(REASON);
        let bytes: Vec<u8> = self.reason.iter().take(length).map(|cell| cell.load(SeqCst)).collect();
        String::from_utf8_lossy(&bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::Area;

    #[test]
    fn changes_are_counted_and_explained() {
        let (area, file) = Area::create(4, 1).unwrap();
        let (ours, theirs) = (&area.group().size, Area::map(&file, 4, 1).unwrap());
        assert_eq!(theirs.group().size.shown(), Shown::default());
        ours.show(1, 0, 2);
        ours.change(2, "requests wait", 5);
        ours.change(1, &"long ".repeat(100), 9);
        let shown = theirs.group().size.shown();
        assert_eq!((shown.target, shown.least, shown.most, shown.grown, shown.shrunk), (1, 0, 2, 1, 1));
        let (changed, reason) = shown.last.unwrap();
        assert!(changed == 9 && reason.len() == REASON && reason.starts_with("long long"));
        ours.show(1, 1, 2);
        assert_eq!(theirs.group().size.shown().grown, 1, "a new leader goes on counting");
    }

    #[test]
    fn nonsense_is_harmless() {
        let (area, _file) = Area::create(1, 1).unwrap();
        let size = &area.group().size;
        size.length.store(u32::MAX, SeqCst);
        size.changed.store(1, SeqCst);
        size.reason.iter().for_each(|byte| byte.store(0x1b, SeqCst));
        assert_eq!(size.shown().last, Some((1, " ".repeat(REASON))));
    }
}
