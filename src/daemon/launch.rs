//! The one place that forks: a copy of the httpd parent becomes the leader of a process group.
//!
//! Everything is prepared before the fork: descriptors, strings, identity. The copy then only makes system calls, in
//! this order: it closes every descriptor but the intended ones (no port, key or log of httpd stays with it), leaves
//! httpd's session and signals, waits if the start before failed (the parent has no timer), gives up what it may do
//! (root directory, umask, limits, priority, groups, user), goes to its directory, and executes the leader, which was
//! opened before the root directory changed. It never returns and runs no destructor: what it shares with the parent
//! stays the parent's. When a step fails, it says which through a pipe that the successful exec closes.

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::ptr;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, chdir, chroot, set_dumpable_behavior, setpriority_process, setrlimit,
    setsid, umask,
};

/// Everything that the copy needs.
#[derive(Debug)]
pub(super) struct Plan<'d> {
    /// The leader's executable, open.
    pub(super) program: OwnedFd,
    /// Its arguments, the first being its name.
    pub(super) arguments: Vec<CString>,
    /// Its environment, as `NAME=value`.
    pub(super) environment: Vec<CString>,
    /// What it finds open, by number from 0 on.
    pub(super) descriptors: Vec<BorrowedFd<'d>>,
    pub(super) chroot: Option<PathBuf>,
    pub(super) umask: Option<u32>,
    pub(super) limits: Vec<(Resource, u64)>,
    pub(super) priority: Option<i32>,
    /// User, group and supplementary groups to become; `None` without the right to change.
    pub(super) identity: Option<(u32, u32, Vec<u32>)>,
    /// The working directory; `Err` may be missing.
    pub(super) directory: Option<Result<PathBuf, PathBuf>>,
    /// How long to wait before the first step that the group's settings can make fail.
    pub(super) delay: Duration,
}

/// What the copy was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    Descriptors,
    Session,
    Root,
    Limits,
    Priority,
    Groups,
    Group,
    User,
    Directory,
    Execute,
}

/// A process that becomes a leader.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) pid: i32,
    /// Says why it could not, see [`trouble`].
    pub(super) trouble: OwnedFd,
}

impl Step {
    const ALL: [Self; 10] = [
        Self::Descriptors,
        Self::Session,
        Self::Root,
        Self::Limits,
        Self::Priority,
        Self::Groups,
        Self::Group,
        Self::User,
        Self::Directory,
        Self::Execute,
    ];
}

/// Forks. The result is the parent's; the copy does not return.
pub(super) fn launch(plan: &Plan<'_>) -> io::Result<Launched> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let arguments = pointers(&plan.arguments);
    let environment = pointers(&plan.environment);
    let mut space = Vec::with_capacity(plan.descriptors.len());
    let mask = block_signals(); // a TERM to the copy must not meet a handler of httpd's
    // SAFETY: the parent has one thread, and the copy makes system calls only until it executes or exits.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let (step, error) = become_leader(plan, &arguments, &environment, &mut space, write.as_raw_fd());
        give_up(trouble_end(plan), step, error);
    }
    let failure = io::Error::last_os_error();
    restore_signals(&mask);
    if pid < 0 { Err(failure) } else { Ok(Launched { pid, trouble: read }) }
}

/// What the copy said before it gave up.
pub(super) fn trouble(pipe: &OwnedFd) -> Option<(Step, Errno)> {
    let mut message = [0; 5];
    let length = rustix::io::read(pipe, &mut message).ok()?;
    let (&[step, error @ ..], 5) = (&message, length) else { return None };
    let step = Step::ALL.into_iter().find(|known| *known as u8 == step)?;
    Some((step, Errno::from_raw_os_error(i32::from_le_bytes(error))))
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// In the copy: everything up to the exec. Returns what failed.
fn become_leader(
    plan: &Plan<'_>,
    arguments: &[*const c_char],
    environment: &[*const c_char],
    space: &mut Vec<RawFd>,
    trouble: RawFd,
) -> (Step, Errno) {
    let mut prepare = || -> Result<(), (Step, Errno)> {
        arrange(plan, space, trouble).map_err(|error| (Step::Descriptors, error))?;
        setsid().map_err(|error| (Step::Session, error))?;
        // It has httpd's memory until it executes: neither a core file nor the group's user may see that.
        set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| (Step::Session, error))?;
        reset_signals();
        std::thread::sleep(plan.delay); // holding nothing; what failed before is then tried anew
        restrict(plan)?;
        if let Some(directory) = &plan.directory {
            enter(directory).map_err(|error| (Step::Directory, error))?;
        }
        Ok(())
    };
    if let Err(failed) = prepare() {
        return failed;
    }
    // SAFETY: both arrays end with null, and their strings are alive in the plan.
    unsafe { libc::fexecve(program_number(plan), arguments.as_ptr(), environment.as_ptr()) };
    (Step::Execute, last_error())
}

