//! WSGIScriptAlias and WSGIScriptAliasMatch: which URLs an application answers, and with what options.

use std::borrow::Cow;
use std::ffi::CString;

use super::error::ConfigError;
use super::options::{self, OptionRow};
use super::values::{Name, Value};
use super::words::{Place, Words, printable};

/// One alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alias {
    /// What must match.
    pub(crate) pattern: Pattern,
    /// The path that takes its place.
    pub(crate) path: CString,
    /// The options.
    pub(crate) options: AliasOptions,
    /// Where it is written.
    pub(crate) place: Place,
}

/// What an alias matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// A prefix of the %-decoded path.
    Prefix(CString),
    /// A regular expression, compiled by whoever matches.
    Regex(CString),
}

/// The options of an alias; a `%{GLOBAL}` has become the empty name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AliasOptions {
    pub(crate) process_group: Option<Name>,
    pub(crate) application_group: Option<Name>,
    pub(crate) callable: Option<Name>,
    pub(crate) pass_authorization: Option<bool>,
}

/// The options of WSGIScriptAlias(Match), in alphabetical order.
pub(crate) const OPTIONS: &[OptionRow<AliasOptions>] = &[
    OptionRow {
        name: "application-group",
        help: "as WSGIApplicationGroup",
        set: |alias, word| {
            group(word, "application-group").map(|value| alias.application_group = Some(value))
        },
    },
    OptionRow {
        name: "callable-object",
        help: "as WSGICallableObject, but not expanded",
        set: |alias, word| Name::read(word, "callable-object").map(|value| alias.callable = Some(value)),
    },
    OptionRow {
        name: "pass-authorization",
        help: "as WSGIPassAuthorization",
        set: |alias, word| {
            bool::read(word, "pass-authorization").map(|value| alias.pass_authorization = Some(value))
        },
    },
    OptionRow {
        name: "process-group",
        help: "as WSGIProcessGroup",
        set: |alias, word| group(word, "process-group").map(|value| alias.process_group = Some(value)),
    },
];

/// The name of a group, `%{GLOBAL}` being the empty one.
pub(super) fn group(word: &[u8], what: &'static str) -> Result<Name, ConfigError> {
    Name::read(word, what).map(|name| if name.is_global() { Name::empty() } else { name })
}

impl Alias {
    /// Reads a whole line; `pattern` makes a pattern of the first word.
    pub(crate) fn read(words: &mut Words<'_>, pattern: fn(CString) -> Pattern) -> Result<Self, ConfigError> {
        let place = words.place();
        let pattern = pattern(c_string(words, "URL path")?);
        let path = c_string(words, "script path")?;
        let mut read = AliasOptions::default();
        options::read(words, &mut read, OPTIONS)?;
        Ok(Self { pattern, path, options: read, place })
    }

    /// The directive that it was written with.
    pub(crate) fn directive(&self) -> &'static str {
        match self.pattern {
            Pattern::Prefix(_) => "WSGIScriptAlias",
            Pattern::Regex(_) => "WSGIScriptAliasMatch",
        }
    }

    /// The group and interpreter in which the script can be loaded before the first request: both options are given
    /// and literal, and the path is one file.
    pub(crate) fn preload(&self) -> Option<(&Name, &Name)> {
        let (process, application) =
            (self.options.process_group.as_ref()?, self.options.application_group.as_ref()?);
        let literal = !process.as_str().contains("%{") && !application.as_str().contains("%{");
        let one_file = matches!(self.pattern, Pattern::Prefix(_)) || !self.path.to_bytes().contains(&b'$');
        (literal && one_file).then_some((process, application))
    }
}

fn c_string(words: &mut Words<'_>, what: &'static str) -> Result<CString, ConfigError> {
    let word = words.next().filter(|word| !word.is_empty()).ok_or(ConfigError::Missing { what })?;
    let value = printable(&word);
    CString::new(word).map_err(|_| ConfigError::BadValue { what, value, expected: "it holds no NUL" })
}

/// How many bytes of `uri` the alias `prefix` takes, if it matches: a run of slashes in either stands for a run in
/// the other, and the match ends where a path component ends.
pub(crate) fn match_prefix(prefix: &[u8], uri: &[u8]) -> Option<usize> {
    let (mut alias, mut at) = (prefix, 0);
    while let Some((first, rest)) = alias.split_first() {
        if *first == b'/' {
            let run = slashes(uri.get(at..)?);
            if run == 0 {
                return None;
            }
            at += run;
            alias = rest.get(slashes(rest)..).unwrap_or_default();
        } else if uri.get(at) == Some(first) {
            at += 1;
            alias = rest;
        } else {
            return None;
        }
    }
    let at_boundary = prefix.ends_with(b"/") || matches!(uri.get(at), None | Some(b'/'));
    at_boundary.then_some(at)
}

