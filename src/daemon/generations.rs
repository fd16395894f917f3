//! The parent's side: which groups there are, their sockets, and their leaders over restarts of httpd.
//!
//! Sockets and area outlive `apachectl graceful`; leaders do not. Each generation of httpd starts a leader on the same
//! sockets and gives it the control socket of the one before, which it asks to drain once its own workers serve. What
//! is known is kept in [`Parent`], which httpd keeps over restarts; the closures that httpd calls belong to one
//! configuration, and go with it.
//!
//! httpd clears its configuration before it reads the new one. Then all leaders are told RELEASE: serve on, but leave
//! if nobody adopts you. If httpd was restarted or stopped the hard way it has reported that before, leaders got a
//! TERM then, and their end is waited for. A group that is gone or changed its shape keeps its leader, adopted, for
//! the children of the old generation; at their end it drains.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::control::ToLeader;
use contract::level;
use contract::ticket::send_with;
use rustix::net::SendFlags;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::ownership::Ownership;
use super::parent::{self, Start};
use super::settings::{Identity, StartError, variables};
use super::sockets::Sockets;
use super::turns::{Turn, Turns};
use super::{Group, Groups, advice};
use crate::apache::process::{self, ChildEvent};
use crate::apache::{Pool, Server};

/// What httpd grants a process that was told to end.
const GRANTED: Duration = Duration::from_secs(3);

/// All that the parent knows about groups, over restarts.
#[derive(Debug, Default)]
pub(super) struct Parent {
    /// The parent's own process id: children have a copy of this, and must not act on it.
    pid: u32,
    pub(super) groups: BTreeMap<String, Kept>,
    /// Leaders of groups that are gone; they serve the children of their generation.
    parting: Vec<Leader>,
    /// httpd stops or restarts the hard way.
    ending: bool,
}

/// A group, as far as it outlives a configuration.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) sockets: Arc<Sockets>,
    shape: Shape,
    /// Its leaders, the present one last.
    pub(super) leaders: Vec<Leader>,
    /// How often in a row a leader ended soon.
    pub(super) failures: u32,
}

/// What sockets are made for: with another shape, others are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    processes: u32,
    threads: u32,
    uid: u32,
    gid: u32,
}

/// A leader process.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) pid: i32,
    pub(super) generation: u32,
    pub(super) control: OwnedFd,
    /// Says why it could not be started.
    pub(super) trouble: OwnedFd,
    pub(super) since: Instant,
}

