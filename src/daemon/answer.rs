//! What a worker answers, turned into the response: HEAD, BODY, FILE and LOG frames in, httpd's calls out.
//!
//! Everything is checked: the order of the frames, the head, and that a file is a regular one which holds what is
//! promised. What has been appended is sent when the caller says that nothing more came for a while, or when it is much;
//! if the client's socket has no room, the rest is spooled, so that a slow client does not hold a worker's thread.

use std::os::fd::OwnedFd;
use std::time::Duration;

use contract::frame::{BODY_PIECE, Header, Kind};
use contract::response::{FilePart, Head, Outcome, Taken};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, fstat};

use super::error::Broken;
use super::incoming::Piece;
use super::queue::timespec;
use super::reply::{Reply, Turn, common};
use super::spool::Spool;
use crate::apache::{ClientGone, HandlerResult, Redirect, Request, Responder};
use crate::config::Resolved;

/// How much of what was spooled is sent at once: what a socket with room is likely to take without waiting.
const SPOOLED_PIECE: usize = 16 << 10;

/// The response to one request, as far as it has come.
pub(super) struct Answer<'r> {
    request: Request<'r>,
    responder: Responder<'r>,
    error_override: bool,
    /// A 200 with a local Location is a redirect.
    redirects: bool,
    /// Where httpd is to look for the answer.
    redirect: Option<Redirect>,
    head: HeadState,
    /// Bytes that were appended and not sent.
    pending: usize,
    /// The client's socket had no room; what comes now is spooled behind what is pending.
    is_blocked: bool,
    /// For how long it has had none.
    stuck: Duration,
    spool: Spool,
    /// A FILE has come. More of them would fill this process with descriptors, which other groups need, too.
    has_file: bool,
    /// What the worker said when it took the request.
    taken: Option<Taken>,
}

/// What became of the head.
#[derive(Debug, PartialEq, Eq)]
enum HeadState {
    /// It has not come.
    Awaited,
    /// The response is the application's.
    Said,
    /// httpd answers with its page for the status; the body is dropped.
    Left,
    /// httpd answers with another of its URLs; the body is dropped.
    Redirected(Redirect),
}

impl<'r> Answer<'r> {
    pub(super) fn new(request: Request<'r>, resolved: &Resolved<'_>) -> Self {
        let mut responder = Responder::new(request);
        responder.allow_sendfile(resolved.enable_sendfile.unwrap_or_else(|| request.enables_sendfile()));
        Self {
            request,
            responder,
            error_override: resolved.error_override,
            redirects: resolved.redirects_locally(),
            redirect: None,
            head: HeadState::Awaited,
            pending: 0,
            is_blocked: false,
            stuck: Duration::ZERO,
            spool: Spool::default(),
            has_file: false,
            taken: None,
        }
    }

    /// Where httpd is to look for the answer, if the application wants that.
    pub(super) fn into_redirect(self) -> Option<Redirect> {
        self.redirect
    }

    fn frame(&mut self, header: Header, payload: &[u8]) -> Result<Turn, Broken> {
        match header.kind {
            Kind::Taken => {
                self.taken = Some(Taken::decode(payload)?);
                Ok(Turn::Taken)
            }
            Kind::Head => self.head(&Head::decode(payload)?).map(|()| Turn::On),
            _ => common(self, self.request, header, payload),
        }
    }

