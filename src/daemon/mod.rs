//! Daemon mode: applications in processes of their own, reached over unnamed sockets.
//!
//! For each WSGIDaemonProcess the parent makes sockets and a shared area and starts a leader, which keeps the group's
//! worker processes ([`generations`], [`parent`], [`launch`], [`settings`], [`environment`], [`sockets`], [`turns`]). A child
//! relays requests to them ([`client`]): it finds a thread ([`slots`], or [`queue`] when none is free), writes the request
//! ([`parcel`], [`outgoing`], [`upload`]) into a [`connection`], and turns what comes back ([`incoming`]) into the
//! response ([`answer`]) at the pace of the client ([`delivery`], [`spool`]), or into the verdict ([`ruling`]) that was asked
//! for. Long bodies may be [`buffered`] before; both kinds of files are [`unlinked`]. When a worker dies, [`death`] finds out
//! how; [`error`] says what the client gets.
//! Workers of a group with `server-metrics=On` ask for httpd's scoreboard: [`questions`]. For `httpd -t` [`mod@trial`] runs a
//! program as a group's processes would run it. [`mod@seen`] is for those who show the groups.
//!
//! Sound because: one request is with one worker at a time, which owns its thread's reservation from the moment it
//! reads the request; what a worker sends is checked as if it came from the network, since it may run anybody's code;
//! and no lock is held while anything is sent, received or waited for. Only [`launch`] has unsafe code.

mod advice;
mod answer;
mod buffered;
mod client;
mod connection;
mod death;
mod delivery;
mod environment;
mod error;
mod generations;
mod incoming;
#[expect(unsafe_code, reason = "fork, exec and changing identity are system calls without a safe form")]
mod launch;
mod line;
mod outgoing;
mod outlet;
mod ownership;
mod parcel;
mod parent;
mod questions;
mod queue;
mod reply;
mod root;
mod ruling;
mod seen;
mod settings;
mod shelf;
mod slots;
mod sockets;
mod spool;
mod syslog;
mod trial;
mod turns;
mod unlinked;
mod upload;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant, SystemTime};

use contract::level;

pub(crate) use self::environment::{environment, exposed};
pub(crate) use self::error::Error;
pub(crate) use self::generations::{end_generation, post_config};
pub(crate) use self::seen::{Seen, seen};
pub(crate) use self::settings::{Identity, StartError};
pub(crate) use self::trial::{Trial, TrialError, run as trial};

use self::answer::Answer;
use self::client::Relay;
use self::connection::Idle;
use self::incoming::Incoming;
use self::line::Line;
use self::ownership::Ownership;
use self::parcel::Parcel;
use self::reply::Reply;
use self::ruling::Ruling;
use self::shelf::Shelf;
use self::sockets::Sockets;
use crate::apache::patience::Patience;
use crate::apache::{HandlerResult, Pool, Redirect, Request, Server, process};
use crate::config::{Mode, ProcessGroup, Resolved};
use crate::notes;

/// The buffers for what workers send, from request to request.
static INCOMING: Shelf<Incoming> = Shelf::new();

/// A process group as an httpd child knows it.
pub(crate) struct Group {
    settings: ProcessGroup,
    /// The processes' root directory, if they have another than httpd.
    root: Option<PathBuf>,
    /// In seconds; 0 is no limit.
    socket_timeout: u32,
    /// The ServerName that it is for, if it is defined in a virtual host.
    owner: Option<CString>,
    /// For how long a client may take nothing; `None`: as httpd's Timeout says.
    client_timeout: Option<Duration>,
    /// Where the files are that slow clients need, and that it has been said that none can be made there.
    spool_directory: PathBuf,
    spool_failed: AtomicBool,
    /// Whose its scripts must be.
    scripts: Option<Ownership>,
    /// Or why there are none.
    sockets: Result<Arc<Sockets>, String>,
    idle: Idle,
    line: Line,
    /// Where the search for a slot begins, so that ties go round.
    turn: AtomicUsize,
}

/// All groups by name; filed under the main server.
pub(crate) struct Groups(BTreeMap<Vec<u8>, Group>);

/// In a child: closes what belongs to the parent and to workers, and listens to workers that may ask.
pub(crate) fn child_init(main: Server<'static>, child: Pool<'static>) {
    if let Some(groups) = main.attached::<Groups>() {
        generations::child_init(groups);
        if let Err(error) = questions::listen(groups, child) {
            let text = "mod_wsgi.server_metrics() will answer None in daemon processes, as far as this httpd child goes";
            main.log(level::ERROR, &format!("{text}: it cannot listen to them: {error}"));
        }
    }
}

/// Relays a request to its process group. `Err` is a redirect that is to be followed.
pub(crate) fn relay(
    request: Request<'_>,
    resolved: &Resolved<'_>,
    payload: Vec<u8>,
) -> Result<HandlerResult, Redirect> {
    let (group, sockets) = match find(request, &resolved.mode) {
        Ok(found) => found,
        Err(error) => {
            report(request, &error);
            return Ok(HandlerResult::Status(error.status()));
        }
    };
    let mut answer = Answer::new(request, resolved, group);
    let result = run(request, (group, sockets), resolved.script, payload, &mut answer);
    let result = result.unwrap_or_else(|error| {
        sockets.count(&error);
        report(request, &error);
        answer.refuse(error.status())
    });
    answer.into_redirect().map_or(Ok(result), Err)
}

