//! The payloads that a worker sends. `Head` is also what the host hands to the module in embedded mode.

use crate::wire::{Reader, WireError, Writer};

/// Longest header name or value, in bytes; httpd's own limits are applied when the child sends the head.
pub const MAX_HEADER: usize = 8 << 20;
/// Most headers in one response.
pub const MAX_HEADERS: u32 = 10_000;
/// Longest log text in one frame, in bytes; longer ones are cut into several.
pub const MAX_LOG: usize = 1 << 20;

/// `Taken`: which worker process runs the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The worker's slot.
    pub slot: u32,
    /// The worker's process id, in the leader's namespace.
    pub pid: u32,
}

/// `Head`: status and headers as the application gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'p> {
    /// Three digits.
    pub status: u16,
    /// The reason phrase; empty means httpd's own.
    pub reason: &'p [u8],
    count: u32,
    headers: &'p [u8],
}

/// `File` and `BodyFile`: which bytes of the regular file whose descriptor comes with the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePart {
    /// The first byte's position.
    pub offset: u64,
    /// The number of bytes; never beyond the end of the file.
    pub length: u64,
}

/// `Log`: a text for the request's error log; it may hold several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log<'p> {
    /// httpd's level, see [`crate::level`].
    pub level: u8,
    /// The source file that `%F` in ErrorLogFormat shows; may be empty.
    pub file: &'p [u8],
    /// The line in that file.
    pub line: u32,
    /// The text, without a final newline.
    pub text: &'p [u8],
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The response is complete.
    Complete,
    /// Nothing was sent; httpd answers with this status.
    Refused(u16),
    /// The response was cut short; the client must be able to tell.
    Aborted,
}

/// `End`: the outcome and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// How the request ended.
    pub outcome: Outcome,
    /// The worker keeps this connection for the next request.
    pub keep: bool,
    /// Microseconds from the entry into the application to its end.
    pub application_time: u64,
}

/// `Reject`: why a request was not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reject {
    /// The script has changed; new code is on its way. Put it into the overflow.
    Reloading = 1,
    /// This worker is about to end.
    Draining = 2,
    /// It waited longer than queue-timeout.
    TooLate = 3,
}

impl Taken {
    /// Appends the payload.
    pub fn encode(self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u32(self.slot);
        writer.u32(self.pid);
    }

    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        let taken = Self { slot: reader.u32("slot")?, pid: reader.u32("pid")? };
        reader.end("Taken").map(|()| taken)
    }
}

impl<'p> Head<'p> {
    /// Appends a payload.
    pub fn encode<'h>(
        out: &mut Vec<u8>,
        status: u16,
        reason: &[u8],
        headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
    ) {
        let mut writer = Writer::new(out);
        writer.u16(status);
        writer.bytes(reason);
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        let mut count = 0u32;
        for (name, value) in headers {
            let mut writer = Writer::new(out);
            writer.bytes(name);
            writer.bytes(value);
            count += 1;
        }
        if let Some(field) = out.get_mut(at..at + 4) {
            field.copy_from_slice(&count.to_le_bytes());
        }
    }

    /// The status of a payload, unchecked; `None` if it is none.
    pub fn status_of(payload: &[u8]) -> Option<u16> {
        payload.first_chunk().map(|status| u16::from_le_bytes(*status))
    }

    /// Reads a payload; all headers are checked.
    pub fn decode(payload: &'p [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        let status = reader.u16("status")?;
        if !(100..=999).contains(&status) {
            return Err(WireError::BadValue { what: "status", value: status.into() });
        }
        let reason = reader.bytes("reason phrase", MAX_HEADER)?;
        let count = reader.u32("number of headers")?;
        if count > MAX_HEADERS {
            return Err(WireError::BadValue { what: "number of headers", value: count.into() });
        }
        let headers = reader.rest();
        for _ in 0..count {
            reader.bytes("header name", MAX_HEADER)?;
            reader.bytes("header value", MAX_HEADER)?;
        }
        reader.end("Head")?;
        Ok(Self { status, reason, count, headers })
    }

    /// Names and values in the application's order.
    pub fn headers(self) -> impl Iterator<Item = (&'p [u8], &'p [u8])> {
        let mut reader = Reader::new(self.headers);
        (0..self.count).map_while(move |_| {
            let name = reader.bytes("header name", MAX_HEADER).ok()?;
            Some((name, reader.bytes("header value", MAX_HEADER).ok()?))
        })
    }
}

