//! What is served: the application, how it is found and what it is given.

use std::ffi::OsString;
use std::path::PathBuf;

/// How the entry point is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A WSGI script file
    Script,
    /// A Python module by its dotted name
    Module,
    /// A configuration file of Paste Deploy
    Paste,
    /// No application: the folder with the files to serve
    Static,
}

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Application")]
pub(crate) struct Application {
    /// The WSGI script, or what --application-type says; without it a welcome page is served
    #[arg(value_name = "SCRIPT", help_heading = "Arguments")]
    pub script: Option<OsString>,
    /// The same as SCRIPT, by name; it wins if both are given
    #[arg(long, value_name = "PATH|MODULE")]
    pub entry_point: Option<OsString>,
    /// What the entry point is
    #[arg(long, value_enum, value_name = "TYPE", default_value_t = Kind::Script)]
    pub application_type: Kind,
    /// The name of the WSGI application in the script or module
    #[arg(long, value_name = "NAME", default_value = "application")]
    pub callable_object: String,
    /// The URL below which the application is served
    #[arg(long, value_name = "URL", default_value = "/")]
    pub mount_point: String,
    /// The interpreter that runs the application; the default is the main one
    ///
    /// Becomes `WSGIHandlerScript application-group=`
    #[arg(long, value_name = "NAME", default_value = "%{GLOBAL}")]
    pub application_group: String,
    /// The name of the daemon process group [default: HOST:PORT]
    ///
    /// Becomes `WSGIDaemonProcess`
    #[arg(long, value_name = "NAME")]
    pub process_group: Option<String>,
    /// The working directory of the application, and the first place for imports [default: the current folder]
    ///
    /// Becomes `WSGIDaemonProcess home=`
    #[arg(long, value_name = "DIR")]
    pub working_directory: Option<PathBuf>,
    /// A further folder for imports; .pth files in it count. May be repeated
    ///
    /// Becomes `WSGIDaemonProcess python-path=`
    #[arg(long, value_name = "DIR")]
    pub python_path: Vec<PathBuf>,
    /// The virtual environment or installation of Python that runs the application [default: the active one ($VIRTUAL_ENV),
    /// else the one that this command is installed in, else that of python3]
    ///
    /// Becomes `WSGIPythonHome`
    #[arg(long, value_name = "DIR")]
    pub python_home: Option<PathBuf>,
    /// A filter for warnings, as for python -W. May be repeated
    ///
    /// Becomes `WSGIPythonWarnings`
    #[arg(long, value_name = "SPEC")]
    pub python_warnings: Vec<String>,
    /// An entry for the environ of each request. May be repeated
    ///
    /// Becomes `SetEnv`
    #[arg(long, num_args = 2, value_names = ["KEY", "VALUE"], allow_hyphen_values = true)]
    pub setenv: Vec<OsString>,
    /// The same with the value that the variable has where httpd is started. May be repeated
    ///
    /// Becomes `PassEnv`
    #[arg(long, value_name = "KEY")]
    pub passenv: Vec<String>,
    /// The locale (LANG and LC_ALL) [default: that of this command; en_US.UTF-8 or C.UTF-8 if that is C or POSIX]
    ///
    /// Becomes `WSGIDaemonProcess locale=`
    #[arg(long, alias = "lang", value_name = "NAME")]
    pub locale: Option<String>,
    /// A script that answers for files with this extension below the document root. May be repeated
    ///
    /// Becomes `AddHandler`
    #[arg(long, num_args = 2, value_names = ["EXTENSION", "SCRIPT"])]
    pub add_handler: Vec<OsString>,
}

impl Application {
    /// The entry point.
    pub(crate) fn entry(&self) -> Option<&OsString> {
        self.entry_point.as_ref().or(self.script.as_ref())
    }
}
