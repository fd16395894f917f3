//! SCRIPT_NAME and PATH_INFO, and other forms of the URL.

use std::borrow::Cow;

use crate::apache::Request;
use crate::config::alias::collapse_slashes;

/// Where the URL splits into the application's mount point and the rest.
pub(crate) struct ScriptName<'r> {
    script_name: Cow<'r, [u8]>,
    path_info: Cow<'r, [u8]>,
}

impl<'r> ScriptName<'r> {
    /// The split of a request's URL, each half with runs of slashes made one.
    pub(crate) fn of(request: Request<'r>) -> Self {
        let uri = request.uri().to_bytes();
        let path_info = request.path_info().unwrap_or_default().to_bytes();
        let is_included = request.protocol() == Some(c"INCLUDED"); // by mod_include: no path info is split off
        let at = if is_included { uri.len() } else { split(uri, path_info) };
        let script_name = uri.get(..at).unwrap_or(uri);
        Self { script_name: collapse_slashes(script_name), path_info: collapse_slashes(path_info) }
    }

    /// SCRIPT_NAME
    pub(crate) fn script_name(&self) -> &[u8] {
        &self.script_name
    }

    /// PATH_INFO
    pub(crate) fn path_info(&self) -> &[u8] {
        &self.path_info
    }
}

/// The two halves of a request's URL with their slashes as they are.
pub(super) fn as_sent(request: Request<'_>) -> (&[u8], &[u8]) {
    let uri = request.uri().to_bytes();
    let path_info = request.path_info().unwrap_or_default().to_bytes();
    (uri.get(..split(uri, path_info)).unwrap_or(uri), path_info)
}

/// Where `path_info` begins in `uri`, as httpd finds it for CGI: what both end with, runs of slashes being one, and where
/// they differ before all of `path_info` was found, the next slash.
fn split(uri: &[u8], path_info: &[u8]) -> usize {
    let mut at = uri.len();
    let mut info = path_info.len();
    while let (Some(u), Some(p)) = (at.checked_sub(1), info.checked_sub(1)) {
        if uri.get(u) != path_info.get(p) {
            at = u;
            break;
        }
        (at, info) = (u, p);
        if uri.get(u) == Some(&b'/') {
            while at > 0 && uri.get(at - 1) == Some(&b'/') {
                at -= 1;
            }
            while info > 0 && path_info.get(info - 1) == Some(&b'/') {
                info -= 1;
            }
        }
    }
    let rest = uri.get(at..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'/').map_or(uri.len(), |slash| at + slash)
}

/// The second word of the request line.
pub(super) fn original_uri(line: &[u8]) -> &[u8] {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1).unwrap_or_default()
}

/// `text` with `<`, `>`, `&` and `"` escaped, as httpd's own SERVER_NAME.
pub(super) fn escape_html(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'<' | b'>' | b'&' | b'"')) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 16);
    for byte in text {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            byte => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_path_info() {
        for (uri, info, script) in [
            ("/app/x/y", "/x/y", "/app"),
            ("/app", "", "/app"),
            ("/x", "/x", ""),
            ("/", "/", ""),
            ("/app//x", "/x", "/app"),
            ("/app/x", "//x", "/app"),
            ("/a/a/a", "/a", "/a/a"),
            ("/other", "/x", "/other"),
            ("/app/x", "/extra/x", "/app"),
            ("/a/b/x", "/c/x", "/a/b"),
            ("/x", "/longer/x", ""),
            ("/app/x", "/yx", "/app"),
            ("", "", ""),
        ] {
            let at = split(uri.as_bytes(), info.as_bytes());
            assert_eq!(uri.get(..at), Some(script), "{uri} {info}");
        }
    }

    #[test]
    fn takes_the_second_word() {
        assert_eq!(original_uri(b"GET /a%20b?c HTTP/1.1"), b"/a%20b?c");
        assert_eq!(original_uri(b"GET"), b"");
    }

    #[test]
    fn escapes_names() {
        assert_eq!(*escape_html(b"a<b>&\""), *b"a&lt;b&gt;&amp;&quot;");
        assert!(matches!(escape_html(b"host"), Cow::Borrowed(_)));
    }
}
