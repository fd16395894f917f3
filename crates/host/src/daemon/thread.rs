//! A request thread: waits for a request by three ways, and answers it.
//!
//! Reservations (see [`contract::area`]): a ticket from the slot and a request on the kept connection come with one
//! that the child made; for a ticket from the overflow the thread makes it. [`Hold`] owns it meanwhile. It is given
//! back just before the end of a small response is sent, so that the child, which may send its next request at once,
//! finds this thread free.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use contract::control::FromWorker;
use contract::ending::ROBBED;
use contract::frame::{BODY_PIECE, Kind, append};
use contract::launch::Target;
use contract::level;
use contract::reason::Reason;
use contract::request::Request;
use contract::response::{End, Outcome, Reject, Taken};
use contract::thread::clock;
use contract::ticket::Ticket;
use rustix::io::Errno;

use super::connection::{Connection, Message};
use super::conversation::Conversation;
use super::fault;
use super::shared::{Hold, Mode, Shared, clear, now, signal};
use super::shown::Shown;
use super::watch::{Ready, Watch};
use crate::api::recorder::RECORDER;
use crate::python::fence::{discard, text};
use crate::python::posix::{exit_now, keep_out_of_forks};
use crate::wsgi::exchange::Exchange;
use crate::wsgi::serve::{Answer, Done, Facts, OnChange, serve};

/// Places in the list of descriptors that forked processes close: what the worker has, then two for each thread.
pub(super) const FIRST_PLACE: usize = 8;

/// A request thread.
pub(super) struct RequestThread<'s> {
    shared: &'s Shared,
    /// From 1.
    number: u32,
    watch: Watch<'s>,
    shown: &'s Shown<'s>,
    kept: Option<Connection>,
    /// For the REQUEST frame.
    buffer: Vec<u8>,
    /// What the leader knows to be loaded.
    reported: HashSet<Target>,
    leaving: bool,
}

impl<'s> RequestThread<'s> {
    pub(super) fn new(shared: &'s Shared, shown: &'s Shown<'s>, number: u32) -> rustix::io::Result<Self> {
        let watch = Watch::new(shared)?;
        RECORDER.thread_started(number);
        keep_out_of_forks(FIRST_PLACE + 2 * number as usize, Some(watch.as_fd()));
        let (kept, buffer, reported) = (None, Vec::new(), HashSet::new());
        Ok(Self { shared, number, watch, shown, kept, buffer, reported, leaving: false })
    }

