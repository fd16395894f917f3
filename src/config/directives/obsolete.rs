//! Directives that have no meaning here.

use super::row::Row;
use crate::config::error::ConfigError;

pub(super) const ROWS: &[Row] = &[
    Row::global(c"WSGISocketPrefix", "path", |server, words| {
        words.only::<String>("path").map(|_| server.has_no_effect("WSGISocketPrefix"))
    })
    .says(
        c"accepted; our sockets have no names in the file system",
        "Accepted, without effect: the sockets between httpd and its process groups have no names in the file system.",
    ),
    Row::global(c"WSGISocketRotation", "On|Off", |server, words| {
        words.only::<bool>("value").map(|_| server.has_no_effect("WSGISocketRotation"))
    })
    .says(
        c"accepted; our sockets have no names in the file system",
        "Accepted, without effect, for the same reason.",
    ),
    Row::global(
        c"WSGIAcceptMutex",
        "default|flock|fcntl|sysvsem|posixsem|pthread",
        |server, words| {
            let word: String = words.only("kind of mutex")?;
            const KINDS: [&str; 6] = ["default", "flock", "fcntl", "sysvsem", "posixsem", "pthread"];
            if !KINDS.contains(&word.to_lowercase().as_str()) {
                let expected = "it is default, flock, fcntl, sysvsem, posixsem or pthread";
                return Err(ConfigError::BadValue { what: "kind of mutex", value: word, expected });
            }
            server.has_no_effect("WSGIAcceptMutex");
            Ok(())
        },
    )
    .says(
        c"accepted; our processes share no accept lock",
        "Accepted, without effect: processes of a group share no accept lock.",
    ),
    Row::global(c"WSGIVerboseDebugging", "On|Off", |server, words| {
        words.only::<bool>("value").map(|_| server.has_no_effect("WSGIVerboseDebugging"))
    })
    .says(
        c"accepted; LogLevel wsgi:debug says more",
        "Accepted, without effect, as in mod_wsgi: `LogLevel wsgi:debug` says more.",
    ),
];
