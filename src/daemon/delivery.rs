//! The way of a response's body to the client, and to nobody's cost but httpd's.
//!
//! What a worker has sent is passed on while the client's socket has room, without a copy where it comes in large pieces.
//! Else it is spooled, after a short wait for a client that has kept up so far ([`super::outlet`]): the worker goes on,
//! and is free once the application has finished. At the end httpd gets the rest, mostly as a file, and sends it when
//! the client takes it; the event MPM has no thread waiting for that.
//!
//! Room is not all: filters (mod_ratelimit) take their time as well. A passage that took long shows it; from then on a
//! passage waits until the worker has nothing more to say for the moment.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use contract::frame::BODY_PIECE;
use contract::level;
use contract::response::FilePart;

use super::Group;
use super::outlet::{Outlet, SURE};
use super::shelf::Shelf;
use super::spool::Spool;
use crate::apache::{ClientGone, Request, Responder};

/// How much memory httpd sets aside at the end without waiting; its own limit, FlushMaxThreshold, is 64K.
const SET_ASIDE: usize = 48 << 10;
/// The largest passages, and those to a stream, which has that in memory, maybe twice. Filters cut a piece into several,
/// and together they must not be more than mod_http2 takes at once, 64K (H2StreamMaxMemSize).
const PIECE: usize = 1 << 20;
const STREAM_PIECE: usize = 256 << 10;
const FILTERED_PIECE: usize = 32 << 10;
/// How much is gathered while the worker goes on and on: with a mod_http2 that does not say whether a client takes it, a
/// response of that length never waits for one.
const GATHERED: usize = BODY_PIECE;
const BLIND_GATHERED: usize = 1 << 20;
/// What is passed on without a copy, once something has been: a small piece had better wait for others.
const LARGE: usize = 16 << 10;
/// A passage that takes longer has waited for somebody.
const LONG: Duration = Duration::from_millis(20);
/// How long passages through what takes its time should be, so that its own pauses do not add up.
const STEADY: Duration = Duration::from_millis(500);
/// How long such a passage waits for a worker that goes on and on.
const HOLD: Duration = Duration::from_millis(100);
/// A larger buffer is given back after its request.
const KEEP: usize = 256 << 10;

/// The buffers for what has come and was not passed on, from request to request.
static PENDING: Shelf<Vec<u8>> = Shelf::new();

/// How the client takes what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// At once, as far as is known.
    Free,
    /// Its socket, or its stream, has no room.
    Blocked,
    /// There is room, but passages wait.
    Tardy,
}

/// A response's body, as far as it has come.
pub(super) struct Delivery<'r> {
    request: Request<'r>,
    group: &'r Group,
    pub(super) responder: Responder<'r>,
    /// What was not passed on, from `start` on, and what came after it.
    pending: Vec<u8>,
    start: usize,
    spool: Spool<'r>,
    /// What came after all that.
    file: Option<(OwnedFd, FilePart)>,
    flow: Flow,
    /// How much is passed on at once, and at most.
    piece: usize,
    most: usize,
    /// How much is gathered.
    gathered: usize,
    outlet: Outlet<'r>,
    /// When something was passed on.
    passed: Option<Instant>,
    /// The worker has said nothing for a while.
    quiet: bool,
}

impl<'r> Delivery<'r> {
    pub(super) fn new(request: Request<'r>, group: &'r Group) -> Self {
        let outlet = Outlet::new(request);
        let (most, gathered) = match (request.is_stream(), outlet.is_asked()) {
            (false, _) => (PIECE, GATHERED),
            (true, true) if !request.has_content_filter() => (STREAM_PIECE, GATHERED),
            (true, true) => (FILTERED_PIECE, GATHERED),
            (true, false) => (FILTERED_PIECE, BLIND_GATHERED),
        };
        Self {
            request,
            group,
            responder: Responder::new(request),
            pending: PENDING.take(),
            start: 0,
            spool: Spool::new(&group.spool_directory, group.settings.response_spool_limit),
            file: None,
            flow: Flow::Free,
            piece: SURE,
            most,
            gathered,
            outlet,
            passed: None,
            quiet: false,
        }
    }

    /// Whether something waits to be sent, and could be.
    pub(super) fn is_pending(&self) -> bool {
        let file = self.file.is_some() && !self.responder.waits_for_end();
        self.flow != Flow::Blocked && (self.unsent() > 0 || !self.spool.is_empty() || file)
    }

    /// Whether something waits for room in the client's socket.
    pub(super) fn is_blocked(&self) -> bool {
        self.flow == Flow::Blocked
    }

    /// Whether the worker must wait until the client has taken something. What goes to a stream next is gathered meanwhile.
    pub(super) fn is_full(&self) -> bool {
        let ahead = if self.outlet.is_asked() { self.most } else { 0 };
        (self.flow == Flow::Blocked || !self.spool.is_empty()) && self.spool.is_full()
            || self.patience().is_some() && self.unsent() >= ahead
    }

