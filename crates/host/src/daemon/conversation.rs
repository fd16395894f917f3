//! One request over a connection: [`Exchange`] in frames.
//!
//! The head is kept until something follows it, so that a small response is one write.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use contract::control::{FromWorker, ScriptState};
use contract::costs::Costs;
use contract::frame::{BODY_PIECE, HEADER, Header, Kind, VALUE_FOUND, append};
use contract::level::NOTICE;
use contract::request::{Flags, Request};
use contract::response::{End, FilePart, Head, Log, MAX_LOG, Outcome, Reject, Taken};

use super::body::Body;
use super::connection::{Connection, invalid};
use super::shown::Shown;
use crate::python::loan::Interrupter;
use crate::wsgi::exchange::{ClientGone, Exchange};
use crate::wsgi::watched::Watched;

/// Log lines that the child does not fetch are dropped beyond this many bytes.
const MAX_UNSENT: usize = 1 << 20;
/// Longest source file name that a log frame takes.
const MAX_FILE: usize = 4096;

/// A request that is being answered.
pub(super) struct Conversation<'c> {
    connection: &'c mut Connection,
    shown: &'c Shown<'c>,
    body: Body<'c>,
    flags: Flags,
    log_level: u8,
    taken: Taken,
    head: Option<Vec<u8>>,
    /// Frames that go out with the next write.
    out: Vec<u8>,
    /// Something of the response has been sent.
    begun: bool,
    /// The application's own answer is a failure (5xx).
    has_failed: bool,
    /// The child does not read any more.
    gone: bool,
}

impl<'c> Conversation<'c> {
    pub(super) fn new(
        connection: &'c mut Connection,
        early: &'c [u8],
        request: &Request<'_>,
        taken: Taken,
        shown: &'c Shown<'c>,
    ) -> Self {
        Self {
            connection,
            shown,
            body: Body::new(early, request.flags.has(Flags::NO_BODY)),
            flags: request.flags,
            log_level: request.log_level,
            taken,
            head: None,
            out: Vec::new(),
            begun: false,
            has_failed: false,
            gone: false,
        }
    }

    /// Whether a part of the response has been sent.
    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    /// Whether the application has answered with a status from 500 on.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Whether the connection can carry another request after this one.
    pub(super) fn reusable(&mut self) -> bool {
        !self.gone && self.body.passed_over(self.connection)
    }

    /// Says that the request was not run.
    pub(super) fn reject(&mut self, why: Reject) {
        append(&mut self.out, Kind::Reject, 0, |out| why.encode(out));
        let _ = self.transmit(&[], None);
    }

    /// Sends the rest of the response and its end.
    pub(super) fn finish(&mut self, last: Option<&[u8]>, end: End) -> Result<(), ClientGone> {
        if end.outcome != Outcome::Complete {
            self.head = None;
        }
        self.transmit(last.unwrap_or_default(), Some(end))
    }

    /// Sends what has gathered, `bytes` as BODY frames, and `end`, in as few writes as may be.
    fn transmit(&mut self, bytes: &[u8], end: Option<End>) -> Result<(), ClientGone> {
        self.shown.beat();
        let mut out = std::mem::take(&mut self.out);
        if let Some(head) = self.head.take() {
            out.extend_from_slice(&Header::new(Kind::Head, head.len()).encode());
            out.extend_from_slice(&head);
        }
        let mut tail = Vec::new();
        if let Some(end) = end {
            append(&mut tail, Kind::End, 0, |out| end.encode(out));
        }
        let count = bytes.len().div_ceil(BODY_PIECE);
        let mut sent = Ok(());
        for (number, piece) in bytes.chunks(BODY_PIECE).enumerate() {
            out.extend_from_slice(&Header::new(Kind::Body, piece.len()).encode());
            let tail = if number + 1 == count { tail.as_slice() } else { &[] };
            let mut parts = [IoSlice::new(&out), IoSlice::new(piece), IoSlice::new(tail)];
            sent = sent.and_then(|()| self.connection.send(&mut parts, &[]));
            out.clear();
        }
        if count == 0 {
            sent = self.connection.send(&mut [IoSlice::new(&out), IoSlice::new(&tail)], &[]);
            out.clear();
        }
        self.out = out;
        self.sent(sent)
    }

