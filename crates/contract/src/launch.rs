//! The settings that a leader and a worker start with, and where they find their descriptors.
//!
//! Both are exec'd with a memfd of JSON on [`SETTINGS_FD`]: a failing start can be repeated by hand with it. Durations
//! are in the unit of their name; `None` or 0 switches a limit off as the field says. A field is added together with
//! the machinery that honours it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::layers::Layer;
use crate::limits::Limits;
use crate::syslog::Syslog;
use crate::variables::Variables;

/// The control socket: of a leader towards the parent, of a worker towards its leader.
pub const CONTROL_FD: i32 = 3;
/// The settings, a memfd.
pub const SETTINGS_FD: i32 = 4;
/// The statistics area, a memfd ([`crate::area::Area`]).
pub const AREA_FD: i32 = 5;
/// The workers' end of the overflow.
pub const OVERFLOW_FD: i32 = 6;
/// The workers' end of the socket on which they ask for httpd's scoreboard ([`crate::question`]).
pub const QUESTION_FD: i32 = 7;
/// A worker: its slot. A leader: slot 0; slot *n* is at `SLOT_FD + n`, and after the last slot, if
/// [`Leader::takes_over`], the parent's end of the previous leader's control socket. Behind that follow two ends of pipes
/// on which nothing is ever written: with [`Leader::waits_for_turn`] the end of one whose other end another leader
/// closes, with [`Leader::passes_turn`] the end of one that somebody else waits for to be closed.
pub const SLOT_FD: i32 = 8;
/// A worker: the error log. Its leader reads its standard error, to know why an interpreter does not come up; the host
/// puts the log back in its place as soon as it runs.
pub const ERROR_LOG_FD: i32 = 9;

/// The exit status of a leader that cannot work with what it was given (another contract version, settings that it
/// cannot read, missing descriptors). It has logged why; starting it again would change nothing, so the parent does not.
pub const EXIT_UNUSABLE: i32 = 78;

/// The exit status of a leader that cannot go on; it has logged why. Both are higher than the numbers of signals, from
/// which httpd does not tell them apart.
pub const EXIT_FAILED: i32 = 70;

/// One script in one interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The script's path.
    pub script: PathBuf,
    /// The application group; empty is the main interpreter.
    pub application_group: String,
}

/// Where and how often a process reports its metrics (WSGITelemetryService).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// The datagram socket of the service.
    pub socket: PathBuf,
    /// Seconds between two reports.
    pub interval: f64,
    /// Seconds from which on a request is reported as slow; 0 is never.
    pub slow_requests: f64,
    /// Whether reports of slow requests name the user agent.
    pub capture_user_agent: bool,
}

/// What Python and the application see: the same for a daemon group and for embedded mode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Python {
    /// The process group's name; empty in embedded mode.
    pub process_group: String,
    /// `python-home` or WSGIPythonHome.
    pub home: Option<PathBuf>,
    /// What is said about the interpreters, the least specific first; see [`Python::interpreter`].
    pub layers: Vec<Layer>,
    /// `home=` of a daemon group: goes in front of all other directories of `sys.path`.
    pub working_directory: Option<PathBuf>,
    /// `PYTHON_EGG_CACHE`.
    pub eggs: Option<PathBuf>,
    /// `-O` level.
    pub optimize: u32,
    /// `-W` filters in order.
    pub warnings: Vec<String>,
    /// `-B`.
    pub dont_write_bytecode: bool,
    /// PYTHONHASHSEED.
    pub hash_seed: Option<String>,
    /// WSGICaseSensitivity.
    pub case_sensitive: bool,
    /// WSGIFreeThreading: whether a free-threaded Python runs without the GIL.
    pub free_threading: bool,
    /// Whether `mod_wsgi.server_metrics()` answers.
    pub server_metrics: bool,
    /// Where metrics are reported; `None`: nowhere.
    pub telemetry: Option<Telemetry>,
    /// `httpd -X`: embedded mode leaves standard input and output to a debugger.
    pub debug_mode: bool,
    /// WSGIDestroyInterpreter.
    pub destroy_interpreter: bool,
    /// `wsgi.multithread`.
    pub multithread: bool,
    /// `wsgi.multiprocess`.
    pub multiprocess: bool,
    /// `mod_wsgi.maximum_processes`.
    pub maximum_processes: u32,
    /// `mod_wsgi.threads_per_process`.
    pub threads_per_process: u32,
    /// httpd's log level for `wsgi` in the server that the group belongs to.
    pub log_level: u8,
    /// httpd's version, for `apache.version`.
    pub httpd_version: (u32, u32, u32),
    /// Description string of the server, for `apache.description`.
    pub httpd_description: String,
    /// When httpd was built, for `apache.build_date`.
    pub httpd_built: String,
    /// The MPM's name, for `apache.mpm_name`.
    pub mpm_name: String,
    /// Most processes of the MPM, for `apache.maximum_processes`.
    pub mpm_processes: u32,
    /// Threads in each of them, for `apache.threads_per_process`.
    pub mpm_threads: u32,
    /// Scripts to load before the first request, in order.
    pub imports: Vec<Target>,
    /// `preload`: workers are forked from a process that has loaded the application, the template. In such a group all
    /// is in the main interpreter: CPython ends the copy of a process that has others.
    #[serde(default)]
    pub preload: bool,
}

