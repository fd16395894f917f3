//! Paths as processes with another root directory (`chroot`) see them.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use contract::request::Request;

/// A path below `root`, as it is called there; `None` if it is somewhere else.
pub(super) fn below<'p>(root: &Path, path: &'p [u8]) -> Option<&'p [u8]> {
    let root = root.as_os_str().as_bytes();
    let root = root.strip_suffix(b"/").unwrap_or(root);
    path.strip_prefix(root).filter(|rest| rest.starts_with(b"/"))
}

/// A request for processes whose root directory is `root`: script and files are called as they call them, and a
/// document root that they cannot see is left out. `None`: they cannot see the script.
pub(super) fn request(root: &Path, payload: &[u8]) -> Option<Vec<u8>> {
    let request = Request::decode(payload).ok()?;
    let script = below(root, request.script)?;
    let mut out = Vec::with_capacity(payload.len());
    let mut variables = Request { script, ..request }.encode(&mut out);
    for (name, value) in request.environ.iter().flatten() {
        match name {
            b"DOCUMENT_ROOT" | b"CONTEXT_DOCUMENT_ROOT" => {
                if let Some(inside) = below(root, value) {
                    variables.pair(name, inside);
                }
            }
            b"SCRIPT_FILENAME" | b"mod_wsgi.handler_script" => {
                variables.pair(name, below(root, value).unwrap_or(value));
            }
            _ => variables.pair(name, value),
        }
    }
    drop(variables);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for root in ["/jail", "/jail/"] {
            assert_eq!(below(Path::new(root), b"/jail/srv/a.wsgi"), Some(&b"/srv/a.wsgi"[..]));
            assert_eq!(below(Path::new(root), b"/jailer/a.wsgi"), None);
            assert_eq!(below(Path::new(root), b"/srv/a.wsgi"), None);
        }
        assert_eq!(below(Path::new("/"), b"/srv"), Some(&b"/srv"[..]));
    }

    #[test]
    fn requests() {
        let mut payload = Vec::new();
        let head = Request { script: b"/jail/a.wsgi", callable: b"application", ..Request::default() };
        let mut variables = head.encode(&mut payload);
        for (name, value) in [
            ("SCRIPT_FILENAME", "/jail/a.wsgi"),
            ("DOCUMENT_ROOT", "/var/www"),
            ("CONTEXT_DOCUMENT_ROOT", "/jail/www"),
            ("PATH_INFO", "/jail/x"),
        ] {
            variables.pair(name.as_bytes(), value.as_bytes());
        }
        drop(variables);
        let inside = request(Path::new("/jail"), &payload).unwrap();
        let read = Request::decode(&inside).unwrap();
        assert_eq!((read.script, read.callable), (&b"/a.wsgi"[..], &b"application"[..]));
        let pairs: Vec<_> = read.environ.iter().map(Result::unwrap).collect();
        assert_eq!(
            pairs,
            [
                (&b"SCRIPT_FILENAME"[..], &b"/a.wsgi"[..]),
                (b"CONTEXT_DOCUMENT_ROOT", b"/www"),
                (b"PATH_INFO", b"/jail/x"),
            ]
        );
        assert_eq!(request(Path::new("/other"), &payload), None);
    }
}