    fn head(&mut self, head: &Head<'_>) -> Result<(), Broken> {
        if self.is_begun() {
            return Err(Broken::Order("a second HEAD"));
        }
        self.head = match Redirect::of(head).filter(|_| self.redirects) {
            Some(redirect) => HeadState::Redirected(redirect),
            None => {
                self.responder.head(head)?;
                if self.error_override && head.status >= 400 { HeadState::Left } else { HeadState::Said }
            }
        };
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Result<Turn, Broken> {
        match self.head {
            HeadState::Awaited => Err(Broken::Order("a body before a HEAD")),
            HeadState::Left | HeadState::Redirected(_) => Ok(Turn::On),
            HeadState::Said => {
                if self.is_blocked && self.spool.push(bytes).is_ok() {
                    return Ok(Turn::On);
                }
                let result = self.append(bytes);
                Ok(if result.is_err() { Turn::ClientGone } else { Turn::On })
            }
        }
    }

    fn file(&mut self, part: FilePart, file: OwnedFd) -> Result<Turn, Broken> {
        if std::mem::replace(&mut self.has_file, true) {
            return Err(Broken::Order("a second FILE"));
        }
        check_file(&file, part)?;
        match self.head {
            HeadState::Awaited => Err(Broken::Order("a file before a HEAD")),
            HeadState::Left | HeadState::Redirected(_) => Ok(Turn::On),
            HeadState::Said => {
                if self.send_all().is_err() {
                    return Ok(Turn::ClientGone);
                }
                self.responder.file(file, part);
                if !self.responder.waits_for_end() {
                    self.pending += 1; // sent with what follows, which is usually the END
                }
                Ok(Turn::On)
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), ClientGone> {
        if self.is_blocked {
            self.send_all()?; // it cannot be spooled: this thread waits for the client instead
        }
        self.responder.body(bytes);
        self.pending += bytes.len();
        if self.pending >= BODY_PIECE { self.flush() } else { Ok(()) }
    }

    /// Sends all of it, however long the client takes.
    fn send_all(&mut self) -> Result<(), ClientGone> {
        while self.is_blocked {
            self.send()?;
            self.is_blocked = !self.spool.is_empty();
            self.unspool()?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), ClientGone> {
        self.pending = 0;
        self.stuck = Duration::ZERO;
        self.responder.flush()
    }

    /// Makes the oldest of what was spooled pending.
    fn unspool(&mut self) -> Result<(), ClientGone> {
        let mut piece = Vec::new();
        self.spool.take(&mut piece, SPOOLED_PIECE).map_err(|_| ClientGone)?; // lost: the response cannot go on
        self.responder.body(&piece);
        self.pending = piece.len();
        Ok(())
    }

    /// Whether the client's socket takes more now. Without one to ask, it does.
    fn has_room(&self) -> bool {
        let Some(client) = self.request.client_fd() else { return true };
        let mut sockets = [PollFd::new(&client, PollFlags::OUT)];
        poll(&mut sockets, Some(&timespec(Duration::ZERO))) != Ok(0)
    }
}

impl Reply for Answer<'_> {
    fn is_pending(&self) -> bool {
        self.pending > 0 && !self.is_blocked
    }

    fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    fn is_full(&self) -> bool {
        self.spool.is_full()
    }

    fn is_begun(&self) -> bool {
        self.head != HeadState::Awaited
    }

    fn take(&mut self, piece: Piece<'_>) -> Result<Turn, Broken> {
        match piece {
            Piece::Body(bytes) => self.body(bytes),
            Piece::File(payload, file) => self.file(FilePart::decode(payload)?, file),
            Piece::Frame(header, payload) => self.frame(header, payload),
        }
    }

    fn flush(&mut self) -> Result<(), ClientGone> {
        self.is_blocked = !self.has_room();
        if self.is_blocked { Ok(()) } else { self.send() }
    }

    fn resume(&mut self) -> Result<(), ClientGone> {
        while self.is_blocked && self.has_room() {
            self.send()?;
            self.is_blocked = !self.spool.is_empty();
            self.unspool()?;
        }
        Ok(())
    }

    fn stay(&mut self, time: Duration, limit: Option<Duration>) -> Result<(), ClientGone> {
        self.stuck += time;
        let limit = limit.unwrap_or_else(|| Duration::from_micros(self.request.server().timeout()));
        if self.stuck < limit { Ok(()) } else { Err(ClientGone) }
    }

    fn finish(&mut self, outcome: Outcome) -> HandlerResult {
        match (outcome, std::mem::replace(&mut self.head, HeadState::Awaited)) {
            (Outcome::Complete, HeadState::Redirected(redirect)) => {
                self.redirect = Some(redirect);
                HandlerResult::Done
            }
            (Outcome::Complete, HeadState::Left) => {
                std::mem::replace(&mut self.responder, Responder::new(self.request)).leave_to_httpd()
            }
            (Outcome::Complete, _) => match self.send_all().and_then(|()| self.responder.finish()) {
                Ok(()) => HandlerResult::Done,
                Err(ClientGone) => self.give_up(),
            },
            (Outcome::Refused(status), _) => self.refuse(status),
            (Outcome::Aborted, HeadState::Said) => {
                self.responder.abort(); // also if the client has seen nothing yet: the head was said
                HandlerResult::Done
            }
            (Outcome::Aborted, _) => self.refuse(500),
        }
    }

    fn give_up(&self) -> HandlerResult {
        if !self.request.has_ended() {
            self.request.abort_connection();
        }
        HandlerResult::Done
    }

    fn refuse(&mut self, status: u16) -> HandlerResult {
        if self.responder.begun() {
            self.responder.abort();
            return HandlerResult::Done;
        }
        HandlerResult::Status(status)
    }

    fn taken(&self) -> Option<Taken> {
        self.taken
    }

    fn forget_taken(&mut self) {
        self.taken = None;
    }
}

/// A file must be a regular one, and long enough.
fn check_file(file: &OwnedFd, part: FilePart) -> Result<(), Broken> {
    let status = fstat(file).map_err(|_| Broken::File("its state cannot be read"))?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(Broken::File("it is not a regular file"));
    }
    let size = u64::try_from(status.st_size).unwrap_or(0);
    match part.offset.checked_add(part.length) {
        Some(end) if end <= size => Ok(()),
        _ => Err(Broken::File("the promised part goes beyond its end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn files_are_checked() {
        let part = |offset, length| FilePart { offset, length };
        let file: OwnedFd = File::open(env!("CARGO_MANIFEST_PATH")).unwrap().into();
        assert!(check_file(&file, part(0, 10)).is_ok());
        assert!(check_file(&file, part(5, u64::MAX)).is_err());
        assert!(check_file(&file, part(u64::MAX, 1)).is_err());
        assert!(check_file(&file, part(0, 1 << 40)).is_err());
        let directory: OwnedFd = File::open("/").unwrap().into();
        assert!(matches!(check_file(&directory, part(0, 0)), Err(Broken::File("it is not a regular file"))));
        let device: OwnedFd = File::open("/dev/null").unwrap().into();
        assert!(check_file(&device, part(0, 0)).is_err());
    }
}
