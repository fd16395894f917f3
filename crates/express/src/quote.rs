//! Values as words of the three languages that are written here: httpd's configuration, shell and Python.
//!
//! Everything that comes from the command line or the environment goes through one of these functions, so that no value
//! can end its word, its line or its string. A line break cannot be written to httpd's configuration at all, and is
//! refused. tests/test_express_quoting.py asks httpd, a shell and Python what they have read.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// The name of the variable that stands for a dollar sign: httpd expands `${NAME}` even within quotes, and knows no
/// escape for it, but it does not expand what comes out.
pub(crate) const DOLLAR: &str = "MOD_WSGI_DOLLAR";

/// A value that cannot be written to httpd's configuration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` contains a line break or another control character, which httpd's configuration cannot hold")]
pub(crate) struct Unwritable(String);

/// A word of httpd's configuration.
pub(crate) fn httpd(value: &OsStr) -> Result<Vec<u8>, Unwritable> {
    let value = value.as_bytes();
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(Unwritable(String::from_utf8_lossy(value).escape_debug().to_string()));
    }
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:%,=@*~".contains(byte);
    if !value.is_empty() && value.iter().all(is_plain) {
        return Ok(value.to_vec());
    }
    let mut quoted = vec![b'"'];
    for (place, byte) in value.iter().enumerate() {
        match byte {
            b'$' if value.get(place + 1) == Some(&b'{') => {
                quoted.extend_from_slice(format!("${{{DOLLAR}}}").as_bytes());
            }
            b'"' | b'\\' => quoted.extend_from_slice(&[b'\\', *byte]),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    Ok(quoted)
}

/// A path for a directive that takes patterns (`<Directory>`, `Include`), as a pattern that matches nothing else.
pub(crate) fn pattern(path: &OsStr) -> Vec<u8> {
    let path = path.as_bytes();
    if !path.iter().any(|byte| b"*?[".contains(byte)) {
        return path.to_vec();
    }
    let mut pattern = Vec::with_capacity(path.len() + 8);
    for byte in path {
        match byte {
            b'*' | b'?' | b'[' => pattern.extend_from_slice(&[b'[', *byte, b']']),
            b'\\' => pattern.extend_from_slice(b"\\\\"),
            _ => pattern.push(*byte),
        }
    }
    pattern
}

/// A word of a shell's command.
pub(crate) fn shell(value: &OsStr) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in value.as_bytes() {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// A string of Python; bytes that are no UTF-8 become what `os.fsdecode` makes of them.
pub(crate) fn python(value: &OsStr) -> String {
    let mut literal = String::from("\"");
    for chunk in value.as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => literal.extend(['\\', character]),
                ' '..='~' => literal.push(character),
                _ => {
                    let _ = write!(literal, "\\U{:08x}", u32::from(character));
                }
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(literal, "\\udc{byte:02x}");
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> String {
        String::from_utf8(httpd(OsStr::new(value)).unwrap()).unwrap()
    }

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(written("/srv/site-1/wsgi.py"), "/srv/site-1/wsgi.py");
        assert_eq!(written("%{GLOBAL}"), "\"%{GLOBAL}\"");
    }

    #[test]
    fn nothing_ends_a_word_of_httpd() {
        assert_eq!(written(""), r#""""#);
        assert_eq!(written("a b"), r#""a b""#);
        assert_eq!(written(r#"a"b\"#), r#""a\"b\\""#);
        assert_eq!(written("${HOME} $x"), r#""${MOD_WSGI_DOLLAR}{HOME} $x""#);
    }

    #[test]
    fn a_line_break_is_refused() {
        for value in ["a\nb", "a\r", "\u{7f}"] {
            assert!(httpd(OsStr::new(value)).is_err(), "{value:?}");
        }
    }

    #[test]
    fn patterns_match_themselves_only() {
        assert_eq!(pattern(OsStr::new("/a\\b")), b"/a\\b");
        assert_eq!(pattern(OsStr::new("/a[1]*?\\")), br"/a[[]1][*][?]\\");
    }

    #[test]
    fn shell_and_python() {
        assert_eq!(shell(OsStr::new("it's $x")), br"'it'\''s $x'");
        assert_eq!(python(OsStr::new("a\"\\\né")), r#""a\"\\\U0000000a\U000000e9""#);
        assert_eq!(python(OsStr::from_bytes(b"\xff")), r#""\udcff""#);
    }
}
