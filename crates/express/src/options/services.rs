//! Python scripts that run for ever beside the application.

use std::ffi::OsString;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Services")]
pub(crate) struct Services {
    /// A script that runs for ever in a process of its own. May be repeated, with other names
    ///
    /// Becomes `WSGIImportScript`
    #[arg(long, num_args = 2, value_names = ["NAME", "FILE"])]
    pub service_script: Vec<OsString>,
    /// The user of a service, for root. May be repeated
    ///
    /// Becomes `WSGIDaemonProcess user=`
    #[arg(long, num_args = 2, value_names = ["NAME", "USER"])]
    pub service_user: Vec<OsString>,
    /// The group of a service, for root. May be repeated
    ///
    /// Becomes `WSGIDaemonProcess group=`
    #[arg(long, num_args = 2, value_names = ["NAME", "GROUP"])]
    pub service_group: Vec<OsString>,
    /// A log file for what a service writes. May be repeated
    ///
    /// Becomes `ErrorLog`
    #[arg(long, num_args = 2, value_names = ["NAME", "FILE"])]
    pub service_log_file: Vec<OsString>,
}
