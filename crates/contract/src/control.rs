//! Messages between parent, leader, templates and workers, as JSON over a control socket (`SOCK_SEQPACKET`, one message a
//! packet): rare, small, and readable in a trace.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::launch::Target;
use crate::modified::Sighting;
use crate::reason::Reason;
use crate::ticket::{receive_with, send_with};

/// Longest message in bytes.
const LIMIT: usize = 128 << 10;

/// What the httpd parent, or the leader of the next generation, says to a leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToLeader {
    /// Parent: the configuration that made you is gone. Serve on; unless adopted within 60 s, drain and exit.
    Release,
    /// Parent: the new configuration still has your group.
    Adopt,
    /// Next leader: tell me what your workers have loaded (answered with [`FromLeader::Loaded`]).
    WhatIsLoaded,
    /// Next leader: one more of my workers serves. Let one of yours finish and start no other for it (answered with
    /// [`FromLeader::Keeps`] once it has gone, or has had graceful-timeout for that).
    Yield,
    /// Next leader: my workers serve. Let yours finish and exit.
    Drain,
}

/// What a leader answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromLeader {
    /// I am to have so many processes, and let them go one by one. Said before [`Self::Loaded`], and after each that
    /// has gone. A leader that does not say it does not know [`ToLeader::Yield`].
    Keeps(u32),
    /// What the workers have loaded.
    Loaded(Vec<Target>),
}

impl FromLeader {
    /// [`Self::Loaded`] with as many of `targets`, from the first on, as one message holds.
    pub fn loaded(targets: &[Target]) -> Self {
        Self::Loaded(fitting(targets))
    }
}

/// As many of `targets`, from the first on, as one message holds.
fn fitting(targets: &[Target]) -> Vec<Target> {
    let mut room = LIMIT - 64; // what stands around the list
    let fits = |target: &&Target| {
        let length = serde_json::to_vec(target).map_or(LIMIT, |json| json.len()) + 1;
        let left = room.checked_sub(length);
        room = left.unwrap_or(0);
        left.is_some()
    };
    targets.iter().take_while(fits).cloned().collect()
}

/// What a leader says to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Take requests now (sent after [`FromWorker::Ready`], so that the leader decides when new code serves).
    Accept,
    /// Load this script, which others of the group have loaded, before a request needs it (reload=rolling).
    Load(Target),
    /// Take no new requests, finish all that you have, then exit. No time limit of its own.
    Drain {
        /// Why.
        reason: Reason,
    },
    /// As `Drain`, and answer requests that are still in your slot with REJECT(reloading).
    Reload,
    /// Exit within shutdown-timeout.
    Stop {
        /// Why.
        reason: Reason,
    },
    /// Exit within this time, which is shorter: httpd itself is stopping and kills what is late.
    StopWithin {
        /// How long, in milliseconds.
        milliseconds: u32,
    },
    /// Write the Python stack of this request's thread to the log.
    ShowStack(RequestOf),
    /// Raise `mod_wsgi.RequestTimeout` in this request's thread, if it still runs it.
    Interrupt(RequestOf),
    /// Write the stacks of all threads that run a request to the log, without the help of Python's lock.
    DumpStacks,
}

/// What a leader says to a template: a process that has loaded the application and forks workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToTemplate {
    /// Fork a worker. With this comes its control socket, on which [`Placed`] waits.
    Fork,
}

/// The first message to a forked worker. With this comes the socket of its slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The slot's number.
    pub slot: u32,
    /// What the workers have loaded: what of it the template has not got is to be loaded first.
    pub reload: Vec<Target>,
}

impl Placed {
    /// With as many of `reload` as one message holds.
    pub fn new(slot: u32, reload: &[Target]) -> Self {
        Self { slot, reload: fitting(reload) }
    }
}

/// A request of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestOf {
    /// The request thread, from 1.
    pub thread: u32,
    /// The request's number in that thread.
    pub number: u64,
}

/// A script in a worker. Versions are modification times in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptState {
    /// Which script, in which interpreter.
    pub target: Target,
    /// The version that the worker has loaded; `None`: it could not load it.
    pub loaded: Option<i64>,
    /// What the worker sees in the file, or what it saw before it tried, if it could not load it. The leader never looks
    /// itself.
    pub file: Sighting,
    /// A request has found it like this, and wants changes to be noticed (WSGIScriptReloading).
    pub noticed: bool,
    /// The script's own function `reload_required` wants it to be loaded anew.
    pub wanted: bool,
}

/// What a worker says to its leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromWorker {
    /// Python runs and what had to be imported has been (or was logged as failed).
    Ready {
        /// Whether everything that had to be imported was.
        loaded: bool,
    },
    /// The first request for this script in this interpreter has loaded it.
    Loaded(Target),
    /// With reload=strict: a script has changed; I answer REJECT(reloading) and take no more.
    Changed {
        /// The script's path.
        script: String,
    },
    /// With reload=rolling: what I have of a script, and what I see of its file. Said when I have loaded it, or could not,
    /// and whenever what I see is not what I said last.
    Script(ScriptState),
    /// A request has come to me after a pause: look around, if you rest.
    Busy,
    /// Start my replacement, then let me drain; until then I serve on.
    Retire {
        /// Why.
        reason: Reason,
    },
    /// I cannot serve; I exit after this.
    Failed {
        /// Why, and what to change.
        reason: String,
    },
    /// A worker or template that is still the leader's copy: the interpreter cannot be executed; I exit after this.
    NotExecuted {
        /// Why, and what to change.
        reason: String,
    },
    /// A worker that a template has forked: I am this process. It is the first thing that I say, before functions of the
    /// application run in me, which may take for ever.
    Forked {
        /// My process id.
        pid: u32,
    },
    /// A template that loads the application: I could take Python's lock just now.
    Probed,
    /// A template: the system does not let me fork.
    NotForked {
        /// Why, and what to change.
        reason: String,
    },
    /// A template: I must not fork, since copies would break what I have.
    Unfit {
        /// Threads and sockets.
        found: Vec<String>,
    },
}

