//! What a slow client has not taken yet: first in memory, then in an unlinked file.
//!
//! It lets the worker's thread go on, and be free once the application has finished, while the client is still
//! reading. It has a limit (response-spool-limit), after which the worker waits: an endless generator must not fill the
//! disk. The file is a ring, so that a client that has taken something makes room at once.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use contract::frame::BODY_PIECE;
use contract::response::FilePart;

use super::unlinked;

/// How much is held in memory.
const MEMORY: usize = 64 << 10;
/// What one piece may bring beyond the limit, since the worker is only asked to wait between pieces.
const SLACK: u64 = 2 * BODY_PIECE as u64;

/// Bytes, first in first out.
#[derive(Debug)]
pub(super) struct Spool<'f> {
    /// Where the file is made.
    folder: &'f Path,
    /// How much it should hold in all.
    limit: u64,
    /// The oldest.
    memory: VecDeque<u8>,
    /// What came when there was no room in memory. The positions only grow; in the file they are taken modulo its size.
    file: Option<File>,
    start: u64,
    end: u64,
}

impl<'f> Spool<'f> {
    /// An empty one, for up to `limit` bytes, with its file in `folder`.
    pub(super) fn new(folder: &'f Path, limit: u64) -> Self {
        Self { folder, limit, memory: VecDeque::new(), file: None, start: 0, end: 0 }
    }

