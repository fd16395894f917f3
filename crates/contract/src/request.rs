//! The payload of a `Request` frame, which is also what embedded mode hands to the host: one buffer, written once
//! by the module, read without copying by the host.

use crate::names::Name;
use crate::task::Task;
use crate::wire::{Reader, WireError, Writer};

/// Longest value of one environment variable, in bytes.
pub const MAX_VALUE: usize = 16 << 20;
/// Longest name of an environment variable, path or group, in bytes.
pub const MAX_NAME: usize = 1 << 20;
/// Most variables in one environment.
pub const MAX_VARIABLES: u32 = 100_000;

/// The switches of a request, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// A changed script file is noticed (WSGIScriptReloading).
    pub const RELOADING: Self = Self(1);
    /// No body frames follow this request.
    pub const NO_BODY: Self = Self(1 << 1);
    /// The worker must say `Taken` when it takes the request: the body is not all there, or it waited in the queue.
    pub const ANNOUNCE: Self = Self(1 << 2);
    /// `wsgi.url_scheme` is `https`.
    pub const HTTPS: Self = Self(1 << 3);
    /// The request does not keep its worker from being idle (WSGIIgnoreActivity).
    pub const IGNORE_ACTIVITY: Self = Self(1 << 4);
    /// mod_ssl says that the client's own connection is encrypted (`mod_ssl.is_https`).
    pub const TLS: Self = Self(1 << 5);
    /// The environ holds a pointer to httpd's own structure (WSGIPassApacheRequest); embedded mode only.
    pub const APACHE_REQUEST: Self = Self(1 << 6);
    /// The response gets a Server-Timing header (WSGIServerTiming).
    pub const SERVER_TIMING: Self = Self(1 << 7);
    /// httpd wants to know what the request has cost ([`crate::costs::Costs`]).
    pub const COSTS: Self = Self(1 << 8);

    /// Whether all bits of `other` are set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These bits and `other`, if `on`.
    #[must_use]
    pub fn with(self, other: Self, on: bool) -> Self {
        if on { Self(self.0 | other.0) } else { self }
    }
}

/// How a request came to the worker that reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Connections by which it was sent so far, with this one; 0 in embedded mode.
    pub connects: u16,
    /// Workers that have sent it back, since they were about to end.
    pub restarts: u16,
}

/// Everything but the variables. Instants are microseconds since the epoch; 0 means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Request<'p> {
    /// The switches.
    pub flags: Flags,
    /// httpd's log level for this request: lines above it need not be sent.
    pub log_level: u8,
    /// When httpd received the request.
    pub request_start: u64,
    /// When the child began to look for a worker; 0 in embedded mode.
    pub queue_start: u64,
    /// How it came here.
    pub attempts: Attempts,
    /// Until when a worker may take it, by [`crate::thread::clock`]; 0 is for ever.
    pub deadline: u64,
    /// When the script was changed last, if httpd has just looked; 0: the host looks itself.
    pub script_modified: u64,
    /// The WSGI script's path.
    pub script: &'p [u8],
    /// The application group; empty is the main interpreter.
    pub application_group: &'p [u8],
    /// The name of the callable object.
    pub callable: &'p [u8],
    /// What it is for.
    pub task: Task<'p>,
    /// The variables, still encoded.
    pub environ: Environ<'p>,
}

/// Set in the length of a name that is a number: that of a [`Name`], in the other bits.
const NUMBERED: u32 = 1 << 31;

/// What a variable is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called<'p> {
    /// One of the fixed names.
    Fixed(Name),
    /// Another one.
    Text(&'p [u8]),
}

/// The variables of a request, as counted name/value pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Environ<'p> {
    count: u32,
    bytes: &'p [u8],
}

impl<'p> Request<'p> {
    /// Reads a payload. The variables are checked when they are iterated.
    pub fn decode(payload: &'p [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        let flags = Flags(reader.u32("flags")?);
        let log_level = reader.u8("log level")?;
        let request_start = reader.u64("request start")?;
        let queue_start = reader.u64("queue start")?;
        let attempts = Attempts { connects: reader.u16("connections")?, restarts: reader.u16("restarts")? };
        let deadline = reader.u64("deadline")?;
        let script_modified = reader.u64("script's modification")?;
        let script = reader.bytes("script", MAX_NAME)?;
        let application_group = reader.bytes("application group", MAX_NAME)?;
        let callable = reader.bytes("callable object", MAX_NAME)?;
        let task = Task::decode(&mut reader)?;
        let count = reader.u32("number of variables")?;
        if count > MAX_VARIABLES {
            return Err(WireError::BadValue { what: "number of variables", value: count.into() });
        }
        let environ = Environ { count, bytes: reader.rest() };
        Ok(Self {
            flags,
            log_level,
            request_start,
            queue_start,
            attempts,
            deadline,
            script_modified,
            script,
            application_group,
            callable,
            task,
            environ,
        })
    }

