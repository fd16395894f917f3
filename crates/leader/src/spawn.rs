//! How a worker or a template is started: the group's own interpreter, with the host library loaded by a few lines of
//! Python, and its descriptors at the numbers of [`contract::launch`].

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Stdio;

use command_fds::{CommandFdExt, FdMapping, FdMappingCollision};
use contract::launch::{
    AREA_FD, CONTROL_FD, ERROR_LOG_FD, Leader, OVERFLOW_FD, QUESTION_FD, SETTINGS_FD, SLOT_FD, Target, Worker,
};
use contract::ticket;
use contract::variables::Variables;
use rustix::fs::{MemfdFlags, OFlags, fcntl_setfl, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use thiserror::Error;

use crate::exec::{self, ExecError};
use crate::process::Process;

/// What the interpreter runs. Every Python from 2.7 on can read it, so that an unsuitable one can say so: through the
/// control socket, as [`contract::control::FromWorker::Failed`]. `-c` has put the working directory in front of
/// `sys.path`; it goes.
const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// Where a process finds the group.
pub(crate) struct Place<'g> {
    pub(crate) slots: u32,
    pub(crate) area: BorrowedFd<'g>,
    pub(crate) overflow: BorrowedFd<'g>,
    pub(crate) question: BorrowedFd<'g>,
    /// A worker's slot; a template has none.
    pub(crate) slot: Option<(u32, BorrowedFd<'g>)>,
}

/// Why no process could be started; the text is the log's and the client's.
#[derive(Debug, Error)]
pub(crate) enum SpawnError {
    #[error("the descriptors for it collide: {0}")]
    Collision(#[from] FdMappingCollision),
    #[error(transparent)]
    Exec(#[from] ExecError),
    #[error("the system refuses what it needs: {0}; look at the limits on open files and memory")]
    System(#[from] io::Error),
}

/// Starts a worker, or a template.
pub(crate) fn spawn(group: &Leader, place: &Place<'_>, reload: Vec<Target>) -> Result<Process, SpawnError> {
    let (control, theirs) = ticket::queue().map_err(io::Error::from)?;
    let (printed, print) = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)?;
    fcntl_setfl(&printed, OFlags::NONBLOCK).map_err(io::Error::from)?;
    let without_secrets = Leader { environment: Variables::default(), ..group.clone() };
    let (slot, slots) = (place.slot.map_or(0, |(number, _)| number), place.slots);
    let settings = Worker { slot, slots, group: without_secrets, reload, is_template: place.slot.is_none() };
    let mut command = exec::command(&group.interpreter);
    command.envs(group.environment.iter());
    command.args(flags(group)).arg("-c").arg(BOOTSTRAP).arg(&group.host).env_remove("PYTHONHOME");
    command.stderr(Stdio::from(print));
    if let Some(seed) = &group.python.hash_seed {
        command.env("PYTHONHASHSEED", seed);
    }
    let mut mappings = vec![
        FdMapping { parent_fd: theirs, child_fd: CONTROL_FD },
        FdMapping { parent_fd: settings_file(&settings)?, child_fd: SETTINGS_FD },
        FdMapping { parent_fd: place.area.try_clone_to_owned()?, child_fd: AREA_FD },
        FdMapping { parent_fd: place.overflow.try_clone_to_owned()?, child_fd: OVERFLOW_FD },
        FdMapping { parent_fd: place.question.try_clone_to_owned()?, child_fd: QUESTION_FD },
        FdMapping { parent_fd: io::stderr().as_fd().try_clone_to_owned()?, child_fd: ERROR_LOG_FD },
    ];
    if let Some((_, slot)) = place.slot {
        mappings.push(FdMapping { parent_fd: slot.try_clone_to_owned()?, child_fd: SLOT_FD });
    }
    command.fd_mappings(mappings)?;
    let mut child = command.spawn().map_err(|source| ExecError::new(&group.interpreter, source))?;
    match Process::watch(child.id(), control, Some(printed)) {
        Ok(process) => Ok(process),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(io::Error::from(error).into())
        }
    }
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
