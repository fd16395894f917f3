//! The options of WSGIDaemonProcess: name, what it does, and what it stores.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::environment_file::{self, Wrong};
use super::error::ConfigError;
use super::options::OptionRow;
use super::process_group::{HEADER_LINE, ProcessGroup, ScriptOwner};
use super::processes::Processes;
use super::values::{
    AbsolutePath, Account, Bytes, Directories, Interval, Milliseconds, Mode, Seconds, Value,
};

type Row = OptionRow<ProcessGroup>;

/// The options, in alphabetical order.
pub(crate) const OPTIONS: &[Row] = &[
    row("chroot", "root directory of the processes. Needs root; default none", |group, word| {
        AbsolutePath::read(word, "chroot").map(|path| group.chroot = Some(path.0))
    }),
    row(
        "connect-timeout",
        "how long a request is retried while the queue is full; then 503; default 15s",
        |group, word| Seconds::read(word, "connect-timeout").map(|time| group.connect_timeout = time),
    ),
    row("cpu-priority", "nice value, -20 to 19; default 0", |group, word| {
        let value = i32::read(word, "cpu-priority")?;
        in_range(word, "cpu-priority", "it is a number from -20 to 19", (-20..=19).contains(&value))?;
        group.cpu_priority = Some(value);
        Ok(())
    }),
    row(
        "cpu-time-limit",
        "processor time after which a process is replaced, as 60s; the kernel kills it when it has used `shutdown-timeout` + 1 s more; default 0, none",
        |group, word| Seconds::read(word, "cpu-time-limit").map(|time| group.limits.cpu_time = time.0),
    ),
    row(
        "deadlock-timeout",
        "how long Python's lock (the GIL of the main interpreter) may be out of reach; then the Python stacks of all requests are logged and the process is replaced; default 300s; 0 is for ever",
        |group, word| {
            Seconds::read(word, "deadlock-timeout").map(|time| group.limits.deadlock_timeout = time.0)
        },
    ),
    row(
        "display-name",
        "the name that `ps` shows. `%{GROUP}` is `(wsgi:NAME)`; default none",
        |group, word| text(word, "display-name").map(|name| group.display_name = name),
    ),
    row(
        "env",
        "a variable for the processes, as `env=NAME=value` or `env=\"NAME=two words\"`. May be repeated, and goes before `env-file`. Whoever reads the configuration can read it: [use env-file for secrets](security.md#the-environment); default none",
        |group, word| {
            let at = word.iter().position(|byte| *byte == b'=');
            let (name, value) = at.and_then(|at| word.split_at_checked(at)).unwrap_or((word, b""));
            let value = value.strip_prefix(b"=").ok_or(ConfigError::Environment(Wrong::NoEquals))?;
            environment_file::check(name, value).map_err(ConfigError::Environment)?;
            group.environment.set(OsStr::from_bytes(name).into(), OsStr::from_bytes(value).into());
            Ok(())
        },
    ),
    row(
        "env-file",
        "absolute path of a file with variables for the processes, in lines of `NAME=value` [as in systemd's EnvironmentFile](security.md#the-environment). The user who starts httpd reads it, at each start and restart, so it can belong to root alone (mode 0600); default none",
        |group, word| AbsolutePath::read(word, "env-file").map(|path| group.environment_file = Some(path.0)),
    ),
    row(
        "eviction-timeout",
        "as graceful-timeout, for a process that got the signal USR1; default 0, graceful-timeout",
        |group, word| {
            Seconds::read(word, "eviction-timeout").map(|time| group.limits.eviction_timeout = time.0)
        },
    ),
    row(
        "graceful-timeout",
        "how long requests may run on in a process that is replaced, and then shutdown-timeout; after a reload only if their process holds a place that a new one needs; default 15s",
        |group, word| {
            Seconds::read(word, "graceful-timeout").map(|time| group.limits.graceful_timeout = time.0)
        },
    ),
    row(
        "group",
        "group of the processes, a name or `#gid`. Needs an httpd started by root; default httpd's Group",
        |group, word| Account::read(word, "group").map(|account| group.group = Some(account)),
    ),
    row(
        "grow-after",
        "for how long requests have to wait, while all threads are busy, before a group with `processes=MIN-MAX` grows. A plain number is milliseconds; default 300ms",
        |group, word| Milliseconds::read(word, "grow-after").map(|time| group.grow_after = Some(time)),
    ),
    row(
        "header-buffer-size",
        "longest line in the head of a response, 8K or more; a longer one is answered with 500; default 32K",
        |group, word| {
            let size = buffer(word, "header-buffer-size", "it is 0 or a size from 8192 on", 8192)?;
            group.header_buffer_size = size.unwrap_or(HEADER_LINE);
            Ok(())
        },
    ),
    row(
        "home",
        "working directory, also put first on `sys.path`. Unset: the user's home directory if the user is not httpd's, else httpd's working directory",
        |group, word| AbsolutePath::read(word, "home").map(|path| group.home = Some(path.0)),
    ),
    row(
        "inactivity-timeout",
        "how long nothing may happen in a process that has served; then it is replaced by one that has loaded nothing, one process at a time. Reads of a body and pieces of a response count, a running request keeps its process; see WSGIIgnoreActivity; default 0, for ever",
        |group, word| {
            Seconds::read(word, "inactivity-timeout").map(|time| group.limits.inactivity_timeout = time.0)
        },
    ),
    row(
        "interrupt-timeout",
        "a request at its limit (see request-timeout) gets the exception `mod_wsgi.RequestTimeout` and has this long to end: 504, and the process lives on; else the process is replaced; default 0, no exception",
        |group, word| {
            Seconds::read(word, "interrupt-timeout").map(|time| group.limits.interrupt_timeout = time.0)
        },
    ),
    row("lang", "`LANG`; default inherited", |group, word| text(word, "lang").map(|lang| group.lang = lang)),
    row("listen-backlog", "how many requests may wait for a thread; default 100", |group, word| {
        u32::read(word, "listen-backlog").map(|number| group.listen_backlog = number)
    }),
    row("locale", "`LC_ALL`; default inherited", |group, word| {
        text(word, "locale").map(|locale| group.locale = locale)
    }),
    row(
        "maximum-requests",
        "requests after which a process is replaced, one process at a time; default 0, never",
        |group, word| {
            u32::read(word, "maximum-requests").map(|number| group.limits.maximum_requests = number)
        },
    ),
    row("memory-limit", "limit of the data segment (RLIMIT_DATA), as 512M; default none", |group, word| {
        Bytes::read(word, "memory-limit").map(|size| group.memory_limit = size.0)
    }),
    row(
        "preload",
        "`on`: one process loads the application, and the others are forked from it, so that they [share its memory and start at once](preload.md). Everything in the group must be in the main interpreter, and a WSGIImportScript or WSGIScriptAlias must name both `process-group=` and `application-group=%{GLOBAL}`; default off",
        |group, word| bool::read(word, "preload").map(|on| group.preload = on),
    ),
    row(
        "processes",
        "number of processes, 1 to 1000, or the fewest and the most, as `2-8`: then their number follows the load, with `0-8` down to none. Given at all, even as 1, it makes `wsgi.multiprocess` true; default 1",
        |group, word| Processes::read(word, "processes").map(|processes| group.processes = Some(processes)),
    ),
    row("python-eggs", "`PYTHON_EGG_CACHE`; default none", |group, word| {
        path(word, "python-eggs").map(|path| group.python_eggs = path)
    }),
    row(
        "python-home",
        "virtual environment or installation; its interpreter *is* the process, so each group can have another version; default WSGIPythonHome",
        |group, word| path(word, "python-home").map(|path| group.python_home = path),
    ),
    row(
        "python-path",
        "folders, separated by colons, for the front of `sys.path`; `.pth` files in them count; default none",
        |group, word| Directories::read(word, "python-path").map(|path| group.python_path = path.0),
    ),
    row(
        "queue-timeout",
        "how long a request may wait for a thread, counted from its arrival at httpd; then 504; default 0, for ever",
        |group, word| Seconds::read(word, "queue-timeout").map(|time| group.queue_timeout = time),
    ),
    row(
        "receive-buffer-size",
        "buffer of connections towards the processes, 512 bytes or more; the kernel doubles it, up to twice `net.core.wmem_max`; default 512K",
        |group, word| {
            buffer(word, "receive-buffer-size", "it is 0 or a size from 512 on", 512)
                .map(|size| group.receive_buffer_size = size)
        },
    ),
    row(
        "reload",
        "what a changed script does to the processes. `strict`: all are replaced at once, and requests wait for the new code. `rolling`: the old code serves until processes with the new code do, one process at a time; if the new code cannot be loaded, [the old ones serve on](reloading.md#strict-or-rolling); default strict",
        |group, word| {
            group.rolling = match word {
                b"strict" => false,
                b"rolling" => true,
                _ => in_range(word, "reload", "it is strict or rolling", false).map(|()| false)?,
            };
            Ok(())
        },
    ),
    row(
        "request-buffer-size",
        "how much of a request body is read before a thread is taken; up to 16M (mod_wsgi: none); default 64K",
        |group, word| {
            Bytes::read(word, "request-buffer-size")
                .map(|size| group.request_buffer_size = size.0.min(16 << 20))
        },
    ),
    row(
        "request-buffering",
        "whether what is beyond request-buffer-size is read as well, into an unlinked file in spool-directory, before a thread is taken: a slow upload holds none, and none reaches the application before it is whole; default Off",
        |group, word| bool::read(word, "request-buffering").map(|on| group.request_buffering = on),
    ),
    row(
        "request-timeout",
        "how long a request may run, from its arrival in the process; then its Python stack is logged. At this × (1 + ln threads) it is interrupted (see interrupt-timeout) or its process replaced: requests within their time finish, the overdue one is given up; default 0, for ever",
        |group, word| {
            Seconds::read(word, "request-timeout").map(|time| group.limits.request_timeout = time.0)
        },
    ),
    row(
        "response-buffer-size",
        "accepted, without effect: no more than 128K is ever kept back from the client unflushed",
        |group, word| {
            buffer(word, "response-buffer-size", "it is 0 or a size from 65536 on", 65_536)?;
            group.without_effect.push((
                "response-buffer-size",
                "no more than 128K of a response is ever kept back unflushed",
            ));
            Ok(())
        },
    ),
    row(
        "response-flush-delay",
        "how long to wait for more output before what is there is sent. A plain number is milliseconds; default 5ms",
        |group, word| {
            Milliseconds::read(word, "response-flush-delay").map(|time| group.response_flush_delay = time)
        },
    ),
    row(
        "response-socket-timeout",
        "for how long a client may take nothing of a response before its connection is closed; default socket-timeout if that is given, else Timeout",
        |group, word| {
            let time = Seconds::read(word, "response-socket-timeout")?;
            group.response_socket_timeout = (time.0 > 0).then_some(time);
            Ok(())
        },
    ),
    row(
        "response-spool-limit",
        "how much of a response is kept for a client that is slower than the application, so that its thread is free: 64K in memory, the rest in an unlinked file in spool-directory; beyond that the application waits; default 64M",
        |group, word| {
            Bytes::read(word, "response-spool-limit").map(|size| group.response_spool_limit = size.0)
        },
    ),
    row(
        "restart-interval",
        "age at which a process is replaced, one process at a time, as 1d; default 0, never",
        |group, word| {
            Seconds::read(word, "restart-interval").map(|time| group.limits.restart_interval = time.0)
        },
    ),
    row(
        "script-group",
        "group (name or #gid) that scripts and their folders must belong to, without a right to write for others, or else 403; excludes script-user; default any",
        |group, word| {
            let account = Account::read(word, "script-group")?;
            let alone = !matches!(group.script_owner, Some(ScriptOwner::User(_)));
            in_range(word, "script-group", "script-user is given as well; remove one of them", alone)?;
            group.script_owner = Some(ScriptOwner::Group(account));
            Ok(())
        },
    ),
    row(
        "script-user",
        "user (name or #uid) that scripts and their folders must belong to, without a right to write for anybody else, or else 403; default any",
        |group, word| {
            let account = Account::read(word, "script-user")?;
            let alone = !matches!(group.script_owner, Some(ScriptOwner::Group(_)));
            in_range(word, "script-user", "script-group is given as well; remove one of them", alone)?;
            group.script_owner = Some(ScriptOwner::User(account));
            Ok(())
        },
    ),
    row(
        "send-buffer-size",
        "buffer of connections from the processes, 512 bytes or more; default the system's",
        |group, word| {
            buffer(word, "send-buffer-size", "it is 0 or a size from 512 on", 512)
                .map(|size| group.send_buffer_size = size)
        },
    ),
    row(
        "server-metrics",
        "whether mod_wsgi.server_metrics() shows httpd's processes; default Off",
        |group, word| bool::read(word, "server-metrics").map(|on| group.server_metrics = on),
    ),
    row(
        "shrink-after",
        "for how long the load must have fitted into one process less before a group with `processes=MIN-MAX` shrinks by one; default 60s",
        |group, word| {
            let time = Seconds::read(word, "shrink-after")?;
            in_range(word, "shrink-after", "it is a time of 1s or more", time.0 > 0)?;
            group.shrink_after = Some(time);
            Ok(())
        },
    ),
    row(
        "shutdown-timeout",
        "how long a process may take to end, requests that still run included; default 5s; 0 is no limit",
        |group, word| {
            Seconds::read(word, "shutdown-timeout").map(|time| group.limits.shutdown_timeout = time.0)
        },
    ),
    row(
        "socket-timeout",
        "limit for one read or write between httpd and the processes; then 504; default Timeout",
        |group, word| {
            let time = Seconds::read(word, "socket-timeout")?;
            group.socket_timeout = (time.0 > 0).then_some(time);
            Ok(())
        },
    ),
    row(
        "socket-user",
        "accepted, without effect: our sockets are no files and have no owner",
        |group, word| {
            Account::read(word, "socket-user")?;
            group.without_effect.push(("socket-user", "our sockets are no files and have no owner"));
            Ok(())
        },
    ),
    row(
        "spool-directory",
        "where the unlinked files of request-buffering and response-spool-limit are. httpd's user writes there; a disk is better than a tmpfs, which takes memory; default the directory for temporary files, `TMPDIR` or `/tmp`",
        |group, word| {
            AbsolutePath::read(word, "spool-directory").map(|path| group.spool_directory = Some(path.0))
        },
    ),
    row(
        "stack-size",
        "stack of the request threads, as 16M; less than 8M counts as 8M; default 8M",
        |group, word| {
            let size = Bytes::read(word, "stack-size")?;
            in_range(word, "stack-size", "it is a size above 0, up to 1G", (1..=1 << 30).contains(&size.0))?;
            group.stack_size = Some(size.0);
            Ok(())
        },
    ),
    row(
        "startup-timeout",
        "how long the first script of a process may take to load, before the process serves or for its first request; then the process is replaced, and what it was doing is in the log; default 0, for ever",
        |group, word| {
            Seconds::read(word, "startup-timeout").map(|time| group.limits.startup_timeout = time.0)
        },
    ),
    row(
        "supplementary-groups",
        "further groups, separated by commas; default the user's own",
        |group, word| {
            let names = word.split(|byte| *byte == b',').filter(|name| !name.is_empty());
            let accounts =
                names.map(|name| Account::read(name, "supplementary-groups")).collect::<Result<_, _>>()?;
            group.supplementary_groups = Some(accounts);
            Ok(())
        },
    ),
    row(
        "switch-interval",
        "seconds for `sys.setswitchinterval()`, as `0.005`; default Python's",
        |group, word| {
            Interval::read(word, "switch-interval").map(|seconds| group.switch_interval = Some(seconds.0))
        },
    ),
    row(
        "threads",
        "request threads of each process. With 0 it takes no requests: it runs the scripts of WSGIImportScript on Python's main thread, as long as they like; `signal.signal()` works there, SIGTERM raises SystemExit, and when they are over another process starts; default 15",
        |group, word| {
            let number = u32::read(word, "threads")?;
            in_range(word, "threads", "it is a number from 0 to 65533", number <= 65_533)?;
            group.threads = number;
            Ok(())
        },
    ),
    row("umask", "octal; default httpd's", |group, word| {
        Mode::read(word, "umask").map(|mode| group.umask = Some(mode.0))
    }),
    row(
        "user",
        "user of the processes, a name or `#uid`; not root. Needs an httpd started by root; default httpd's User",
        |group, word| {
            let account = Account::read(word, "user")?;
            in_range(word, "user", "processes never run as root", account != Account::Id(0))?;
            group.user = Some(account);
            Ok(())
        },
    ),
    row(
        "virtual-memory-limit",
        "limit of the address space (RLIMIT_AS), as 2G; default none",
        |group, word| {
            Bytes::read(word, "virtual-memory-limit").map(|size| group.virtual_memory_limit = size.0)
        },
    ),
];