/// The numbers behind the intended descriptors: the program, and the pipe for trouble. Both close on exec.
fn program_number(plan: &Plan<'_>) -> RawFd {
    plan.descriptors.len() as RawFd
}

fn trouble_end(plan: &Plan<'_>) -> RawFd {
    program_number(plan) + 1
}

/// Puts the intended descriptors in their places and closes all others.
fn arrange(plan: &Plan<'_>, space: &mut Vec<RawFd>, trouble: RawFd) -> Result<(), Errno> {
    let (program, pipe) = (program_number(plan), trouble_end(plan));
    // First away from the places, so that none is overwritten before it was moved.
    for descriptor in &plan.descriptors {
        space.push(away(descriptor.as_raw_fd(), pipe + 1)?);
    }
    let (executable, trouble) = (away(plan.program.as_raw_fd(), pipe + 1)?, away(trouble, pipe + 1)?);
    for (place, descriptor) in space.iter().enumerate() {
        // SAFETY: both are plain numbers; what was open at `place` belongs to this copy alone.
        check(unsafe { libc::dup2(*descriptor, place as RawFd) })?;
    }
    for (descriptor, place) in [(executable, program), (trouble, pipe)] {
        // SAFETY: as above.
        check(unsafe { libc::dup3(descriptor, place, libc::O_CLOEXEC) })?;
    }
    // SAFETY: nothing in this copy uses a descriptor above these any more.
    check(unsafe { libc::close_range(pipe as u32 + 1, u32::MAX, 0) })?;
    Ok(())
}

fn away(descriptor: RawFd, above: RawFd) -> Result<RawFd, Errno> {
    // SAFETY: makes a copy with a free number.
    check(unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, above) })
}

/// Gives up what httpd may do and the group may not.
fn restrict(plan: &Plan<'_>) -> Result<(), (Step, Errno)> {
    if let Some(root) = &plan.chroot {
        chroot(root).and_then(|()| chdir("/")).map_err(|error| (Step::Root, error))?;
    }
    if let Some(mode) = plan.umask {
        umask(Mode::from_raw_mode(mode));
    }
    for (resource, limit) in &plan.limits {
        let limit = Rlimit { current: Some(*limit), maximum: Some(*limit) };
        setrlimit(*resource, limit).map_err(|error| (Step::Limits, error))?;
    }
    if let Some(priority) = plan.priority {
        setpriority_process(None, priority).map_err(|error| (Step::Priority, error))?;
    }
    if let Some((user, group, groups)) = &plan.identity {
        // SAFETY: the list is as long as said; the copy has one thread.
        check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })
            .map_err(|error| (Step::Groups, error))?;
        // SAFETY: plain numbers.
        check(unsafe { libc::setresgid(*group, *group, *group) }).map_err(|error| (Step::Group, error))?;
        // SAFETY: plain numbers; last, because it takes the right to do the rest away.
        check(unsafe { libc::setresuid(*user, *user, *user) }).map_err(|error| (Step::User, error))?;
    }
    Ok(())
}

/// Goes to the directory; one that may be missing is replaced by the root.
fn enter(directory: &Result<PathBuf, PathBuf>) -> Result<(), Errno> {
    match directory {
        Ok(directory) => chdir(directory),
        Err(directory) => chdir(directory).or_else(|_| chdir("/")),
    }
}

