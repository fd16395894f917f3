//! One leader in the hands of the parent: started, and started again when it ends.

use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use contract::area::State;
use contract::ending::{advice, describe};
use contract::launch::{EXIT_UNUSABLE, Leader as Settings};
use contract::variables::Variables;
use contract::{level, ticket};
use rustix::fs::{MemfdFlags, memfd_create};

use super::generations::{Kept, Leader, happened};
use super::launch::{Plan, Step, launch, trouble};
use super::settings::{self, Identity, LEADER, Restrictions, StartError};
use super::sockets::{Ends, Sockets};
use super::syslog;
use super::turns::Turn;
use crate::apache::{Pool, Server, process};
use crate::config::ProcessGroup;

/// A leader that lived this long ended for a new reason.
const SETTLED: Duration = Duration::from_secs(30);
/// The longest pause before a leader is started again.
const LONGEST_PAUSE: u64 = 30;

/// Requests wait in the queue through pauses of up to this.
const WORTH_WAITING: Duration = Duration::from_secs(2);

/// What a leader is started from: of one configuration, and gone with it.
#[derive(Clone)]
pub(super) struct Start<'p> {
    pub(super) main: Server<'p>,
    /// The server that the group is defined in: its error log is the group's.
    pub(super) home: Server<'p>,
    pub(super) group: &'p ProcessGroup,
    pub(super) identity: Identity,
    /// What the group's options add to the environment of its workers.
    pub(super) environment: Variables,
    pub(super) pool: Pool<'p>,
}

/// Starts a leader after `delay`; it takes over from the one before, if that is there.
pub(super) fn start(
    start: &Start<'_>,
    kept: &mut Kept,
    turn: &Turn,
    delay: Duration,
) -> Result<(), StartError> {
    let (control, theirs) = ticket::queue().map_err(std::io::Error::from)?;
    let previous = kept.leaders.last().map(|leader| leader.control.as_fd());
    let mut settings = settings::leader(start.main, start.home, start.group, previous.is_some());
    settings.environment = start.environment.clone();
    (settings.waits_for_turn, settings.passes_turn) = (turn.waits.is_some(), turn.passes.is_some());
    let syslog = settings.syslog.as_ref().and_then(|_| syslog::connect(start.main));
    settings.syslog = settings.syslog.filter(|_| syslog.is_some());
    let file = settings_file(&settings)?;
    let ends = kept.sockets.ends();
    let Some(ends) = ends.as_ref() else { return Ok(()) }; // only in children, which start nothing
    let null = OwnedFd::from(File::options().read(true).write(true).open("/dev/null")?);
    let log = start.home.error_log().or(syslog.as_ref().map(AsFd::as_fd)).unwrap_or_else(|| standard_error());
    let behind =
        previous.into_iter().chain([&turn.waits, &turn.passes].into_iter().flatten().map(AsFd::as_fd));
    let descriptors = descriptors([null.as_fd(), log], [&theirs, &file], ends, behind);
    let launched = launch(&plan(start, descriptors, delay)?)?;
    let since = Instant::now() + delay;
    let generation = process::generation();
    kept.leaders.push(Leader { pid: launched.pid, generation, control, trouble: launched.trouble, since });
    watch(start, launched.pid);
    Ok(())
}

/// httpd reports what happens to the leader until its configuration goes.
fn watch(start: &Start<'_>, pid: i32) {
    let context = start.clone();
    process::watch(start.pool, pid, move |event| happened(pid, event, Some(&context)));
}

fn plan<'d>(
    start: &Start<'_>,
    descriptors: Vec<BorrowedFd<'d>>,
    delay: Duration,
) -> Result<Plan<'d>, StartError> {
    let (group, identity) = (start.group, &start.identity);
    let path = settings::program(&process::own_file());
    let file = path.display().to_string();
    let program = File::open(&path).map_err(|source| StartError::Leader { file, source })?.into();
    let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
    let restrictions = Restrictions::of(group);
    for warning in restrictions.warnings {
        start.home.log(level::WARN, &format!("process group `{}`: {warning}", group.name));
    }
    Ok(Plan {
        program,
        arguments: vec![name],
        environment: settings::environment(group, identity),
        descriptors,
        chroot: group.chroot.clone().filter(|_| process::is_root()),
        umask: group.umask,
        limits: restrictions.limits,
        priority: restrictions.priority,
        identity: process::is_root().then(|| (identity.uid, identity.gid, identity.groups.clone())),
        directory: settings::directory(group, identity),
        delay,
    })
}

/// What the leader finds open, in the order of [`contract::launch`].
fn descriptors<'d>(
    [null, log]: [BorrowedFd<'d>; 2],
    [control, settings]: [&'d OwnedFd; 2],
    ends: &'d Ends,
    behind: impl Iterator<Item = BorrowedFd<'d>>,
) -> Vec<BorrowedFd<'d>> {
    let streams = [null, log, log];
    let shared = [&ends.area, &ends.overflow, &ends.question].map(AsFd::as_fd);
    let fixed = streams.into_iter().chain([control.as_fd(), settings.as_fd()]).chain(shared);
    fixed.chain(ends.slots.iter().map(AsFd::as_fd)).chain(behind).collect()
}

