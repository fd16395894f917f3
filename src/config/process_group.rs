//! WSGIDaemonProcess: a name and the options of its processes.

use std::path::PathBuf;

use super::error::ConfigError;
use super::options::{self, OptionRow};
use super::values::{
    AbsolutePath, Account, Bytes, Directories, Interval, Milliseconds, Mode, Name, Seconds, Value,
};
use super::words::{Place, Words};

/// A process group as it was written, with the defaults that depend on nothing else.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProcessGroup {
    /// Its name, unique in the whole server.
    pub(crate) name: Name,
    /// Where it is defined.
    pub(crate) place: Place,
    /// `processes=` if given: giving it at all makes `wsgi.multiprocess` true.
    pub(crate) processes: Option<u32>,
    pub(crate) threads: u32,
    /// `user=`; else httpd's User.
    pub(crate) user: Option<Account>,
    /// `group=`; else httpd's Group.
    pub(crate) group: Option<Account>,
    /// `supplementary-groups=`; else the user's own groups.
    pub(crate) supplementary_groups: Option<Vec<Account>>,
    pub(crate) umask: Option<u32>,
    /// `home=`: working directory and front of `sys.path`.
    pub(crate) home: Option<PathBuf>,
    pub(crate) chroot: Option<PathBuf>,
    pub(crate) display_name: Option<String>,
    pub(crate) lang: Option<String>,
    pub(crate) locale: Option<String>,
    /// `python-home=`; else WSGIPythonHome.
    pub(crate) python_home: Option<PathBuf>,
    pub(crate) python_path: Vec<PathBuf>,
    pub(crate) python_eggs: Option<PathBuf>,
    pub(crate) switch_interval: Option<f64>,
    pub(crate) stack_size: Option<u64>,
    pub(crate) cpu_priority: Option<i32>,
    /// RLIMIT_DATA in bytes; 0 is none.
    pub(crate) memory_limit: u64,
    /// RLIMIT_AS in bytes; 0 is none.
    pub(crate) virtual_memory_limit: u64,
    /// 0 is never.
    pub(crate) maximum_requests: u32,
    pub(crate) graceful_timeout: Seconds,
    /// 0 is no limit.
    pub(crate) shutdown_timeout: Seconds,
    /// 0 is no limit.
    pub(crate) queue_timeout: Seconds,
    /// 0 is one try.
    pub(crate) connect_timeout: Seconds,
    /// `socket-timeout=` above 0; else the server's Timeout.
    pub(crate) socket_timeout: Option<Seconds>,
    pub(crate) response_flush_delay: Milliseconds,
    pub(crate) request_buffer_size: u64,
    pub(crate) listen_backlog: u32,
    /// `mod_wsgi.server_metrics()` answers.
    pub(crate) server_metrics: bool,
}

type Row = OptionRow<ProcessGroup>;