/// Sends a message, waiting if the other side is slow. `Err(Errno::PIPE)`: it is gone.
pub fn send(socket: impl AsFd, message: &impl Serialize) -> Result<(), Errno> {
    let bytes = encode(message)?;
    send_with(socket.as_fd(), &[IoSlice::new(&bytes)], &[], SendFlags::empty()).map(drop)
}

/// A message as it travels, for [`post`].
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, Errno> {
    serde_json::to_vec(message).map_err(|_| Errno::INVAL)
}

/// Sends what [`encode`] has made, without waiting. `Err(Errno::AGAIN)`: the socket is full.
pub fn post(socket: impl AsFd, bytes: &[u8]) -> Result<(), Errno> {
    send_with(socket.as_fd(), &[IoSlice::new(bytes)], &[], SendFlags::DONTWAIT).map(drop)
}

/// As [`send`], with a descriptor, and without waiting.
pub fn pass(socket: impl AsFd, message: &impl Serialize, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
    let bytes = encode(message)?;
    send_with(socket.as_fd(), &[IoSlice::new(&bytes)], &[descriptor], SendFlags::DONTWAIT).map(drop)
}

/// Receives a message without waiting. `Ok(None)`: none is there. `Err(Errno::CONNRESET)`: the other side is gone.
/// A message that is not understood is `Err(Errno::BADMSG)`; the socket stays usable.
pub fn receive<T: DeserializeOwned>(socket: impl AsFd) -> Result<Option<T>, Errno> {
    Ok(receive_passed(socket)?.map(|(message, _)| message))
}

/// As [`receive`], with the descriptor that came along.
pub fn receive_passed<T: DeserializeOwned>(socket: impl AsFd) -> Result<Option<(T, Option<OwnedFd>)>, Errno> {
    let mut buffer = vec![0; LIMIT];
    let received = match receive_with(socket.as_fd(), &mut buffer, RecvFlags::DONTWAIT) {
        Err(Errno::AGAIN) => return Ok(None),
        other => other?,
    };
    match buffer.get(..received.length) {
        None | Some([]) => Err(Errno::CONNRESET),
        Some(bytes) => match serde_json::from_slice(bytes) {
            Ok(message) => Ok(Some((message, received.descriptor))),
            Err(_) => Err(Errno::BADMSG),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket;
    use proptest::prelude::*;

    #[test]
    fn messages_come_back() {
        let (ours, theirs) = ticket::queue().unwrap();
        assert_eq!(receive::<ToWorker>(&theirs), Ok(None));
        let target = Target { script: "/srv/a.wsgi".into(), application_group: "site|".into() };
        let answer = FromLeader::Loaded(vec![target.clone(), target]);
        send(&ours, &answer).unwrap();
        assert_eq!(receive(&theirs), Ok(Some(answer)));
        send(&ours, &ToWorker::StopWithin { milliseconds: 5 }).unwrap();
        assert_eq!(receive(&theirs), Ok(Some(ToWorker::StopWithin { milliseconds: 5 })));
        drop(ours);
        assert_eq!(receive::<ToWorker>(&theirs), Err(Errno::CONNRESET));
        assert_eq!(send(&theirs, &ToLeader::Adopt), Err(Errno::PIPE));
    }

    #[test]
    fn descriptors_come_along() {
        let (ours, theirs) = ticket::queue().unwrap();
        let (near, far) = ticket::queue().unwrap();
        pass(&ours, &ToTemplate::Fork, far.as_fd()).unwrap();
        drop(far);
        let (message, far): (ToTemplate, _) = receive_passed(&theirs).unwrap().unwrap();
        assert_eq!(message, ToTemplate::Fork);
        send(&near, &Placed::new(3, &[])).unwrap();
        let (placed, none) = receive_passed::<Placed>(far.unwrap()).unwrap().unwrap();
        assert!(placed.slot == 3 && none.is_none());
    }

    #[test]
    fn long_lists_are_cut_to_one_message() {
        let target = |n: usize| Target {
            script: format!("/srv/sites/{n}/app.wsgi").into(),
            application_group: format!("site-{n}|"),
        };
        let few: Vec<_> = (0..10).map(target).collect();
        assert_eq!(FromLeader::loaded(&few), FromLeader::Loaded(few));
        let many: Vec<_> = (0..5000).map(target).collect();
        let (ours, theirs) = ticket::queue().unwrap();
        send(&ours, &FromLeader::loaded(&many)).unwrap();
        let Ok(Some(FromLeader::Loaded(received))) = receive(&theirs) else { panic!("nothing came") };
        assert!(received.len() > 1000 && received == many[..received.len()]);
    }

    proptest! {
        #[test]
        fn junk_is_refused_and_the_socket_stays_usable(junk in proptest::collection::vec(any::<u8>(), 1..200)) {
            let (ours, theirs) = ticket::queue().unwrap();
            send_with(ours.as_fd(), &[IoSlice::new(&junk)], &[], SendFlags::empty()).unwrap();
            prop_assert_eq!(receive::<FromWorker>(&theirs), Err(Errno::BADMSG));
            send(&ours, &FromWorker::Ready { loaded: true }).unwrap();
            prop_assert_eq!(receive(&theirs), Ok(Some(FromWorker::Ready { loaded: true })));
        }
    }
}