/// How the number of a group's processes follows its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elastic {
    /// Fewest processes; 0: none without requests.
    pub least: u32,
    /// How long requests wait before the group grows, in milliseconds.
    pub grow_after: u32,
    /// For how long there has to be a process too many before the group shrinks, in seconds.
    pub shrink_after: u32,
}

/// A leader's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leader {
    /// [`crate::VERSION`] of the module that wrote this.
    pub contract: u32,
    /// The file of the module that wrote this, for the message about a mismatch.
    pub module: PathBuf,
    /// The host library that workers load.
    pub host: PathBuf,
    /// The interpreter's executable for workers, already chosen: `<python-home>/bin/python3` or the default.
    pub interpreter: PathBuf,
    /// httpd's generation.
    pub generation: u32,
    /// Processes to run; the most of them, if their number follows the load.
    pub processes: u32,
    /// How their number follows the load; `None`: it does not.
    #[serde(default)]
    pub elastic: Option<Elastic>,
    /// Request threads in each.
    pub threads: u32,
    /// Whether the previous leader's control socket is there, see [`SLOT_FD`].
    pub takes_over: bool,
    /// Whether processes are started only when another group's leader has started its own, see [`SLOT_FD`].
    #[serde(default)]
    pub waits_for_turn: bool,
    /// Whether another group's leader waits for this one's.
    #[serde(default)]
    pub passes_turn: bool,
    /// The httpd parent's process id.
    pub httpd_pid: i32,
    /// The name for `ps`, `%{GROUP}` expanded.
    pub display_name: Option<String>,
    /// Stack of the request threads in bytes.
    pub stack_size: Option<usize>,
    /// When workers are replaced, and how much time they get.
    pub limits: Limits,
    /// reload=rolling: workers serve on with the code that they have until others have loaded a changed script.
    #[serde(default)]
    pub rolling: bool,
    /// Seconds for one read or write on a connection.
    pub socket_timeout: u32,
    /// Whether core dumps are wanted (CoreDumpDirectory is set).
    pub core_dumps: bool,
    /// `LC_ALL` and `setlocale`.
    pub locale: Option<String>,
    /// `env-file` and `env`: for the environment of workers. The leader keeps them to itself.
    #[serde(default)]
    pub environment: Variables,
    /// What workers do with Python.
    pub python: Python,
    /// The error log is syslog: lines have its form. `None`: they have httpd's.
    #[serde(default)]
    pub syslog: Option<Syslog>,
}

/// A worker's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// Which slot is on [`SLOT_FD`].
    pub slot: u32,
    /// Number of slots in the area.
    pub slots: u32,
    /// The group's settings, those of its leader.
    pub group: Leader,
    /// Scripts to load before accepting, beyond `group.python.imports`: what the replaced workers had loaded.
    pub reload: Vec<Target>,
    /// It serves nobody and forks those who do ([`crate::control::ToTemplate`]). It has no slot.
    #[serde(default)]
    pub is_template: bool,
}
