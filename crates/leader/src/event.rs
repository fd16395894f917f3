//! What the loop tells the supervisor, and what the supervisor wants of the loop.

use contract::area::State as Health;
use contract::control::{FromLeader, FromWorker, ToLeader, ToWorker};
use contract::launch::Target;
use contract::reason::Reason;
use tracing::Level;

use crate::elastic::Load;
use crate::look::Seen;
use crate::signals::Request;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A process runs in `slot`.
    Spawned { slot: u32, pid: u32 },
    /// The process could not be started; the slot is free again.
    NotSpawned { reason: String },
    /// None was started, since what the serving workers have loaded cannot be loaded now.
    NotLoaded { reason: String },
    /// With preload=on: a process begins to load the application.
    Preloads,
    /// With preload=on: code cannot be loaded anew, and workers have the old one; so many starts are given up.
    Kept { reason: String, starts: u32 },
    /// With preload=on: workers that start from now on have the code that the files hold.
    Renewed,
    /// No slot is free.
    NoSlot,
    /// A worker said something.
    Said { slot: u32, message: FromWorker },
    /// An interpreter that is coming up has printed something.
    Printed { slot: u32, text: String },
    /// What the shared area shows of a worker, once a second.
    Seen { slot: u32, seen: Seen },
    /// What an elastic group has to do.
    Load(Load),
    /// A draining worker has nothing left to do, but is still there.
    Idle { slot: u32 },
    /// A worker ended, after `requests` answered ones, with `busy` running ones.
    Exited { slot: u32, status: i32, requests: u64, busy: u32 },
    /// The parent, or the next leader, wants something.
    Asked(ToLeader),
    /// The previous leader answered.
    Previous(FromLeader),
    /// The previous leader is gone.
    PreviousGone,
    /// A signal.
    Signal(Request),
    /// The httpd parent is gone.
    HttpdGone,
    /// Nobody is left who could send a request.
    NoSenders,
    /// The processes of another group have come up, which were to come first, or requests wait for ours.
    Turn,
    /// Time passed.
    Tick,
}

/// Something to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a worker in a free slot; answered with `Spawned`, `NotSpawned`, `NotLoaded` or `NoSlot`, maybe later.
    Start { reload: Vec<Target>, why: String },
    /// Workers that start from now on must not have code that was loaded before.
    Renew,
    /// Say something to a worker.
    Tell { slot: u32, message: ToWorker },
    /// Let no more requests come to a worker that may be unable to say so itself.
    Close { slot: u32 },
    /// Send SIGTERM, which ends a worker that is still loading.
    Terminate { slot: u32 },
    /// Send SIGKILL.
    Kill { slot: u32 },
    /// Send SIGABRT, which ends a worker that is still loading and leaves its stack in the log.
    Abort { slot: u32 },
    /// Publish how a process ended, and why it was made to, and make its slot free.
    Free { slot: u32, pid: u32, status: i32, reason: Option<Reason> },
    /// Publish whether the group can serve; `Failing` only while no other leader's worker does.
    Publish(Health, String),
    /// Publish that the group is meant to have another number of processes.
    Resize { target: u32, reason: String },
    /// Answer the next leader.
    Answer(FromLeader),
    /// Say something to the previous leader.
    TellPrevious(ToLeader),
    /// Let the next group start its processes.
    PassTurn,
    /// Write a line.
    Log(Level, String),
    /// Leave.
    Exit,
}