/// Has a script in a process group give a verdict. `Err` is the status of a request for which none could be had; the
/// reason is logged.
pub(crate) fn judge(
    request: Request<'_>,
    mode: &Mode<'_>,
    script: &[u8],
    payload: Vec<u8>,
) -> Result<Vec<u8>, u16> {
    let mut ruling = Ruling::new(request);
    let result = find(request, mode).and_then(|found| run(request, found, script, payload, &mut ruling));
    match result {
        Ok(HandlerResult::Status(status)) => Err(status),
        Ok(HandlerResult::Done | HandlerResult::Declined) => ruling.into_verdict().ok_or(500),
        Err(error) => {
            report(request, &error);
            Err(error.status())
        }
    }
}

fn run(
    request: Request<'_>,
    (group, sockets): (&Group, &Sockets),
    script: &[u8],
    payload: Vec<u8>,
    reply: &mut impl Reply,
) -> Result<HandlerResult, Error> {
    if let Some(Err((path, source))) = group.scripts.as_ref().map(|owner| owner.check(script)) {
        return Err(Error::Ownership { group: group.name(), path, source });
    }
    let _patience = group.client_timeout.and_then(|limit| Patience::set(request, limit));
    let payload = match &group.root {
        Some(root) => root::request(root, &payload).ok_or_else(|| group.out_of_sight(root, script))?,
        None => payload,
    };
    let received = received(request);
    let mut parcel = Parcel::new(request, payload, group, received)?;
    let mut relay =
        Relay { request, group, sockets, answer: reply, incoming: INCOMING.take(), received, script };
    let result = relay.run(&mut parcel);
    relay.incoming.reset();
    INCOMING.put(relay.incoming);
    if result.is_err() && reply.taken().is_none() {
        parcel.note_wait();
    }
    result
}

fn find<'r>(request: Request<'r>, mode: &Mode<'_>) -> Result<(&'r Group, &'r Sockets), Error> {
    let name: &[u8] = match mode {
        Mode::Daemon(name) => name,
        Mode::Embedded => b"",
    };
    let groups = Server::main().and_then(Server::attached::<Groups>);
    let Some(group) = groups.and_then(|groups| groups.0.get(name)) else {
        let known = groups.map(Groups::names).unwrap_or_default();
        return Err(Error::Unknown { name: String::from_utf8_lossy(name).into_owned(), known });
    };
    if let Some(owner) = &group.owner {
        if request.server().hostname() != Some(owner) {
            let owner = owner.to_string_lossy().into_owned();
            return Err(Error::Foreign { group: group.name(), owner });
        }
    }
    if group.settings.threads == 0 {
        return Err(Error::Service { group: group.name() });
    }
    match &group.sockets {
        Ok(sockets) => Ok((group, sockets)),
        Err(reason) => Err(Error::Failing { group: group.name(), reason: reason.clone() }),
    }
}

/// Tells the request's log, ErrorDocument and the client why there is no answer.
fn report(request: Request<'_>, error: &Error) {
    let text = error.to_string();
    request.log(error.level(), &text);
    request.notes().set(notes::ERROR_CAUSE, request.pool().string(text.as_bytes()));
    if let Some(seconds) = error.retry() {
        request.err_headers_out().set_copy(request.pool(), b"Retry-After", seconds.to_string().as_bytes());
    }
}

impl Group {
    fn new(
        home: Server<'_>,
        group: &ProcessGroup,
        scripts: Option<Ownership>,
        sockets: Result<Arc<Sockets>, String>,
    ) -> Self {
        let slots = sockets.as_ref().map_or(0, |sockets| sockets.slots.len());
        let owner = home.hostname().filter(|_| home.is_virtual()).map(Into::into);
        Self {
            settings: group.clone(),
            root: group.chroot.clone().filter(|_| process::is_root()), // asked by the parent: children are not root
            socket_timeout: settings::socket_timeout(home, group),
            owner,
            client_timeout: group.client_timeout(),
            spool_directory: group.spool_directory.clone().unwrap_or_else(std::env::temp_dir),
            spool_failed: AtomicBool::new(false),
            scripts,
            sockets,
            idle: Idle::new(slots),
            line: Line::default(),
            turn: AtomicUsize::new(std::process::id() as usize),
        }
    }

    fn name(&self) -> String {
        self.settings.name.to_string()
    }

    fn out_of_sight(&self, root: &Path, script: &[u8]) -> Error {
        let script = String::from_utf8_lossy(script).into_owned();
        Error::OutOfSight { group: self.name(), root: root.to_owned(), script }
    }
}

impl Groups {
    fn new(groups: Vec<Group>) -> Self {
        Self(groups.into_iter().map(|group| (group.settings.name.as_str().into(), group)).collect())
    }

    fn iter(&self) -> impl Iterator<Item = &Group> {
        self.0.values()
    }

    /// The names, as a clause of a sentence.
    fn names(&self) -> String {
        let names: Vec<_> = self.0.values().map(|group| group.settings.name.as_str()).collect();
        if names.is_empty() { String::new() } else { format!(" (there are `{}`)", names.join("`, `")) }
    }
}

/// When httpd received the request, by the clock that nobody sets. httpd has only told the time of day, so what a clock
/// was set by in the few moments until here does count.
fn received(request: Request<'_>) -> Instant {
    let (now, age) = (Instant::now(), Duration::from_micros(now().saturating_sub(request.time())));
    now.checked_sub(age).unwrap_or(now)
}

/// Microseconds since the epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
