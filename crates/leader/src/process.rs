//! A process that is a child of this one: started here, or forked from a template and left to us.

use std::os::fd::OwnedFd;

use rustix::io::{Errno, Result, read};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, pidfd_open, pidfd_send_signal, waitid,
    waitpid,
};

use crate::control::Control;

/// How much a pipe holds, in bytes.
const PIPE: usize = 64 << 10;

/// A child, and the ways to it.
pub(crate) struct Process {
    pub(crate) pid: Pid,
    /// Readable once it has ended.
    pub(crate) pidfd: OwnedFd,
    pub(crate) control: Option<Control>,
    /// What its interpreter prints to standard error before the host runs.
    pub(crate) printed: Option<OwnedFd>,
    /// Its wait status, if somebody has asked for it already.
    pub(crate) status: Option<i32>,
}

impl Process {
    /// Looks after child `pid`, which has not been waited for. An error if there is no such child.
    pub(crate) fn watch(pid: u32, control: OwnedFd, printed: Option<OwnedFd>) -> Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), options)?;
        let control = Control::new(control, format!("process {}", pid.as_raw_nonzero()));
        Ok(Self { pid, pidfd, control: Some(control), printed, status: None })
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends it a signal, if it is still there.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// What its interpreter has printed since: no more than a pipe holds, for one may print for ever.
    pub(crate) fn read_printed(&mut self) -> Option<Vec<u8>> {
        let mut text = vec![0; PIPE];
        match read(self.printed.as_ref()?, &mut text) {
            Ok(count @ 1..) => {
                text.truncate(count);
                return Some(text);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(_) | Err(_) => self.printed = None,
        }
        None
    }

    /// Its wait status, once it has ended; asked once.
    pub(crate) fn reap(&self) -> Option<i32> {
        if self.status.is_some() {
            return self.status;
        }
        match waitpid(Some(self.pid), WaitOptions::NOHANG) {
            Ok(None) => None,
            Ok(Some((_, status))) => Some(status.as_raw()),
            Err(_) => Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::ticket;
    use rustix::pipe::{PipeFlags, pipe_with};
    use std::process::Command;

    fn watch(pid: u32) -> Result<Process> {
        Process::watch(pid, ticket::queue()?.0, None)
    }

    #[test]
    fn a_child_is_waited_for() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = watch(child.id()).unwrap();
        assert_eq!((process.id(), process.reap()), (child.id(), None));
        process.signal(Signal::KILL);
        let status = loop {
            if let Some(status) = process.reap() {
                break status;
            }
            std::thread::yield_now();
        };
        assert_eq!(status, Signal::KILL.as_raw());
        assert!(child.wait().is_err(), "it was waited for");
    }

    #[test]
    fn what_is_printed_is_read_a_pipe_at_a_time() {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let mut process = Process::watch(child.id(), ticket::queue().unwrap().0, Some(ours)).unwrap();
        while rustix::io::write(&theirs, &[b'x'; 1000]).is_ok() {}
        let printed = process.read_printed().map(|text| text.len());
        assert!(printed.is_some_and(|length| length > 0 && length <= PIPE), "{printed:?}");
        assert_eq!(process.read_printed(), None, "that was all");
        assert!(process.printed.is_some(), "there may be more");
        drop(theirs);
        while process.printed.is_some() {
            assert_eq!(process.read_printed(), None); // what another test starts may hold it for a moment
        }
        child.wait().unwrap();
    }

    #[test]
    fn others_are_refused() {
        assert_eq!(watch(1).err(), Some(Errno::CHILD));
        assert_eq!(watch(0).err(), Some(Errno::SRCH));
        assert_eq!(watch(u32::MAX).err(), Some(Errno::SRCH));
    }
}