/// httpd's own standard error.
fn standard_error() -> BorrowedFd<'static> {
    static STDERR: std::sync::LazyLock<std::io::Stderr> = std::sync::LazyLock::new(std::io::stderr);
    STDERR.as_fd()
}

fn settings_file(settings: &Settings) -> Result<OwnedFd, StartError> {
    let file = memfd_create("mod_wsgi leader", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?;
    let mut file = File::from(file);
    file.write_all(&serde_json::to_vec(settings).map_err(std::io::Error::from)?)?;
    Ok(file.into())
}

/// Starts another leader in the place of one that has ended without being told to.
pub(super) fn replace(start: &Start<'_>, kept: &mut Kept, leader: &Leader, status: Option<i32>) {
    let name = &start.group.name;
    kept.failures = if leader.since.elapsed() > SETTLED { 0 } else { kept.failures.saturating_add(1) };
    let failed = trouble(&leader.trouble)
        .map(|(step, error)| format!("{} failed: {error}{}", words(step, start), remedy(step)));
    let code = status.map(ExitStatus::from_raw).and_then(|status| status.code());
    if failed.is_none() && code == Some(EXIT_UNUSABLE) {
        let text = "the leader cannot work with what it was given; it has said why in the error log. Mend that, then stop and start httpd";
        return unusable(start, &kept.sockets, text);
    }
    let pause = pause(kept.failures);
    let next = match pause.as_secs() {
        0 => "another one starts".to_owned(),
        seconds => format!("another one starts in {seconds} s"),
    };
    let text = match &failed {
        Some(failed) => format!("process group `{name}` cannot be started: {failed}; {next}"),
        None => format!("the leader {} of process group `{name}` {}; {next}", leader.pid, end(status)),
    };
    start.home.log(level::ERROR, &text);
    // Requests wait for the next leader; when that may take long, clients are told.
    let again = (pause > WORTH_WAITING).then(|| format!("its leader {} {}", leader.pid, end(status)));
    if let Some(reason) = failed.or(again) {
        let group = kept.sockets.area.group();
        group.set_failure(&reason);
        group.set_state(State::Failing);
    }
    if let Err(error) = self::start(start, kept, &Turn::default(), pause) {
        let sockets = std::sync::Arc::clone(&kept.sockets);
        unusable(start, &sockets, &error.to_string());
    }
}

/// The group cannot serve until httpd is restarted: says so to the log and to clients.
pub(super) fn unusable(start: &Start<'_>, sockets: &Sockets, reason: &str) {
    start.home.log(level::CRIT, &format!("process group `{}` cannot be started: {reason}", start.group.name));
    sockets.area.group().set_failure(reason);
    sockets.area.group().set_state(State::Failing);
}

/// Before the start that follows so many leaders that ended soon.
fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => Duration::from_secs((1_u64 << (more - 2).min(10)).min(LONGEST_PAUSE)),
    }
}

/// How a leader ended: nobody but the system kills one, as far as anybody here knows.
fn end(status: Option<i32>) -> String {
    let Some(status) = status else { return "is gone".to_owned() };
    let advice =
        if ExitStatus::from_raw(status).signal() == Some(libc::SIGKILL) { advice(status, false) } else { "" };
    format!("{}{advice}", describe(status))
}

/// A step of the launch in words.
fn words(step: Step, start: &Start<'_>) -> String {
    let user =
        || start.identity.user.as_ref().map_or(format!("#{}", start.identity.uid), |user| user.name.clone());
    match step {
        Step::Descriptors => "putting its descriptors in place".to_owned(),
        Step::Session => "leaving httpd's session".to_owned(),
        Step::Root => "changing the root directory (chroot)".to_owned(),
        Step::Limits => "setting memory-limit or virtual-memory-limit".to_owned(),
        Step::Priority => "setting cpu-priority".to_owned(),
        Step::Groups => "setting its supplementary groups".to_owned(),
        Step::Group => format!("becoming group #{}", start.identity.gid),
        Step::User => format!("becoming user {}", user()),
        Step::Directory => {
            let home = start.group.home.as_ref().map(|home| home.display().to_string()).unwrap_or_default();
            format!("going to its home {home} as user {}", user())
        }
        Step::Execute => format!("executing {LEADER} as user {}", user()),
    }
}

fn remedy(step: Step) -> &'static str {
    match step {
        Step::Descriptors => "; look at httpd's limit on open files (ulimit -n)",
        Step::Directory => "; correct `home=`, or let the user search every directory above it",
        Step::Execute => {
            "; install all parts of mod_wsgi from one build; with chroot, what they need must be below the new root"
        }
        Step::User => "; the user may have reached its limit of processes",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow() {
        let pauses: Vec<_> = (0..9).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(pauses, [0, 0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(u32::MAX).as_secs(), 30);
    }

    #[test]
    fn ends_have_words() {
        assert!(
            end(Some(9)).starts_with("was killed by signal 9 (SIGKILL)") && end(Some(9)).contains("dmesg")
        );
        assert_eq!(end(Some(11)), "was killed by signal 11 (SIGSEGV), no core dumped");
        assert_eq!(end(Some(256)), "exited with status 1");
        assert_eq!(end(None), "is gone");
    }
}
