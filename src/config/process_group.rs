//! WSGIDaemonProcess: a name and the options of its processes.

use std::path::PathBuf;
use std::time::Duration;

use contract::launch::Elastic;
use contract::limits::Limits;
use contract::variables::Variables;

use super::error::ConfigError;
use super::options;
use super::process_options::OPTIONS;
use super::processes::Processes;
use super::values::{Account, Milliseconds, Name, Seconds};
use super::words::{Place, Words};

/// A process group as it was written, with the defaults that depend on nothing else.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProcessGroup {
    /// Its name, unique in the whole server.
    pub(crate) name: Name,
    /// Where it is defined.
    pub(crate) place: Place,
    /// The options that were given and say something else than their defaults.
    pub(crate) given: Vec<&'static str>,
    /// `processes=` if given: giving it at all makes `wsgi.multiprocess` true.
    pub(crate) processes: Option<Processes>,
    /// `grow-after=` and `shrink-after=`, which only an elastic group may have.
    pub(crate) grow_after: Option<Milliseconds>,
    pub(crate) shrink_after: Option<Seconds>,
    pub(crate) threads: u32,
    /// `user=`; else httpd's User.
    pub(crate) user: Option<Account>,
    /// `group=`; else httpd's Group.
    pub(crate) group: Option<Account>,
    /// `supplementary-groups=`; else the user's own groups.
    pub(crate) supplementary_groups: Option<Vec<Account>>,
    pub(crate) umask: Option<u32>,
    /// `script-user=` or `script-group=`.
    pub(crate) script_owner: Option<ScriptOwner>,
    /// `home=`: working directory and front of `sys.path`.
    pub(crate) home: Option<PathBuf>,
    pub(crate) chroot: Option<PathBuf>,
    pub(crate) display_name: Option<String>,
    /// `env=`: the environment of the processes, after that of the file.
    pub(crate) environment: Variables,
    /// `env-file=`.
    pub(crate) environment_file: Option<PathBuf>,
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
    /// When processes are replaced, and how much time they get.
    pub(crate) limits: Limits,
    /// `preload=on`: workers are forked from a process that has loaded the application.
    pub(crate) preload: bool,
    /// `reload=rolling`: the old code serves until the new does.
    pub(crate) rolling: bool,
    /// 0 is no limit.
    pub(crate) queue_timeout: Seconds,
    /// 0 is one try.
    pub(crate) connect_timeout: Seconds,
    /// `socket-timeout=` above 0; else the server's Timeout.
    pub(crate) socket_timeout: Option<Seconds>,
    /// `response-socket-timeout=` above 0; else as socket-timeout.
    pub(crate) response_socket_timeout: Option<Seconds>,
    /// Longest line of a response's head in bytes.
    pub(crate) header_buffer_size: usize,
    /// Buffers of connections in bytes, from and to the processes; else the system's.
    pub(crate) send_buffer_size: Option<usize>,
    pub(crate) receive_buffer_size: Option<usize>,
    /// Options that were given and do nothing, and why that is so.
    pub(crate) without_effect: Vec<(&'static str, &'static str)>,
    pub(crate) response_flush_delay: Milliseconds,
    pub(crate) request_buffer_size: u64,
    /// What is beyond that goes into a file before a thread is taken.
    pub(crate) request_buffering: bool,
    /// How much of a response is kept for a slow client, in bytes.
    pub(crate) response_spool_limit: u64,
    /// Where such files are; else in the directory for temporary files.
    pub(crate) spool_directory: Option<PathBuf>,
    pub(crate) listen_backlog: u32,
    /// `mod_wsgi.server_metrics()` answers.
    pub(crate) server_metrics: bool,
}

/// Longest line of a response's head, in bytes, as mod_wsgi has it.
pub(super) const HEADER_LINE: usize = 32_768;

/// Whose scripts must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScriptOwner {
    /// This user's.
    User(Account),
    /// This group's.
    Group(Account),
}

impl ProcessGroup {
    /// Reads a whole line.
    pub(crate) fn read(words: &mut Words<'_>) -> Result<Self, ConfigError> {
        let place = words.place();
        let mut group = Self::new(words.value("name of the process group")?, place);
        group.read_options(words).map_err(|error| group.discreet(error))?;
        Ok(group)
    }

    fn read_options(&mut self, words: &mut Words<'_>) -> Result<(), ConfigError> {
        while let Some((name, value)) = words.option()? {
            let before = self.clone();
            let name = options::set(self, OPTIONS, name, &value)?;
            if *self != before {
                self.given.push(name);
            }
        }
        Ok(())
    }

    /// What follows an `env=` on the line may be part of its value: it is not shown.
    fn discreet(&self, error: ConfigError) -> ConfigError {
        match error {
            ConfigError::NotAnOption { .. } | ConfigError::UnknownOption { nearest: None, .. }
                if !self.environment.is_empty() =>
            {
                ConfigError::AfterEnv
            }
            error => error,
        }
    }