    fn sent(&mut self, result: io::Result<()>) -> Result<(), ClientGone> {
        self.gone |= result.is_err();
        result.map_err(|_| ClientGone)
    }
}

impl Exchange for Conversation<'_> {
    fn begin(&mut self) {
        if self.flags.has(Flags::ANNOUNCE) {
            let taken = self.taken;
            append(&mut self.out, Kind::Taken, 0, |out| taken.encode(out));
            self.send_what_fits();
        }
    }

    fn script_changed(&mut self, state: ScriptState) {
        self.shown.tell(&FromWorker::Script(state));
    }

    fn watched(&self) -> Option<Arc<Watched>> {
        Some(Arc::clone(self.shown.watched()))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.shown.beat();
        self.body.read(self.connection, buffer)
    }

    fn interrupter(&self) -> Interrupter {
        Interrupter::Socket(self.connection.as_fd().as_raw_fd())
    }

    fn head(&mut self, payload: Vec<u8>) -> Result<(), ClientGone> {
        self.has_failed = Head::status_of(&payload).is_some_and(|status| status >= 500);
        self.head = Some(payload);
        if self.gone { Err(ClientGone) } else { Ok(()) }
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), ClientGone> {
        self.begun = true;
        self.transmit(bytes, None)
    }

    fn file(&mut self, file: BorrowedFd<'_>, part: FilePart) -> Result<(), ClientGone> {
        self.begun = true;
        self.transmit(&[], None)?; // so that the descriptor comes with the frame that names it
        let mut frame = Vec::new();
        append(&mut frame, Kind::File, 0, |out| part.encode(out));
        let sent = self.connection.send(&mut [IoSlice::new(&frame)], &[file]);
        self.sent(sent)
    }

    fn log(&mut self, level: u8, text: &[u8], file: &[u8], line: u32) {
        let wanted = level <= self.log_level || level == NOTICE; // httpd always shows notices
        if !wanted || self.out.len() > MAX_UNSENT {
            return;
        }
        let file = file.get(..MAX_FILE).unwrap_or(file);
        for text in text.chunks(MAX_LOG) {
            append(&mut self.out, Kind::Log, 0, |out| Log { level, file, line, text }.encode(out));
        }
        self.send_what_fits();
    }

    fn verdict(&mut self, payload: Vec<u8>) -> Result<(), ClientGone> {
        append(&mut self.out, Kind::Verdict, 0, |out| out.extend_from_slice(&payload)); // goes out with the end
        if self.gone { Err(ClientGone) } else { Ok(()) }
    }

    fn costs(&mut self, costs: &Costs) {
        append(&mut self.out, Kind::Costs, 0, |out| costs.encode(out)); // goes out with the end
    }

    fn ssl_lookup(&mut self, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
        if name.len() > Kind::Lookup.limit() {
            return Ok(None);
        }
        append(&mut self.out, Kind::Lookup, 0, |out| out.extend_from_slice(name));
        self.transmit(&[], None).map_err(|ClientGone| io::Error::from(io::ErrorKind::BrokenPipe))?;
        let mut header = [0; HEADER];
        self.connection.receive_all(&mut header)?;
        match Header::decode(&header).map_err(invalid)? {
            Some(Header { kind: Kind::Value, flags, length }) => {
                let mut value = vec![0; length];
                self.connection.receive_all(&mut value)?;
                Ok((flags & VALUE_FOUND != 0).then_some(value))
            }
            other => Err(invalid(format!("{other:?} instead of a value"))),
        }
    }
}

impl Conversation<'_> {
    /// Never waits, for callers that may hold the GIL: what does not fit into the socket goes with the next write.
    fn send_what_fits(&mut self) {
        match self.connection.send_now(&self.out) {
            Ok(sent) => drop(self.out.drain(..sent.min(self.out.len()))),
            Err(_) => self.gone = true,
        }
    }
}
