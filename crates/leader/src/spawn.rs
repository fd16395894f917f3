//! How a worker is started: the group's own interpreter, with the host library loaded by a few lines of Python, and
//! its descriptors at the numbers of [`contract::launch`].

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use command_fds::{CommandFdExt, FdMapping, FdMappingCollision};
use contract::launch::{
    AREA_FD, CONTROL_FD, ERROR_LOG_FD, Leader, OVERFLOW_FD, QUESTION_FD, SETTINGS_FD, SLOT_FD, Target, Worker,
};
use contract::ticket;
use contract::variables::Variables;
use rustix::fs::{MemfdFlags, OFlags, fcntl_setfl, memfd_create};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use thiserror::Error;

/// What the interpreter runs. Every Python from 2.7 on can read it, so that an unsuitable one can say so: through the
/// control socket, as [`contract::control::FromWorker::Failed`]. `-c` has put the working directory in front of
/// `sys.path`; it goes.
const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// A worker process that was just started.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) pidfd: OwnedFd,
    pub(crate) control: OwnedFd,
    /// What the interpreter prints to its standard error before the host runs.
    pub(crate) printed: OwnedFd,
}

/// Where a worker finds the group.
pub(crate) struct Place<'g> {
    pub(crate) number: u32,
    pub(crate) slots: u32,
    pub(crate) area: BorrowedFd<'g>,
    pub(crate) overflow: BorrowedFd<'g>,
    pub(crate) question: BorrowedFd<'g>,
    pub(crate) slot: BorrowedFd<'g>,
}

/// Why no worker could be started; the text is the log's and the client's.
#[derive(Debug, Error)]
pub(crate) enum SpawnError {
    #[error("the descriptors for it collide: {0}")]
    Collision(#[from] FdMappingCollision),
    #[error("the interpreter {interpreter} cannot be executed: {source}{remedy}")]
    Exec { interpreter: String, source: io::Error, remedy: &'static str },
    #[error("the system refuses what it needs: {0}; look at the limits on open files and memory")]
    System(#[from] io::Error),
}

/// Starts a worker.
pub(crate) fn spawn(group: &Leader, place: &Place<'_>, reload: Vec<Target>) -> Result<Started, SpawnError> {
    let (control, theirs) = ticket::queue().map_err(io::Error::from)?;
    let (printed, print) = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)?;
    fcntl_setfl(&printed, OFlags::NONBLOCK).map_err(io::Error::from)?;
    let without_secrets = Leader { environment: Variables::default(), ..group.clone() };
    let settings = Worker { slot: place.number, slots: place.slots, group: without_secrets, reload };
    let mut command = Command::new(&group.interpreter);
    command.envs(group.environment.iter());
    command.args(flags(group)).arg("-c").arg(BOOTSTRAP).arg(&group.host).env_remove("PYTHONHOME");
    command.stderr(Stdio::from(print));
    if let Some(seed) = &group.python.hash_seed {
        command.env("PYTHONHASHSEED", seed);
    }
    command.fd_mappings(vec![
        FdMapping { parent_fd: theirs, child_fd: CONTROL_FD },
        FdMapping { parent_fd: settings_file(&settings)?, child_fd: SETTINGS_FD },
        FdMapping { parent_fd: place.area.try_clone_to_owned()?, child_fd: AREA_FD },
        FdMapping { parent_fd: place.overflow.try_clone_to_owned()?, child_fd: OVERFLOW_FD },
        FdMapping { parent_fd: place.question.try_clone_to_owned()?, child_fd: QUESTION_FD },
        FdMapping { parent_fd: place.slot.try_clone_to_owned()?, child_fd: SLOT_FD },
        FdMapping { parent_fd: io::stderr().as_fd().try_clone_to_owned()?, child_fd: ERROR_LOG_FD },
    ])?;
    let mut child = command.spawn().map_err(|source| exec_error(group, source))?;
    match watch(&child) {
        Ok(pidfd) => Ok(Started { child, pidfd, control, printed }),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error.into())
        }
    }
}

fn watch(child: &Child) -> io::Result<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// The interpreter's own flags. None of `-I`, `-S`, `-E`: multiprocessing would hand them to its children.
fn flags(group: &Leader) -> Vec<String> {
    let python = &group.python;
    let optimize = (0..python.optimize.min(2)).map(|_| "-O".to_owned());
    let warnings = python.warnings.iter().map(|filter| format!("-W{filter}"));
    let bytecode = python.dont_write_bytecode.then(|| "-B".to_owned());
    // A free-threaded Python gets its GIL back; to others, to which `gil=0` would be fatal, this says nothing.
    let gil = (!python.free_threading).then(|| "-Xgil=1".to_owned());
    optimize.chain(warnings).chain(bytecode).chain(gil).collect()
}

fn settings_file(settings: &Worker) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("mod_wsgi worker", MemfdFlags::CLOEXEC)?);
    file.write_all(&serde_json::to_vec(settings)?)?;
    file.rewind()?;
    Ok(file.into())
}

fn exec_error(group: &Leader, source: io::Error) -> SpawnError {
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
    SpawnError::Exec { interpreter: group.interpreter.display().to_string(), source, remedy }
}