    /// Where its file is.
    pub(super) fn folder(&self) -> &'f Path {
        self.folder
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.is_in_memory()
    }

    /// Whether nothing more should be put in.
    pub(super) fn is_full(&self) -> bool {
        self.memory.len() as u64 + self.end - self.start >= self.limit
    }

    /// Whether nothing of it is in the file.
    pub(super) fn is_in_memory(&self) -> bool {
        self.start == self.end
    }

    /// How much of it is in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.memory.len()
    }

    /// Appends `bytes`; an error means that none of them is in it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_in_memory() && self.memory.len() + bytes.len() <= MEMORY {
            self.memory.extend(bytes);
            return Ok(());
        }
        if self.end - self.start + bytes.len() as u64 > self.size() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let [before, after] = self.parts(self.end, bytes.len() as u64);
        let (first, second) = bytes.split_at_checked(before.length as usize).unwrap_or((bytes, &[]));
        let file = Self::opened(&mut self.file, self.folder)?;
        file.write_all_at(first, before.offset)?;
        file.write_all_at(second, after.offset)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Appends up to `limit` of the oldest bytes to `out`.
    pub(super) fn take(&mut self, out: &mut Vec<u8>, limit: usize) -> io::Result<()> {
        if !self.memory.is_empty() {
            let length = limit.min(self.memory.len());
            out.extend(self.memory.drain(..length));
            return Ok(());
        }
        let length = (self.end - self.start).min(limit as u64);
        let Some(file) = self.file.as_ref().filter(|_| length > 0) else { return Ok(()) };
        for part in self.parts(self.start, length) {
            let filled = out.len();
            out.resize(filled + part.length as usize, 0);
            file.read_exact_at(out.get_mut(filled..).unwrap_or_default(), part.offset)?;
        }
        self.start += length;
        if self.start == self.end {
            (self.start, self.end) = (0, 0); // what follows uses the blocks that the file has
        }
        Ok(())
    }

    /// Puts `front`, which goes before the oldest, and all that it holds into the file, and gives it away: its parts in
    /// order. After an error it holds what it did.
    pub(super) fn give(&mut self, front: &[u8]) -> io::Result<(File, [FilePart; 3])> {
        let behind = self.size(); // the ring ends here
        let file = Self::opened(&mut self.file, self.folder)?;
        let (first, second) = self.memory.as_slices();
        let mut at = behind;
        for bytes in [front, first, second] {
            file.write_all_at(bytes, at)?;
            at += bytes.len() as u64;
        }
        let [before, after] = self.parts(self.start, self.end - self.start);
        self.memory.clear();
        (self.start, self.end) = (0, 0);
        let file = self.file.take().ok_or(io::ErrorKind::NotFound)?;
        Ok((file, [FilePart { offset: behind, length: at - behind }, before, after]))
    }

    /// The size of the ring.
    fn size(&self) -> u64 {
        self.limit.saturating_add(SLACK)
    }

    /// Where in the file `length` bytes from position `from` on are: up to the ring's end, and from its beginning.
    fn parts(&self, from: u64, length: u64) -> [FilePart; 2] {
        let offset = from % self.size();
        let first = length.min(self.size() - offset);
        [FilePart { offset, length: first }, FilePart { offset: 0, length: length - first }]
    }

    fn opened<'a>(file: &'a mut Option<File>, folder: &Path) -> io::Result<&'a mut File> {
        Ok(match file {
            Some(file) => file,
            none => none.insert(unlinked::create(folder)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env::temp_dir;

    /// Reads up to `limit` bytes, which continue the numbers that have been read.
    fn read_some(spool: &mut Spool<'_>, read: &mut u32, limit: usize) -> usize {
        let mut piece = Vec::new();
        spool.take(&mut piece, limit).unwrap();
        for number in piece.chunks(4) {
            assert_eq!(number, read.to_le_bytes());
            *read += 1;
        }
        piece.len()
    }

    fn numbers(written: &mut u32, count: u32) -> Vec<u8> {
        *written += count;
        (*written - count..*written).flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let folder = temp_dir();
        let mut spool = Spool::new(&folder, 1 << 20);
        let (mut written, mut read, mut turns) = (0, 0, 0);
        for round in 0..400 {
            while !spool.is_full() {
                spool.push(&numbers(&mut written, 3000 + round)).unwrap();
            }
            turns += usize::from(spool.end > spool.size());
            for _ in 0..round % 40 {
                read_some(&mut spool, &mut read, 40_000);
            }
        }
        assert!(turns > 100 && spool.file.as_ref().unwrap().metadata().unwrap().len() <= spool.size());
        while read_some(&mut spool, &mut read, 100_000) > 0 {}
        assert!(spool.is_empty() && spool.end == 0);
        assert_eq!(read, written);
    }

    #[test]
    fn it_has_a_limit() {
        let folder = temp_dir();
        let mut spool = Spool::new(&folder, 1 << 20);
        let piece = vec![7; 200 << 10];
        for _ in 0..5 {
            assert!(!spool.is_full());
            spool.push(&piece).unwrap();
        }
        assert!(!spool.is_full());
        spool.push(&piece).unwrap();
        assert!(spool.is_full());
        assert_eq!(spool.push(&piece).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(Spool::new(&folder, 0).is_full());
    }

    #[test]
    fn little_needs_no_file() {
        let mut spool = Spool::new(Path::new("/nonexistent"), 1 << 20);
        spool.push(&[7; 1000]).unwrap();
        assert!(spool.push(&[7; MEMORY]).is_err());
        assert_eq!(spool.in_memory(), 1000);
        assert!(spool.give(b"front").is_err());
        assert_eq!(spool.in_memory(), 1000);
    }

    #[test]
    fn all_of_it_can_be_given_away() {
        let folder = temp_dir();
        for (first, taken, more) in [(0, 0, 0), (10, 0, 0), (16_000, 0, 3), (50_000, 100_000, 9)] {
            let mut spool = Spool::new(&folder, 1 << 20);
            let (mut written, mut read) = (0, 0);
            let front = numbers(&mut written, 100);
            spool.push(&numbers(&mut written, first)).unwrap();
            read += 100;
            while spool.start < taken && read_some(&mut spool, &mut read, 40_000) > 0 {}
            for _ in 0..more {
                spool.push(&numbers(&mut written, 20_000)).unwrap();
            }
            let (file, parts) = spool.give(&front).unwrap();
            let mut whole = Vec::new();
            for part in parts {
                let mut bytes = vec![0; part.length as usize];
                file.read_exact_at(&mut bytes, part.offset).unwrap();
                whole.extend(bytes);
            }
            let expected: Vec<u8> = (0..100).chain(read..written).flat_map(u32::to_le_bytes).collect();
            assert!(whole == expected, "{first} {taken} {more}");
            assert!(spool.is_empty());
        }
    }
}
