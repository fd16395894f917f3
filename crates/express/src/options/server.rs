//! The server itself: where everything is, what else it is told, and when the application is loaded again.

use std::path::PathBuf;

#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Server {
    /// The folder for configuration, control script and logs [default: mod_wsgi-HOST:PORT:UID in $TMPDIR or /tmp]
    ///
    /// Becomes `ServerRoot`
    #[arg(long, value_name = "DIR")]
    pub server_root: Option<PathBuf>,
    /// Where httpd's process id is written [default: httpd.pid in the server root]
    ///
    /// Becomes `PidFile`
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// A file of httpd's configuration that comes last. May be repeated
    ///
    /// Becomes `Include`
    #[arg(long, value_name = "FILE")]
    pub include_file: Vec<PathBuf>,
    /// A shell file that is read before httpd starts [default: envvars in the server root, empty]
    #[arg(long, value_name = "FILE")]
    pub envvars_script: Option<PathBuf>,
    /// The application is loaded again when any of its Python files changes, for development
    #[arg(long)]
    pub reload_on_changes: bool,
    /// It is not loaded again when its script changes
    ///
    /// Becomes `WSGIScriptReloading`
    #[arg(long)]
    pub disable_reloading: bool,
    /// Writes the server root and does not start httpd
    #[arg(long)]
    pub setup_only: bool,
    /// The module mod_wsgi.so [default: the one that came with this command, else where httpd has its modules]
    ///
    /// Becomes `LoadModule`
    #[arg(long, value_name = "FILE")]
    pub module: Option<PathBuf>,
    /// httpd's program [default: $HTTPD, else what apxs says, else the one in PATH]
    #[arg(long, value_name = "FILE")]
    pub httpd_executable: Option<PathBuf>,
    /// Where httpd has its modules [default: what apxs says, else the usual places]
    ///
    /// Becomes `LoadModule`
    #[arg(long, value_name = "DIR")]
    pub modules_directory: Option<PathBuf>,
    /// The shell of the control script [default: bash, else sh]
    #[arg(long, value_name = "FILE")]
    pub shell_executable: Option<PathBuf>,
    /// The name of httpd's parent process in ps [default: httpd (mod_wsgi-express)]
    #[arg(long, value_name = "NAME")]
    pub process_name: Option<String>,
}
