//! The header `traceparent` of W3C Trace Context: what is a valid one, and how one is written.
//!
//! <https://www.w3.org/TR/trace-context/>: `version-trace_id-parent_id-flags`, all in lower-case hexadecimal digits.

/// Bytes of a `traceparent` of version 00, and at least as many of a later one.
pub(super) const LENGTH: usize = 55;
/// Where the trace's id is.
const TRACE: std::ops::Range<usize> = 3..35;
/// And that of the parent.
const PARENT: std::ops::Range<usize> = 36..52;

/// A valid `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceParent<'v>(&'v [u8]);

impl<'v> TraceParent<'v> {
    /// The value of a header, if it is a valid one. What later versions have behind the flags is not looked at, but two
    /// headers, which httpd joins with a comma, are none.
    pub(super) fn parse(value: &'v [u8]) -> Option<Self> {
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let field = |range| {
            known
                .get(range)
                .filter(|digits: &&[u8]| digits.iter().fold(true, |all, digit| all & is_digit(*digit)))
        };
        let (version, trace, parent) = (field(0..2)?, field(TRACE)?, field(PARENT)?);
        let _flags = field(53..55)?;
        let has_dashes = [2, 35, 52].iter().all(|at| known.get(*at) == Some(&b'-'));
        let is_zero = |id: &[u8]| id.iter().fold(true, |all, digit| all & (*digit == b'0'));
        let fits = match version {
            b"ff" => false,
            b"00" => rest.is_empty(),
            _ => rest.is_empty() || (rest.starts_with(b"-") && !rest.contains(&b',')),
        };
        (has_dashes && fits && !is_zero(trace) && !is_zero(parent)).then_some(Self(value))
    }

    /// The whole header.
    pub(super) fn value(self) -> &'v [u8] {
        self.0
    }

    /// The trace's id.
    pub(super) fn trace_id(self) -> &'v [u8] {
        self.0.get(TRACE).unwrap_or_default() // it was parsed
    }
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn write_digits(out: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            (*high, *low) = (digit(byte >> 4), digit(byte & 15));
        }
    }
}

/// The digit of a number below 16.
fn digit(number: u8) -> u8 {
    if number < 10 { b'0' + number } else { b'a' + (number - 10) }
}

/// A `traceparent` of version 00 from random bytes: 16 for the trace, 8 for the parent. `None` for ids of zeroes. Of all
/// traces the share `sampled` is marked so, by the end of the id, as tracing libraries do.
pub(super) fn write(random: [u8; 24], sampled: f64) -> Option<[u8; LENGTH]> {
    let (trace, parent) = random.split_at(16);
    let (_, end) = trace.split_last_chunk::<8>()?;
    let part = (u64::from_be_bytes(*end) >> 11) as f64 / (1_u64 << 53) as f64; // from 0 to just below 1
    let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
    write_digits(value.get_mut(TRACE)?, trace);
    write_digits(value.get_mut(PARENT)?, parent);
    if let (true, Some(flag)) = (part < sampled, value.last_mut()) {
        *flag = b'1';
    }
    let is_valid = trace.iter().any(|byte| *byte != 0) && parent.iter().any(|byte| *byte != 0);
    is_valid.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT_ID: &str = "00f067aa0ba902b7";

    fn parse(value: &str) -> Option<TraceParent<'_>> {
        TraceParent::parse(value.as_bytes())
    }

    #[test]
    fn valid_ones() {
        let value = format!("00-{TRACE_ID}-{PARENT_ID}-01");
        let parsed = parse(&value).unwrap();
        assert_eq!((parsed.value(), parsed.trace_id()), (value.as_bytes(), TRACE_ID.as_bytes()));
        for end in ["00", "01", "ff", "a9"] {
            assert!(parse(&format!("00-{TRACE_ID}-{PARENT_ID}-{end}")).is_some(), "{end}");
        }
    }

    #[test]
    fn later_versions_may_have_more() {
        for version in ["01", "0a", "cc", "fe"] {
            let value = format!("{version}-{TRACE_ID}-{PARENT_ID}-01");
            for (more, is_valid) in
                [("", true), ("-", true), ("-what", true), ("x", false), ("-what, 00-x", false)]
            {
                assert_eq!(parse(&format!("{value}{more}")).is_some(), is_valid, "{version} {more}");
            }
        }
    }

    #[test]
    fn invalid_ones() {
        let valid = format!("00-{TRACE_ID}-{PARENT_ID}-01");
        let zeroes = "0".repeat(32);
        let upper = TRACE_ID.to_uppercase();
        for bad in [
            String::new(),
            format!("ff-{TRACE_ID}-{PARENT_ID}-01"),
            format!("0-{TRACE_ID}-{PARENT_ID}-01"),
            format!("0F-{TRACE_ID}-{PARENT_ID}-01"),
            format!("00-{zeroes}-{PARENT_ID}-01"),
            format!("00-{TRACE_ID}-{}-01", &zeroes[..16]),
            format!("00-{upper}-{PARENT_ID}-01"),
            format!("00-{TRACE_ID}-{PARENT_ID}-0A"),
            format!("00-{TRACE_ID}-{PARENT_ID}-1"),
            format!("00-{TRACE_ID}-{PARENT_ID}-01-"),
            format!("00-{TRACE_ID}-{PARENT_ID}-01-more"),
            format!("00_{TRACE_ID}_{PARENT_ID}_01"),
            format!("00-{TRACE_ID}-{PARENT_ID}-01, 00-{TRACE_ID}-{PARENT_ID}-01"),
            format!("00-{}-{PARENT_ID}-01", &TRACE_ID[..31]),
            format!(" {valid}"),
            format!("00-{}g-{PARENT_ID}-01", &TRACE_ID[..31]),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
        for end in 0..valid.len() {
            assert_eq!(parse(&valid[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn what_is_written_is_valid() {
        let mut random = [0xa5; 24];
        random[0] = 0x0f;
        let value = write(random, 1.0).unwrap();
        assert!(TraceParent::parse(&value).is_some());
        assert_eq!(&value[..5], b"00-0f");
        assert_eq!(&value[LENGTH - 3..], b"-01");
        assert_eq!(&write(random, 0.0).unwrap()[LENGTH - 3..], b"-00");
        assert_eq!(write([0; 24], 1.0), None);
        let [mut no_parent, mut no_trace] = [[0; 24]; 2];
        no_parent[3] = 1;
        no_trace[20] = 1;
        assert_eq!((write(no_parent, 1.0), write(no_trace, 1.0)), (None, None));
    }

    #[test]
    fn a_share_of_the_traces_is_sampled() {
        let sampled = |part: u8, share| {
            let mut random = [1; 24];
            random[8..16].fill(part);
            write(random, share).unwrap()[LENGTH - 1] == b'1'
        };
        assert!(sampled(0, 0.1) && !sampled(0x80, 0.1) && sampled(0x80, 0.6));
        assert!(sampled(0xff, 1.0) && !sampled(0, 0.0));
    }
}
