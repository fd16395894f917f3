//! Options of one WSGIDaemonProcess that do not go together: a table, and what it says about a group.
//!
//! Refused is only what can never do what is written. What mod_wsgi accepts and ignores starts here, too, and is said.
//! What a value alone may be is with the value, in [`process_options`](super::process_options).

use std::fmt::Write as _;

use super::finding::{Finding, Severity};
use super::process_group::ProcessGroup;

/// What is known beside the options themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions {
    /// httpd was started by root, and gives that up.
    pub(crate) is_root: bool,
    /// `httpd -t`, maybe by somebody else than who starts it.
    pub(crate) is_test: bool,
}

/// Options that are at odds with something.
struct Row {
    /// Each of these, when it is given with another value than its default.
    options: &'static [&'static str],
    /// Whether the group has what they are at odds with.
    holds: fn(&ProcessGroup, Conditions) -> bool,
    severity: Severity,
    /// What is the matter, with `{}` for the options.
    what: &'static str,
    /// What to write.
    remedy: &'static str,
}

/// The options that concern requests, their connections and their threads.
const OF_REQUESTS: &[&str] = &[
    "connect-timeout",
    "deadlock-timeout",
    "eviction-timeout",
    "graceful-timeout",
    "header-buffer-size",
    "inactivity-timeout",
    "interrupt-timeout",
    "listen-backlog",
    "maximum-requests",
    "queue-timeout",
    "receive-buffer-size",
    "reload",
    "request-buffer-size",
    "request-buffering",
    "request-timeout",
    "response-flush-delay",
    "response-socket-timeout",
    "response-spool-limit",
    "restart-interval",
    "script-group",
    "script-user",
    "send-buffer-size",
    "socket-timeout",
    "spool-directory",
    "stack-size",
    "startup-timeout",
];

/// The least memory, in bytes, that could be meant: Python alone needs more.
const LEAST_MEMORY: u64 = 1 << 20;
/// Seconds between two looks at Python's lock, twice.
const LEAST_DEADLOCK: u32 = 3;
/// The least stack of a request thread, in bytes.
const LEAST_STACK: u64 = 8 << 20;

