//! What a script of access, authentication, authorisation or dispatch has decided: the payload of a `Verdict` frame,
//! and what the host hands to the module in embedded mode.
//!
//! The module reads it as if anybody could have written it, since a worker may run anybody's code. What is malformed
//! counts as no verdict, and without a verdict nothing is granted.

use crate::wire::{Reader, WireError, Writer};

/// Longest payload, in bytes; also the longest value of a `Value` frame.
pub const MAX_VERDICT: usize = 1 << 20;
/// Most groups of one user.
pub const MAX_GROUPS: u32 = 100_000;

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'p> {
    /// The function said `True`.
    Allowed,
    /// It said `False`.
    Denied,
    /// It said `None`: no opinion, or not a user of its.
    Unknown,
    /// There is no decision: the script or its function is missing, has raised, or has returned nonsense. The log says
    /// which.
    Failed,
    /// A user name that replaces the given one, or the hash of a realm's password. Never empty.
    Text(&'p [u8]),
    /// The user's groups.
    Groups(Groups<'p>),
    /// Where the request is to run.
    Routes(Routes<'p>),
}

/// Names of groups, which were checked when they were decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Groups<'p> {
    count: u32,
    bytes: &'p [u8],
}

/// What a dispatch script has decided; `None` keeps what the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Routes<'p> {
    /// `process_group`
    pub process_group: Option<&'p [u8]>,
    /// `application_group`
    pub application_group: Option<&'p [u8]>,
    /// `callable_object`
    pub callable: Option<&'p [u8]>,
}

const ALLOWED: u8 = 1;
const DENIED: u8 = 2;
const UNKNOWN: u8 = 3;
const FAILED: u8 = 4;
const TEXT: u8 = 5;
const GROUPS: u8 = 6;
const ROUTES: u8 = 7;

impl<'p> Verdict<'p> {
    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        match *self {
            Self::Allowed => writer.u8(ALLOWED),
            Self::Denied => writer.u8(DENIED),
            Self::Unknown => writer.u8(UNKNOWN),
            Self::Failed => writer.u8(FAILED),
            Self::Text(text) => {
                writer.u8(TEXT);
                writer.bytes(text);
            }
            Self::Groups(groups) => Self::encode_groups(out, groups.count, groups.iter()),
            Self::Routes(routes) => {
                writer.u8(ROUTES);
                for route in [routes.process_group, routes.application_group, routes.callable] {
                    writer.u8(route.is_some().into());
                    writer.bytes(route.unwrap_or_default());
                }
            }
        }
    }

    /// Appends the payload of the groups `names`, of which there are `count`.
    pub fn encode_groups<'g>(out: &mut Vec<u8>, count: u32, names: impl Iterator<Item = &'g [u8]>) {
        let mut writer = Writer::new(out);
        writer.u8(GROUPS);
        writer.u32(count);
        names.for_each(|name| writer.bytes(name));
    }

    /// Reads a payload; all of it is checked.
    pub fn decode(payload: &'p [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        let verdict = match reader.u8("verdict")? {
            ALLOWED => Self::Allowed,
            DENIED => Self::Denied,
            UNKNOWN => Self::Unknown,
            FAILED => Self::Failed,
            TEXT => match reader.bytes("text", MAX_VERDICT)? {
                [] => return Err(WireError::BadValue { what: "length of a text", value: 0 }),
                text => Self::Text(text),
            },
            GROUPS => {
                let count = reader.u32("number of groups")?;
                if count > MAX_GROUPS {
                    return Err(WireError::BadValue { what: "number of groups", value: count.into() });
                }
                let bytes = reader.rest();
                for _ in 0..count {
                    reader.bytes("group", MAX_VERDICT)?;
                }
                Self::Groups(Groups { count, bytes })
            }
            ROUTES => Self::Routes(Routes {
                process_group: route(&mut reader)?,
                application_group: route(&mut reader)?,
                callable: route(&mut reader)?,
            }),
            other => return Err(WireError::BadValue { what: "verdict", value: other.into() }),
        };
        reader.end("Verdict").map(|()| verdict)
    }
}

fn route<'p>(reader: &mut Reader<'p>) -> Result<Option<&'p [u8]>, WireError> {
    let present = reader.u8("route")?;
    let route = reader.bytes("route", MAX_VERDICT)?;
    match (present, route) {
        (0, []) => Ok(None),
        (1, route) => Ok(Some(route)),
        (other, _) => Err(WireError::BadValue { what: "route", value: other.into() }),
    }
}

impl<'p> Groups<'p> {
    /// The names in the script's order.
    pub fn iter(self) -> impl Iterator<Item = &'p [u8]> {
        let mut reader = Reader::new(self.bytes);
        (0..self.count).map_while(move |_| reader.bytes("group", MAX_VERDICT).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(verdict: Verdict<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        verdict.encode(&mut out);
        out
    }

    fn comes_back(verdict: Verdict<'_>) {
        let out = encoded(verdict);
        assert_eq!(Verdict::decode(&out), Ok(verdict));
        for end in 0..out.len() {
            assert!(Verdict::decode(&out[..end]).is_err(), "{verdict:?} cut at {end}");
        }
        assert!(Verdict::decode(&[&out[..], b"x"].concat()).is_err(), "{verdict:?} with a byte too many");
    }

    proptest! {
        #[test]
        fn verdicts_come_back(text in proptest::collection::vec(any::<u8>(), 1..64), route: Option<Vec<u8>>) {
            for verdict in [Verdict::Allowed, Verdict::Denied, Verdict::Unknown, Verdict::Failed] {
                comes_back(verdict);
            }
            comes_back(Verdict::Text(&text));
            let route = route.as_deref();
            comes_back(Verdict::Routes(Routes { process_group: route, callable: Some(&text), ..Routes::default() }));
        }

        #[test]
        fn groups_come_back(names: Vec<Vec<u8>>) {
            let mut out = Vec::new();
            let count = u32::try_from(names.len()).unwrap();
            Verdict::encode_groups(&mut out, count, names.iter().map(Vec::as_slice));
            let decoded = Verdict::decode(&out);
            let Ok(Verdict::Groups(groups)) = decoded else { panic!("{decoded:?}") };
            prop_assert!(groups.iter().eq(names.iter().map(Vec::as_slice)));
            comes_back(Verdict::Groups(groups));
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            if let Ok(Verdict::Groups(groups)) = Verdict::decode(&bytes) {
                let _ = groups.iter().count();
            }
        }
    }

    #[test]
    fn what_grants_by_accident_is_refused() {
        assert!(
            Verdict::decode(&[]).is_err() && Verdict::decode(&[0]).is_err() && Verdict::decode(&[8]).is_err()
        );
        assert!(Verdict::decode(&encoded(Verdict::Text(b""))).is_err());
        let mut many = vec![GROUPS];
        Writer::new(&mut many).u32(MAX_GROUPS + 1);
        assert!(matches!(Verdict::decode(&many), Err(WireError::BadValue { what: "number of groups", .. })));
    }
}