/// The options, in alphabetical order.
pub(crate) const OPTIONS: &[Row] = &[
    row("chroot", "root directory of the processes; only as root", |group, word| {
        AbsolutePath::read(word, "chroot").map(|path| group.chroot = Some(path.0))
    }),
    row("connect-timeout", "how long a request waits while the queue is full; default 15s", |group, word| {
        Seconds::read(word, "connect-timeout").map(|time| group.connect_timeout = time)
    }),
    row("cpu-priority", "nice value of the processes, -20 to 19; default 0", |group, word| {
        let value = i32::read(word, "cpu-priority")?;
        in_range(word, "cpu-priority", "it is a number from -20 to 19", (-20..=19).contains(&value))?;
        group.cpu_priority = Some(value);
        Ok(())
    }),
    row("display-name", "the name that ps shows; %{GROUP} is (wsgi:NAME)", |group, word| {
        text(word, "display-name").map(|name| group.display_name = name)
    }),
    row("graceful-timeout", "how long requests may run before a restart; default 15s", |group, word| {
        Seconds::read(word, "graceful-timeout").map(|time| group.graceful_timeout = time)
    }),
    row(
        "group",
        "group (name or #gid) of the processes; default httpd's Group; only as root",
        |group, word| Account::read(word, "group").map(|account| group.group = Some(account)),
    ),
    row("home", "working directory, also put in front of sys.path", |group, word| {
        AbsolutePath::read(word, "home").map(|path| group.home = Some(path.0))
    }),
    row("lang", "LANG of the processes", |group, word| text(word, "lang").map(|lang| group.lang = lang)),
    row("listen-backlog", "how many requests may wait in the queue; default 100", |group, word| {
        u32::read(word, "listen-backlog").map(|number| group.listen_backlog = number)
    }),
    row("locale", "LC_ALL of the processes", |group, word| {
        text(word, "locale").map(|locale| group.locale = locale)
    }),
    row("maximum-requests", "requests after which a process is replaced; default 0, never", |group, word| {
        u32::read(word, "maximum-requests").map(|number| group.maximum_requests = number)
    }),
    row("memory-limit", "limit of the data segment (RLIMIT_DATA), as 512M; default none", |group, word| {
        Bytes::read(word, "memory-limit").map(|size| group.memory_limit = size.0)
    }),
    row("processes", "number of processes; default 1", |group, word| {
        let number = u32::read(word, "processes")?;
        in_range(word, "processes", "it is a number from 1 to 1000", (1..=1000).contains(&number))?;
        group.processes = Some(number);
        Ok(())
    }),
    row("python-eggs", "PYTHON_EGG_CACHE of the processes", |group, word| {
        path(word, "python-eggs").map(|path| group.python_eggs = path)
    }),
    row(
        "python-home",
        "virtual environment or Python installation; default WSGIPythonHome",
        |group, word| path(word, "python-home").map(|path| group.python_home = path),
    ),
    row("python-path", "directories, separated by colons, for the front of sys.path", |group, word| {
        Directories::read(word, "python-path").map(|path| group.python_path = path.0)
    }),
    row(
        "queue-timeout",
        "how long a request may wait for a thread, then 504; default 0, for ever",
        |group, word| Seconds::read(word, "queue-timeout").map(|time| group.queue_timeout = time),
    ),
    row(
        "request-buffer-size",
        "how much of a request body is read before a thread is taken; default 64K",
        |group, word| {
            Bytes::read(word, "request-buffer-size")
                .map(|size| group.request_buffer_size = size.0.min(16 << 20))
        },
    ),
    row("response-flush-delay", "how long to wait for more before flushing; default 5ms", |group, word| {
        Milliseconds::read(word, "response-flush-delay").map(|time| group.response_flush_delay = time)
    }),
    row(
        "server-metrics",
        "whether mod_wsgi.server_metrics() shows httpd's processes; default Off",
        |group, word| bool::read(word, "server-metrics").map(|on| group.server_metrics = on),
    ),
    row(
        "shutdown-timeout",
        "how long a process may take to end; default 5s; 0 is no limit",
        |group, word| Seconds::read(word, "shutdown-timeout").map(|time| group.shutdown_timeout = time),
    ),
    row(
        "socket-timeout",
        "limit for one read or write towards the processes; default Timeout",
        |group, word| {
            let time = Seconds::read(word, "socket-timeout")?;
            group.socket_timeout = (time.0 > 0).then_some(time);
            Ok(())
        },
    ),
    row("stack-size", "stack of the request threads, as 16M; never below 8M", |group, word| {
        let size = Bytes::read(word, "stack-size")?;
        in_range(word, "stack-size", "it is a size above 0, up to 1G", (1..=1 << 30).contains(&size.0))?;
        group.stack_size = Some(size.0);
        Ok(())
    }),
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
    row("switch-interval", "seconds for sys.setswitchinterval()", |group, word| {
        Interval::read(word, "switch-interval").map(|seconds| group.switch_interval = Some(seconds.0))
    }),
    row("threads", "request threads of each process; default 15", |group, word| {
        let number = u32::read(word, "threads")?;
        if number == 0 {
            return Err(ConfigError::NotYet { name: "threads=0".into() });
        }
        in_range(word, "threads", "it is a number from 1 to 65533", number <= 65_533)?;
        group.threads = number;
        Ok(())
    }),
    row("umask", "umask of the processes, octal; default httpd's", |group, word| {
        Mode::read(word, "umask").map(|mode| group.umask = Some(mode.0))
    }),
    row("user", "user (name or #uid) of the processes; default httpd's User; only as root", |group, word| {
        let account = Account::read(word, "user")?;
        in_range(word, "user", "processes never run as root", account != Account::Id(0))?;
        group.user = Some(account);
        Ok(())
    }),
    row(
        "virtual-memory-limit",
        "limit of the address space (RLIMIT_AS), as 2G; default none",
        |group, word| {
            Bytes::read(word, "virtual-memory-limit").map(|size| group.virtual_memory_limit = size.0)
        },
    ),
];

