//! Who httpd's children and the application run as.

use nix::unistd::{Gid, Group, Uid, User};

use crate::options;

/// Why that is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no group {0}: --group takes a name or #gid")]
    NoGroup(String),
    #[error("there is no user {0}: --user takes a name or #uid")]
    NoUser(String),
    #[error(
        "httpd's children must not run as root: name another user with --user, for instance --user www-data"
    )]
    Root,
}

/// The identity.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Who this command runs as.
    pub uid: u32,
    /// As for the directives User and Group.
    pub user: String,
    pub group: String,
    /// The numbers of both.
    pub user_id: u32,
    pub gid: u32,
    /// Whether the system knows the user, and so the groups of that user.
    pub has_account: bool,
}

impl Identity {
    /// From the options where they count, which is for root, else from this process.
    pub(crate) fn find(options: &options::Identity) -> Result<Self, Error> {
        let uid = Uid::effective();
        if !uid.is_root() {
            let gid = Gid::effective();
            let (user, group) = (user_name(uid), group_name(gid));
            let has_account = !user.starts_with('#');
            return Ok(Self {
                uid: uid.as_raw(),
                user,
                group,
                user_id: uid.as_raw(),
                gid: gid.as_raw(),
                has_account,
            });
        }
        let user = options.user.as_deref().ok_or(Error::Root)?;
        let no_user = || Error::NoUser(user.to_owned());
        let account = match numeric(user) {
            Some(number) => User::from_uid(Uid::from_raw(number)).ok().flatten(),
            None => Some(User::from_name(user).ok().flatten().ok_or_else(no_user)?),
        };
        if numeric(user) == Some(0) || account.as_ref().is_some_and(|account| account.uid.is_root()) {
            return Err(Error::Root);
        }
        let (group, gid) = match &options.group {
            Some(name) => (name.clone(), group_number(name)?),
            None => {
                let gid = account
                    .as_ref()
                    .map(|account| account.gid)
                    .ok_or_else(|| Error::NoGroup(user.to_owned()))?;
                (group_name(gid), gid.as_raw())
            }
        };
        let has_account = account.is_some();
        let user_id =
            account.map(|account| account.uid.as_raw()).or_else(|| numeric(user)).ok_or_else(no_user)?;
        Ok(Self { uid: 0, user: user.to_owned(), group, user_id, gid, has_account })
    }

    /// Whether httpd is started by root and has to become somebody else.
    pub(crate) fn is_root(&self) -> bool {
        self.uid == 0
    }
}

fn numeric(name: &str) -> Option<u32> {
    name.strip_prefix('#').and_then(|number| number.parse().ok())
}

fn group_number(name: &str) -> Result<u32, Error> {
    let named = || Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw());
    numeric(name).or_else(named).ok_or_else(|| Error::NoGroup(name.to_owned()))
}

/// The name of a user, or the number where there is no name, as in containers.
fn user_name(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("#{uid}"), |user| user.name)
}

fn group_name(gid: Gid) -> String {
    Group::from_gid(gid).ok().flatten().map_or_else(|| format!("#{gid}"), |group| group.name)
}
