//! The file of `env-file=`: lines of `NAME=value`, read as systemd reads an EnvironmentFile.
//!
//! Blank lines and lines that begin with `#` or `;` say nothing. A value ends with its line, without the blanks around
//! it; `'…'` keeps everything, `"…"` everything but `\"`, `\\`, `` \` `` and `\$`, and both may go over several lines.
//! Outside of quotes a backslash takes the next character as it is. A backslash at the end of a line joins the next
//! one. Nothing is expanded. `export ` in front of a name, which shells need, is allowed.
//!
//! Where systemd skips what it does not understand, we refuse the file. Errors name the line, and never quote it: it
//! may be part of a secret.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use contract::variables::{Variables, fits};
use thiserror::Error;

/// What is wrong with a file, and in which line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line}: {kind}")]
pub(crate) struct FileError {
    line: u32,
    kind: Wrong,
}

/// What is wrong with a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Wrong {
    /// Larger than the kernel allows.
    #[error(
        "the variable is longer than 128K, which the system gives to no process; keep it in a file of its own"
    )]
    Long,
    /// No `=`.
    #[error(
        "there is no `=`; write NAME=value, put a value of several lines in quotes, begin a comment with #"
    )]
    NoEquals,
    /// Not a name.
    #[error(
        "what stands before `=` is not a name; names have letters, digits, `_`, `-` and `.`, and no digit in front"
    )]
    NotAName,
    /// A byte that no variable can hold.
    #[error("there is a NUL, which no variable can hold; write text, for example base64")]
    Nul,
    /// Names a Python.
    #[error("PYTHONHOME would break the interpreter; choose it with python-home= of WSGIDaemonProcess")]
    PythonHome,
    /// A quote without its end.
    #[error("the quote that begins here has no end; close it, or put a backslash before it")]
    Unclosed,
}

/// Checks a variable of a process group.
pub(super) fn check(name: &[u8], value: &[u8]) -> Result<(), Wrong> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let begins = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    if !name.first().is_some_and(begins) || !name.iter().all(is_part) {
        return Err(Wrong::NotAName);
    }
    if name == b"PYTHONHOME" {
        return Err(Wrong::PythonHome);
    }
    if value.contains(&0) {
        return Err(Wrong::Nul);
    }
    if fits(name, value) { Ok(()) } else { Err(Wrong::Long) }
}

/// The variables of a file.
pub(crate) fn parse(text: &[u8]) -> Result<Variables, FileError> {
    let mut reader = Reader { rest: text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text), line: 1 };
    let mut all = Variables::default();
    while reader.skip_to_variable() {
        let line = reader.line;
        let at = |kind| FileError { line, kind };
        let name = reader.name().ok_or(at(Wrong::NoEquals))?;
        check(name, b"").map_err(at)?; // first: what follows may be anything
        let value = reader.value()?;
        check(name, &value).map_err(at)?;
        all.set(OsString::from_vec(name.to_vec()), OsString::from_vec(value));
    }
    Ok(all)
}

