//! Log files.

use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Logs")]
pub(crate) struct Logs {
    /// Where log files are written [default: the server root]
    ///
    /// Becomes `ErrorLog`
    #[arg(long, value_name = "DIR")]
    pub log_directory: Option<PathBuf>,
    /// The error log goes to stderr and the access log to stdout; not with --log-directory
    ///
    /// Becomes `ErrorLog`
    #[arg(long)]
    pub log_to_terminal: bool,
    /// What is logged, as for LogLevel: a level, or levels of modules
    ///
    /// Becomes `LogLevel`
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub log_level: String,
    /// Logs each request
    ///
    /// Becomes `CustomLog`
    #[arg(long)]
    pub access_log: bool,
    /// The format of these lines: common, combined, or one as for LogFormat
    ///
    /// Becomes `LogFormat`
    #[arg(long, value_name = "FORMAT", default_value = "common")]
    pub access_log_format: OsString,
    /// The format of lines in the error log [default: httpd's own]
    ///
    /// Becomes `ErrorLogFormat`
    #[arg(long, value_name = "FORMAT")]
    pub error_log_format: Option<OsString>,
    /// The name of the access log
    #[arg(long, value_name = "FILE", default_value = "access_log")]
    pub access_log_name: OsString,
    /// The name of the error log
    #[arg(long, value_name = "FILE", default_value = "error_log")]
    pub error_log_name: OsString,
    /// Logs what httpd says while it starts
    #[arg(long)]
    pub startup_log: bool,
    /// The name of this log
    #[arg(long, value_name = "FILE", default_value = "startup_log")]
    pub startup_log_name: OsString,
    /// A new log file whenever one is full
    #[arg(long)]
    pub rotate_logs: bool,
    /// The size of a full one, in megabytes
    #[arg(long, value_name = "MB", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_log_size: u32,
    /// The program rotatelogs [default: httpd's]
    #[arg(long, value_name = "FILE")]
    pub rotatelogs_executable: Option<PathBuf>,
}
