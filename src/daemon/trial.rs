//! Runs a program for a moment as the processes of a group would run it: as their user, with their environment, and with
//! nothing of httpd's open. For `httpd -t`; it ends within a given time.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Resource, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, pidfd_open,
    waitpid,
};
use thiserror::Error;

use super::launch::{Plan, launch, trouble};
use super::settings::{self, Identity};
use crate::apache::process;
use crate::config::ProcessGroup;

/// As much as it may write, in bytes.
const OUTPUT: u64 = 8 << 20;

/// What a program did.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) status: WaitStatus,
    pub(crate) output: Vec<u8>,
    /// What it wrote to its standard error.
    pub(crate) errors: String,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum TrialError {
    /// It was not over in time.
    #[error("it was not over within {} s", .0.as_secs_f32())]
    Late(Duration),
    /// It could not be started.
    #[error("{0}")]
    System(#[from] io::Error),
}

impl From<Errno> for TrialError {
    fn from(error: Errno) -> Self {
        Self::System(error.into())
    }
}

/// Runs `program` as a process of `group`, with `input` to read.
pub(crate) fn run(
    (group, identity): (&ProcessGroup, &Identity),
    program: &Path,
    arguments: &[&str],
    input: &[u8],
    limit: Duration,
) -> Result<Trial, TrialError> {
    let name = CString::new(program.as_os_str().as_bytes()).map_err(io::Error::from)?;
    let further = arguments.iter().map(|word| CString::new(*word)).collect::<Result<Vec<_>, _>>();
    let (mut standard_input, mut output, mut errors) = (memory()?, memory()?, memory()?);
    standard_input.write_all(input)?;
    standard_input.rewind()?;
    let seconds = limit.as_secs() + 1;
    let plan = Plan {
        program: OwnedFd::from(File::open(program)?),
        arguments: [name].into_iter().chain(further.map_err(io::Error::from)?).collect(),
        environment: settings::environment(group, identity),
        descriptors: vec![standard_input.as_fd(), output.as_fd(), errors.as_fd()],
        chroot: None,
        umask: None,
        limits: vec![(Resource::Fsize, OUTPUT), (Resource::Cpu, seconds), (Resource::Core, 0)],
        priority: None,
        identity: process::is_root().then(|| (identity.uid, identity.gid, identity.groups.clone())),
        directory: Some(Ok("/".into())),
        delay: Duration::ZERO,
    };
    let launched = launch(&plan)?;
    drop(plan);
    let status = wait(launched.pid, limit)?;
    if let Some((_, error)) = trouble(&launched.trouble) {
        return Err(error.into());
    }
    let errors = String::from_utf8_lossy(&written(&mut errors)?).into_owned();
    Ok(Trial { status, output: written(&mut output)?, errors })
}

fn memory() -> Result<File, Errno> {
    memfd_create("mod_wsgi trial", MemfdFlags::CLOEXEC).map(File::from)
}

fn written(file: &mut File) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    file.rewind()?;
    file.take(OUTPUT).read_to_end(&mut all)?;
    Ok(all)
}

/// Waits for the end of a process of its own session, which is killed when the time is over; its children then, too.
fn wait(pid: i32, limit: Duration) -> Result<WaitStatus, TrialError> {
    let pid = Pid::from_raw(pid).ok_or(Errno::SRCH)?;
    let ended = pidfd_open(pid, PidfdFlags::empty());
    let until = Instant::now() + limit;
    let in_time = ended.and_then(|ended| is_over(&ended, until));
    let _ = kill_process(pid, Signal::KILL); // which may not have a session yet
    let _ = kill_process_group(pid, Signal::KILL);
    let status = loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            other => break other?.ok_or(Errno::CHILD)?.1,
        }
    };
    match in_time {
        Ok(true) => Ok(status),
        Ok(false) => Err(TrialError::Late(limit)),
        Err(error) => Err(error.into()),
    }
}

fn is_over(process: &OwnedFd, until: Instant) -> Result<bool, Errno> {
    loop {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now()));
        match poll(&mut [PollFd::new(process, PollFlags::IN)], left.ok().as_ref()) {
            Err(Errno::INTR) => {}
            other => return other.map(|ready| ready > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    /// A shell; its output ends with it and all of its children.
    fn start(script: &str, is_leader: bool) -> Child {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        if is_leader {
            command.process_group(0);
        }
        command.spawn().unwrap()
    }

    fn wait_for(child: &Child, limit: Duration) -> Result<WaitStatus, TrialError> {
        wait(i32::try_from(child.id()).unwrap(), limit)
    }

    #[test]
    fn who_has_no_session_yet_is_killed_in_time_as_well() {
        for is_leader in [true, false] {
            let (begin, child) = (Instant::now(), start("exec sleep 60", is_leader));
            assert!(matches!(wait_for(&child, Duration::from_millis(1)), Err(TrialError::Late(_))));
            assert!(begin.elapsed() < Duration::from_secs(30));
        }
    }

    #[test]
    fn children_do_not_outlive_it() {
        let (begin, mut child) = (Instant::now(), start("sleep 60 &", true));
        assert_eq!(wait_for(&child, Duration::from_secs(30)).unwrap().exit_status(), Some(0));
        child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
        assert!(begin.elapsed() < Duration::from_secs(30));
    }
}
