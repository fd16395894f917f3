//! The rest of a long request body in an unlinked file (request-buffering=on), so that no thread of the application
//! waits for a slow client. The worker gets a descriptor that it can only read from.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use contract::frame::BODY_PIECE;
use contract::response::FilePart;

use super::unlinked;
use crate::apache::Body;

/// A part of a body that is in a file.
#[derive(Debug)]
pub(super) struct Buffered {
    /// The file, to be read.
    pub(super) file: OwnedFd,
    /// All of it.
    pub(super) part: FilePart,
}

/// Why a body was not stored.
#[derive(Debug)]
pub(super) enum NotStored {
    /// It could not be read: the status that the filter asks for.
    Body(u16),
    /// The file cannot be made, or not written any further than so many bytes.
    File(u64, io::Error),
}

impl Buffered {
    /// Reads `body` to its end. `None`: there was no more of it.
    pub(super) fn read(body: &mut Body<'_>, folder: &Path) -> Result<Option<Self>, NotStored> {
        let mut opened: Option<(File, OwnedFd)> = None;
        let (mut piece, mut length) = (vec![0; BODY_PIECE], 0);
        loop {
            let count = body.read(&mut piece).map_err(|error| NotStored::Body(error.status()))?;
            let read = piece.get(..count).unwrap_or_default();
            if read.is_empty() {
                break;
            }
            let failed = |error| NotStored::File(length, error);
            let (file, _) = match &mut opened {
                Some(opened) => opened,
                none => none.insert(unlinked::create_with_reader(folder).map_err(failed)?),
            };
            file.write_all_at(read, length).map_err(failed)?;
            length += read.len() as u64;
        }
        Ok(opened.map(|(_, file)| Self { file, part: FilePart { offset: 0, length } }))
    }
}
