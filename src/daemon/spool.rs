//! What a slow client has not taken yet: first in memory, then in an unlinked file.
//!
//! It lets the worker's thread go on, and be free once the application has finished, while the client is still
//! reading. It has a limit, after which the worker waits: an endless generator must not fill the disk.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{Mode, OFlags, open};

/// How much is held in memory.
const MEMORY: usize = 1 << 20;
/// How much is held in all.
const LIMIT: u64 = 64 << 20;

/// Bytes, first in first out.
#[derive(Debug, Default)]
pub(super) struct Spool {
    /// The oldest.
    memory: VecDeque<u8>,
    /// What came when there was no room in memory, and the part of it that is still to be read.
    file: Option<File>,
    start: u64,
    end: u64,
}

impl Spool {
    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.start == self.end
    }

    /// Whether nothing more should be put in.
    pub(super) fn is_full(&self) -> bool {
        self.memory.len() as u64 + self.end >= LIMIT
    }

    /// Appends `bytes`; an error means that none of them is in it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.start == self.end && self.memory.len() < MEMORY {
            self.memory.extend(bytes);
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(unlinked()?),
        };
        file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Moves up to `limit` of the oldest bytes to `out`, which is emptied before.
    pub(super) fn take(&mut self, out: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        out.clear();
        if !self.memory.is_empty() {
            let length = limit.min(self.memory.len());
            out.extend(self.memory.drain(..length));
            return Ok(());
        }
        let length = usize::try_from(self.end - self.start).unwrap_or(limit).min(limit);
        if let Some(file) = self.file.as_ref().filter(|_| length > 0) {
            out.resize(length, 0);
            file.read_exact_at(out, self.start)?;
            self.start += length as u64;
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0); // what follows overwrites what has been read
        }
        Ok(())
    }
}

fn unlinked() -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(open(std::env::temp_dir(), flags, Mode::RUSR | Mode::WUSR)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let mut spool = Spool::default();
        let (mut piece, mut written, mut read) = (Vec::new(), 0_u32, 0_u32);
        let mut read_some = |spool: &mut Spool, limit: usize| {
            spool.take(&mut piece, limit).unwrap();
            for number in piece.chunks(4) {
                assert_eq!(number, read.to_le_bytes());
                read += 1;
            }
            piece.len()
        };
        for round in 0..40 {
            let numbers: Vec<u8> = (0..30_000_u32).flat_map(|n| (written + n).to_le_bytes()).collect();
            written += 30_000;
            spool.push(&numbers).unwrap();
            if round % 3 == 0 {
                read_some(&mut spool, 64 << 10);
            }
        }
        assert!(spool.end > 0 && !spool.is_empty());
        while read_some(&mut spool, 100_000) > 0 {}
        assert!(spool.is_empty() && spool.end == 0);
        assert_eq!(read, written);
    }

    #[test]
    fn it_has_a_limit() {
        let mut spool = Spool::default();
        let piece = vec![7; 8 << 20];
        let count = std::iter::repeat_with(|| spool.push(&piece).unwrap()).take(7).count();
        assert_eq!(count, 7);
        assert!(!spool.is_full());
        spool.push(&piece).unwrap();
        assert!(spool.is_full());
    }
}
