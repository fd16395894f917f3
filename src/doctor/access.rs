//! Whether a user may get at a file: the first folder on the way that keeps him out, links included, or the file.
//!
//! Of httpd's own user the kernel is asked. Of others the permission bits and POSIX access lists say it, by the kernel's
//! own rule (acl(5)); what cannot be looked at is not complained of. Security modules and remote file systems may be
//! stricter, so that nothing here is a promise.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat, getxattr};

/// A permission, as the bits for others.
pub(super) const SEARCH: u32 = 1;
pub(super) const WRITE: u32 = 2;
pub(super) const READ: u32 = 4;

/// As many links as the kernel follows.
const LINKS: usize = 40;

/// Who wants to get somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Reader {
    /// Whoever runs httpd.
    Own,
    /// Somebody else, with all groups, the primary one included.
    Other { uid: u32, gids: Vec<u32> },
}

/// What keeps a reader out.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// Nothing is there.
    Missing(PathBuf),
    /// Links that lead in a circle.
    Links(PathBuf),
    /// Something other than a folder where the way goes on.
    NoFolder(PathBuf),
    /// It is there, but not for this reader, who lacks that permission.
    Forbidden { path: PathBuf, lacking: u32, facts: Box<Metadata>, has_list: bool },
}

/// What keeps `reader` from `path`, with the permissions `wanted` on it.
pub(super) fn obstacle(path: &Path, wanted: u32, reader: &Reader) -> Option<Obstacle> {
    let mut rest: VecDeque<OsString> = components(path);
    let (mut here, mut links) = (PathBuf::from("/"), 0);
    while let Some(name) = rest.pop_front() {
        if let Some(found) = lacking(&here, SEARCH, reader) {
            return Some(found);
        }
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&name);
        let facts = match fs::symlink_metadata(&next) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(Obstacle::Missing(next)),
            Err(_) => return None,
        };
        if facts.is_symlink() {
            links += 1;
            let Some(target) = fs::read_link(&next).ok().filter(|_| links <= LINKS) else {
                return Some(Obstacle::Links(next));
            };
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            for name in components(&target).into_iter().rev() {
                rest.push_front(name);
            }
        } else if facts.is_dir() || rest.is_empty() {
            here = next;
        } else {
            return Some(Obstacle::NoFolder(next));
        }
    }
    lacking(&here, wanted, reader)
}

fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsStr::new("..").to_owned()),
            _ => None,
        })
        .collect()
}

/// Whether `reader` lacks one of the permissions `wanted` on what is at `path`.
fn lacking(path: &Path, wanted: u32, reader: &Reader) -> Option<Obstacle> {
    let facts = fs::metadata(path).ok()?;
    let list = access_list(path);
    let lacking =
        [SEARCH, READ, WRITE].into_iter().filter(|one| wanted & one != 0).find(|one| match reader {
            Reader::Own => !own(path, *one),
            Reader::Other { uid: 0, .. } => false,
            Reader::Other { uid, gids } => {
                let list = list.as_deref().and_then(|list| may_by_list(list, &facts, *one, (*uid, gids)));
                !list.unwrap_or_else(|| may_by_mode(&facts, *one, (*uid, gids)))
            }
        })?;
    let (path, facts, has_list) = (path.to_owned(), Box::new(facts), list.is_some());
    Some(Obstacle::Forbidden { path, lacking, facts, has_list })
}

fn own(path: &Path, permission: u32) -> bool {
    let access = match permission {
        READ => Access::READ_OK,
        WRITE => Access::WRITE_OK,
        _ => Access::EXEC_OK,
    };
    accessat(CWD, path, access, AtFlags::EACCESS) != Err(rustix::io::Errno::ACCESS)
}

/// The owner's bit for the owner, else the group's for members, else that of others.
fn may_by_mode(facts: &Metadata, permission: u32, (uid, gids): (u32, &[u32])) -> bool {
    let shift = if facts.uid() == uid {
        6
    } else if gids.contains(&facts.gid()) {
        3
    } else {
        0
    };
    facts.mode() >> shift & permission != 0
}

/// An entry of an access list.
struct Entry {
    tag: u16,
    permissions: u32,
    id: u32,
}

const USER_OBJ: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP_OBJ: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// The access list of a file, if it has one; as the kernel keeps it.
fn access_list(path: &Path) -> Option<Vec<u8>> {
    let mut space = [0u8; 4096];
    let length = getxattr(path, c"system.posix_acl_access", &mut space).ok()?;
    space.get(..length).map(<[u8]>::to_vec)
}

fn entries(list: &[u8]) -> Option<Vec<Entry>> {
    let (version, entries) = list.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != 2 {
        return None;
    }
    let entry = |entry: &[u8]| {
        let (tag, rest) = entry.split_first_chunk::<2>()?;
        let (permissions, rest) = rest.split_first_chunk::<2>()?;
        let id = rest.first_chunk::<4>()?;
        Some(Entry {
            tag: u16::from_le_bytes(*tag),
            permissions: u16::from_le_bytes(*permissions).into(),
            id: u32::from_le_bytes(*id),
        })
    };
    entries.chunks(8).map(entry).collect()
}

/// What an access list says; `None` if it is none that is known.
fn may_by_list(list: &[u8], facts: &Metadata, permission: u32, (uid, gids): (u32, &[u32])) -> Option<bool> {
    let entries = entries(list)?;
    let of = |tag| entries.iter().find(|entry| entry.tag == tag).map(|entry| entry.permissions);
    let mask = of(MASK).unwrap_or(u32::MAX);
    if facts.uid() == uid {
        return Some(of(USER_OBJ)? & permission != 0);
    }
    if let Some(entry) = entries.iter().find(|entry| entry.tag == USER && entry.id == uid) {
        return Some(entry.permissions & mask & permission != 0);
    }
    let mut of_groups = entries.iter().filter(|entry| match entry.tag {
        GROUP_OBJ => gids.contains(&facts.gid()),
        GROUP => gids.contains(&entry.id),
        _ => false,
    });
    let is_member = of_groups.clone().next().is_some();
    if is_member {
        return Some(of_groups.any(|entry| entry.permissions & mask & permission != 0));
    }
    Some(of(OTHER)? & permission != 0)
}