    /// Appends everything but the variables to `out` (`environ` is not looked at) and returns what they go into.
    pub fn encode<'v>(&self, out: &'v mut Vec<u8>) -> EnvironWriter<'v> {
        let mut writer = Writer::new(out);
        writer.u32(self.flags.0);
        writer.u8(self.log_level);
        writer.u64(self.request_start);
        writer.u64(self.queue_start);
        writer.u16(self.attempts.connects);
        writer.u16(self.attempts.restarts);
        writer.u64(self.deadline);
        writer.u64(self.script_modified);
        writer.bytes(self.script);
        writer.bytes(self.application_group);
        writer.bytes(self.callable);
        self.task.encode(out);
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        EnvironWriter { out, at, count: 0 }
    }

    /// Sets the fields that are only known when a payload goes to a daemon, in place.
    pub fn stamp(payload: &mut [u8], flags: Flags, queue_start: u64, attempts: Attempts, deadline: u64) {
        if let Some(field) = payload.get_mut(0..4) {
            field.copy_from_slice(&flags.0.to_le_bytes());
        }
        if let Some(field) = payload.get_mut(13..21) {
            field.copy_from_slice(&queue_start.to_le_bytes());
        }
        if let Some(field) = payload.get_mut(21..23) {
            field.copy_from_slice(&attempts.connects.to_le_bytes());
        }
        if let Some(field) = payload.get_mut(23..25) {
            field.copy_from_slice(&attempts.restarts.to_le_bytes());
        }
        if let Some(field) = payload.get_mut(25..33) {
            field.copy_from_slice(&deadline.to_le_bytes());
        }
    }
}

/// Appends variables; the count is filled in when it is dropped.
#[derive(Debug)]
pub struct EnvironWriter<'v> {
    out: &'v mut Vec<u8>,
    at: usize,
    count: u32,
}

impl EnvironWriter<'_> {
    /// A variable with a fixed name.
    pub fn fixed(&mut self, name: Name, value: &[u8]) {
        let mut writer = Writer::new(self.out);
        writer.u32(NUMBERED | u32::from(name.number()));
        writer.bytes(value);
        self.count += 1;
    }

    /// A variable with another name.
    pub fn pair(&mut self, name: &[u8], value: &[u8]) {
        let mut writer = Writer::new(self.out);
        writer.bytes(name);
        writer.bytes(value);
        self.count += 1;
    }
}

impl Drop for EnvironWriter<'_> {
    fn drop(&mut self) {
        if let Some(field) = self.out.get_mut(self.at..self.at + 4) {
            field.copy_from_slice(&self.count.to_le_bytes());
        }
    }
}

impl<'p> Environ<'p> {
    /// How many variables there are.
    pub fn len(self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The pairs in order, with all names as text; an error ends the iteration.
    pub fn iter(self) -> impl Iterator<Item = Result<(&'p [u8], &'p [u8]), WireError>> {
        self.variables().map(|variable| {
            variable.map(|(called, value)| match called {
                Called::Fixed(name) => (name.text().as_bytes(), value),
                Called::Text(name) => (name, value),
            })
        })
    }

    /// The pairs in order; an error ends the iteration.
    pub fn variables(self) -> impl Iterator<Item = Result<(Called<'p>, &'p [u8]), WireError>> {
        let mut reader = Reader::new(self.bytes);
        let mut left = self.count;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let variable = variable(&mut reader);
            if variable.is_err() {
                left = 0;
            }
            Some(variable)
        })
    }
}

