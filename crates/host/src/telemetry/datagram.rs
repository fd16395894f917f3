//! The form of one report: a header of 24 bytes, then typed records until the end, all little endian. Pure.
//!
//! The layout is that of the collector `mod-wsgi-telemetry`: magic `WSGI`, version, kind, flags, process id, sequence
//! number, time; a record is an id, a type, for texts and lists a count, and the value. Receivers skip ids that they
//! do not know, so ids are added and never given another meaning.

/// Most bytes of a report.
pub(super) const LIMIT: usize = 8192;
/// Most entries of a list by threads.
pub(super) const MAX_THREADS: usize = 128;

/// Where the sequence number stands.
const SEQUENCE: usize = 12;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// The requests of an interval, and the process at its end.
    Sample = 2,
    /// A request that runs, or ran, longer than WSGISlowRequests.
    Slow = 4,
    /// The process has started.
    Started = 5,
    /// Its end is decided.
    Stopping = 6,
    /// Its requests are over.
    Stopped = 7,
    /// The state of one interpreter's garbage collector.
    GcState = 8,
    /// One collection.
    GcEvent = 9,
}

/// A report that is being written.
#[derive(Debug, Clone)]
pub(super) struct Datagram(Vec<u8>);

impl Datagram {
    /// A report of process `pid`, made at `stamp`, in seconds since the epoch.
    pub(super) fn new(kind: Kind, pid: u32, stamp: f64) -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(b"WSGI");
        bytes.extend_from_slice(&[1, kind as u8, 0, 0]);
        bytes.extend_from_slice(&pid.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&stamp.to_le_bytes());
        Self(bytes)
    }

    /// A count, or bytes, or a switch.
    pub(super) fn count(&mut self, id: u16, value: u64) {
        self.begin(id, 1);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Seconds, or a ratio.
    pub(super) fn number(&mut self, id: u16, value: f64) {
        self.begin(id, 2);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A text of up to `limit` bytes; a longer one is cut, which three dots show. An empty one is left out.
    pub(super) fn text(&mut self, id: u16, text: &[u8], limit: usize) {
        if text.is_empty() {
            return;
        }
        let (kept, dots) = cut(text, limit);
        self.begin(id, 4);
        self.length(kept.len() + dots.len());
        self.0.extend_from_slice(kept);
        self.0.extend_from_slice(dots);
    }

    /// A list of counts.
    pub(super) fn counts(&mut self, id: u16, values: &[u32]) {
        self.begin(id, 5);
        self.length(values.len());
        for value in values {
            self.0.extend_from_slice(&i32::try_from(*value).unwrap_or(i32::MAX).to_le_bytes());
        }
    }

    /// A list of seconds.
    pub(super) fn numbers(&mut self, id: u16, values: &[f64]) {
        self.begin(id, 6);
        self.length(values.len());
        values.iter().for_each(|value| self.0.extend_from_slice(&value.to_le_bytes()));
    }

    /// The bytes, as report number `sequence` of the process.
    pub(super) fn finish(mut self, sequence: u32) -> Vec<u8> {
        if let Some(place) = self.0.get_mut(SEQUENCE..SEQUENCE + 4) {
            place.copy_from_slice(&sequence.to_le_bytes());
        }
        self.0
    }

    fn begin(&mut self, id: u16, kind: u8) {
        self.0.extend_from_slice(&id.to_le_bytes());
        self.0.push(kind);
    }

    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    }
}

/// As much of a text as fits, and what shows that it was cut. Characters of UTF-8 stay whole.
fn cut(text: &[u8], limit: usize) -> (&[u8], &'static [u8]) {
    const DOTS: &[u8] = b"...";
    if text.len() <= limit {
        return (text, b"");
    }
    let mut end = limit.saturating_sub(DOTS.len());
    while end > 0 && text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    (text.get(..end).unwrap_or_default(), DOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_records_byte_for_byte() {
        let mut datagram = Datagram::new(Kind::Sample, 0x0102_0304, 1.5);
        datagram.count(20, 7);
        datagram.number(21, 0.5);
        datagram.text(6, b"app", 255);
        datagram.counts(110, &[1, u32::MAX]);
        datagram.numbers(111, &[2.0]);
        let mut expected = Vec::new();
        expected.extend_from_slice(b"WSGI\x01\x02\x00\x00\x04\x03\x02\x01\x09\x00\x00\x00");
        expected.extend_from_slice(&1.5_f64.to_le_bytes());
        assert_eq!(expected.len(), 24);
        expected.extend_from_slice(b"\x14\x00\x01\x07\x00\x00\x00\x00\x00\x00\x00");
        expected.extend_from_slice(b"\x15\x00\x02\x00\x00\x00\x00\x00\x00\xe0\x3f");
        expected.extend_from_slice(b"\x06\x00\x04\x03\x00app");
        expected.extend_from_slice(b"\x6e\x00\x05\x02\x00\x01\x00\x00\x00\xff\xff\xff\x7f");
        expected.extend_from_slice(b"\x6f\x00\x06\x01\x00\x00\x00\x00\x00\x00\x00\x00\x40");
        assert_eq!(datagram.finish(9), expected);
    }

    #[test]
    fn long_texts_are_cut_visibly() {
        assert_eq!(cut(b"GET", 15), (&b"GET"[..], &b""[..]));
        assert_eq!(cut(&[b'x'; 15], 15).0.len(), 15);
        assert_eq!(cut(&[b'x'; 16], 15), (&[b'x'; 12][..], &b"..."[..]));
        let umlauts = "ä".repeat(20);
        assert_eq!(cut(umlauts.as_bytes(), 16), ("ä".repeat(6).as_bytes(), &b"..."[..]));
        assert_eq!(cut(b"abcdef", 2), (&b""[..], &b"..."[..]));
    }

    #[test]
    fn empty_texts_are_left_out() {
        let mut datagram = Datagram::new(Kind::Started, 1, 0.0);
        datagram.text(8, b"", 10);
        assert_eq!(datagram.finish(0).len(), 24);
    }
}
