//! The command line before it is parsed: `$NAME` and `${NAME}` become what the environment says.
//!
//! A container's command has no shell that would do it. Names that are not set stay as they are, as in
//! `os.path.expandvars`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The arguments with variables of the environment expanded.
pub(crate) fn expanded(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    arguments.map(|argument| expand(argument.as_bytes(), |name| std::env::var_os(name))).collect()
}

fn expand(mut rest: &[u8], value: impl Fn(&OsStr) -> Option<OsString>) -> OsString {
    let mut whole = Vec::with_capacity(rest.len());
    while let Some(start) = rest.iter().position(|byte| *byte == b'$') {
        let (before, variable) = rest.split_at(start);
        whole.extend_from_slice(before);
        let used = match named(variable) {
            Some((name, used)) => {
                match value(OsStr::from_bytes(name)) {
                    Some(text) => whole.extend_from_slice(text.as_bytes()),
                    None => whole.extend_from_slice(variable.get(..used).unwrap_or_default()),
                }
                used
            }
            None => {
                whole.push(b'$');
                1
            }
        };
        rest = variable.get(used..).unwrap_or_default();
    }
    whole.extend_from_slice(rest);
    OsString::from_vec(whole)
}

/// The name of the variable that a text beginning with a dollar sign opens with, and how long it is altogether.
fn named(text: &[u8]) -> Option<(&[u8], usize)> {
    let rest = text.strip_prefix(b"$")?;
    if let Some(inner) = rest.strip_prefix(b"{") {
        let end = inner.iter().position(|byte| *byte == b'}')?;
        return Some((inner.get(..end)?, end + 3));
    }
    let end =
        rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_').unwrap_or(rest.len());
    (end > 0).then_some((rest.get(..end)?, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables() {
        let value = |name: &OsStr| (name == "PORT").then(|| OsString::from("8001"));
        for (given, expected) in [
            ("$PORT", "8001"),
            ("a${PORT}b", "a8001b"),
            ("$PORT/$PORT", "8001/8001"),
            ("$OTHER ${OTHER} $ ${PORT", "$OTHER ${OTHER} $ ${PORT"),
            ("%{GLOBAL}", "%{GLOBAL}"),
            ("^/a$", "^/a$"),
        ] {
            assert_eq!(expand(given.as_bytes(), value), expected, "{given}");
        }
    }
}
