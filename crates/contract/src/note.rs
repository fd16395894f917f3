//! A text in the shared area that many may write: the last error.
//!
//! Nobody waits. A writer counts [`Note`]'s version up before and after it writes; a reader that sees it change, or sees
//! an odd one, reads again, and in the end takes what there is: two writers may have mixed their words, and a writer that
//! was killed leaves an odd version behind. As all of the area it can be written by the group's user, so the text is cut
//! and made printable.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, fence};

/// Longest text, in bytes. Of a longer one the end is kept: a traceback says there what has happened.
pub const NOTE: usize = 3000;
/// How often a reader tries.
const TRIES: usize = 5;

/// See the module.
#[repr(C)]
#[derive(Debug)]
pub struct Note {
    /// When it was written ([`crate::thread::clock`]); 0: never.
    at: AtomicU64,
    /// How often it was written.
    count: AtomicU64,
    version: AtomicU32,
    length: AtomicU32,
    text: [AtomicU8; NOTE],
}

/// What a [`Note`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// When it was written ([`crate::thread::clock`]).
    pub at: u64,
    /// How often a note was written here.
    pub count: u64,
    /// The text; printable, with line breaks.
    pub text: String,
}

impl Note {
    /// Writes `text` over what was there.
    pub fn write(&self, text: &[u8], now: u64) {
        let start = text.len().saturating_sub(NOTE);
        self.version.fetch_add(1, AcqRel);
        let mut length = 0;
        for (cell, byte) in self.text.iter().zip(text.get(start..).unwrap_or_default()) {
            cell.store(*byte, Relaxed);
            length += 1;
        }
        self.length.store(length, Relaxed);
        self.at.store(now, Relaxed);
        self.count.fetch_add(1, Relaxed);
        self.version.fetch_add(1, AcqRel);
    }

    /// What it holds; `None`: nothing was ever written.
    pub fn read(&self) -> Option<Written> {
        let mut written = self.look();
        for _ in 0..TRIES {
            let before = self.version.load(Acquire);
            written = self.look();
            if before % 2 == 0 && before == self.version() {
                break;
            }
        }
        Some(written).filter(|written| written.at != 0)
    }

    /// Of what was looked at before this.
    fn version(&self) -> u32 {
        fence(Acquire);
        self.version.load(Relaxed)
    }

    fn look(&self) -> Written {
        let length = (self.length.load(Relaxed) as usize).min(NOTE);
        let bytes: Vec<u8> = self.text.iter().take(length).map(|cell| cell.load(Relaxed)).collect();
        let text = String::from_utf8_lossy(&bytes);
        let printable = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
        let text = text.chars().map(printable).collect();
        Written { at: self.at.load(Relaxed), count: self.count.load(Relaxed), text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::Area;

    #[test]
    fn the_last_text_is_read() {
        let (area, file) = Area::create(1, 1).unwrap();
        let (note, theirs) = (&area.group().last_error, Area::map(&file, 1, 1).unwrap());
        assert_eq!(note.read(), None);
        note.write(b"first, and long", 5);
        note.write("Fehler: \u{1b}[31mä\nb".as_bytes(), 6);
        let text = "Fehler:  [31mä\nb".to_owned();
        assert_eq!(theirs.group().last_error.read(), Some(Written { at: 6, count: 2, text }));
        note.write(&[&b"x"[..], &[b'y'; NOTE]].concat(), 7);
        assert_eq!(note.read().map(|written| written.text), Some("y".repeat(NOTE)));
    }

    #[test]
    fn nonsense_is_harmless() {
        let (area, _file) = Area::create(1, 1).unwrap();
        let note = &area.group().last_error;
        note.length.store(u32::MAX, Relaxed);
        note.version.store(u32::MAX, Relaxed);
        note.at.store(u64::MAX, Relaxed);
        note.text.iter().for_each(|byte| byte.store(0xff, Relaxed));
        assert!(note.read().is_some_and(|written| written.text.chars().count() <= NOTE));
        note.write(b"again", 1);
        assert_eq!(note.read().map(|written| written.text).as_deref(), Some("again"));
    }
}
