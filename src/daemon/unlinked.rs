//! Files without a name, for what memory is too small for: nobody else can open them, and they are gone with their last
//! descriptor, whatever becomes of this process.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rustix::fs::{Mode, OFlags, open, unlink};
use rustix::io::Errno;

/// How many names are tried where files must have one at first.
const TRIES: u32 = 100;

/// A file in `folder` to write and read.
pub(super) fn create(folder: &Path) -> io::Result<File> {
    match nameless(folder) {
        Err(error) if is_unsupported(error) => named(folder, |_| Ok(())).map(|(file, ())| file),
        other => Ok(other?.into()),
    }
}

/// A file in `folder` to write, and the same file to be given away, which can only be read.
pub(super) fn create_with_reader(folder: &Path) -> io::Result<(File, OwnedFd)> {
    let reading = |path: &Path| open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let opened = nameless(folder).and_then(|file| {
        let reader = reading(&PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())))?;
        Ok((file.into(), reader))
    });
    match opened {
        Err(error) if is_unsupported(error) || error == Errno::NOENT => named(folder, reading),
        other => Ok(other?),
    }
}

fn nameless(folder: &Path) -> Result<OwnedFd, Errno> {
    // With EXCL it can never be given a name.
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::EXCL | OFlags::CLOEXEC;
    open(folder, flags, Mode::RUSR | Mode::WUSR)
}

/// Some file systems (NFS, older overlayfs) and kernels know no files without a name.
fn is_unsupported(error: Errno) -> bool {
    matches!(error, Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL)
}

/// A file that has a name until `also` has seen it.
fn named<A>(folder: &Path, also: impl Fn(&Path) -> Result<A, Errno>) -> io::Result<(File, A)> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    for _ in 0..TRIES {
        let number = NUMBER.fetch_add(1, Relaxed);
        let path = folder.join(format!("mod_wsgi-{}-{number}", std::process::id()));
        let file = match open(&path, flags, Mode::RUSR | Mode::WUSR) {
            Err(Errno::EXIST) => continue, // somebody else's; it stays untouched
            other => other?,
        };
        let seen = also(&path);
        unlink(&path)?;
        return Ok((file.into(), seen?));
    }
    Err(Errno::EXIST.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

    fn check(writer: &File, reader: &File) {
        writer.write_all_at(b"content", 3).unwrap();
        let mut read = [0; 7];
        reader.read_exact_at(&mut read, 3).unwrap();
        assert_eq!(&read, b"content");
        let metadata = writer.metadata().unwrap();
        assert_eq!((metadata.nlink(), metadata.permissions().mode() & 0o777), (0, 0o600));
    }

    #[test]
    fn they_have_no_name_and_one_owner() {
        let folder = std::env::temp_dir();
        let file = create(&folder).unwrap();
        check(&file, &file);
        let (file, reader) = create_with_reader(&folder).unwrap();
        check(&file, &reader.into());
        assert!(create(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn what_is_given_away_cannot_be_written() {
        let (_, reader) = create_with_reader(&std::env::temp_dir()).unwrap();
        assert!(File::from(reader).write_all_at(b"x", 0).is_err());
        let reading = |path: &Path| open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let (file, reader) = named(&std::env::temp_dir(), reading).unwrap();
        let reader = File::from(reader);
        check(&file, &reader);
        assert!(reader.write_all_at(b"x", 0).is_err());
    }
}
