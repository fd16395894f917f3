//! One request to a worker and its response, or its verdict, back.
//!
//! A round is: find a thread (a slot, or the queue), send, converse. It is repeated only while nothing was run: after
//! GOAWAY and REJECT, when REQUEST could not be sent completely, and when the connection ended before a worker that was
//! asked to announce itself had. Everything else that breaks is a worker's death.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use contract::frame::{Header, Kind, VALUE_FOUND, append};
use contract::response::{End, Head, Reject};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::net::sockopt::set_socket_send_buffer_size;

use super::connection::{Connection, TICK, send_parts, send_ticket};
use super::error::{Broken, Error};
use super::incoming::{Incoming, Piece};
use super::parcel::Parcel;
use super::queue::{Waiting, timespec};
use super::reply::{Reply, Turn};
use super::slots::{Reservation, reserve};
use super::sockets::Sockets;
use super::upload::{Need, Upload};
use super::{Group, death};
use crate::apache::{HandlerResult, Request};

/// How often the client is asked for more of a body when its socket cannot be waited for (HTTP/2).
const BLIND: Duration = Duration::from_millis(10);

/// One request's way to a worker and back.
pub(super) struct Relay<'a, 'r, R> {
    pub(super) request: Request<'r>,
    pub(super) group: &'r Group,
    pub(super) sockets: &'r Sockets,
    pub(super) answer: &'a mut R,
    pub(super) incoming: Incoming,
    /// When httpd received the request.
    pub(super) received: Instant,
    /// The script, for messages.
    pub(super) script: &'a [u8],
}

/// How a round ended.
enum Round {
    Done(HandlerResult),
    /// No worker had it.
    Untouched,
    /// A worker had it and sent it back.
    Rejected(Reject),
}

/// How taking in what has come ended.
enum Step {
    Round(Round),
    /// The worker is done with the request.
    Over(End),
}

/// What a wait for the worker brought.
enum Came {
    Bytes,
    ClientGone,
    /// Nothing for that long.
    Nothing(Duration),
    /// The end of the connection; `unread` if the worker had not read all that was sent.
    End {
        unread: bool,
    },
}

