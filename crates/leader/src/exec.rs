//! How a child becomes an interpreter without anybody waiting for it.
//!
//! [`Command::spawn`] returns once the program runs. Where the program lies on a network file system that hangs this is
//! never, and the leader has other processes to look after. So it executes itself, which cannot hang, and the copy executes
//! the interpreter, or says why it cannot.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use contract::control::{self, FromWorker};
use contract::inherited;
use contract::launch::{CONTROL_FD, EXIT_FAILED};
use thiserror::Error;

/// The leader's first argument where it is such a copy; what to execute follows.
pub(crate) const EXECUTE: &str = "execute";

const ITSELF: &str = "/proc/self/exe";

/// An interpreter that cannot be executed; the text is the log's and the client's.
#[derive(Debug, Error)]
#[error("the interpreter {interpreter} cannot be executed: {source}{remedy}")]
pub(crate) struct ExecError {
    interpreter: String,
    source: io::Error,
    remedy: &'static str,
}

impl ExecError {
    pub(crate) fn new(interpreter: &Path, source: io::Error) -> Self {
        let remedy = match source.kind() {
            io::ErrorKind::NotFound => {
                "; set python-home of WSGIDaemonProcess to a virtual environment or a Python installation, and look whether the one it was made from is still there"
            }
            io::ErrorKind::PermissionDenied => {
                "; the group's user must be able to execute it and to search every directory above it"
            }
            io::ErrorKind::ArgumentListTooLong => {
                "; its environment is too large: put less into env-file and env of WSGIDaemonProcess, and into files instead"
            }
            io::ErrorKind::WouldBlock => "; the group's user has reached its limit of processes (ulimit -u)",
            _ => "; set python-home of WSGIDaemonProcess to a Python for this machine",
        };
        Self { interpreter: interpreter.display().to_string(), source, remedy }
    }
}

/// A command that becomes `interpreter`. In a chroot without /proc it is the interpreter, for which the leader waits.
pub(crate) fn command(interpreter: &Path) -> Command {
    if std::env::current_exe().is_err() {
        return Command::new(interpreter);
    }
    let mut command = Command::new(ITSELF);
    command.arg(EXECUTE).arg(interpreter);
    command
}

/// In the copy: becomes the interpreter with these arguments. Returns if it cannot, once the leader knows.
pub(crate) fn execute(interpreter: &Path, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let source = Command::new(interpreter).args(arguments).exec();
    let reason = ExecError::new(interpreter, source).to_string();
    if let Ok(control) = inherited::take(CONTROL_FD) {
        let _ = control::send(&control, &FromWorker::NotExecuted { reason });
    }
    ExitCode::from(EXIT_FAILED as u8)
}