impl FilePart {
    /// Appends the payload.
    pub fn encode(self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u64(self.offset);
        writer.u64(self.length);
    }

    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        let part = Self { offset: reader.u64("offset")?, length: reader.u64("length")? };
        reader.end("FilePart").map(|()| part)
    }
}

impl<'p> Log<'p> {
    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(self.level);
        writer.u32(self.line);
        writer.bytes(self.file);
        writer.bytes(self.text);
    }

    /// Reads a payload.
    pub fn decode(payload: &'p [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        let (level, line) = (reader.u8("level")?, reader.u32("line")?);
        let (file, text) = (reader.bytes("file", 4096)?, reader.bytes("text", MAX_LOG)?);
        reader.end("Log").map(|()| Self { level, file, line, text })
    }
}

impl End {
    /// Appends the payload.
    pub fn encode(self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u16(self.outcome.code());
        writer.u8(self.keep.into());
        writer.u64(self.application_time);
    }

    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        let outcome = Outcome::from_code(reader.u16("outcome")?)?;
        let keep = reader.u8("keep")? != 0;
        let application_time = reader.u64("application time")?;
        reader.end("End").map(|()| Self { outcome, keep, application_time })
    }
}

impl Outcome {
    /// As on the wire and in the embedding table: 0 complete, 1 aborted, else the status.
    pub fn code(self) -> u16 {
        match self {
            Self::Complete => 0,
            Self::Aborted => 1,
            Self::Refused(status) => status,
        }
    }

    /// The reverse of [`Outcome::code`].
    pub fn from_code(code: u16) -> Result<Self, WireError> {
        match code {
            0 => Ok(Self::Complete),
            1 => Ok(Self::Aborted),
            400..=599 => Ok(Self::Refused(code)),
            _ => Err(WireError::BadValue { what: "outcome", value: code.into() }),
        }
    }
}