impl<'r, R: Reply> Relay<'_, 'r, R> {
    /// Runs the request.
    pub(super) fn run(&mut self, parcel: &mut Parcel<'_>) -> Result<HandlerResult, Error> {
        let rounds = self.sockets.area.slots().len() * 2 + 8;
        let mut queue = false;
        for _ in 0..rounds {
            self.waiting().check()?;
            let round = match self.reserve(queue) {
                Some(reserved) => self.through_slot(parcel, reserved)?,
                None => self.through_queue(parcel)?,
            };
            if matches!(round, Round::Rejected(_)) {
                parcel.sent_back();
            }
            queue = match round {
                Round::Done(result) => return Ok(result),
                Round::Rejected(Reject::TooLate) => return Err(self.waiting().too_long()),
                Round::Rejected(Reject::Reloading) => true,
                Round::Rejected(Reject::Draining) | Round::Untouched => false,
            };
        }
        Err(Error::Unsettled { group: self.group.name(), rounds })
    }

    /// Sends the request to the worker in whose slot a thread is reserved.
    fn through_slot(
        &mut self,
        parcel: &mut Parcel<'_>,
        mut reserved: Reservation<'_>,
    ) -> Result<Round, Error> {
        let (slot, pid) = (reserved.slot, reserved.pid);
        if let Some(kept) = self.group.idle.take(slot, pid) {
            reserved.hand_over(); // as soon as the worker reads the request
            let announce = parcel.has_more();
            match self.converse(kept, Some(slot), announce, parcel.upload(announce))? {
                Round::Untouched => reserved.take_back(),
                other => return Ok(other),
            }
        }
        let (ours, theirs) = self.open(Some(pid))?;
        let announce = parcel.has_body(); // what has been sent of a body would not tell whether it was read
        let mut upload = parcel.upload(announce);
        let _ = upload.push(ours.as_fd()); // the other end is open, so only room can be missing
        let sent = self.sockets.slots.get(slot).map(|socket| send_ticket(socket.as_fd(), &theirs));
        drop(theirs);
        if sent != Some(Ok(())) {
            drop(reserved);
            return self.through_queue(parcel);
        }
        reserved.hand_over();
        self.converse(ours, Some(slot), announce, upload)
    }

    /// Puts the request into the queue and waits for a thread.
    fn through_queue(&mut self, parcel: &mut Parcel<'_>) -> Result<Round, Error> {
        let (ours, theirs) = self.open(None)?;
        let mut upload = parcel.upload(true);
        let _ = upload.push(ours.as_fd());
        if !self.waiting().enter(&theirs)? {
            return Ok(Round::Untouched);
        }
        drop(theirs);
        self.waiting().wait(&ours, upload.first.is_delivered())?;
        self.converse(ours, None, true, upload)
    }

    /// Sends what is left to send and relays what comes, until the worker is done with the request.
    fn converse(
        &mut self,
        mut connection: Connection,
        slot: Option<usize>,
        announced: bool,
        mut upload: Upload<'_, '_>,
    ) -> Result<Round, Error> {
        self.incoming.reset();
        self.answer.forget_taken();
        let (begin, mut quiet) = (Instant::now(), Duration::ZERO);
        loop {
            if self.answer.is_verdict() {
                self.check_decision(&connection, begin)?;
            }
            match self.take_in(&mut connection, &mut upload)? {
                Some(Step::Round(round)) => return Ok(round),
                Some(Step::Over(end)) => return Ok(Round::Done(self.over(connection, slot, end, &upload))),
                None => {}
            }
            let need = upload.push(connection.as_fd()).unwrap_or_else(|_| {
                upload.give_up(); // it is closed; what it still holds says why
                Need::Nothing
            });
            match self.receive(&connection, need)? {
                Came::Bytes => quiet = Duration::ZERO,
                Came::Nothing(_) if need == Need::Client || self.answer.is_full() => quiet = Duration::ZERO,
                Came::Nothing(time) => {
                    quiet += time;
                    self.check_patience(&connection, quiet)?;
                }
                Came::ClientGone => return Ok(Round::Done(self.answer.give_up())),
                Came::End { unread } => return self.lost(&connection, announced, unread, &upload),
            }
        }
    }

    /// Takes in all that has come. `Some` when that ends the round.
    fn take_in(
        &mut self,
        connection: &mut Connection,
        upload: &mut Upload<'_, '_>,
    ) -> Result<Option<Step>, Error> {
        loop {
            let turn = match self.incoming.next() {
                Ok(None) => return Ok(None),
                Ok(Some(piece)) => {
                    if let Some(length) = too_long(&piece, self.group.settings.header_buffer_size) {
                        return Err(self.header_too_long(length));
                    }
                    self.answer.take(piece)
                }
                Err(broken) => Err(broken),
            };
            match turn.map_err(|what| self.malformed(connection, what))? {
                Turn::On => {}
                Turn::Taken => {
                    connection.pid = self.answer.taken().map(|taken| taken.pid).or(connection.pid);
                    upload.take();
                }
                Turn::Lookup(name) => self.tell(connection, &name)?,
                Turn::GoAway => return Ok(Some(Step::Round(Round::Untouched))),
                Turn::Rejected(why) if !upload.has_consumed => {
                    return Ok(Some(Step::Round(Round::Rejected(why))));
                }
                Turn::Rejected(_) => return Err(self.malformed(connection, Broken::Order("REJECT"))),
                Turn::Over(end) => return Ok(Some(Step::Over(end))),
                Turn::ClientGone => return Ok(Some(Step::Round(Round::Done(self.answer.give_up())))),
            }
        }
    }

    /// Tells a script what mod_ssl says about a variable.
    fn tell(&self, connection: &Connection, name: &[u8]) -> Result<(), Error> {
        let value = self.request.ssl_variable_for_worker(name);
        let value = value.filter(|value| value.len() <= Kind::Value.limit());
        let flags = if value.is_some() { VALUE_FOUND } else { 0 };
        let mut frame = Vec::new();
        append(&mut frame, Kind::Value, flags, |out| out.extend_from_slice(&value.unwrap_or_default()));
        let (mut sent, mut quiet) = (0, Duration::ZERO);
        while sent < frame.len() {
            match send_parts(connection.as_fd(), [frame.as_slice()], sent) {
                Ok(count) => sent += count,
                Err(Errno::AGAIN) => {
                    let mut sockets = [PollFd::new(connection, PollFlags::OUT)];
                    if poll(&mut sockets, Some(&timespec(TICK))) == Ok(0) {
                        quiet += TICK;
                        self.check_patience(connection, quiet)?;
                    }
                }
                Err(_) => return Ok(()), // it is closed; what it still holds says why
            }
        }
        Ok(())
    }

    /// Receives once; waits for at most a tick.
    fn receive(&mut self, connection: &Connection, need: Need) -> Result<Came, Error> {
        if self.answer.is_full() {
            return Ok(self.wait(connection, need)); // for the client; the worker's turn comes when it has taken some
        }
        let is_simple = need == Need::Nothing && !self.answer.is_pending() && !self.answer.is_blocked();
        let flags = if is_simple { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        match self.incoming.fill(connection.as_fd(), flags) {
            Ok(0) => Ok(Came::End { unread: false }),
            Ok(_) => Ok(Came::Bytes),
            Err(Errno::AGAIN) if is_simple => Ok(Came::Nothing(TICK)),
            Err(Errno::AGAIN) => Ok(self.wait(connection, need)),
            Err(Errno::CONNRESET | Errno::PIPE) => Ok(Came::End { unread: true }),
            Err(Errno::BADMSG) => Err(self.malformed(connection, Broken::Order("descriptors"))),
            Err(source) => Err(self.system(source)),
        }
    }

    /// Waits for the worker, for what the upload needs, and for room in the client's socket if something is spooled.
    /// What the client could have is sent when nothing comes.
    fn wait(&mut self, connection: &Connection, need: Need) -> Came {
        let (full, blocked) = (self.answer.is_full(), self.answer.is_blocked());
        let turn = self.answer.turn();
        let (from_client, to_client) = (need == Need::Client && !self.is_blind(), blocked && turn.is_none());
        let client = self.request.client_fd().filter(|_| from_client || to_client);
        let pause = match need {
            _ if self.answer.is_pending() => {
                self.answer.delay(self.group.settings.response_flush_delay.duration())
            }
            Need::Client if !from_client => turn.map_or(BLIND, |turn| turn.min(BLIND)),
            _ => turn.into_iter().chain(self.answer.patience()).min().unwrap_or(TICK),
        };
        let flag = |flag, on| if on { flag } else { PollFlags::empty() };
        let mut sockets = Vec::with_capacity(2);
        if !full {
            let events = PollFlags::IN | flag(PollFlags::OUT, need == Need::Room);
            sockets.push(PollFd::new(connection, events));
        }
        if let Some(client) = &client {
            let events = flag(PollFlags::IN, from_client) | flag(PollFlags::OUT, to_client);
            sockets.push(PollFd::new(client, events));
        }
        let ready = poll(&mut sockets, Some(&timespec(pause))) != Ok(0);
        let sent = match (ready, blocked) {
            (_, true) => self.answer.resume(),
            (false, false) if self.answer.is_pending() => self.answer.flush(),
            (_, false) => Ok(()),
        };
        match sent {
            Ok(()) if ready => Came::Nothing(Duration::ZERO),
            Ok(()) => Came::Nothing(pause),
            Err(_) => Came::ClientGone,
        }
    }

    /// Whether the client's socket does not tell when more of the body is there.
    fn is_blind(&self) -> bool {
        self.request.protocol().is_some_and(|protocol| protocol.to_bytes().starts_with(b"HTTP/2"))
    }

    /// The worker is done with the request.
    fn over(
        &mut self,
        connection: Connection,
        slot: Option<usize>,
        end: End,
        upload: &Upload<'_, '_>,
    ) -> HandlerResult {
        if end.keep && upload.is_complete() && self.incoming.is_empty() {
            if let Some(slot) = slot.or_else(|| usize::try_from(self.answer.taken()?.slot).ok()) {
                self.group.idle.keep(slot, connection, self.group.settings.threads as usize);
            }
        }
        match upload.broken {
            Some(status) => self.answer.refuse(status),
            None => self.answer.finish(end.outcome),
        }
    }

    /// The connection ended without an END.
    fn lost(
        &self,
        connection: &Connection,
        announced: bool,
        unread: bool,
        upload: &Upload<'_, '_>,
    ) -> Result<Round, Error> {
        // A worker that announces itself does so before it runs anything; another has not run a REQUEST of which it
        // left something unread.
        let first = &upload.first;
        let not_run = !first.has_request() || announced || (unread && first.is_request_only());
        if not_run && self.answer.taken().is_none() && !self.answer.is_begun() {
            return Ok(Round::Untouched);
        }
        let cause = death::cause(self.sockets.area.group(), connection.pid);
        Err(Error::Died { script: self.script(), group: self.group.name(), cause })
    }

    fn check_patience(&self, connection: &Connection, quiet: Duration) -> Result<(), Error> {
        let seconds = self.group.socket_timeout;
        if seconds == 0 || quiet < Duration::from_secs(seconds.into()) {
            return Ok(());
        }
        let (group, script) = (self.group.name(), self.script());
        Err(Error::Slow { group, script, pid: connection.pid.unwrap_or(0), seconds })
    }

    /// Reserves a thread, unless the request must wait or others do already.
    fn reserve(&self, queue: bool) -> Option<Reservation<'r>> {
        let (area, group): (&'r _, _) = (&self.sockets.area, self.group);
        if queue || area.group().queued.load(SeqCst) > 0 {
            return None;
        }
        reserve(area.slots(), group.settings.threads, &group.turn, |slot| group.idle.has(slot))
    }

    fn waiting(&self) -> Waiting<'_, '_> {
        let Self { request, group, sockets, received, script, .. } = *self;
        Waiting { request, group, sockets, received, script }
    }

    /// A worker that says something again and again does not decide for that.
    fn check_decision(&self, connection: &Connection, begin: Instant) -> Result<(), Error> {
        let seconds = self.group.socket_timeout;
        if seconds == 0 || begin.elapsed() < Duration::from_secs(seconds.into()) + TICK {
            return Ok(());
        }
        let (group, script) = (self.group.name(), self.script());
        Err(Error::Undecided { group, script, pid: connection.pid.unwrap_or(0), seconds })
    }

    fn script(&self) -> String {
        String::from_utf8_lossy(self.script).into_owned()
    }

    /// A new connection, with buffers of the size that the group wants. What is written waits in the writer's own.
    fn open(&self, pid: Option<u32>) -> Result<(Connection, OwnedFd), Error> {
        let (ours, theirs) = Connection::open(pid).map_err(|source| self.system(source))?;
        let settings = &self.group.settings;
        for (socket, size) in
            [(theirs.as_fd(), settings.send_buffer_size), (ours.as_fd(), settings.receive_buffer_size)]
        {
            if let Some(size) = size {
                let _ = set_socket_send_buffer_size(socket, size); // the system's own limits stand above it
            }
        }
        Ok((ours, theirs))
    }

    fn header_too_long(&self, length: usize) -> Error {
        let (group, script) = (self.group.name(), self.script());
        Error::HeaderTooLong { group, script, length, limit: self.group.settings.header_buffer_size }
    }

    fn system(&self, source: Errno) -> Error {
        Error::System { group: self.group.name(), source }
    }

    fn malformed(&self, connection: &Connection, what: Broken) -> Error {
        let (group, script) = (self.group.name(), self.script());
        Error::Malformed { group, script, pid: connection.pid.unwrap_or(0), what }
    }
}

/// The length of a header line over the limit, if the piece is a head with one.
fn too_long(piece: &Piece<'_>, limit: usize) -> Option<usize> {
    let Piece::Frame(Header { kind: Kind::Head, .. }, payload) = piece else { return None };
    if payload.len() <= limit {
        return None;
    }
    let head = Head::decode(payload).ok()?; // what is no head is refused elsewhere
    let length = |(name, value): (&[u8], &[u8])| name.len() + value.len() + ": ".len();
    head.headers().map(length).find(|length| *length > limit)
}
