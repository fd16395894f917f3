//! Frames: `kind:u8, flags:u8, reserved:u16, length:u32`, little endian, then `length` bytes of payload.
//!
//! httpd to worker: `Request`, then the body as `Body`… and `BodyEnd`, or one `BodyFile`; nothing follows a request
//! whose [`crate::request::Flags::NO_BODY`] is set. Worker to httpd: `Taken` if asked for, then `Head`, `Body` and
//! `File` in order, `Log` anywhere, `Costs` if asked for, and one `End`; or, before it has run anything, `Reject`; or `GoAway` on an idle
//! connection. A connection carries one request after the other.
//!
//! A request whose task is to judge ([`crate::task`]) has no body, and instead of head, body and file it is answered by
//! one `Verdict` before the `End`. Meanwhile the worker may ask for variables of mod_ssl: each `Lookup` is answered by
//! one `Value`.

use crate::verdict::MAX_VERDICT;
use crate::wire::WireError;

/// Bytes of a frame's header.
pub const HEADER: usize = 8;

/// Longest payload of a `Request`: the reference's limit of the whole environment, 16 MiB, with some room.
pub const MAX_REQUEST: usize = 17 << 20;

/// Longest payload of any other frame. Writers cut bodies into pieces of at most [`BODY_PIECE`].
pub const MAX_PAYLOAD: usize = 16 << 20;

/// The size in bytes of the pieces in which bodies are read and sent (64–256 KiB measured best, 8 KiB worst).
pub const BODY_PIECE: usize = 128 << 10;

/// What a frame is. The numbers are the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// httpd: a request ([`crate::request::Request`]).
    Request = 1,
    /// Both: a piece of the request's or the response's body.
    Body = 2,
    /// httpd: the request body ends here, whole; with [`BODY_BROKEN`] in the flags it could not be read to its end.
    BodyEnd = 3,
    /// httpd: the whole body is in the file whose descriptor comes along ([`crate::response::FilePart`]).
    BodyFile = 4,
    /// httpd: what mod_ssl says to a `Lookup`; without [`VALUE_FOUND`] in the flags it has no such variable.
    Value = 5,
    /// Worker: the request has a thread; send the rest of its body ([`crate::response::Taken`]).
    Taken = 16,
    /// Worker: status and headers ([`crate::response::Head`]).
    Head = 17,
    /// Worker: a part of a file whose descriptor comes along ([`crate::response::FilePart`]).
    File = 18,
    /// Worker: a line for the request's error log ([`crate::response::Log`]).
    Log = 19,
    /// Worker: the request is over ([`crate::response::End`]).
    End = 20,
    /// Worker: the request was not run and may be sent again ([`crate::response::Reject`]).
    Reject = 21,
    /// Worker: this idle connection is closed; a request that crosses it was not run and may be sent again.
    GoAway = 22,
    /// Worker: the name of a variable of mod_ssl that a script asks for.
    Lookup = 23,
    /// Worker: what a script has decided ([`crate::verdict::Verdict`]).
    Verdict = 24,
    /// Worker: what the request has cost, if httpd wants to know ([`crate::costs::Costs`]).
    Costs = 25,
}

/// Flag of a `Value`: there is one, maybe an empty one.
pub const VALUE_FOUND: u8 = 1;

/// Flag of a `BodyEnd`: the body is incomplete, the application's next read fails.
pub const BODY_BROKEN: u8 = 1;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub kind: Kind,
    /// Flags of that kind.
    pub flags: u8,
    /// Bytes of payload.
    pub length: usize,
}

impl Kind {
    const ALL: [Self; 15] = [
        Self::Request,
        Self::Body,
        Self::BodyEnd,
        Self::BodyFile,
        Self::Value,
        Self::Taken,
        Self::Head,
        Self::File,
        Self::Log,
        Self::End,
        Self::Reject,
        Self::GoAway,
        Self::Lookup,
        Self::Verdict,
        Self::Costs,
    ];

