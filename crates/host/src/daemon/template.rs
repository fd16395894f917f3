//! A template: it loads the application, serves nobody, and forks a worker whenever the leader says so. What it has
//! loaded is the workers' from their first moment, and most of it stays in memory that they share.
//!
//! No thread of ours runs in it: a copy has the calling thread alone. Threads and sockets of the application's make it
//! unfit, see `api/forks.py`. It ends at once when its leader ends, and runs no `atexit` function: those belong to workers.
//!
//! A worker gets a control socket of its own, on which the leader has said which slot is its place. From there on it is
//! like one that was started ([`super::worker`]).

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, Builder, ScopedJoinHandle};

use contract::control::{self, FromWorker, Placed, ToTemplate};
use contract::launch::Target;
use contract::limits::duration;
use libc::{SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{DupFlags, Errno, dup3};
use serde::Serialize;

use super::bootstrap::{Begun, BootstrapError, own_process};
use super::shared::Shared;
use super::{watcher, worker};
use crate::api::recorder::RECORDER;
use crate::python::fork::Side;
use crate::python::posix::{catch, exit_now};
use crate::python::process::NotForked;

/// Runs the template to its end, and each worker that it forks.
pub(super) fn run(begun: Begun) -> ! {
    // They are meant for workers that serve; the default would end this process.
    if let Err(error) = catch(&[SIGUSR1, SIGUSR2, SIGHUP, SIGXCPU], None) {
        fail(&begun.control, format!("it cannot catch signals: {error}"));
    }
    let loaded = probed(&begun, || load(&begun));
    begun.process.freeze();
    tell(&begun.control, &FromWorker::Ready { loaded });
    loop {
        let control = next(&begun.control);
        begun.list_next(Some(control.as_fd()));
        let forked = begun.process.fork(|| tell(&control, &FromWorker::Forked { pid: std::process::id() }));
        begun.list_next(None);
        match forked {
            Ok(Side::Worker) => become_worker(begun, control),
            Ok(Side::Template) => {}
            Err(NotForked::Unfit(found)) => tell(&begun.control, &FromWorker::Unfit { found }),
            Err(NotForked::Refused(error)) => {
                let reason = format!(
                    "the process that has loaded the application cannot fork: {error}; look at the limits on processes \
                     and memory of the group's user"
                );
                tell(&begun.control, &FromWorker::NotForked { reason });
            }
        }
    }
}

/// Loads what the configuration wants and what the processes before had loaded, as far as it is still there. Whether all
/// of it worked.
fn load(begun: &Begun) -> bool {
    let (imports, reload) = (&begun.settings.group.python.imports, &begun.settings.reload);
    let reload = reload.iter().filter(|target| {
        target.application_group.is_empty() && target.script.exists() && !imports.contains(target)
    });
    imports.iter().chain(reload).filter(|target| !begun.process.load(target)).count() == 0
}

/// Takes Python's lock now and then while `load` runs, and tells the leader each time: what is loaded may keep that lock for
/// ever. Afterwards this thread is alone again.
fn probed(begun: &Begun, load: impl FnOnce() -> bool) -> bool {
    let Some(limit) = duration(begun.settings.group.limits.deadlock_timeout) else { return load() };
    let (pause, process, control) = (watcher::pause(limit), &begun.process, &begun.control);
    process.main().with(|_| ()); // once a thread has ended, the first time that another has Python starts a third one
    let (over, is_over) = channel::<()>();
    let probe = move || loop {
        process.main().with(|_| ());
        tell(control, &FromWorker::Probed);
        if is_over.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    };
    tell(control, &FromWorker::Probed);
    thread::scope(|scope| {
        let prober = Builder::new().name("wsgi-prober".to_owned()).spawn_scoped(scope, probe);
        let loaded = load();
        drop(over);
        let _ = prober.map(ScopedJoinHandle::join);
        loaded
    })
}

/// Waits for the leader, with which this process ends. Returns the control socket of the worker to fork.
fn next(control: &OwnedFd) -> OwnedFd {
    loop {
        match control::receive_passed(control) {
            Ok(Some((ToTemplate::Fork, Some(theirs)))) => return theirs,
            Ok(Some((ToTemplate::Fork, None))) | Err(Errno::BADMSG) => {
                tracing::warn!("a message of the leader was not understood and is ignored");
            }
            Ok(None) => match poll(&mut [PollFd::new(control, PollFlags::IN)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => fail(control, format!("it cannot wait for its leader: {error}")),
            },
            Err(_) => exit_now(0),
        }
    }
}

/// In a copy of the template: goes on as a worker.
fn become_worker(mut begun: Begun, control: OwnedFd) -> ! {
    // In the place of the template's own, which is closed.
    if let Err(error) = dup3(&control, &mut begun.control, DupFlags::CLOEXEC) {
        fail(&control, BootstrapError::from(std::io::Error::from(error)).to_string());
    }
    drop(control);
    own_process(&begun.settings.group);
    RECORDER.forked();
    let control = begun.control.try_clone();
    let shared = match place(begun) {
        Ok(shared) => shared,
        Err(error) => match control {
            Ok(control) => fail(&control, error.to_string()),
            Err(_) => exit_now(1),
        },
    };
    drop(control);
    worker::run(shared, take_over)
}

fn place(mut begun: Begun) -> Result<Shared, BootstrapError> {
    let Some((Placed { slot, reload }, Some(socket))) =
        control::receive_passed(&begun.control).map_err(std::io::Error::from)?
    else {
        return Err(BootstrapError::NoPlace);
    };
    (begun.settings.slot, begun.settings.reload) = (slot, reload);
    begun.settings.is_template = false;
    begun.into_worker(socket)
}

/// Reports what the template has loaded, lets the application do what has to be done in each worker, and loads what the
/// others have loaded since. Returns whether that worked.
fn take_over(shared: &Shared) -> bool {
    let there = shared.process.loaded();
    for target in &there {
        shared.script_is_there();
        shared.tell(&FromWorker::Loaded(target.clone()));
        shared.tell_version(target, None); // the file may be newer than the template
    }
    if !shared.process.forked() {
        let reason = "a function of mod_wsgi.subscribe_fork(after=...) raised (its traceback is in the log above), and a \
                      worker must not serve half made: mend the function";
        fail(&shared.control, reason.to_owned());
    }
    let is_missing = |target: &&Target| {
        target.application_group.is_empty() && target.script.exists() && !there.contains(target)
    };
    worker::load_again(shared, shared.settings.reload.iter().filter(is_missing))
}

/// Tells the leader, whose end is noticed elsewhere.
fn tell(control: &OwnedFd, message: &impl Serialize) {
    let _ = control::send(control.as_fd(), message);
}

fn fail(control: &OwnedFd, reason: String) -> ! {
    tell(control, &FromWorker::Failed { reason });
    exit_now(1)
}
