//! What a request is for: to be answered by the application, or to be judged by one of the scripts that httpd asks on
//! the way there (access, authentication, authorisation, dispatch). Judgements come back as [`crate::verdict`]s.

use crate::request::MAX_NAME;
use crate::wire::{Reader, WireError, Writer};

/// Longest user name, password, realm or host, in bytes; httpd's own limits on header lines are far below.
pub const MAX_WORD: usize = MAX_NAME;

/// What a request is for. The texts are those that the script's function gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Task<'p> {
    /// The application answers.
    #[default]
    Application,
    /// `allow_access(environ, host)`
    Access {
        /// The client's name, or its address.
        host: &'p [u8],
    },
    /// `check_password(environ, user, password)`
    Password {
        /// Who the client says that it is.
        user: &'p [u8],
        /// What it says to prove it.
        password: &'p [u8],
    },
    /// `get_realm_hash(environ, user, realm)`
    RealmHash {
        /// Who the client says that it is.
        user: &'p [u8],
        /// AuthName.
        realm: &'p [u8],
    },
    /// `groups_for_user(environ, user)`
    Groups {
        /// Who has been authenticated.
        user: &'p [u8],
    },
    /// `process_group(environ)`, `application_group(environ)`, `callable_object(environ)`
    Dispatch,
}

impl<'p> Task<'p> {
    /// Appends it to a payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(match self {
            Self::Application => 0,
            Self::Access { .. } => 1,
            Self::Password { .. } => 2,
            Self::RealmHash { .. } => 3,
            Self::Groups { .. } => 4,
            Self::Dispatch => 5,
        });
        self.words().for_each(|word| writer.bytes(word));
    }

    /// The texts, in the order in which the script's function gets them.
    pub fn words(&self) -> impl Iterator<Item = &'p [u8]> {
        let words = match *self {
            Self::Application | Self::Dispatch => [None, None],
            Self::Access { host } => [Some(host), None],
            Self::Password { user, password } => [Some(user), Some(password)],
            Self::RealmHash { user, realm } => [Some(user), Some(realm)],
            Self::Groups { user } => [Some(user), None],
        };
        words.into_iter().flatten()
    }

    /// Takes it off the front of a payload.
    pub fn decode(reader: &mut Reader<'p>) -> Result<Self, WireError> {
        Ok(match reader.u8("task")? {
            0 => Self::Application,
            1 => Self::Access { host: reader.bytes("host", MAX_WORD)? },
            2 => {
                let user = reader.bytes("user", MAX_WORD)?;
                Self::Password { user, password: reader.bytes("password", MAX_WORD)? }
            }
            3 => {
                let user = reader.bytes("user", MAX_WORD)?;
                Self::RealmHash { user, realm: reader.bytes("realm", MAX_WORD)? }
            }
            4 => Self::Groups { user: reader.bytes("user", MAX_WORD)? },
            5 => Self::Dispatch,
            other => return Err(WireError::BadValue { what: "task", value: other.into() }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tasks_come_back(a: Vec<u8>, b: Vec<u8>) {
            for task in [
                Task::Application,
                Task::Access { host: &a },
                Task::Password { user: &a, password: &b },
                Task::RealmHash { user: &a, realm: &b },
                Task::Groups { user: &a },
                Task::Dispatch,
            ] {
                let mut out = Vec::new();
                task.encode(&mut out);
                let mut reader = Reader::new(&out);
                prop_assert_eq!(Task::decode(&mut reader), Ok(task));
                prop_assert_eq!(reader.end("task"), Ok(()));
                for end in 0..out.len() {
                    prop_assert!(Task::decode(&mut Reader::new(&out[..end])).is_err());
                }
            }
        }
    }

    #[test]
    fn unknown_tasks_are_refused() {
        assert!(Task::decode(&mut Reader::new(&[6])).is_err());
    }
}
