//! Users and groups of the system, from its databases.

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::ptr;

use super::request::text;
use crate::config::Account;

/// The number that no user and no group has. To the system calls that change them it means: leave it as it is.
const NONE: u32 = u32::MAX;

/// A user of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    /// The primary group.
    pub(crate) gid: u32,
    pub(crate) home: PathBuf,
}

impl User {
    /// Looks a user up.
    pub(crate) fn find(account: &Account) -> Option<Self> {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut buffer = vec![0; 64 << 10];
        let mut found = ptr::null_mut();
        match account {
            Account::Name(name) => {
                let name = CString::new(name.as_str()).ok()?;
                let space = (buffer.as_mut_ptr(), buffer.len());
                // SAFETY: all places are writable and as long as said.
                unsafe {
                    libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), space.0, space.1, &raw mut found)
                };
            }
            Account::Id(uid) => {
                let space = (buffer.as_mut_ptr(), buffer.len());
                // SAFETY: as above.
                unsafe { libc::getpwuid_r(*uid, entry.as_mut_ptr(), space.0, space.1, &raw mut found) };
            }
        }
        // SAFETY: when found is not null it points to `entry`, whose strings are in `buffer`, both alive here.
        let entry = unsafe { found.as_ref() }?;
        let word = |raw| text(raw).map(CStr::to_string_lossy).unwrap_or_default().into_owned();
        Some(Self {
            name: word(entry.pw_name),
            uid: entry.pw_uid,
            gid: entry.pw_gid,
            home: word(entry.pw_dir).into(),
        })
    }

    /// All groups of the user, with `gid` as the primary one.
    pub(crate) fn groups(&self, gid: u32) -> Vec<u32> {
        let Ok(name) = CString::new(self.name.as_str()) else { return vec![gid] };
        let mut groups = vec![0; 1024];
        let mut count = 1024;
        // SAFETY: there is room for `count` numbers, and the call never writes more.
        let result = unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &raw mut count) };
        groups.truncate(if result < 0 { 1024 } else { usize::try_from(count).unwrap_or(0) });
        groups
    }
}

/// The number of a user, who need not be in the databases.
pub(crate) fn user_id(account: &Account, user: Option<&User>) -> Option<u32> {
    match (user, account) {
        (Some(user), _) => Some(user.uid),
        (None, Account::Id(uid)) => Some(*uid).filter(|uid| *uid != NONE),
        (None, Account::Name(_)) => None,
    }
}

/// The number of a group.
pub(crate) fn group_id(account: &Account) -> Option<u32> {
    let name = match account {
        Account::Id(gid) => return Some(*gid).filter(|gid| *gid != NONE),
        Account::Name(name) => CString::new(name.as_str()).ok()?,
    };
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let mut buffer = vec![0; 64 << 10];
    let mut found = ptr::null_mut();
    let space = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: all places are writable and as long as said.
    unsafe { libc::getgrnam_r(name.as_ptr(), entry.as_mut_ptr(), space.0, space.1, &raw mut found) };
    // SAFETY: when found is not null it points to `entry`.
    unsafe { found.as_ref() }.map(|entry| entry.gr_gid)
}