    /// A group without options.
    pub(crate) fn new(name: Name, place: Place) -> Self {
        Self {
            name,
            place,
            given: Vec::new(),
            processes: None,
            grow_after: None,
            shrink_after: None,
            threads: 15,
            user: None,
            group: None,
            supplementary_groups: None,
            umask: None,
            script_owner: None,
            home: None,
            chroot: None,
            display_name: None,
            environment: Variables::default(),
            environment_file: None,
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
            limits: Limits {
                deadlock_timeout: 300,
                graceful_timeout: 15,
                shutdown_timeout: 5,
                ..Limits::default()
            },
            preload: false,
            rolling: false,
            queue_timeout: Seconds(0),
            connect_timeout: Seconds(15),
            socket_timeout: None,
            response_socket_timeout: None,
            header_buffer_size: HEADER_LINE,
            send_buffer_size: None,
            receive_buffer_size: None,
            without_effect: Vec::new(),
            response_flush_delay: Milliseconds(5),
            request_buffer_size: 64 << 10,
            request_buffering: false,
            response_spool_limit: 64 << 20,
            spool_directory: None,
            listen_backlog: 100,
            server_metrics: false,
        }
    }

    /// Number of processes, at most.
    pub(crate) fn processes(&self) -> u32 {
        self.processes.map_or(1, |processes| processes.most)
    }

    /// How their number follows the load; `None`: it does not.
    pub(crate) fn elastic(&self) -> Option<Elastic> {
        self.processes?.elastic(self.grow_after, self.shrink_after)
    }

    /// For how long a client may take nothing of a response; `None`: httpd's own Timeout.
    pub(crate) fn client_timeout(&self) -> Option<Duration> {
        self.response_socket_timeout.or(self.socket_timeout).map(Seconds::duration)
    }

    /// The name for `ps`, with `%{GROUP}` expanded.
    pub(crate) fn shown_name(&self) -> Option<String> {
        let name = self.display_name.as_ref()?;
        Some(if name == "%{GROUP}" { format!("(wsgi:{})", self.name) } else { name.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<ProcessGroup, ConfigError> {
        ProcessGroup::read(&mut Words::new(line.as_bytes(), b"httpd.conf", 7))
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
    fn buffers_have_least_sizes() {
        let group = read("s send-buffer-size=1M receive-buffer-size=0 header-buffer-size=8K").unwrap();
        assert_eq!((group.send_buffer_size, group.receive_buffer_size), (Some(1 << 20), None));
        assert_eq!(
            (group.header_buffer_size, read("s header-buffer-size=0").unwrap().header_buffer_size),
            (8192, HEADER_LINE)
        );
        for line in ["s send-buffer-size=511", "s receive-buffer-size=x", "s header-buffer-size=8191"] {
            assert!(read(line).is_err(), "{line}");
        }
        let client = |line| read(line).unwrap().client_timeout();
        assert_eq!(client("s"), None);
        assert_eq!(client("s socket-timeout=5"), Some(Duration::from_secs(5)));
        assert_eq!(client("s socket-timeout=5 response-socket-timeout=9"), Some(Duration::from_secs(9)));
    }

    #[test]
    fn what_was_given_is_known() {
        let given = |line| read(line).unwrap().given;
        assert_eq!(given("s threads=15 interrupt-timeout=0 request-timeout=5"), ["request-timeout"]);
        assert_eq!(given("s processes=1 socket-user=www-data"), ["processes", "socket-user"]);
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        assert_eq!(read("s env=A=1 env=A=2").unwrap().environment.iter().next().unwrap().1, "2");
        let quoted = read(r#"s "env=A=hidden""#).unwrap_err().to_string();
        assert!(quoted.contains("did you mean `env`") && !quoted.contains("hidden"), "{quoted}");
        for line in [
            r#"s env=A="two hidden""#,
            "s env=A=two hidden=x",
            "s env=hidden",
            "s env==hidden",
            "s env=1A=hidden",
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains("env=") && !error.contains("hidden"), "{line}: {error}");
        }
        assert!(read("s env=PYTHONHOME=/x").unwrap_err().to_string().contains("python-home="));
        assert!(read("s env=A=1 thread=5").unwrap_err().to_string().contains("did you mean `threads`"));
        assert!(!format!("{:?}", read("s env=A=hidden").unwrap()).contains("hidden"));
    }

    #[test]
    fn scripts_have_one_owner() {
        let owner = |line| read(line).unwrap().script_owner;
        assert_eq!(owner("s script-user=#5"), Some(ScriptOwner::User(Account::Id(5))));
        assert_eq!(owner("s script-group=www"), Some(ScriptOwner::Group(Account::Name("www".into()))));
        for line in ["s script-user=a script-group=b", "s script-group=b script-user=a"] {
            assert!(read(line).unwrap_err().to_string().contains("remove one of them"), "{line}");
        }
    }

    #[test]
    fn limits_have_units_and_defaults() {
        let limits = read("s").unwrap().limits;
        assert_eq!((limits.deadlock_timeout, limits.graceful_timeout, limits.shutdown_timeout), (300, 15, 5));
        let limits = read("s request-timeout=90s interrupt-timeout=5 restart-interval=1d cpu-time-limit=2m")
            .unwrap()
            .limits;
        assert_eq!((limits.request_timeout, limits.interrupt_timeout), (90, 5));
        assert_eq!((limits.restart_interval, limits.cpu_time), (86_400, 120));
        assert!(read("s restart-interval=-1").is_err() && read("s startup-timeout=soon").is_err());
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
        assert!(read("s response-buffer-size=5").unwrap_err().to_string().contains("65536"));
    }
}
