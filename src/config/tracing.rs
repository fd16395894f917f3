//! WSGITraceContext: what it holds, and how it is read.

use super::error::ConfigError;
use super::options::{self, OptionRow};
use super::values::{Switch, Value};
use super::words::Words;

/// What becomes of the W3C trace context of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TraceContext {
    /// On: the application sees a valid one in any case. Auto: the headers stay as they came.
    pub(crate) mode: Switch,
    /// Which part of the traces that begin here is marked as sampled.
    pub(crate) sampled: f64,
}

/// A part of a whole: a number from 0 to 1.
struct Share(f64);

impl TraceContext {
    /// Without the directive.
    pub(crate) const DEFAULT: Self = Self { mode: Switch::Auto, sampled: 1.0 };

    /// The directive's words.
    pub(crate) fn read(words: &mut Words<'_>) -> Result<Self, ConfigError> {
        let mode = words.value::<Switch>("value")?;
        let mut read = Self { mode, ..Self::DEFAULT };
        options::read(words, &mut read, &OPTIONS)?;
        Ok(read)
    }
}

/// The options of WSGITraceContext.
pub(crate) const OPTIONS: [OptionRow<TraceContext>; 1] = [OptionRow {
    name: "sampled",
    help: "which part of the traces that begin here is marked as sampled, from 0 to 1; default 1",
    set: |context, word| Share::read(word, "sampled").map(|share| context.sampled = share.0),
}];

impl Value for Share {
    const EXPECTED: &'static str = "it is a number from 0 to 1 (as 0.1)";

    fn parse(word: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(word).ok()?;
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = text.parse::<f64>().ok().filter(|_| plain)?;
        (0.0..=1.0).contains(&number).then_some(Self(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (word, share) in [("0", 0.0), ("1", 1.0), ("1.0", 1.0), ("0.25", 0.25), (".5", 0.5)] {
            assert_eq!(Share::parse(word.as_bytes()).map(|share| share.0), Some(share), "{word}");
        }
        for word in ["", ".", "2", "-0", "1.01", "1e-1", "nan", "inf", "50%", "0.5.5", "On"] {
            assert!(Share::parse(word.as_bytes()).is_none(), "{word}");
        }
    }
}
