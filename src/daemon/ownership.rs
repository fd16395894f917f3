//! script-user and script-group: whose a script and its folder must be before a request for it goes to the group.
//!
//! Somebody else who may write to either could otherwise run code as the group's user.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use thiserror::Error;

use super::settings::{StartError, unknown};
use crate::apache::account::{User, group_id};
use crate::config::{Account, ProcessGroup, ScriptOwner};

/// Whose scripts must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ownership {
    /// This user's, and nobody else may write to them.
    User { name: String, uid: u32 },
    /// This group's, and nobody but its members and the owner may write to them.
    Group { name: String, gid: u32 },
}

/// Why a script is not run.
#[derive(Debug, Error)]
pub(crate) enum OwnershipError {
    #[error("cannot be looked at: {0}")]
    Unseen(#[source] std::io::Error),
    #[error("belongs to the user #{found} and not to {wanted}; change its owner (chown), or script-user")]
    User { wanted: String, found: u32 },
    #[error("belongs to the group #{found} and not to {wanted}; change its group (chgrp), or script-group")]
    Group { wanted: String, found: u32 },
    #[error("can be written by {by}; take that right away (chmod {remedy})")]
    Writable { by: &'static str, remedy: &'static str },
}

/// What a file or folder says of itself.
#[derive(Debug, Clone, Copy)]
struct Status {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Ownership {
    /// What a group wants. An account that does not exist stops httpd.
    pub(super) fn of(group: &ProcessGroup) -> Result<Option<Self>, StartError> {
        let Some(wanted) = &group.script_owner else { return Ok(None) };
        let number = |account: &Account| match account {
            Account::Id(number) => Some(*number),
            Account::Name(_) => None,
        };
        Ok(Some(match wanted {
            ScriptOwner::User(account) => {
                let uid = number(account).or_else(|| User::find(account).map(|user| user.uid));
                let uid = uid.ok_or_else(|| unknown(group, "script-user", account))?;
                Self::User { name: account.to_string(), uid }
            }
            ScriptOwner::Group(account) => {
                let gid = number(account).or_else(|| group_id(account));
                let gid = gid.ok_or_else(|| unknown(group, "script-group", account))?;
                Self::Group { name: account.to_string(), gid }
            }
        }))
    }

    /// Looks at a script and its folder. The error names what is wrong with which of them.
    pub(super) fn check(&self, script: &[u8]) -> Result<(), (String, OwnershipError)> {
        let script = Path::new(OsStr::from_bytes(script));
        for path in [Some(script), script.parent()].into_iter().flatten() {
            let status = std::fs::metadata(path).map_err(OwnershipError::Unseen);
            let checked = status.and_then(|found| {
                self.judge(Status { uid: found.uid(), gid: found.gid(), mode: found.mode() })
            });
            checked.map_err(|error| (path.display().to_string(), error))?;
        }
        Ok(())
    }

    fn judge(&self, found: Status) -> Result<(), OwnershipError> {
        match self {
            Self::User { name, uid } if found.uid != *uid => {
                return Err(OwnershipError::User { wanted: name.clone(), found: found.uid });
            }
            Self::User { .. } if found.mode & 0o020 != 0 => {
                return Err(OwnershipError::Writable { by: "its group", remedy: "g-w" });
            }
            Self::Group { name, gid } if found.gid != *gid => {
                return Err(OwnershipError::Group { wanted: name.clone(), found: found.gid });
            }
            Self::User { .. } | Self::Group { .. } => {}
        }
        match found.mode & 0o002 {
            0 => Ok(()),
            _ => Err(OwnershipError::Writable { by: "everybody", remedy: "o-w" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(ownership: &Ownership, uid: u32, gid: u32, mode: u32) -> String {
        ownership.judge(Status { uid, gid, mode }).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_users_script_is_written_by_nobody_else() {
        let user = Ownership::User { name: "`a`".into(), uid: 5 };
        assert_eq!(judge(&user, 5, 9, 0o100_644), "");
        assert!(judge(&user, 6, 5, 0o100_644).starts_with("belongs to the user #6 and not to `a`"));
        assert!(judge(&user, 5, 5, 0o100_664).starts_with("can be written by its group"));
        assert!(judge(&user, 5, 5, 0o040_757).starts_with("can be written by everybody"));
    }

    #[test]
    fn a_groups_script_is_written_by_its_members() {
        let group = Ownership::Group { name: "`g`".into(), gid: 5 };
        assert_eq!(judge(&group, 1, 5, 0o100_664), "");
        assert!(judge(&group, 5, 6, 0o100_644).starts_with("belongs to the group #6 and not to `g`"));
        assert!(judge(&group, 1, 5, 0o100_666).starts_with("can be written by everybody"));
    }

    #[test]
    fn the_folder_counts_as_well() {
        let folder = std::env::temp_dir().join(format!("mod_wsgi-owner-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let script = folder.join("a.wsgi");
        std::fs::write(&script, "").unwrap();
        let mode = |path: &Path, mode| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let uid = std::fs::metadata(&script).unwrap().uid();
        let ownership = Ownership::User { name: "me".into(), uid };
        mode(&folder, 0o755);
        mode(&script, 0o644);
        assert!(ownership.check(script.as_os_str().as_bytes()).is_ok());
        mode(&folder, 0o777);
        let (path, error) = ownership.check(script.as_os_str().as_bytes()).unwrap_err();
        assert_eq!(path, folder.display().to_string());
        assert!(error.to_string().contains("everybody") || error.to_string().contains("its group"));
        let missing = ownership.check(b"/nowhere/a.wsgi").unwrap_err();
        assert!(missing.1.to_string().starts_with("cannot be looked at"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