impl Reject {
    /// Appends the payload.
    pub fn encode(self, out: &mut Vec<u8>) {
        out.push(self as u8);
    }

    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        match payload {
            [1] => Ok(Self::Reloading),
            [2] => Ok(Self::Draining),
            [3] => Ok(Self::TooLate),
            [other] => Err(WireError::BadValue { what: "reject", value: (*other).into() }),
            _ => Err(WireError::Truncated { what: "Reject" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every payload that is shorter than it should be, or longer, is refused.
    fn cut_anywhere(whole: &[u8], is_accepted: fn(&[u8]) -> bool) {
        for end in 0..whole.len() {
            assert!(!is_accepted(&whole[..end]), "cut at {end} of {}", whole.len());
        }
        assert!(!is_accepted(&[whole, &[0]].concat()), "with a byte too many");
        assert!(is_accepted(whole));
    }

    fn head(status: u16, reason: &[u8], headers: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        Head::encode(&mut out, status, reason, headers.iter().map(|(name, value)| (&name[..], &value[..])));
        out
    }

    proptest! {
        #[test]
        fn a_head_comes_back(status in 100_u16..=999, reason: Vec<u8>, headers: Vec<(Vec<u8>, Vec<u8>)>) {
            let out = head(status, &reason, &headers);
            let decoded = Head::decode(&out).unwrap();
            prop_assert_eq!((decoded.status, decoded.reason), (status, &reason[..]));
            let written: Vec<_> = headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            prop_assert_eq!(decoded.headers().collect::<Vec<_>>(), written);
        }

        #[test]
        fn a_log_comes_back(level: u8, line: u32, file in proptest::collection::vec(any::<u8>(), 0..64), text: Vec<u8>) {
            let log = Log { level, file: &file, line, text: &text };
            let mut out = Vec::new();
            log.encode(&mut out);
            prop_assert_eq!(Log::decode(&out), Ok(log));
        }

        #[test]
        fn numbers_come_back(slot: u32, pid: u32, offset: u64, length: u64, keep: bool, application_time: u64, status in 400_u16..=599) {
            let mut out = Vec::new();
            Taken { slot, pid }.encode(&mut out);
            prop_assert_eq!(Taken::decode(&out), Ok(Taken { slot, pid }));
            out.clear();
            FilePart { offset, length }.encode(&mut out);
            prop_assert_eq!(FilePart::decode(&out), Ok(FilePart { offset, length }));
            for outcome in [Outcome::Complete, Outcome::Aborted, Outcome::Refused(status)] {
                out.clear();
                let end = End { outcome, keep, application_time };
                end.encode(&mut out);
                prop_assert_eq!(End::decode(&out), Ok(end));
            }
        }

        #[test]
        fn nothing_makes_them_panic(bytes: Vec<u8>) {
            if let Ok(head) = Head::decode(&bytes) {
                let _ = head.headers().count();
            }
            let _ = (Taken::decode(&bytes), FilePart::decode(&bytes), Log::decode(&bytes));
            let _ = (End::decode(&bytes), Reject::decode(&bytes));
        }
    }

    #[test]
    fn cuts_are_noticed() {
        cut_anywhere(&head(200, b"OK", &[(b"A".to_vec(), b"b".to_vec())]), |bytes| {
            Head::decode(bytes).is_ok()
        });
        let mut out = Vec::new();
        Taken { slot: 1, pid: 2 }.encode(&mut out);
        cut_anywhere(&out, |bytes| Taken::decode(bytes).is_ok());
        out.clear();
        FilePart { offset: 1, length: 2 }.encode(&mut out);
        cut_anywhere(&out, |bytes| FilePart::decode(bytes).is_ok());
        out.clear();
        Log { level: 3, file: b"a.py", line: 4, text: b"text" }.encode(&mut out);
        cut_anywhere(&out, |bytes| Log::decode(bytes).is_ok());
        out.clear();
        End { outcome: Outcome::Complete, keep: true, application_time: 5 }.encode(&mut out);
        cut_anywhere(&out, |bytes| End::decode(bytes).is_ok());
        for reject in [Reject::Reloading, Reject::Draining, Reject::TooLate] {
            out.clear();
            reject.encode(&mut out);
            assert_eq!(Reject::decode(&out), Ok(reject));
            cut_anywhere(&out, |bytes| Reject::decode(bytes).is_ok());
        }
    }

    #[test]
    fn values_have_limits() {
        assert!(matches!(Head::decode(&head(99, b"", &[])), Err(WireError::BadValue { what: "status", .. })));
        assert!(matches!(
            Head::decode(&head(1000, b"", &[])),
            Err(WireError::BadValue { what: "status", .. })
        ));
        let mut many = head(200, b"", &[]);
        many[6..10].copy_from_slice(&(MAX_HEADERS + 1).to_le_bytes());
        assert!(matches!(Head::decode(&many), Err(WireError::BadValue { what: "number of headers", .. })));
        let mut long = Vec::new();
        let mut writer = Writer::new(&mut long);
        writer.u8(3);
        writer.u32(0);
        writer.bytes(&[b'f'; 4097]);
        assert!(matches!(Log::decode(&long), Err(WireError::TooLong { what: "file", limit: 4096, .. })));
        for code in [2, 200, 399, 600] {
            assert!(Outcome::from_code(code).is_err(), "{code}");
        }
        assert!(Reject::decode(&[0]).is_err() && Reject::decode(&[4]).is_err());
    }
}