/// What of `uri` follows the file that it is mapped to, when `used` bytes of it matched the alias `/` or another one.
pub(crate) fn rest_of(uri: &[u8], prefix_is_root: bool, used: usize) -> &[u8] {
    if prefix_is_root { uri } else { uri.get(used..).unwrap_or_default() }
}

/// Whether `path` and `rest` are a file and its PATH_INFO as they stand, if `path` is a file: nothing that httpd would
/// leave out or resolve where it puts them together.
pub(crate) fn is_plain(path: &[u8], rest: &[u8]) -> bool {
    let is_folder = |part: &[u8]| matches!(part, b"." | b"..");
    let canonical = |text: &[u8]| {
        let mut parts = text.split(|byte| *byte == b'/');
        text.starts_with(b"/") && !text.windows(2).any(|two| two == b"//") && !parts.any(is_folder)
    };
    canonical(path) && canonical(rest) && !path.ends_with(b"/")
}

/// `path` with every run of slashes made one.
pub(crate) fn collapse_slashes(path: &[u8]) -> Cow<'_, [u8]> {
    if !path.windows(2).any(|pair| pair == b"//") {
        return Cow::Borrowed(path);
    }
    let mut out = Vec::with_capacity(path.len());
    for byte in path {
        if *byte != b'/' || out.last() != Some(&b'/') {
            out.push(*byte);
        }
    }
    Cow::Owned(out)
}

fn slashes(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b'/').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_at_boundaries() {
        for (alias, uri, expected) in [
            ("/foo", "/foo", Some(4)),
            ("/foo", "/foo/x", Some(4)),
            ("/foo", "/foobar", None),
            ("/foo/", "/foo/x", Some(5)),
            ("/foo/", "/foo", None),
            ("/", "/x", Some(1)),
            ("/", "//x", Some(2)),
            ("/a//b", "/a/b", Some(4)),
            ("/a/b", "//a///b/c", Some(7)),
            ("/a b", "/a b/c", Some(4)),
            ("/A", "/a", None),
            ("/foo", "/", None),
        ] {
            assert_eq!(match_prefix(alias.as_bytes(), uri.as_bytes()), expected, "{alias} {uri}");
        }
    }

    #[test]
    fn maps_to_files() {
        assert_eq!(rest_of(b"/x/y", true, 1), b"/x/y");
        assert_eq!(rest_of(b"/foo/y", false, 4), b"/y");
        assert_eq!(rest_of(b"/foo", false, 4), b"");
    }

    #[test]
    fn what_httpd_would_change_is_left_to_it() {
        assert!(is_plain(b"/w/app.wsgi", b"/"));
        assert!(is_plain(b"/w/app.wsgi", b"/x/y/") && is_plain(b"/w/.app.wsgi", b"/.well-known/x..."));
        for (path, rest) in
            [("/w/app.wsgi", ""), ("/w/app.wsgi", "x"), ("/w/", "/x"), ("w/app.wsgi", "/x"), ("/w//a", "/x")]
        {
            assert!(!is_plain(path.as_bytes(), rest.as_bytes()), "{path} {rest}");
        }
        for rest in ["/x//y", "/./x", "/x/..", "/x/."] {
            assert!(!is_plain(b"/w/app.wsgi", rest.as_bytes()), "{rest}");
        }
        assert_eq!(*collapse_slashes(b"//a///b/"), *b"/a/b/");
        assert!(matches!(collapse_slashes(b"/a/b"), Cow::Borrowed(_)));
    }

    #[test]
    fn reads_options() {
        let line = b"/ /w/app.wsgi process-group=%{GLOBAL} application-group=site pass-authorization=On";
        let alias = Alias::read(&mut Words::new(line, b"", 1), Pattern::Prefix).unwrap();
        let (process, application) = alias.preload().unwrap();
        assert_eq!((process.as_str(), application.as_str()), ("", "site"));
        assert_eq!(alias.options.pass_authorization, Some(true));
        for line in ["/", "/ /x process-group=", "/ /x nope=1", "/ /x pass-authorization=yes"] {
            assert!(
                Alias::read(&mut Words::new(line.as_bytes(), b"", 1), Pattern::Prefix).is_err(),
                "{line}"
            );
        }
    }
}
