//! Lines of daemons for an `ErrorLog syslog`: the form of a message as it goes to `/dev/log`, one datagram each.
//!
//! The httpd parent connects the socket, and daemons find it in the place of the error log's file, so that nothing has
//! to be opened after a chroot and what an interpreter prints of its own accord arrives, too.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{level, line};

/// Who writes, as syslog(3) has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syslog {
    /// The facility's number, 23 for local7.
    pub facility: u8,
    /// The name in front of each message.
    pub tag: String,
}

/// Names of facilities and their numbers.
const FACILITIES: [(&str, u8); 19] = [
    ("auth", 4),
    ("authpriv", 10),
    ("cron", 9),
    ("daemon", 3),
    ("ftp", 11),
    ("kern", 0),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", LOCAL7),
    ("lpr", 6),
    ("mail", 2),
    ("news", 7),
    ("syslog", 5),
    ("user", 1),
];
const LOCAL7: u8 = 23;

impl Syslog {
    /// What the argument of ErrorLog means: `syslog`, `syslog:facility`, `syslog:facility:tag` or `syslog::tag`. `None`:
    /// it names a file. `tag` is the usual one; an unknown facility is local7, as for httpd.
    pub fn parse(error_log: &str, tag: &str) -> Option<Self> {
        let rest = error_log.strip_prefix("syslog")?;
        let mut parts = match rest.strip_prefix(':') {
            Some(parts) => parts.splitn(2, ':'),
            None if rest.is_empty() => rest.splitn(2, ':'),
            None => return None,
        };
        let facility = parts.next().unwrap_or_default();
        let tag = parts.next().filter(|given| !given.is_empty()).unwrap_or(tag);
        let known = FACILITIES.iter().find(|(name, _)| name.eq_ignore_ascii_case(facility));
        Some(Self { facility: known.map_or(LOCAL7, |(_, number)| *number), tag: tag.to_owned() })
    }

    /// One message. `level` is httpd's; everything below `debug` is that for syslog.
    pub fn format(&self, level: u8, now: SystemTime, offset: i64, pid: u32, tid: u32, text: &str) -> String {
        let priority = u32::from(self.facility) * 8 + u32::from(level.min(level::DEBUG));
        let time = line::time_for_syslog(now, offset);
        let text = line::escaped(text);
        let (tag, level) = (&self.tag, level::name(level));
        format!("<{priority}>{time} {tag}[{pid}]: [wsgi:{level}] [pid {pid}:tid {tid}] {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn arguments_of_error_log() {
        let parse = |text| Syslog::parse(text, "httpd").map(|found| (found.facility, found.tag));
        assert_eq!(parse("syslog"), Some((23, "httpd".into())));
        assert_eq!(parse("syslog:local1"), Some((17, "httpd".into())));
        assert_eq!(parse("syslog:User:site:a"), Some((1, "site:a".into())));
        assert_eq!(parse("syslog::site"), Some((23, "site".into())));
        assert_eq!(parse("syslog:odd"), Some((23, "httpd".into())));
        for file in ["logs/error.log", "syslogs/error.log", "|program syslog", ""] {
            assert_eq!(parse(file), None, "{file}");
        }
    }

    #[test]
    fn looks_like_syslog() {
        let syslog = Syslog { facility: 17, tag: "site".into() };
        let now = UNIX_EPOCH + Duration::from_micros(1_795_233_002_123_456);
        assert_eq!(
            syslog.format(level::INFO, now, 3600, 12, 34, "a\nb"),
            "<142>Nov 21 04:50:02 site[12]: [wsgi:info] [pid 12:tid 34] a\\nb"
        );
        assert!(syslog.format(14, now, 0, 1, 1, "").starts_with("<143>"));
        let first = UNIX_EPOCH + Duration::from_secs(86_400 * 31);
        assert!(syslog.format(level::ERROR, first, 0, 1, 1, "").contains(">Feb  1 00:00:00 "));
    }
}