impl Leader {
    /// Says something without waiting; a leader that does not listen is no reason to hang.
    pub(super) fn say(&self, message: &ToLeader) {
        let text = serde_json::to_vec(message).unwrap_or_default();
        let _ = send_with(self.control.as_fd(), &[IoSlice::new(&text)], &[], SendFlags::DONTWAIT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Parent {
    fn leaders(&self) -> impl Iterator<Item = &Leader> {
        self.groups.values().flat_map(|kept| &kept.leaders).chain(&self.parting)
    }

    /// Ends all leaders, within what httpd grants, and forgets everything.
    fn end(&mut self) {
        self.leaders().for_each(|leader| leader.signal(Signal::TERM));
        let until = Instant::now() + GRANTED;
        let groups = std::mem::take(&mut self.groups);
        let mut left: Vec<_> = groups.into_values().flat_map(|kept| kept.leaders).collect();
        left.append(&mut self.parting);
        while !left.is_empty() && Instant::now() < until {
            left.retain(|leader| !has_ended(leader.pid, WaitOptions::NOHANG));
            std::thread::sleep(Duration::from_millis(if left.is_empty() { 0 } else { 10 }));
        }
        for leader in left {
            leader.signal(Signal::KILL);
            has_ended(leader.pid, WaitOptions::empty());
        }
        self.ending = false;
    }

    /// Takes a leader that has ended out of the lists: its group if it was a group's, and whether it was the present
    /// leader.
    fn remove(&mut self, pid: i32) -> Option<(Leader, Option<(String, bool)>)> {
        if let Some(at) = self.parting.iter().position(|leader| leader.pid == pid) {
            return Some((self.parting.remove(at), None));
        }
        self.groups.iter_mut().find_map(|(name, kept)| {
            let at = kept.leaders.iter().position(|leader| leader.pid == pid)?;
            let is_present = at + 1 == kept.leaders.len();
            Some((kept.leaders.remove(at), Some((name.clone(), is_present))))
        })
    }
}

fn has_ended(pid: i32, options: WaitOptions) -> bool {
    !matches!(waitpid(Pid::from_raw(pid), options), Ok(None))
}

fn parent() -> MutexGuard<'static, Parent> {
    process::retained::<Parent>(c"mod_wsgi: process groups").lock().unwrap_or_else(PoisonError::into_inner)
}

/// In the parent, once the configuration counts: makes or finds each group's sockets and starts its leader. An error
/// stops httpd.
pub(crate) fn post_config<'p>(main: Server<'p>, pool: Pool<'p>) -> Result<(), StartError> {
    let wanted: Vec<_> = main
        .iter()
        .flat_map(|home| home.own_settings().process_groups.iter().map(move |group| (home, group)))
        .map(|(home, group)| {
            Ok((home, group, Identity::of(group)?, Ownership::of(group)?, variables(group)?))
        })
        .collect::<Result<_, StartError>>()?;
    let mut known = parent();
    if known.pid == 0 {
        known.pid = std::process::id();
        main.process_pool().on_clear(|| at_end(true));
    }
    let mut before = std::mem::take(&mut known.groups);
    let (mut turns, mut table) = (Turns::of(wanted.len()), Vec::new());
    for (home, group, identity, scripts, environment) in wanted {
        let name = group.name.to_string();
        let kept = before.remove(&name);
        let start = Start { main, home, group, identity, environment, pool };
        let sockets =
            group_of(&mut known, &start, kept, &turns.next()).map_err(|error| report(&start, &error));
        table.push(Group::new(home, group, scripts, sockets));
    }
    let gone: Vec<_> = before.into_values().flat_map(|kept| kept.leaders).collect();
    known.parting.extend(gone);
    for leader in known.leaders() {
        leader.say(&ToLeader::Adopt);
        let pid = leader.pid;
        if leader.generation != process::generation() {
            process::watch(pool, pid, move |event| happened(pid, event, None));
        }
    }
    drop(known);
    advice::give(main, &table);
    pool.on_clear(|| at_end(false));
    main.attach(Groups::new(table));
    Ok(())
}

/// The sockets of a group, with a leader on them. A failure to start a leader is shown to clients as the reason.
fn group_of(
    known: &mut Parent,
    start: &Start<'_>,
    kept: Option<Kept>,
    turn: &Turn,
) -> Result<Arc<Sockets>, StartError> {
    let (group, identity) = (start.group, &start.identity);
    let shape =
        Shape { processes: group.processes(), threads: group.threads, uid: identity.uid, gid: identity.gid };
    let mut kept = match kept {
        Some(kept) if kept.shape == shape => Kept { failures: 0, ..kept },
        other => {
            known.parting.extend(other.into_iter().flat_map(|kept| kept.leaders));
            let sockets = Arc::new(Sockets::create(group.processes(), group.threads, group.listen_backlog)?);
            Kept { sockets, shape, leaders: Vec::new(), failures: 0 }
        }
    };
    let sockets = Arc::clone(&kept.sockets);
    if let Err(error) = parent::start(start, &mut kept, turn, Duration::ZERO) {
        parent::unusable(start, &sockets, &error.to_string());
    }
    known.groups.insert(group.name.to_string(), kept);
    Ok(sockets)
}

/// A group without sockets answers every request with the reason.
fn report(start: &Start<'_>, error: &StartError) -> String {
    start.home.log(level::CRIT, &format!("process group `{}`: {error}", start.group.name));
    error.to_string()
}

/// Something happened to leader `pid`. `start` is there for leaders of the present configuration.
pub(super) fn happened(pid: i32, event: ChildEvent, start: Option<&Start<'_>>) {
    let status = match event {
        ChildEvent::Died(status) => Some(status),
        ChildEvent::Lost => None,
        ChildEvent::Restart => {
            let mut known = parent();
            known.ending = true;
            return known
                .leaders()
                .filter(|leader| leader.pid == pid)
                .for_each(|leader| leader.signal(Signal::TERM));
        }
        ChildEvent::Running | ChildEvent::Unregistered => return,
    };
    let mut known = parent();
    let Some((leader, place)) = known.remove(pid) else { return };
    let (Some(start), Some((name, true))) = (start, place) else { return };
    if process::is_stopping() || known.ending {
        return;
    }
    if let Some(kept) = known.groups.get_mut(&name) {
        parent::replace(start, kept, &leader, status);
    }
}

/// All children of a generation are gone: nobody needs the leaders any more that only they knew.
pub(crate) fn end_generation(generation: u32) {
    let known = parent();
    known
        .parting
        .iter()
        .filter(|leader| leader.generation <= generation)
        .for_each(|leader| leader.say(&ToLeader::Drain));
}

/// The configuration goes, or with `all` the process.
fn at_end(all: bool) {
    let mut known = parent();
    if known.pid != std::process::id() {
        return; // a child's copy
    }
    if all || known.ending {
        known.end();
    } else {
        known.leaders().for_each(|leader| leader.say(&ToLeader::Release));
    }
}

/// In a child: what belongs to the parent alone is closed. With httpd -X the child is the parent.
pub(super) fn child_init(groups: &Groups) {
    let mut known = parent();
    if known.pid == std::process::id() {
        return;
    }
    *known = Parent::default();
    for sockets in groups.iter().filter_map(|group| group.sockets.as_ref().ok()) {
        drop(sockets.ends().take());
    }
}
