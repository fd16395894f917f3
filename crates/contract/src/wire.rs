//! Bytes in, bytes out: the primitives that every payload is made of.
//!
//! Little endian, lengths before contents, no padding. A [`Reader`] never panics and never allocates: what it
//! returns borrows from the payload. Limits belong to the payloads, not to this file.

use thiserror::Error;

/// Why a payload was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// A number has a value that the contract does not define.
    #[error("{what} has the undefined value {value}")]
    BadValue {
        /// The field.
        what: &'static str,
        /// What it held.
        value: u64,
    },
    /// Bytes are left after the last field.
    #[error("{count} bytes follow the end of {what}")]
    Trailing {
        /// The payload.
        what: &'static str,
        /// How many bytes are left.
        count: usize,
    },
    /// A length is above its limit.
    #[error("{what} of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// The field.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The payload ends within a field.
    #[error("payload ends within {what}")]
    Truncated {
        /// The field.
        what: &'static str,
    },
}

/// Appends fields to a byte vector.
#[derive(Debug)]
pub struct Writer<'v> {
    out: &'v mut Vec<u8>,
}

impl<'v> Writer<'v> {
    /// Appends to `out`, which may already hold something.
    pub fn new(out: &'v mut Vec<u8>) -> Self {
        Self { out }
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// A four-byte length, then the bytes. The caller keeps `bytes` below 4 GiB; every limit here is far below.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.out.extend_from_slice(bytes);
    }
}

/// Takes fields off the front of a payload.
#[derive(Debug, Clone)]
pub struct Reader<'p> {
    rest: &'p [u8],
}

impl<'p> Reader<'p> {
    /// Reads from the start of `payload`.
    pub fn new(payload: &'p [u8]) -> Self {
        Self { rest: payload }
    }

    /// One byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// Two bytes.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, WireError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A four-byte length of at most `limit`, then the bytes.
    pub fn bytes(&mut self, what: &'static str, limit: usize) -> Result<&'p [u8], WireError> {
        let length = self.u32(what)?;
        self.counted(what, length, limit)
    }

    /// So many bytes, of at most `limit`.
    pub fn counted(&mut self, what: &'static str, length: u32, limit: usize) -> Result<&'p [u8], WireError> {
        let length = length as usize;
        if length > limit {
            return Err(WireError::TooLong { what, length, limit });
        }
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated { what })?;
        self.rest = rest;
        Ok(taken)
    }

    /// Everything that has not been taken.
    pub fn rest(&self) -> &'p [u8] {
        self.rest
    }

    /// The payload must end here.
    pub fn end(&self, what: &'static str) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(WireError::Trailing { what, count }),
        }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated { what })?;
        self.rest = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(a: u8, b: u16, c: u32, d: u64, text: Vec<u8>, rest: Vec<u8>) {
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out);
            writer.u8(a);
            writer.u16(b);
            writer.u32(c);
            writer.u64(d);
            writer.bytes(&text);
            out.extend_from_slice(&rest);
            let mut reader = Reader::new(&out);
            prop_assert_eq!((reader.u8("a"), reader.u16("b")), (Ok(a), Ok(b)));
            prop_assert_eq!((reader.u32("c"), reader.u64("d")), (Ok(c), Ok(d)));
            prop_assert_eq!(reader.bytes("text", text.len()), Ok(&text[..]));
            prop_assert_eq!(reader.rest(), &rest[..]);
            prop_assert_eq!(reader.end("all").is_ok(), rest.is_empty());
        }
    }

    #[test]
    fn limits_and_ends_are_errors() {
        let mut out = Vec::new();
        Writer::new(&mut out).bytes(b"abcd");
        let (length, limit) = (4, 3);
        assert_eq!(Reader::new(&out).bytes("x", 3), Err(WireError::TooLong { what: "x", length, limit }));
        for end in 0..out.len() {
            let cut = Reader::new(&out[..end]).bytes("x", 9);
            assert_eq!(cut, Err(WireError::Truncated { what: "x" }), "cut at {end}");
        }
        assert_eq!(Reader::new(b"ab").end("x"), Err(WireError::Trailing { what: "x", count: 2 }));
        // A length near the end of the number's range must not overflow.
        assert!(Reader::new(&[255; 12]).bytes("x", usize::MAX).is_err());
    }
}