    /// Serves until the process ends.
    pub(super) fn run(mut self) {
        loop {
            let ready = match self.watch.wait() {
                Ok(ready) => ready,
                Err(_) => exit_now(ROBBED), // the descriptor is not ours any more
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.woken(ready))) {
                tracing::error!("mod_wsgi has a bug, a connection is lost: panic: {}", text(&*panic));
                discard(panic);
            }
        }
    }

    fn woken(&mut self, ready: Ready) {
        if ready.leaving && !self.leaving {
            self.leaving = true;
            self.watch.leave();
            self.drop_kept();
        }
        if ready.nudge {
            clear(&self.shared.nudge);
        }
        let queue = (ready.overflow || ready.nudge) && !self.leaving;
        if ready.slot && self.take_from_slot(queue) {
            return;
        }
        if ready.kept && self.kept.is_some() {
            self.pass_on(queue);
            self.serve_kept();
        } else if queue {
            self.take_from_overflow();
        }
    }

    /// Passes a wake-up for the overflow on, to any idle thread of this process.
    fn pass_on(&self, queue: bool) {
        if queue {
            signal(&self.shared.nudge);
        }
    }

    fn take_from_slot(&mut self, queue: bool) -> bool {
        match Ticket::receive(self.shared.slot.as_fd()) {
            Ok(Some((_, socket))) => {
                self.pass_on(queue);
                self.serve_ticket(socket, Hold::new(self.shared));
                self.watch.requeue_slot();
                true
            }
            Ok(None) => false,
            Err(Errno::MFILE) => {
                drop(Hold::new(self.shared)); // the child sends the request elsewhere
                self.shared.no_descriptors();
                false
            }
            Err(_) => {
                self.watch.drop_slot();
                false
            }
        }
    }

    fn take_from_overflow(&mut self) {
        let Some(slot) = self.shared.place() else { return };
        fault::pause("woken-for-the-queue");
        if !slot.reserve(self.shared.threads()) {
            self.watch.look_away(); // this thread is spoken for: a request is on its way to the slot
            return;
        }
        let hold = Hold::new(self.shared);
        // A worker that is to go says so first and then looks at reservations: one of the two sees the other.
        if self.shared.mode() != Mode::Serving {
            return; // the ticket is for another worker, whose main thread looks at the queue now and then
        }
        if let Some(socket) = self.ticket_from_overflow() {
            self.serve_ticket(socket, hold);
            self.watch.requeue_overflow();
        }
    }

    fn ticket_from_overflow(&mut self) -> Option<OwnedFd> {
        match Ticket::receive(self.shared.overflow.as_fd()) {
            Ok(Some((_, socket))) => {
                self.shared.unqueue();
                Some(socket)
            }
            Ok(None) => None,
            Err(Errno::MFILE) => {
                self.shared.unqueue(); // the child sends the request again
                self.shared.no_descriptors();
                None
            }
            Err(_) => {
                self.watch.drop_overflow(); // httpd is gone, the leader ends this process
                None
            }
        }
    }

    /// Serves the request of a ticket, and then more of them from the overflow while there are any.
    fn serve_ticket(&mut self, socket: OwnedFd, mut hold: Hold<'_>) {
        let mut next = Some(socket);
        while let Some(socket) = next {
            self.drop_kept();
            self.list(Some(&socket));
            let mut connection = Connection::new(socket, self.shared.socket_timeout());
            if self.converse(&mut connection, &mut hold, true) && self.watch.keep(&connection).is_ok() {
                self.kept = Some(connection);
            } else {
                self.list(None::<&OwnedFd>);
            }
            next = self.next_ticket_from_overflow(&hold);
        }
    }

    fn serve_kept(&mut self) {
        let Some(mut connection) = self.kept.take() else { return };
        let mut hold = Hold::new(self.shared);
        if self.converse(&mut connection, &mut hold, false) {
            self.kept = Some(connection);
        } else {
            self.watch.forget(&connection);
            self.list(None::<&OwnedFd>);
        }
        if let Some(socket) = self.next_ticket_from_overflow(&hold) {
            self.serve_ticket(socket, hold);
        }
    }

    /// After a request: the next from the overflow, unless the reservation has been given back.
    fn next_ticket_from_overflow(&mut self, hold: &Hold<'_>) -> Option<OwnedFd> {
        if hold.is_reserved() && self.shared.queue_waits() { self.ticket_from_overflow() } else { None }
    }

    /// Serves one request. True when the connection is kept for another.
    fn converse(&mut self, connection: &mut Connection, hold: &mut Hold<'_>, by_ticket: bool) -> bool {
        let _begun = self.shown.begin();
        let mut buffer = std::mem::take(&mut self.buffer);
        let keep = match connection.request(&mut buffer) {
            Ok(Some(message)) => self.answer(connection, message, hold, by_ticket),
            Ok(None) => {
                if !by_ticket {
                    hold.disown(); // nothing was sent: the child has its reservation still
                }
                false
            }
            Err(error) => {
                tracing::debug!("a connection from httpd ended before its request was read: {error}");
                false
            }
        };
        self.buffer = buffer;
        keep
    }

    fn answer(
        &mut self,
        connection: &mut Connection,
        message: Message<'_>,
        hold: &mut Hold<'_>,
        by_ticket: bool,
    ) -> bool {
        let request = match Request::decode(message.payload) {
            Ok(request) => request,
            Err(error) => {
                tracing::error!("httpd sent a request that is not understood: {error}");
                return false;
            }
        };
        if by_ticket && connection.hung_up() {
            return false; // the client has gone, or the child has answered for us
        }
        let taken = Taken { slot: self.shared.settings.slot, pid: self.shared.pid };
        self.shown.describe(&request);
        let mut conversation = Conversation::new(connection, message.early, &request, taken, self.shown);
        if let Some(why) = self.refusal(&request) {
            conversation.reject(why);
            return false;
        }
        self.shown.needs_script();
        match self.run_application(&request, &mut conversation) {
            Answer::Changed => {
                self.script_changed(&request);
                conversation.reject(Reject::Reloading);
                false
            }
            Answer::Done(done) => self.finish(&request, conversation, done, hold),
        }
    }

    /// Why a request is not run at all.
    fn refusal(&self, request: &Request<'_>) -> Option<Reject> {
        match self.shared.mode() {
            Mode::Reloading => Some(Reject::Reloading),
            Mode::Stopping => Some(Reject::Draining),
            _ if request.deadline != 0 && clock() > request.deadline => Some(Reject::TooLate),
            Mode::Serving | Mode::Draining => None,
        }
    }

    fn run_application(&self, request: &Request<'_>, conversation: &mut Conversation<'_>) -> Answer {
        let group = &self.shared.settings.group;
        let run_once = group.threads == 1 && group.limits.maximum_requests == 1;
        let facts = Facts { thread_id: self.number, daemon_start: now(), run_once };
        let run = catch_unwind(AssertUnwindSafe(|| {
            fault::point("worker-panic-in-request");
            let on_change = if group.rolling { OnChange::Keep } else { OnChange::Reject };
            serve(&self.shared.process, request, &facts, conversation, on_change)
        }));
        run.unwrap_or_else(|panic| {
            let message = format!("mod_wsgi has a bug, this request fails: panic: {}", text(&*panic));
            conversation.log(level::CRIT, message.as_bytes(), b"", 0);
            discard(panic);
            let outcome = if conversation.begun() { Outcome::Aborted } else { Outcome::Refused(500) };
            Answer::Done(Done { outcome, last: None, application_time: 0, recording: None })
        })
    }

    fn finish(
        &mut self,
        request: &Request<'_>,
        mut conversation: Conversation<'_>,
        done: Done,
        hold: &mut Hold<'_>,
    ) -> bool {
        let queue = self.shared.queue_waits();
        let whole = done.outcome != Outcome::Aborted && !queue && self.shared.mode() == Mode::Serving;
        let keep = whole && conversation.reusable();
        if !queue && done.last.as_ref().is_none_or(|last| last.len() <= BODY_PIECE / 2) {
            hold.release();
        }
        let has_failed = done.outcome != Outcome::Complete || conversation.has_failed();
        let was_last = self.shared.count();
        let end = End { outcome: done.outcome, keep, application_time: done.application_time };
        let sent = done.writing(|| conversation.finish(done.last.as_deref(), end));
        if was_last {
            self.shared.tell(&FromWorker::Retire { reason: Reason::MaximumRequests });
        }
        if done.outcome == Outcome::Complete {
            self.report(request);
        }
        if has_failed {
            self.shared.look_for_shortage();
        }
        keep && sent.is_ok()
    }

    /// Tells the leader once what has been loaded, so that replacements load it before they serve.
    fn report(&mut self, request: &Request<'_>) {
        let known = |target: &Target| {
            target.script.as_os_str().as_encoded_bytes() == request.script
                && target.application_group.as_bytes() == request.application_group
        };
        if self.reported.iter().any(known) {
            return;
        }
        let target = Target {
            script: PathBuf::from(OsStr::from_bytes(request.script)),
            application_group: String::from_utf8_lossy(request.application_group).into_owned(),
        };
        if self.shared.process.loaded().contains(&target) {
            self.shared.tell_version(&target, None);
            self.shared.tell(&FromWorker::Loaded(target.clone()));
        }
        self.reported.insert(target);
    }

    fn script_changed(&self, request: &Request<'_>) {
        if self.shared.enter(Mode::Reloading) {
            let script = String::from_utf8_lossy(request.script).into_owned();
            self.shared.tell(&FromWorker::Changed { script });
        }
    }

    /// Closes the kept connection; a request that crosses this was not run.
    fn drop_kept(&mut self) {
        if let Some(connection) = self.kept.take() {
            let mut frame = Vec::new();
            append(&mut frame, Kind::GoAway, 0, |_| {});
            let _ = connection.send_now(&frame);
            self.watch.forget(&connection);
            self.list(None::<&OwnedFd>);
        }
    }

    /// Lists this thread's connection among those that forked processes close.
    fn list(&self, connection: Option<&impl AsFd>) {
        keep_out_of_forks(FIRST_PLACE + 2 * self.number as usize + 1, connection.map(AsFd::as_fd));
    }
}