/// In the copy: says what failed, and ends without running anything of httpd's.
fn give_up(pipe: RawFd, step: Step, error: Errno) -> ! {
    let [a, b, c, d] = error.raw_os_error().to_le_bytes();
    let message = [step as u8, a, b, c, d];
    // SAFETY: the message is readable for its length. If the descriptors were not arranged it goes nowhere.
    let _ = unsafe { libc::write(pipe, message.as_ptr().cast(), message.len()) };
    // SAFETY: ends the copy at once.
    unsafe { libc::_exit(1) }
}

fn block_signals() -> libc::sigset_t {
    // SAFETY: all zero is a valid set.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    let mut before = all;
    // SAFETY: the set is writable.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: both sets are alive.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
    before
}

fn restore_signals(mask: &libc::sigset_t) {
    // SAFETY: a set of [`block_signals`].
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, ptr::null_mut()) };
}

/// Default dispositions and an empty mask: both survive an exec.
fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: no handler of this program is left to run; KILL and STOP are refused, which does not matter.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: all zero is the empty set.
    let none: libc::sigset_t = unsafe { std::mem::zeroed() };
    restore_signals(&none);
}

fn check(result: c_int) -> Result<c_int, Errno> {
    if result < 0 { Err(last_error()) } else { Ok(result) }
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, WaitOptions, waitpid};
    use std::fs::File;
    use std::io::{Read, Seek};
    use std::os::fd::AsFd;

    /// Runs a shell command in place of the leader; its output, its exit status, and its trouble.
    fn run(change: impl FnOnce(&mut Plan<'_>), script: &str) -> (String, i32, Option<(Step, Errno)>) {
        let null: OwnedFd = File::open("/dev/null").unwrap().into();
        let memory = rustix::fs::memfd_create("out", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        let mut out = File::from(memory);
        let mut plan = Plan {
            program: File::open("/bin/sh").unwrap().into(),
            arguments: ["sh", "-c", script].map(|word| CString::new(word).unwrap()).to_vec(),
            environment: vec![c"WHO=leader".into()],
            descriptors: vec![null.as_fd(), out.as_fd(), out.as_fd(), null.as_fd()],
            chroot: None,
            umask: None,
            limits: Vec::new(),
            priority: None,
            identity: None,
            directory: None,
            delay: Duration::ZERO,
        };
        change(&mut plan);
        let launched = launch(&plan).unwrap();
        drop(plan);
        let pid = Pid::from_raw(launched.pid);
        let (_, status) = waitpid(pid, WaitOptions::empty()).unwrap().unwrap();
        let mut text = String::new();
        out.rewind().unwrap();
        out.read_to_string(&mut text).unwrap();
        (text, status.exit_status().unwrap_or(-1), trouble(&launched.trouble))
    }

    #[test]
    fn only_the_intended_descriptors_are_open() {
        let _other = File::open("/").unwrap();
        let script = "for n in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && echo $n; done; echo $WHO";
        let (out, status, trouble) = run(|_| {}, script);
        assert_eq!(out, "0\n1\n2\n3\nleader\n");
        assert_eq!((status, trouble), (0, None));
    }

    #[test]
    fn limits_and_directory_hold() {
        let change = |plan: &mut Plan<'_>| {
            plan.umask = Some(0o027);
            plan.directory = Some(Ok("/usr".into()));
            plan.limits = vec![(Resource::Nofile, 77)];
        };
        assert_eq!(run(change, "pwd; umask; ulimit -n").0, "/usr\n0027\n77\n");
    }

    #[test]
    fn what_failed_is_told() {
        let change = |plan: &mut Plan<'_>| plan.directory = Some(Ok("/does/not/exist".into()));
        let (_, status, trouble) = run(change, "true");
        assert_eq!((status, trouble), (1, Some((Step::Directory, Errno::NOENT))));
        let change = |plan: &mut Plan<'_>| plan.directory = Some(Err("/does/not/exist".into()));
        assert_eq!(run(change, "pwd").0, "/\n");
        let change = |plan: &mut Plan<'_>| plan.program = File::open("/etc/passwd").unwrap().into();
        assert!(matches!(run(change, "true").2, Some((Step::Execute, Errno::ACCESS))));
    }
}