    /// How long it waits for a client that has kept up so far.
    pub(super) fn patience(&self) -> Option<Duration> {
        let hopes = self.flow == Flow::Blocked && self.spool.is_empty();
        hopes.then(|| self.outlet.patience()).filter(|patience| !patience.is_zero())
    }

    /// After how long the client is asked again for room, if something waits for it and its socket would not tell.
    pub(super) fn turn(&self) -> Option<Duration> {
        if self.is_blocked() { self.outlet.turn() } else { None }
    }

    /// How long the worker may be silent before [`Self::flush`], which is `usual` if nothing has waited yet.
    pub(super) fn delay(&self, usual: Duration) -> Duration {
        let waited = self.quiet || (self.flow == Flow::Free && !self.spool.is_empty());
        if waited || self.is_full() { Duration::ZERO } else { usual }
    }

    /// Takes what came.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), ClientGone> {
        if self.file.is_some() {
            self.catch_up()?;
        }
        self.quiet = false;
        if self.patience().is_some() {
            self.pending.extend_from_slice(bytes); // what had been received before the client's socket was full
            return Ok(());
        }
        if self.flow != Flow::Free || !self.spool.is_empty() {
            match self.spool.push(bytes) {
                Ok(()) if self.flow == Flow::Tardy && self.waits() < HOLD => return Ok(()),
                Ok(()) => return self.step().map(drop),
                Err(error) => {
                    self.tell(&error);
                    self.catch_up()?; // this thread waits for the client instead
                }
            }
        }
        let unsent = self.unsent();
        let fits = unsent == 0 || !self.outlet.is_asked(); // in one bucket
        if self.passed.is_some() && bytes.len() >= LARGE && fits && self.takes(unsent + bytes.len()) {
            return self.pass(unsent, bytes);
        }
        self.pending.extend_from_slice(bytes);
        if self.unsent() >= self.gathered { self.advance() } else { Ok(()) }
    }

    /// Takes a part of a file, which is closed with the request.
    pub(super) fn append_file(&mut self, file: OwnedFd, part: FilePart) {
        self.quiet = false;
        self.file = Some((file, part));
    }

    /// Passes on what the client takes now: the worker has nothing more to say for the moment.
    pub(super) fn flush(&mut self) -> Result<(), ClientGone> {
        self.quiet = true;
        if self.unsent() == 0 && self.spool.is_empty() && self.file.is_some() {
            return self.catch_up();
        }
        self.advance()
    }

    fn advance(&mut self) -> Result<(), ClientGone> {
        // What was spooled goes piece by piece, so that the worker is heard in between.
        while self.step()? && self.flow == Flow::Free && self.spool.is_empty() {}
        Ok(())
    }

    /// Passes on a piece, if the client's socket has room. Whether there is more.
    pub(super) fn step(&mut self) -> Result<bool, ClientGone> {
        self.refill()?;
        let wanted = self.unsent().min(self.piece);
        if wanted > 0 {
            let length = self.outlet.room(wanted);
            if length == 0 {
                return self.stay().map(|()| true);
            }
            self.pass(length, &[])?;
        }
        if self.flow == Flow::Blocked {
            self.flow = Flow::Free;
        }
        Ok(self.unsent() > 0 || !self.spool.is_empty())
    }

    /// Whether so many bytes can be passed on at once.
    fn takes(&mut self, length: usize) -> bool {
        length <= self.piece && self.outlet.room(length) == length
    }

    /// Passes on the next `length` bytes of what is pending, and `bytes`, and learns from how long it took.
    fn pass(&mut self, length: usize, bytes: &[u8]) -> Result<(), ClientGone> {
        let begin = Instant::now();
        let end = self.start + length;
        self.responder.send_both(self.pending.get(self.start..end).unwrap_or_default(), bytes)?;
        self.advanced(end);
        self.outlet.took(length + bytes.len());
        let now = Instant::now();
        let took = now - begin;
        self.passed = Some(now);
        let most = self.most;
        (self.flow, self.piece) = match self.flow {
            _ if took < LONG => (Flow::Free, (self.piece * 4).min(most)),
            Flow::Tardy if took < STEADY => (Flow::Tardy, (self.piece * 2).min(most)),
            Flow::Tardy => (Flow::Tardy, self.piece),
            Flow::Free | Flow::Blocked => (Flow::Tardy, SURE),
        };
        Ok(())
    }

    fn advanced(&mut self, to: usize) {
        self.start = to;
        if self.start >= self.pending.len() {
            self.pending.clear();
            self.start = 0;
        }
    }

    /// Sends all of it, however long the client takes.
    fn catch_up(&mut self) -> Result<(), ClientGone> {
        loop {
            self.refill()?;
            let left = self.unsent();
            if left == 0 {
                break;
            }
            self.pass(left.min(BODY_PIECE), &[])?;
        }
        self.flow = Flow::Free;
        let Some((file, part)) = self.file.take() else { return Ok(()) };
        self.responder.file(&file, part)?;
        self.responder.flush()
    }

    /// Ends the response.
    pub(super) fn finish(&mut self) -> Result<(), ClientGone> {
        self.settle()?;
        let unsent = self.unsent();
        let file = self.file.as_ref().map_or(0, |(_, part)| part.length);
        if self.flow == Flow::Free && self.spool.is_empty() {
            let little = unsent as u64 + file <= SURE as u64;
            if little || file == 0 && self.outlet.room(unsent) == unsent {
                return self.finish_now();
            }
        }
        if self.group.client_timeout.is_some_and(|limit| limit != self.timeout()) {
            self.catch_up()?; // httpd would not keep to that limit
            return self.finish_now();
        }
        let in_memory = unsent + self.spool.in_memory();
        if in_memory <= SET_ASIDE && self.spool.is_in_memory() {
            self.refill_with(SET_ASIDE)?;
            return self.leave();
        }
        match self.spool.give(self.pending.get(self.start..).unwrap_or_default()) {
            Ok((given, parts)) => {
                self.pending.clear();
                self.start = 0;
                self.responder.own_file(&given, &parts)?;
                self.leave()
            }
            Err(error) => {
                self.tell(&error);
                self.catch_up()?;
                self.finish_now()
            }
        }
    }

    /// Waits for a client that has kept up so far: less is left then, and mostly nothing.
    fn settle(&mut self) -> Result<(), ClientGone> {
        while self.unsent() > SURE && self.spool.is_empty() && self.flow != Flow::Tardy {
            let unsent = self.unsent();
            if self.flow == Flow::Blocked && !self.outlet.wait() {
                break;
            }
            if self.outlet.room(unsent) == unsent {
                self.flow = Flow::Free;
                break;
            }
            self.step()?;
        }
        Ok(())
    }

    /// Ends the response with what is pending, however long the client takes.
    fn finish_now(&mut self) -> Result<(), ClientGone> {
        let pending = self.pending.get(self.start..).unwrap_or_default();
        let Some((file, part)) = self.file.take() else { return self.responder.send(pending, true) };
        self.responder.body(pending);
        self.responder.file(&file, part)?;
        self.responder.finish()
    }

    /// Leaves what is pending, and the end of the response, to httpd.
    fn leave(&mut self) -> Result<(), ClientGone> {
        self.responder.body(self.pending.get(self.start..).unwrap_or_default());
        if let Some((file, part)) = self.file.take() {
            self.responder.file(&file, part)?;
        }
        self.responder.leave()
    }

    /// Ends a response such that the client can tell that it is cut short: after what is pending, or where the gap is.
    pub(super) fn abort(&mut self) {
        self.responder.body(self.pending.get(self.start..).unwrap_or_default());
        if let Some((file, part)) = self.file.take().filter(|_| self.spool.is_empty()) {
            let _ = self.responder.file(&file, part); // cut short it is in any case
        }
        self.responder.abort(); // also if the client has seen nothing yet: the head was said
    }

    /// The client's socket has no room: after its time-out it is given up, whatever the worker says meanwhile.
    fn stay(&mut self) -> Result<(), ClientGone> {
        self.flow = Flow::Blocked;
        let limit = self.group.client_timeout.unwrap_or_else(|| self.timeout());
        if self.outlet.stay() < limit { Ok(()) } else { Err(ClientGone) }
    }

    fn timeout(&self) -> Duration {
        Duration::from_micros(self.request.server().timeout())
    }

    fn unsent(&self) -> usize {
        self.pending.len() - self.start
    }

    /// For how long nothing was passed on.
    fn waits(&self) -> Duration {
        self.passed.map_or(Duration::ZERO, |passed| passed.elapsed())
    }

    /// Makes the oldest of what was spooled pending, if nothing older is.
    fn refill(&mut self) -> Result<(), ClientGone> {
        if self.unsent() == 0 { self.refill_with(self.piece.min(BODY_PIECE)) } else { Ok(()) }
    }

    fn refill_with(&mut self, limit: usize) -> Result<(), ClientGone> {
        let taken = self.spool.take(&mut self.pending, limit);
        taken.map_err(|error| {
            let (group, folder) = (self.group.name(), self.spool.folder().display());
            let text = format!(
                "process group `{group}`: what a slow client had not taken yet cannot be read again from a file in {folder}: {error}; its response is cut short"
            );
            self.request.log(level::ERROR, &text);
            ClientGone
        })
    }

    /// Says, once until it works again, why slow clients hold threads.
    fn tell(&self, error: &std::io::Error) {
        if self.group.spool_failed.swap(true, Relaxed) {
            return;
        }
        let (group, folder) = (self.group.name(), self.spool.folder().display());
        let text = format!(
            "process group `{group}`: what slow clients have not taken yet cannot be kept in {folder}: {error}; they hold threads of the application meanwhile; make room there, or name another folder with spool-directory="
        );
        self.request.log(level::ERROR, &text);
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        if (1..=KEEP).contains(&pending.capacity()) {
            pending.clear();
            PENDING.put(pending);
        }
    }
}