impl Obstacle {
    /// What is in the way, for a sentence about `reader`.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Missing(path) => format!("{} does not exist", path.display()),
            Self::Links(path) => format!("the links at {} lead in a circle", path.display()),
            Self::NoFolder(path) => format!("{} is no folder", path.display()),
            Self::Forbidden { path, lacking, facts, .. } => {
                let verb = match *lacking {
                    READ => "read",
                    WRITE => "write to",
                    _ if facts.is_dir() => "enter",
                    _ => "run",
                };
                format!(
                    "may not {verb} {} (owner {}, group {}, mode {:04o})",
                    path.display(),
                    facts.uid(),
                    facts.gid(),
                    facts.mode() & 0o7777
                )
            }
        }
    }

    /// The command that lets `reader`, called `name`, pass.
    pub(super) fn remedy(&self, reader: &Reader, name: &str) -> Option<String> {
        let Self::Forbidden { path, lacking, facts, has_list } = self else { return None };
        let letter = match *lacking {
            READ if facts.is_dir() => "rx",
            READ => "r",
            WRITE => "w",
            _ => "x",
        };
        let (who, is_private) = match reader {
            Reader::Other { uid, .. } if facts.uid() == *uid => ("u", false),
            Reader::Other { gids, .. } if gids.contains(&facts.gid()) => ("g", false),
            _ => ("o", *lacking == WRITE || path.starts_with("/root")),
        };
        Some(if *has_list || is_private {
            format!("give that user access (setfacl -m u:{name}:{letter} {})", path.display())
        } else {
            format!("give that user access (chmod {who}+{letter} {})", path.display())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const STRANGER: u32 = 4_294_000;

    fn stranger() -> Reader {
        Reader::Other { uid: STRANGER, gids: vec![STRANGER] }
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_obstacle_is_named_through_links() {
        let folder = std::env::temp_dir().join(format!("mod_wsgi-access-{}", std::process::id()));
        fs::create_dir_all(folder.join("closed/inside")).unwrap();
        fs::write(folder.join("closed/inside/script.py"), "").unwrap();
        symlink("closed/inside", folder.join("open")).unwrap();
        symlink("circle", folder.join("circle")).unwrap();
        for path in [&folder, &folder.join("closed"), &folder.join("closed/inside")] {
            mode(path, 0o755);
        }
        let script = folder.join("open/script.py");
        mode(&script, 0o644);
        assert!(obstacle(&script, READ, &stranger()).is_none());
        mode(&script, 0o600);
        let found = obstacle(&script, READ, &stranger()).unwrap();
        assert!(found.words().contains("may not read") && found.words().contains("mode 0600"));
        assert!(found.remedy(&stranger(), "web").unwrap().contains("chmod o+r "));
        mode(&folder.join("closed"), 0o700);
        let found = obstacle(&script, READ, &stranger()).unwrap();
        let words = format!("may not enter {}", folder.join("closed").display());
        assert!(found.words().starts_with(&words), "{}", found.words());
        let is = |path: &str, wanted| obstacle(&folder.join(path), wanted, &stranger()).unwrap().words();
        assert!(is("nothing/script.py", READ).ends_with("/nothing does not exist"));
        assert!(is("circle", READ).contains("in a circle"));
        mode(&folder.join("closed"), 0o755);
        assert!(is("open/script.py/further", READ).ends_with("script.py is no folder"));
        assert!(obstacle(&folder.join("open/../inside/script.py"), READ, &stranger()).is_some());
        assert!(obstacle(&folder.join("open"), READ | SEARCH, &Reader::Own).is_none());
        fs::remove_dir_all(&folder).unwrap();
    }

    /// An access list of a file whose owner and group are those of this test.
    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut out = 2u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            out.extend(tag.to_le_bytes());
            out.extend(permissions.to_le_bytes());
            out.extend(id.to_le_bytes());
        }
        out
    }

    #[test]
    fn access_lists_go_before_the_bits() {
        let facts = fs::metadata("/").unwrap(); // of root
        let all = list(&[
            (USER_OBJ, 7, u32::MAX),
            (USER, 5, 33),
            (USER, 5, 34),
            (GROUP_OBJ, 0, u32::MAX),
            (GROUP, 1, 50),
            (MASK, 1, u32::MAX),
            (OTHER, 0, u32::MAX),
        ]);
        let may = |permission, uid, gids: &[u32]| may_by_list(&all, &facts, permission, (uid, gids));
        assert_eq!(may(SEARCH, 33, &[33]), Some(true));
        assert_eq!(may(READ, 33, &[33]), Some(false), "the mask");
        assert_eq!(may(SEARCH, 35, &[50]), Some(true));
        assert_eq!(may(SEARCH, 35, &[0, 50]), Some(true), "one of the groups suffices");
        assert_eq!(may(SEARCH, 35, &[0]), Some(false));
        assert_eq!(may(SEARCH, 35, &[35]), Some(false));
        assert_eq!(may(READ, 0, &[0]), Some(true));
        assert_eq!(may_by_list(b"\x02\0\0", &facts, READ, (1, &[])), None);
        assert_eq!(may_by_list(&3u32.to_le_bytes(), &facts, READ, (1, &[])), None);
    }
}
