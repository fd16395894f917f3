//! What a worker answers, turned into the response: HEAD, BODY, FILE and LOG frames in, httpd's calls out.
//!
//! Everything is checked: the order of the frames, the head, and that a file is a regular one which holds what is
//! promised. How the body gets to the client is the affair of [`super::delivery`].

use std::os::fd::OwnedFd;
use std::time::Duration;

use contract::costs::Costs;
use contract::frame::{Header, Kind};
use contract::response::{FilePart, Head, Outcome, Taken};
use rustix::fs::{FileType, fstat};

use super::Group;
use super::delivery::Delivery;
use super::error::Broken;
use super::incoming::Piece;
use super::reply::{Reply, Turn, common};
use crate::apache::{ClientGone, HandlerResult, Redirect, Request};
use crate::config::Resolved;
use crate::notes;

/// The response to one request, as far as it has come.
pub(super) struct Answer<'r> {
    request: Request<'r>,
    delivery: Delivery<'r>,
    error_override: bool,
    /// A 200 with a local Location is a redirect.
    redirects: bool,
    /// Where httpd is to look for the answer.
    redirect: Option<Redirect>,
    head: HeadState,
    /// A FILE has come. More of them would fill this process with descriptors, which other groups need, too.
    has_file: bool,
    /// The costs of the request are wanted, and have not come.
    wants_costs: bool,
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
    pub(super) fn new(request: Request<'r>, resolved: &Resolved<'_>, group: &'r Group) -> Self {
        let mut delivery = Delivery::new(request, group);
        delivery
            .responder
            .allow_sendfile(resolved.enable_sendfile.unwrap_or_else(|| request.enables_sendfile()));
        Self {
            request,
            delivery,
            error_override: resolved.error_override,
            redirects: resolved.redirects_locally(),
            redirect: None,
            head: HeadState::Awaited,
            has_file: false,
            wants_costs: resolved.request_notes,
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
            Kind::Costs => {
                if !std::mem::take(&mut self.wants_costs) {
                    return Err(Broken::Order("COSTS that nobody asked for")); // each takes of the request's memory
                }
                notes::costs(self.request, &Costs::decode(payload)?, true);
                Ok(Turn::On)
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
                self.delivery.responder.head(head)?;
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
                let result = self.delivery.append(bytes);
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
                self.delivery.append_file(file, part);
                Ok(Turn::On)
            }
        }
    }
}

impl Reply for Answer<'_> {
    fn is_pending(&self) -> bool {
        self.delivery.is_pending()
    }

    fn is_blocked(&self) -> bool {
        self.delivery.is_blocked()
    }

    fn is_full(&self) -> bool {
        self.delivery.is_full()
    }

    fn patience(&self) -> Option<Duration> {
        self.delivery.patience()
    }

    fn turn(&self) -> Option<Duration> {
        self.delivery.turn()
    }

    fn delay(&self, usual: Duration) -> Duration {
        self.delivery.delay(usual)
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
        self.delivery.flush()
    }

    fn resume(&mut self) -> Result<(), ClientGone> {
        self.delivery.step().map(drop)
    }

    fn finish(&mut self, outcome: Outcome) -> HandlerResult {
        match (outcome, std::mem::replace(&mut self.head, HeadState::Awaited)) {
            (Outcome::Complete, HeadState::Redirected(redirect)) => {
                self.redirect = Some(redirect);
                HandlerResult::Done
            }
            (Outcome::Complete, HeadState::Left) => self.delivery.responder.leave_to_httpd(),
            (Outcome::Complete, _) => match self.delivery.finish() {
                Ok(()) => HandlerResult::Done,
                Err(ClientGone) => self.give_up(),
            },
            (Outcome::Refused(status), _) => self.refuse(status),
            (Outcome::Aborted, HeadState::Said) => {
                self.delivery.abort();
                HandlerResult::Done
            }
            (Outcome::Aborted, _) => self.refuse(500),
        }
    }

    fn give_up(&self) -> HandlerResult {
        self.delivery.responder.give_up();
        HandlerResult::Done
    }

    fn refuse(&mut self, status: u16) -> HandlerResult {
        if self.delivery.responder.begun() {
            self.delivery.abort();
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
