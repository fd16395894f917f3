//! The server root: a folder that nobody else can write to, and the files in it.
//!
//! The default one has a name that others can guess, in a folder where everybody may write. So it is used only if it
//! belongs to this user, is no symbolic link, and cannot be written by others; a new one is closed to them.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::identity::Identity;
use crate::site::Site;

/// Why files cannot be written there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{0} is not a folder: remove it, or name another place with --server-root")]
    NotAFolder(PathBuf),
    #[error(
        "{path} belongs to the user with the number {owner}, not to you: remove it, or name another place with --server-root"
    )]
    NotYours { path: PathBuf, owner: u32 },
    #[error(
        "{0} can be written by others, who could change what runs: chmod go-w, or name another place with --server-root"
    )]
    Open(PathBuf),
}

/// Makes the folder, or makes sure that it is safe to use.
pub(crate) fn prepare(site: &Site) -> Result<(), Error> {
    let root = &site.root;
    match fs::symlink_metadata(root) {
        Ok(found) if !found.is_dir() => return Err(Error::NotAFolder(root.clone())),
        Ok(found) if found.uid() != site.identity.uid => {
            return Err(Error::NotYours { path: root.clone(), owner: found.uid() });
        }
        Ok(found) if found.mode() & 0o022 != 0 => return Err(Error::Open(root.clone())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(site)?,
        Err(source) => return Err(Error::Io { path: root.clone(), source }),
    }
    if site.options.files.document_root.is_none() {
        folder(&root.join("htdocs"))?;
    }
    Ok(())
}

/// Root's folder may be entered by the group that serves; a place that the user has chosen is as its umask says.
fn create(site: &Site) -> Result<(), Error> {
    let root = &site.root;
    let failed = |source| Error::Io { path: root.clone(), source };
    let chosen = site.options.server.server_root.is_some();
    fs::DirBuilder::new()
        .recursive(chosen)
        .mode(if chosen { 0o755 } else { 0o700 })
        .create(root)
        .map_err(failed)?;
    if site.identity.is_root() && !chosen {
        std::os::unix::fs::chown(root, None, Some(site.identity.gid)).map_err(failed)?;
        fs::set_permissions(root, fs::Permissions::from_mode(0o750)).map_err(failed)?;
    }
    Ok(())
}

/// A folder, if there is none.
pub(crate) fn folder(path: &Path) -> Result<(), Error> {
    match fs::DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(|source| Error::Io { path: path.to_path_buf(), source }),
    }
}

/// A file, in place of what was there: a running server never sees half of it.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let attempt = || {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&fresh)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content)?;
        fs::rename(&fresh, path)
    };
    attempt().map_err(|source| Error::Io { path: path.to_path_buf(), source })
}

/// Gives a file to the user of the application, who is to change its time. Its content runs as that user anyway.
pub(crate) fn give(path: &Path, identity: &Identity) -> Result<(), Error> {
    if !identity.is_root() {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(identity.user_id), None)
        .map_err(|source| Error::Io { path: path.to_path_buf(), source })
}

/// An empty file for the administrator to edit; one that exists is left alone.
pub(crate) fn touch(path: &Path) -> Result<(), Error> {
    let made = fs::OpenOptions::new().create(true).append(true).mode(0o644).open(path);
    made.map(drop).map_err(|source| Error::Io { path: path.to_path_buf(), source })
}