const ROWS: &[Row] = &[
    Row {
        options: &["chroot"],
        holds: |_, conditions| !conditions.is_root,
        severity: Severity::Error,
        what: "{} needs an httpd that root starts: another cannot change the root directory, and the processes would see all files",
        remedy: "start httpd as root, or remove chroot",
    },
    Row {
        options: &["user", "group", "supplementary-groups"],
        holds: |_, conditions| !conditions.is_root && !conditions.is_test,
        severity: Severity::Warning,
        what: "nothing comes of {} unless root starts httpd: the processes run as the user who started it",
        remedy: "start httpd as root, or remove what is without effect",
    },
    Row {
        options: &["virtual-memory-limit"],
        holds: |group, _| {
            let stack = group.stack_size.unwrap_or(LEAST_STACK).max(LEAST_STACK);
            group.virtual_memory_limit > 0
                && u64::from(group.threads).saturating_mul(stack) >= group.virtual_memory_limit
        },
        severity: Severity::Error,
        what: "{} contradicts threads and stack-size: the stacks of the threads alone (8M each, if stack-size does not say more) fill the address space",
        remedy: "raise virtual-memory-limit, or lower threads or stack-size",
    },
    Row {
        options: &["memory-limit"],
        holds: |group, _| (1..LEAST_MEMORY).contains(&group.memory_limit),
        severity: Severity::Error,
        what: "{} is less than any Python needs (a plain number is bytes)",
        remedy: "write the unit, as memory-limit=512M",
    },
    Row {
        options: &["virtual-memory-limit"],
        holds: |group, _| (1..LEAST_MEMORY).contains(&group.virtual_memory_limit) && group.threads == 0,
        severity: Severity::Error,
        what: "{} is less than any Python needs (a plain number is bytes)",
        remedy: "write the unit, as virtual-memory-limit=2G",
    },
    Row {
        options: &["memory-limit"],
        holds: |group, _| group.virtual_memory_limit > 0 && group.memory_limit >= group.virtual_memory_limit,
        severity: Severity::Warning,
        what: "{} is never met: the address space that virtual-memory-limit allows is full before",
        remedy: "make virtual-memory-limit the larger one, or remove memory-limit",
    },
    Row {
        options: &["preload"],
        holds: |group, _| group.threads == 0,
        severity: Severity::Error,
        what: "{} cannot be had with threads=0: such a process is its script, and has nothing to share",
        remedy: "remove preload, or give the group threads",
    },
    Row {
        options: OF_REQUESTS,
        holds: |group, _| group.threads == 0,
        severity: Severity::Warning,
        what: "nothing comes of {} beside threads=0: such processes take no requests",
        remedy: "remove what is without effect, or give the group threads",
    },
    Row {
        options: &["processes"],
        holds: |group, _| group.threads == 0 && group.elastic().is_some(),
        severity: Severity::Error,
        what: "{} is a range, which follows the number of requests, and with threads=0 there are none",
        remedy: "write one number, as processes=1, or give the group threads",
    },
    Row {
        options: &["grow-after", "shrink-after"],
        holds: |group, _| group.elastic().is_none(),
        severity: Severity::Error,
        what: "{} needs a number of processes that follows the load, and that of this group is fixed",
        remedy: "write processes=MIN-MAX (as processes=1-4), or remove what is without effect",
    },
    Row {
        options: &["interrupt-timeout"],
        holds: |group, _| group.limits.request_timeout == 0 && group.threads > 0,
        severity: Severity::Warning,
        what: "nothing comes of {} without request-timeout, which says when a request is interrupted",
        remedy: "set request-timeout, or remove interrupt-timeout",
    },
    Row {
        options: &["inactivity-timeout"],
        holds: |group, _| {
            let limits = &group.limits;
            (1..=limits.inactivity_timeout).contains(&limits.restart_interval) && group.threads > 0
        },
        severity: Severity::Warning,
        what: "{} is never met: restart-interval replaces a process before it can have been idle for so long",
        remedy: "make restart-interval the longer one, or remove one of them",
    },
    Row {
        options: &["deadlock-timeout"],
        holds: |group, _| (1..LEAST_DEADLOCK).contains(&group.limits.deadlock_timeout) && group.threads > 0,
        severity: Severity::Warning,
        what: "{} is too short: Python's lock is tried once a second, so that processes which are merely busy are replaced",
        remedy: "write deadlock-timeout=3 or more",
    },
    Row {
        options: &["cpu-time-limit"],
        holds: |group, _| group.limits.shutdown_timeout == 0,
        severity: Severity::Warning,
        what: "{} beside shutdown-timeout=0 leaves a process one second, and then the kernel kills it, whatever it is doing",
        remedy: "set shutdown-timeout to what it may need to end",
    },
    Row {
        options: &["lang"],
        holds: |group, _| group.environment.iter().any(|(name, _)| name == "LANG"),
        severity: Severity::Warning,
        what: "{} and env=LANG set the same variable, and lang wins",
        remedy: "remove one of them",
    },
    Row {
        options: &["locale"],
        holds: |group, _| group.environment.iter().any(|(name, _)| name == "LC_ALL"),
        severity: Severity::Warning,
        what: "{} and env=LC_ALL set the same variable, and locale wins",
        remedy: "remove one of them",
    },
    Row {
        options: &["socket-timeout"],
        holds: |group, _| {
            let limit = group.limits.request_timeout;
            group.socket_timeout.is_some_and(|time| time.0 < limit) && group.threads > 0
        },
        severity: Severity::Hint,
        what: "{} is over before request-timeout: a client gets 504 when nothing was sent for so long, and the request goes on",
        remedy: "make socket-timeout the longer one",
    },
];

/// What the table says about a group: a finding for each row, with all options of the row that were given.
pub(crate) fn of(group: &ProcessGroup, conditions: Conditions) -> Vec<Finding> {
    let found = ROWS.iter().filter_map(|row| {
        let given = row.options.iter().copied().filter(|name| group.given.contains(name));
        let given: Vec<&str> = given.collect();
        (!given.is_empty() && (row.holds)(group, conditions)).then(|| {
            Finding::of_group(row.severity, group, row.what.replace("{}", &listed(&given)), row.remedy)
        })
    });
    found.collect()
}