fn variable<'p>(reader: &mut Reader<'p>) -> Result<(Called<'p>, &'p [u8]), WireError> {
    let head = reader.u32("variable name")?;
    let called = match Name::numbered(head ^ NUMBERED) {
        Some(name) => Called::Fixed(name),
        None => Called::Text(reader.counted("variable name", head, MAX_NAME)?),
    };
    Ok((called, reader.bytes("variable value", MAX_VALUE)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Request<'static> {
        Request {
            flags: Flags::RELOADING.with(Flags::HTTPS, true).with(Flags::NO_BODY, false),
            log_level: 6,
            request_start: 123_456_789,
            queue_start: 0,
            attempts: Attempts::default(),
            deadline: 0,
            script_modified: 1_500_007,
            script: b"/srv/app.wsgi",
            application_group: b"",
            callable: b"application",
            task: Task::Password { user: b"u", password: b"p" },
            environ: Environ::default(),
        }
    }

    fn encode(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut environ = sample().encode(&mut out);
        pairs.iter().for_each(|(name, value)| environ.pair(name, value));
        drop(environ);
        out
    }

    proptest! {
        #[test]
        fn a_request_comes_back(
            pairs: Vec<(Vec<u8>, Vec<u8>)>, flags: u32, queue_start: u64, connects: u16, restarts: u16, deadline: u64
        ) {
            let attempts = Attempts { connects, restarts };
            let mut out = encode(&pairs);
            Request::stamp(&mut out, Flags(flags), queue_start, attempts, deadline);
            let decoded = Request::decode(&out).unwrap();
            let expected =
                Request { flags: Flags(flags), queue_start, attempts, deadline, environ: decoded.environ, ..sample() };
            prop_assert_eq!(decoded, expected);
            prop_assert_eq!((decoded.environ.len(), decoded.environ.is_empty()), (pairs.len(), pairs.is_empty()));
            let found: Vec<_> = decoded.environ.iter().map(Result::unwrap).collect();
            let written: Vec<_> = pairs.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            prop_assert_eq!(found, written);
        }

        #[test]
        fn fixed_names_come_back(value: Vec<u8>, number in 0..Name::ALL.len()) {
            let name = Name::ALL[number];
            let mut out = Vec::new();
            sample().encode(&mut out).fixed(name, &value);
            let environ = Request::decode(&out).unwrap().environ;
            let found: Vec<_> = environ.variables().map(Result::unwrap).collect();
            prop_assert_eq!(found, [(Called::Fixed(name), &value[..])]);
            let found: Vec<_> = environ.iter().map(Result::unwrap).collect();
            prop_assert_eq!(found, [(name.text().as_bytes(), &value[..])]);
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            if let Ok(request) = Request::decode(&bytes) {
                let _ = request.environ.iter().count();
            }
            let mut bytes = bytes;
            Request::stamp(&mut bytes, Flags::ANNOUNCE, 1, Attempts { connects: 1, restarts: 1 }, 1);
        }
    }

    #[test]
    fn a_cut_anywhere_is_noticed() {
        let whole = encode(&[(b"PATH_INFO".to_vec(), b"/x".to_vec()), (b"A".to_vec(), b"".to_vec())]);
        for end in 0..whole.len() {
            let complete = Request::decode(&whole[..end])
                .is_ok_and(|request| request.environ.iter().filter(Result::is_ok).count() == 2);
            assert!(!complete, "cut at {end}");
        }
    }

    #[test]
    fn a_number_without_a_name_is_an_error() {
        let mut out = Vec::new();
        sample().encode(&mut out).fixed(Name::PathInfo, b"");
        let at = out.len() - 8;
        out[at..at + 4].copy_from_slice(&(NUMBERED | Name::ALL.len() as u32).to_le_bytes());
        let environ = Request::decode(&out).unwrap().environ;
        assert!(matches!(environ.iter().collect::<Vec<_>>()[..], [Err(WireError::TooLong { .. })]));
    }

    #[test]
    fn lengths_and_counts_have_limits() {
        let mut out = Vec::new();
        drop(sample().encode(&mut out));
        let count = out.len() - 4;
        out[count..].copy_from_slice(&(MAX_VARIABLES + 1).to_le_bytes());
        assert!(matches!(
            Request::decode(&out),
            Err(WireError::BadValue { what: "number of variables", .. })
        ));
        out[count..].copy_from_slice(&1_u32.to_le_bytes());
        out.extend_from_slice(&(MAX_NAME as u32 + 1).to_le_bytes());
        let pair = Request::decode(&out).unwrap().environ.iter().next();
        assert!(matches!(pair, Some(Err(WireError::TooLong { what: "variable name", .. }))));
    }
}