/// Options of the reference without machinery as yet: refused, never ignored.
const NOT_YET: &[&str] = &[
    "cpu-time-limit",
    "deadlock-timeout",
    "eviction-timeout",
    "header-buffer-size",
    "inactivity-timeout",
    "interrupt-timeout",
    "receive-buffer-size",
    "request-timeout",
    "response-buffer-size",
    "response-socket-timeout",
    "restart-interval",
    "script-group",
    "script-user",
    "send-buffer-size",
    "socket-user",
    "startup-timeout",
];

impl ProcessGroup {
    /// Reads a whole line.
    pub(crate) fn read(words: &mut Words<'_>) -> Result<Self, ConfigError> {
        let place = words.place();
        let mut group = Self::new(words.value("name of the process group")?, place);
        options::read(words, &mut group, OPTIONS, NOT_YET)?;
        Ok(group)
    }

    /// A group without options.
    pub(crate) fn new(name: Name, place: Place) -> Self {
        Self {
            name,
            place,
            processes: None,
            threads: 15,
            user: None,
            group: None,
            supplementary_groups: None,
            umask: None,
            home: None,
            chroot: None,
            display_name: None,
            lang: None,
            locale: None,
            python_home: None,
            python_path: Vec::new(),
            python_eggs: None,
            switch_interval: None,
            stack_size: None,
            cpu_priority: None,
            memory_limit: 0,
            virtual_memory_limit: 0,
            maximum_requests: 0,
            graceful_timeout: Seconds(15),
            shutdown_timeout: Seconds(5),
            queue_timeout: Seconds(0),
            connect_timeout: Seconds(15),
            socket_timeout: None,
            response_flush_delay: Milliseconds(5),
            request_buffer_size: 64 << 10,
            listen_backlog: 100,
            server_metrics: false,
        }
    }

    /// Number of processes.
    pub(crate) fn processes(&self) -> u32 {
        self.processes.unwrap_or(1)
    }

    /// The name for `ps`, with `%{GROUP}` expanded.
    pub(crate) fn shown_name(&self) -> Option<String> {
        let name = self.display_name.as_ref()?;
        Some(if name == "%{GROUP}" { format!("(wsgi:{})", self.name) } else { name.clone() })
    }
}

const fn row(
    name: &'static str,
    help: &'static str,
    set: fn(&mut ProcessGroup, &[u8]) -> Result<(), ConfigError>,
) -> Row {
    Row { name, help, set }
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

    fn read(line: &str) -> Result<ProcessGroup, ConfigError> {
        ProcessGroup::read(&mut Words::new(line.as_bytes(), b"httpd.conf", 7))
    }

    #[test]
    fn table_is_sorted_and_explained() {
        let names: Vec<&str> = OPTIONS.iter().map(|row| row.name).chain(NOT_YET.iter().copied()).collect();
        let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(unique.len(), names.len());
        assert!(OPTIONS.is_sorted_by_key(|row| row.name) && NOT_YET.is_sorted());
        assert!(OPTIONS.iter().all(|row| !row.help.is_empty() && !row.help.contains('\n')));
    }

    #[test]
    fn reads_a_line() {
        let group = read(
            "site processes=2 threads=5 user=www-data umask=027 memory-limit=512M \
                          display-name=%{GROUP} python-path=/a:/b queue-timeout=45s lang=''",
        )
        .unwrap();
        assert_eq!((group.processes(), group.threads, group.umask), (2, 5, Some(0o27)));
        assert_eq!(group.memory_limit, 512 << 20);
        assert_eq!(group.shown_name().as_deref(), Some("(wsgi:site)"));
        assert_eq!(group.python_path.len(), 2);
        assert_eq!((group.queue_timeout, group.lang), (Seconds(45), None));
        assert_eq!(group.place.to_string(), "line 7 of httpd.conf");
        assert_eq!(read("site").unwrap().processes, None);
    }

    #[test]
    fn refuses_junk() {
        for line in
            ["", "s threads=x", "s threads=10x", "s processes=0", "s user=#0", "s umask=9", "s home=rel"]
        {
            assert!(read(line).is_err(), "{line}");
        }
        let error = read("s thread=5").unwrap_err().to_string();
        assert!(error.contains("did you mean `threads`"), "{error}");
        assert!(read("s request-timeout=5").unwrap_err().to_string().contains("not supported yet"));
    }
}
