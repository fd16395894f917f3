//! Splits a directive's line into words and `name=value` options, with httpd's quoting rules.
//!
//! A word ends at white space; within `"…"` or `'…'` it does not. A backslash escapes a backslash and, within
//! quotes, that quote. An option's value may be quoted, its name may not: `display-name="a b"`.

use std::fmt;

use super::error::ConfigError;
use super::values::Value;

/// What is left of a directive's line.
#[derive(Debug, Clone)]
pub(crate) struct Words<'l> {
    rest: &'l [u8],
    file: &'l [u8],
    line: u32,
}

/// The place of a directive: a file and a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    file: Box<str>,
    line: u32,
}

impl Place {
    /// The name of the file.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The number of the line, from 1 on.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}", self.line, self.file)
    }
}

impl<'l> Words<'l> {
    /// The words of `line`, which stands at line number `number` of `file`.
    pub(crate) fn new(line: &'l [u8], file: &'l [u8], number: u32) -> Self {
        Self { rest: line.trim_ascii(), file, line: number }
    }

    /// Where the directive stands.
    pub(crate) fn place(&self) -> Place {
        Place { file: String::from_utf8_lossy(self.file).into(), line: self.line }
    }

    /// The next word, if there is one.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        if self.rest.is_empty() {
            return None;
        }
        let (word, used) = word(self.rest);
        self.advance(used);
        Some(word)
    }

    /// The next word, which must be there, as a value; `what` names it in messages.
    pub(crate) fn value<T: Value>(&mut self, what: &'static str) -> Result<T, ConfigError> {
        let word = self.next().ok_or(ConfigError::Missing { what })?;
        T::read(&word, what)
    }

    /// The one word of a directive that takes exactly one.
    pub(crate) fn only<T: Value>(&mut self, what: &'static str) -> Result<T, ConfigError> {
        let value = self.value(what)?;
        self.end().map(|()| value)
    }

    /// Nothing may follow.
    pub(crate) fn end(&mut self) -> Result<(), ConfigError> {
        match self.next() {
            None => Ok(()),
            Some(word) => Err(ConfigError::Excess { word: printable(&word) }),
        }
    }

    /// The next `name=value`, if there is one.
    pub(crate) fn option(&mut self) -> Result<Option<(String, Vec<u8>)>, ConfigError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let stop = self.rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'=');
        let name = self.rest.get(..stop.unwrap_or(self.rest.len())).unwrap_or_default();
        let value = self.rest.get(name.len()..).and_then(|rest| rest.strip_prefix(b"="));
        let (name, Some(value)) = (printable(name), value) else {
            return Err(ConfigError::NotAnOption { word: printable(&word(self.rest).0) });
        };
        if name.is_empty() {
            return Err(ConfigError::NotAnOption { word: printable(&word(self.rest).0) });
        }
        let blank = value.first().is_none_or(u8::is_ascii_whitespace);
        let (text, used) = if blank { (Vec::new(), 0) } else { word(value) };
        self.advance(name.len() + 1 + used);
        Ok(Some((name, text)))
    }

    /// As [`Self::option`]; the whole may be in quotes, too: `"name=two words"`.
    pub(crate) fn quotable_option(&mut self) -> Result<Option<(String, Vec<u8>)>, ConfigError> {
        if !matches!(self.rest.first(), Some(b'"' | b'\'')) {
            return self.option();
        }
        let word = self.next().unwrap_or_default();
        let at = word.iter().position(|byte| *byte == b'=').filter(|at| *at > 0);
        let Some((name, value)) = at.and_then(|at| Some((word.get(..at)?, word.get(at + 1..)?))) else {
            return Err(ConfigError::NotAnOption { word: printable(&word) });
        };
        Ok(Some((printable(name), value.to_vec())))
    }

    /// The line opens a section: takes the `>` at its end.
    pub(crate) fn section(&mut self) -> Result<(), ConfigError> {
        self.rest = self.rest.strip_suffix(b">").ok_or(ConfigError::NotClosed)?.trim_ascii_end();
        Ok(())
    }

    fn advance(&mut self, used: usize) {
        self.rest = self.rest.get(used..).unwrap_or_default().trim_ascii_start();
    }
}

/// Bytes for a message.
pub(super) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The first word of `text`, which does not start with white space, and how many bytes it took.
fn word(text: &[u8]) -> (Vec<u8>, usize) {
    let quote = text.first().copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let mut out = Vec::new();
    let mut at = usize::from(quote.is_some());
    while let Some(&byte) = text.get(at) {
        let next = text.get(at + 1).copied();
        match (byte, quote) {
            (b'\\', _) if next == Some(b'\\') || (quote.is_some() && next == quote) => {
                out.extend(next);
                at += 1;
            }
            (byte, Some(quote)) if byte == quote => return (out, at + 1),
            (byte, None) if byte.is_ascii_whitespace() => break,
            _ => out.push(byte),
        }
        at += 1;
    }
    (out, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let mut words = Words::new(line.as_bytes(), b"", 1);
        std::iter::from_fn(|| words.next().map(|word| printable(&word))).collect()
    }

    #[test]
    fn quotes_as_httpd_does() {
        assert_eq!(words("a  b\tc "), ["a", "b", "c"]);
        assert_eq!(words(r#""a b" 'c d'"#), ["a b", "c d"]);
        assert_eq!(words(r#""a \" b" c\\d "e\x""#), ["a \" b", "c\\d", "e\\x"]);
        assert_eq!(words(r#""open"#), ["open"]);
        assert_eq!(words(""), Vec::<String>::new());
    }

    #[test]
    fn reads_options() {
        let mut line = Words::new(br#"a=1 b="two words" c='x"y' d= e=f=g"#, b"", 1);
        let read = std::iter::from_fn(|| line.option().unwrap())
            .map(|(name, value)| format!("{name}:{}", printable(&value)))
            .collect::<Vec<_>>();
        assert_eq!(read, ["a:1", "b:two words", "c:x\"y", "d:", "e:f=g"]);
    }

    #[test]
    fn the_whole_option_may_be_quoted_in_sections() {
        let mut line = Words::new(br#"a=1 "b=two words" 'c=x"y' d='z z' >"#, b"", 1);
        line.section().unwrap();
        let read = std::iter::from_fn(|| line.quotable_option().unwrap())
            .map(|(name, value)| format!("{name}:{}", printable(&value)))
            .collect::<Vec<_>>();
        assert_eq!(read, ["a:1", "b:two words", "c:x\"y", "d:z z"]);
        assert!(Words::new(br#""=a""#, b"", 1).quotable_option().is_err());
        assert!(Words::new(b"a=1", b"", 1).section().is_err());
    }

    #[test]
    fn refuses_what_is_no_option() {
        for line in ["threads", "=5", r#""a=b"x"#] {
            let read = Words::new(line.as_bytes(), b"", 1).option();
            assert!(!matches!(&read, Ok(Some((name, _))) if name == "a"), "{line}: {read:?}");
        }
        assert!(Words::new(b"threads", b"", 1).option().is_err());
        assert!(Words::new(b"=5", b"", 1).option().is_err());
    }
}
