//! The commands, and what clap makes from them: the parser, the manual page and completions.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::options::Options;

/// Serves a Python web application by an httpd of its own
///
/// Writes configuration for httpd and mod_wsgi into a folder of its own, the server root, and starts httpd with it, as any
/// user, on any free port. Nothing of a system-wide httpd is read or changed. In all arguments $NAME and ${NAME} are
/// replaced by what the environment has.
#[derive(Debug, Parser)]
#[command(name = "mod_wsgi-express", bin_name = "mod_wsgi-express", version, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum Command {
    /// Writes the server root and runs httpd in the foreground, until Ctrl-C
    StartServer(Box<Options>),
    /// Writes the server root and says where everything is
    SetupServer(Box<Options>),
    /// Prints the lines that make a system's httpd load this module
    ModuleConfig,
    /// Copies the module to where a system's httpd has its modules, and prints the lines that load it
    InstallModule {
        /// Where to [default: what apxs says, else the usual places]
        #[arg(long, value_name = "DIR")]
        modules_directory: Option<PathBuf>,
    },
    /// Prints where the module is
    ModuleLocation,
    /// Says what mod_wsgi finds in a configuration of httpd, and what to change
    ///
    /// The status is 1 if httpd would not start with it.
    Doctor {
        /// The configuration's file, or a server root [default: what the system's httpd reads]
        #[arg(value_name = "CONF")]
        conf: Option<PathBuf>,
        /// Prints one JSON object, for programs
        #[arg(long)]
        json: bool,
        /// httpd's program [default: $HTTPD, else what apxs says, else the one in PATH]
        #[arg(long, value_name = "FILE")]
        httpd_executable: Option<PathBuf>,
    },
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the manual page
    #[command(hide = true)]
    Man,
    /// Prints the options of start-server as JSON, for Django's runmodwsgi
    #[command(hide = true)]
    Options,
}

/// clap's description of everything.
pub(crate) fn command() -> clap::Command {
    // As with optparse, on which the original is built: a beginning of a name will do, and the last of several counts.
    Cli::command().mut_subcommands(|command| command.infer_long_args(true).args_override_self(true))
}