/// What is left of a file, and the number of its line.
struct Reader<'t> {
    rest: &'t [u8],
    line: u32,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.line += u32::from(*first == b'\n');
        Some(*first)
    }

    /// Goes over blank lines and comments; whether anything follows.
    fn skip_to_variable(&mut self) -> bool {
        while let Some(&byte) = self.rest.first() {
            match byte {
                b'#' | b';' => while self.next().is_some_and(|byte| byte != b'\n') {},
                byte if byte.is_ascii_whitespace() => drop(self.next()),
                _ => return true,
            }
        }
        false
    }

    /// Takes the name and its `=`, which must stand in this line.
    fn name(&mut self) -> Option<&'t [u8]> {
        let end = self.rest.iter().position(|byte| matches!(byte, b'=' | b'\n'))?;
        let (name, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.strip_prefix(b"=")?;
        let name = name.trim_ascii();
        let exported =
            name.strip_prefix(b"export").filter(|rest| rest.starts_with(b" ") || rest.starts_with(b"\t"));
        Some(exported.unwrap_or(name).trim_ascii())
    }

    /// Takes the value and the end of its line.
    fn value(&mut self) -> Result<Vec<u8>, FileError> {
        let mut out = Vec::new();
        let mut kept = 0; // blanks behind this are no part of the value
        let mut is_plain = false; // quotes count in front, and behind each other
        loop {
            let line = self.line;
            match self.next() {
                None | Some(b'\n') => break,
                Some(quote @ (b'\'' | b'"')) if !is_plain => {
                    self.quoted(quote, &mut out).ok_or(FileError { line, kind: Wrong::Unclosed })?;
                    kept = out.len();
                }
                Some(b'\\') => {
                    out.extend(self.next().filter(|byte| *byte != b'\n'));
                    (kept, is_plain) = (out.len(), true);
                }
                Some(byte) if byte.is_ascii_whitespace() => {
                    if is_plain {
                        out.push(byte);
                    }
                }
                Some(byte) => {
                    out.push(byte);
                    (kept, is_plain) = (out.len(), true);
                }
            }
        }
        out.truncate(kept);
        Ok(out)
    }

    /// Takes what is left of a quoted part. `None`: the file ends in it.
    fn quoted(&mut self, quote: u8, out: &mut Vec<u8>) -> Option<()> {
        loop {
            match self.next()? {
                byte if byte == quote => return Some(()),
                b'\\' if quote == b'"' => match self.next()? {
                    b'\n' => {}
                    byte @ (b'"' | b'\\' | b'`' | b'$') => out.push(byte),
                    byte => out.extend([b'\\', byte]),
                },
                byte => out.push(byte),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let text_of = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
        parse(text.as_bytes()).unwrap().iter().map(|(name, value)| (text_of(name), text_of(value))).collect()
    }

    fn value(line: &str) -> String {
        let all = values(&format!("A={line}\nB=end"));
        assert_eq!((all.len(), all[1].1.as_str()), (2, "end"), "{line}");
        all[0].1.clone()
    }

    #[test]
    fn lines() {
        let text = "\u{feff}# comment = no\n\n; nor this\n  A = 1 \r\nexport\tB=2\nexportC=3\nA=4\nD=";
        let wanted = [("A", "4"), ("B", "2"), ("exportC", "3"), ("D", "")];
        assert_eq!(values(text), wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(values("").is_empty() && values("# only").is_empty());
    }

    #[test]
    fn what_systemd_reads() {
        for (line, wanted) in [
            ("plain text # and more  ", "plain text # and more"),
            ("it's \"so\"", "it's \"so\""),
            ("' kept  '", " kept  "),
            (r"'a\b$c'", r"a\b$c"),
            (r#""a\"b\\c\`d\$e\n""#, r#"a"b\c`d$e\n"#),
            (r#""a"'b' c"#, "abc"),
            ("'two\nlines'", "two\nlines"),
            ("\"joined \\\nline\"", "joined line"),
            ("joined \\\nline", "joined line"),
            (r"a\ \b\\ ", r"a b\"),
            ("a=b==", "a=b=="),
            ("''", ""),
        ] {
            assert_eq!(value(line), wanted, "{line}");
        }
    }

    #[test]
    fn mistakes_are_told_by_line_and_not_quoted() {
        for (text, line, kind) in [
            ("A=1\nhidden", 2, Wrong::NoEquals),
            ("A='1\n2'\nhidden\nB=1", 3, Wrong::NoEquals),
            ("\nhid den=1", 2, Wrong::NotAName),
            ("=hidden", 1, Wrong::NotAName),
            ("1A=hidden", 1, Wrong::NotAName),
            ("A=1\nB='hidden\n\n", 2, Wrong::Unclosed),
            ("B=\"hidden\\", 1, Wrong::Unclosed),
            ("PYTHONHOME=/hidden", 1, Wrong::PythonHome),
            ("B=hid\0den", 1, Wrong::Nul),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!((error.line, error.kind), (line, kind), "{text:?}");
            assert!(!error.to_string().contains("hid"), "{error}");
        }
        let long = format!("A={}", "x".repeat(1 << 17));
        assert_eq!(parse(long.as_bytes()).unwrap_err().kind, Wrong::Long);
    }
}