    /// The longest payload, in bytes, that a frame of this kind may have.
    pub fn limit(self) -> usize {
        match self {
            Self::Request => MAX_REQUEST,
            Self::BodyEnd | Self::GoAway => 0,
            Self::BodyFile
            | Self::Taken
            | Self::File
            | Self::End
            | Self::Reject
            | Self::Lookup
            | Self::Costs => 4096,
            Self::Value | Self::Verdict => MAX_VERDICT,
            Self::Body | Self::Head | Self::Log => MAX_PAYLOAD,
        }
    }
}

impl Header {
    /// The header of a frame of `kind` with `length` bytes of payload and no flags.
    pub fn new(kind: Kind, length: usize) -> Self {
        Self { kind, flags: 0, length }
    }

    /// As on the wire.
    pub fn encode(self) -> [u8; HEADER] {
        let [a, b, c, d] = u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes();
        [self.kind as u8, self.flags, 0, 0, a, b, c, d]
    }

    /// The header at the front of `bytes`; `None` when there are fewer than [`HEADER`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let Some(&[kind, flags, _, _, a, b, c, d]) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
        let kind = Kind::ALL
            .into_iter()
            .find(|known| *known as u8 == kind)
            .ok_or(WireError::BadValue { what: "frame kind", value: kind.into() })?;
        let (length, limit) = (u32::from_le_bytes([a, b, c, d]) as usize, kind.limit());
        if length > limit {
            return Err(WireError::TooLong { what: "frame", length, limit });
        }
        Ok(Some(Self { kind, flags, length }))
    }
}

/// Takes the first whole frame off the front of `buffer`: its header and payload, and how many bytes they used.
/// `None` when the frame is not all there yet.
#[expect(clippy::type_complexity, reason = "used as a pattern, never named")]
pub fn split(buffer: &[u8]) -> Result<Option<(Header, &[u8], usize)>, WireError> {
    let Some(header) = Header::decode(buffer)? else { return Ok(None) };
    let used = HEADER + header.length;
    Ok(buffer.get(HEADER..used).map(|payload| (header, payload, used)))
}

/// Appends a frame of `kind` whose payload `body` writes, without knowing its length before.
pub fn append(out: &mut Vec<u8>, kind: Kind, flags: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&Header { kind, flags, length: 0 }.encode());
    body(out);
    let length = out.len() - start - HEADER;
    if let Some(header) = out.get_mut(start..start + HEADER) {
        header.copy_from_slice(&Header { kind, flags, length }.encode());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    proptest! {
        #[test]
        fn frames_come_back(frames in proptest::collection::vec(
            (select(&Kind::ALL[..]), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..300)), 0..8)
        ) {
            let frames: Vec<_> = frames.into_iter().filter(|(kind, _, payload)| payload.len() <= kind.limit()).collect();
            let mut out = Vec::new();
            for (kind, flags, payload) in &frames {
                append(&mut out, *kind, *flags, |out| out.extend_from_slice(payload));
            }
            let mut rest = &out[..];
            for (kind, flags, payload) in &frames {
                let (header, found, used) = split(rest).unwrap().unwrap();
                prop_assert_eq!(header, Header { kind: *kind, flags: *flags, length: payload.len() });
                prop_assert_eq!(found, &payload[..]);
                rest = &rest[used..];
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            if let Ok(Some((header, payload, used))) = split(&bytes) {
                prop_assert_eq!((payload.len(), used), (header.length, header.length + HEADER));
            }
        }
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_not_there_yet() {
        for kind in Kind::ALL {
            let mut out = Vec::new();
            append(&mut out, kind, 0, |out| out.extend(vec![7; kind.limit().min(20)]));
            for end in 0..out.len() {
                assert_eq!(split(&out[..end]), Ok(None), "{kind:?} cut at {end}");
            }
            assert!(split(&out).unwrap().is_some());
        }
    }

    #[test]
    fn every_kind_has_its_limit() {
        for kind in Kind::ALL {
            let at = |length| Header::decode(&Header::new(kind, length).encode());
            assert_eq!(at(kind.limit()), Ok(Some(Header::new(kind, kind.limit()))));
            let (length, limit) = (kind.limit() + 1, kind.limit());
            assert_eq!(at(length), Err(WireError::TooLong { what: "frame", length, limit }), "{kind:?}");
        }
        let unknown = Header::decode(&[99, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(unknown, Err(WireError::BadValue { what: "frame kind", value: 99 }));
    }
}
