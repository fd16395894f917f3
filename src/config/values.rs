//! The values of directives and options: one type and one parser each. Numbers are numbers; junk is refused.

use std::ffi::{CStr, CString};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::ConfigError;
use super::words::printable;

/// A type that one word can stand for.
pub(crate) trait Value: Sized {
    /// What is allowed, for messages.
    const EXPECTED: &'static str;

    /// The value of `word`, if it is one.
    fn parse(word: &[u8]) -> Option<Self>;

    /// As [`Self::parse`], with an error that names `what`.
    fn read(word: &[u8], what: &'static str) -> Result<Self, ConfigError> {
        Self::parse(word).ok_or_else(|| ConfigError::BadValue {
            what,
            value: printable(word),
            expected: Self::EXPECTED,
        })
    }
}

/// A name: not empty, without NUL, UTF-8. Cheap to clone, and readable by C.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name(Arc<CStr>);

/// On, Off, or what fits; the setting says what that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    Auto,
    Off,
    On,
}

/// A length of time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seconds(pub(crate) u32);

/// A length of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Milliseconds(pub(crate) u32);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bytes(pub(crate) u64);

/// A user or a group, by name or by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// As `www-data`.
    Name(String),
    /// As `#33`.
    Id(u32),
}

/// Permission bits, as `027`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) u32);

/// A path that starts with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AbsolutePath(pub(crate) PathBuf);

/// Directories separated by colons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directories(pub(crate) Vec<PathBuf>);

/// A positive number of seconds with a fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval(pub(crate) f64);

impl Name {
    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default() // checked when it was made
    }

    /// The name for C.
    pub(crate) fn as_c_str(&self) -> &CStr {
        &self.0
    }

    /// `%{GLOBAL}`, which some options turn into the empty name.
    pub(crate) fn is_global(&self) -> bool {
        self.as_str() == "%{GLOBAL}"
    }

    /// The empty name: embedded mode, or the main interpreter.
    pub(crate) fn empty() -> Self {
        Self(c"".into())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Id(number) => write!(f, "#{number}"),
        }
    }
}

impl Seconds {
    pub(crate) fn duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl Milliseconds {
    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.0.into())
    }
}

impl Value for Name {
    const EXPECTED: &'static str = "a name is UTF-8 text and not empty";

    fn parse(word: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(word).ok().filter(|text| !text.is_empty())?;
        CString::new(text).ok().map(|name| Self(name.into()))
    }
}

impl Value for String {
    const EXPECTED: &'static str = "it is UTF-8 text";

    fn parse(word: &[u8]) -> Option<Self> {
        Some(std::str::from_utf8(word).ok()?.to_owned())
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "it is On or Off";

    fn parse(word: &[u8]) -> Option<Self> {
        match word.to_ascii_lowercase().as_slice() {
            b"on" => Some(true),
            b"off" => Some(false),
            _ => None,
        }
    }
}

impl Value for Switch {
    const EXPECTED: &'static str = "it is Auto, On or Off";

    fn parse(word: &[u8]) -> Option<Self> {
        match word.to_ascii_lowercase().as_slice() {
            b"auto" => Some(Self::Auto),
            b"off" => Some(Self::Off),
            b"on" => Some(Self::On),
            _ => None,
        }
    }
}

impl Value for u32 {
    const EXPECTED: &'static str = "it is a whole number, 0 or more";

    fn parse(word: &[u8]) -> Option<Self> {
        number(word)
    }
}

impl Value for i32 {
    const EXPECTED: &'static str = "it is a whole number";

    fn parse(word: &[u8]) -> Option<Self> {
        std::str::from_utf8(word).ok()?.parse().ok()
    }
}

impl Value for Seconds {
    const EXPECTED: &'static str = "it is a number of seconds, or a number with s, m, h or d (as 10s)";

    fn parse(word: &[u8]) -> Option<Self> {
        let (digits, unit) = split_unit(word);
        let factor = match unit.as_slice() {
            b"" | b"s" => 1,
            b"m" | b"min" => 60,
            b"h" => 3600,
            b"d" => 86_400,
            _ => return None,
        };
        number::<u32>(digits)?.checked_mul(factor).map(Self)
    }
}

impl Value for Milliseconds {
    const EXPECTED: &'static str = "it is a number of milliseconds, or a number with ms or s (as 20ms)";

    fn parse(word: &[u8]) -> Option<Self> {
        let (digits, unit) = split_unit(word);
        let factor = match unit.as_slice() {
            b"" | b"ms" => 1,
            b"s" => 1000,
            _ => return None,
        };
        number::<u32>(digits)?.checked_mul(factor).map(Self)
    }
}

impl Value for Bytes {
    const EXPECTED: &'static str = "it is a number of bytes, or a number with K, M or G (as 512M)";