const fn row(
    name: &'static str,
    help: &'static str,
    set: fn(&mut ProcessGroup, &[u8]) -> Result<(), ConfigError>,
) -> Row {
    Row { name, help, set }
}

/// A size of a buffer, of which 0 is none in particular.
fn buffer(
    word: &[u8],
    what: &'static str,
    expected: &'static str,
    least: u64,
) -> Result<Option<usize>, ConfigError> {
    let size = Bytes::read(word, what)?.0;
    in_range(word, what, expected, size == 0 || (least..=1 << 30).contains(&size))?;
    Ok(usize::try_from(size).ok().filter(|size| *size > 0))
}

/// A text; an empty one is as if it were not given.
fn text(word: &[u8], what: &'static str) -> Result<Option<String>, ConfigError> {
    String::read(word, what).map(|text| (!text.is_empty()).then_some(text))
}

/// A path; an empty one is as if it were not given.
fn path(word: &[u8], what: &'static str) -> Result<Option<PathBuf>, ConfigError> {
    if word.is_empty() { Ok(None) } else { PathBuf::read(word, what).map(Some) }
}

fn in_range(word: &[u8], what: &'static str, expected: &'static str, ok: bool) -> Result<(), ConfigError> {
    let value = || super::words::printable(word);
    if ok { Ok(()) } else { Err(ConfigError::BadValue { what, value: value(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_explained() {
        let names: Vec<&str> = OPTIONS.iter().map(|row| row.name).collect();
        let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(unique.len(), names.len());
        assert!(OPTIONS.is_sorted_by_key(|row| row.name));
        assert!(OPTIONS.iter().all(|row| !row.help.is_empty() && !row.help.contains('\n')));
    }
}