fn listed(names: &[&str]) -> String {
    let mut out = String::new();
    for (at, name) in names.iter().enumerate() {
        let before = match at {
            0 => "",
            _ if at + 1 == names.len() => " and ",
            _ => ", ",
        };
        let _ = write!(out, "{before}{name}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::process_options::OPTIONS;
    use crate::config::words::Words;

    /// What a process of a group with `threads=0` honours.
    const OF_SERVICES: &[&str] = &[
        "chroot",
        "cpu-priority",
        "cpu-time-limit",
        "display-name",
        "env",
        "env-file",
        "group",
        "grow-after", // which is refused
        "home",
        "lang",
        "locale",
        "memory-limit",
        "preload", // which is refused
        "processes",
        "python-eggs",
        "python-home",
        "python-path",
        "server-metrics",
        "shrink-after", // which is refused
        "shutdown-timeout",
        "supplementary-groups",
        "switch-interval",
        "threads",
        "umask",
        "user",
        "virtual-memory-limit",
        // Without effect anywhere, which is said of them.
        "response-buffer-size",
        "socket-user",
    ];

    fn found(options: &str) -> Vec<Finding> {
        let line = format!("site {options}");
        let group = ProcessGroup::read(&mut Words::new(line.as_bytes(), b"httpd.conf", 7)).unwrap();
        of(&group, Conditions { is_root: true, is_test: false })
    }

    #[test]
    fn every_option_is_judged_beside_threads_0() {
        let mut judged: Vec<&str> = OF_REQUESTS.iter().chain(OF_SERVICES).copied().collect();
        judged.sort_unstable();
        let known: Vec<&str> = OPTIONS.iter().map(|row| row.name).collect();
        assert_eq!(
            judged, known,
            "a new option is of requests (the table says it) or of services (this test)"
        );
        for row in ROWS {
            assert!(row.options.iter().all(|name| known.contains(name)), "{}", row.what);
        }
    }

    #[test]
    fn each_row_is_met() {
        for (options, severity, words) in [
            ("virtual-memory-limit=100M", Severity::Error, "raise virtual-memory-limit"),
            ("threads=2 stack-size=64M virtual-memory-limit=128M", Severity::Error, "stack-size"),
            ("memory-limit=512", Severity::Error, "memory-limit=512M"),
            ("threads=0 virtual-memory-limit=512", Severity::Error, "virtual-memory-limit=2G"),
            ("memory-limit=4G virtual-memory-limit=2G", Severity::Warning, "remove memory-limit"),
            ("threads=0 maximum-requests=5", Severity::Warning, "of maximum-requests beside threads=0"),
            ("threads=0 preload=on", Severity::Error, "remove preload"),
            ("threads=0 processes=1-2", Severity::Error, "write one number"),
            (
                "processes=4 grow-after=300",
                Severity::Error,
                "grow-after needs a number of processes that follows the load",
            ),
            ("shrink-after=5", Severity::Error, "as processes=1-4"),
            ("interrupt-timeout=5", Severity::Warning, "set request-timeout"),
            ("restart-interval=60 inactivity-timeout=60", Severity::Warning, "restart-interval the longer"),
            ("deadlock-timeout=2", Severity::Warning, "deadlock-timeout=3"),
            ("cpu-time-limit=60 shutdown-timeout=0", Severity::Warning, "set shutdown-timeout"),
            ("env=LANG=C lang=C.UTF-8", Severity::Warning, "lang wins"),
            ("locale=C env=LC_ALL=x", Severity::Warning, "locale wins"),
            ("socket-timeout=5 request-timeout=60", Severity::Hint, "504"),
        ] {
            let found = found(options);
            assert_eq!(found.iter().map(|one| one.severity).collect::<Vec<_>>(), [severity], "{options}");
            let text = found[0].to_string();
            assert!(text.starts_with("the process group `site` at line 7 of httpd.conf: "), "{text}");
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn what_goes_together_is_left_alone() {
        for options in [
            "",
            "processes=2 threads=15 maximum-requests=1000 request-timeout=60 interrupt-timeout=5",
            "processes=0-4 grow-after=300 shrink-after=60",
            "threads=0 user=www-data home=/srv cpu-time-limit=60",
            "threads=0 maximum-requests=0 graceful-timeout=15",
            "memory-limit=512M virtual-memory-limit=4G restart-interval=1d inactivity-timeout=1h",
            "chroot=/jail supplementary-groups=www-data deadlock-timeout=0",
        ] {
            assert_eq!(found(options), [], "{options}");
        }
    }

    #[test]
    fn without_root_nobody_else_is_become() {
        let line = b"site chroot=/jail user=shop group=shop";
        let group = ProcessGroup::read(&mut Words::new(line, b"", 1)).unwrap();
        let found = of(&group, Conditions { is_root: false, is_test: false });
        let severities: Vec<Severity> = found.iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Error, Severity::Warning]);
        assert!(found[1].what.starts_with("nothing comes of user and group unless"), "{found:?}");
        assert_eq!(of(&group, Conditions { is_root: false, is_test: true }).len(), 1);
    }
}