    fn parse(word: &[u8]) -> Option<Self> {
        let (digits, unit) = split_unit(word);
        let shift = match unit.as_slice() {
            b"" | b"b" => 0,
            b"k" | b"kb" | b"kib" => 10,
            b"m" | b"mb" | b"mib" => 20,
            b"g" | b"gb" | b"gib" => 30,
            _ => return None,
        };
        number::<u64>(digits)?.checked_mul(1 << shift).map(Self)
    }
}

impl Value for Account {
    const EXPECTED: &'static str = "it is a name, or # and a number";

    fn parse(word: &[u8]) -> Option<Self> {
        match word.strip_prefix(b"#") {
            Some(digits) => number(digits).map(Self::Id),
            None => Name::parse(word).map(|name| Self::Name(name.as_str().to_owned())),
        }
    }
}

impl Value for Mode {
    const EXPECTED: &'static str = "it is an octal number (as 027)";

    fn parse(word: &[u8]) -> Option<Self> {
        let octal = !word.is_empty() && word.iter().all(|byte| matches!(byte, b'0'..=b'7'));
        let value = u32::from_str_radix(std::str::from_utf8(word).ok().filter(|_| octal)?, 8).ok()?;
        (value <= 0o777).then_some(Self(value))
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "it is a path in UTF-8, and not empty";

    fn parse(word: &[u8]) -> Option<Self> {
        // Paths reach leaders and workers in JSON, which has no other bytes.
        std::str::from_utf8(word).ok().filter(|path| !path.is_empty()).map(Self::from)
    }
}

impl Value for AbsolutePath {
    const EXPECTED: &'static str = "it is a path in UTF-8 that starts with /";

    fn parse(word: &[u8]) -> Option<Self> {
        word.starts_with(b"/").then(|| PathBuf::parse(word).map(Self))?
    }
}

impl Value for Directories {
    const EXPECTED: &'static str = "it is one or more directories in UTF-8, separated by colons";

    fn parse(word: &[u8]) -> Option<Self> {
        let names = word.split(|byte| *byte == b':').filter(|name| !name.is_empty());
        names.map(PathBuf::parse).collect::<Option<_>>().map(Self)
    }
}

impl Value for Interval {
    const EXPECTED: &'static str = "it is a number of seconds above 0 (as 0.005)";

    fn parse(word: &[u8]) -> Option<Self> {
        let value: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
        (value.is_finite() && value > 0.0).then_some(Self(value))
    }
}

/// Digits only: no sign, no blank, nothing behind.
fn number<T: std::str::FromStr>(word: &[u8]) -> Option<T> {
    let digits = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word).ok().filter(|_| digits)?.parse().ok()
}

/// Leading digits, and the rest in lower case.
fn split_unit(word: &[u8]) -> (&[u8], Vec<u8>) {
    let end = word.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(word.len());
    let (digits, unit) = word.split_at_checked(end).unwrap_or((word, b""));
    (digits, unit.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers() {
        assert_eq!(u32::parse(b"15"), Some(15));
        for junk in ["", "x", "10x", "-1", "+1", " 1", "4294967296"] {
            assert_eq!(u32::parse(junk.as_bytes()), None, "{junk}");
        }
        assert_eq!(i32::parse(b"-5"), Some(-5));
    }

    #[test]
    fn units_are_understood() {
        assert_eq!(Seconds::parse(b"10"), Some(Seconds(10)));
        assert_eq!(Seconds::parse(b"10s"), Some(Seconds(10)));
        assert_eq!(Seconds::parse(b"2H"), Some(Seconds(7200)));
        assert_eq!(Seconds::parse(b"10 s"), None);
        assert_eq!(Seconds::parse(b"s"), None);
        assert_eq!(Seconds::parse(b"99999999d"), None);
        assert_eq!(Milliseconds::parse(b"2s"), Some(Milliseconds(2000)));
        assert_eq!(Bytes::parse(b"512M"), Some(Bytes(512 << 20)));
        assert_eq!(Bytes::parse(b"1.5G"), None);
        assert_eq!(Bytes::parse(b"99999999999999G"), None);
    }

    #[test]
    fn the_rest() {
        assert_eq!(bool::parse(b"oN"), Some(true));
        assert_eq!(bool::parse(b"1"), None);
        assert_eq!(Mode::parse(b"027"), Some(Mode(0o27)));
        assert_eq!(Mode::parse(b"8"), None);
        assert_eq!(Account::parse(b"#33"), Some(Account::Id(33)));
        assert_eq!(Account::parse(b"#x"), None);
        assert_eq!(Name::parse(b""), None);
        assert_eq!(Name::parse(b"a\0b"), None);
        assert_eq!(Interval::parse(b"0.005"), Some(Interval(0.005)));
        assert_eq!(Interval::parse(b"0"), None);
        assert_eq!(Interval::parse(b"nan"), None);
        assert!(AbsolutePath::parse(b"a").is_none());
        assert!(PathBuf::parse(b"/lat\xe9").is_none() && Directories::parse(b"/a:/lat\xe9").is_none());
        assert_eq!(Directories::parse(b"/a::/b").map(|dirs| dirs.0.len()), Some(2));
    }
}
