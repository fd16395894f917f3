//! The body of one request, as it comes over a connection.

use std::io;
use std::os::fd::OwnedFd;

use contract::frame::{BODY_BROKEN, HEADER, Header, Kind};
use contract::response::FilePart;
use rustix::fs::{FileType, fstat};

use super::connection::{Connection, invalid};

/// What is read at once when little is asked for.
const AHEAD: usize = 16 << 10;

/// The body of one request: `early` are the bytes that came together with it.
#[derive(Debug)]
pub(super) struct Body<'b> {
    early: &'b [u8],
    /// Bytes received beyond what was asked for, and how many of them are used.
    ahead: Vec<u8>,
    used: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// This many bytes of the current BODY frame are left.
    Frame(usize),
    /// The body is in a file.
    File { file: OwnedFd, offset: u64, left: u64 },
    /// All was read.
    Ended,
    /// It cannot be read to its end.
    Broken,
}

impl<'b> Body<'b> {
    pub(super) fn new(early: &'b [u8], none: bool) -> Self {
        let state = if none { State::Ended } else { State::Frame(0) };
        Self { early, ahead: Vec::new(), used: 0, state }
    }

    /// Reads at least one byte; 0 is the end of the body.
    pub(super) fn read(&mut self, connection: &mut Connection, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                State::Ended => return Ok(0),
                State::Broken => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the request body is incomplete",
                    ));
                }
                State::File { file, offset, left } => {
                    let wanted = out.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    let count = rustix::io::pread(file, out.get_mut(..wanted).unwrap_or_default(), *offset)?;
                    (*offset, *left) = (*offset + count as u64, *left - count as u64);
                    match count {
                        0 if *left > 0 => self.state = State::Broken,
                        0 => self.state = State::Ended,
                        count => return Ok(count),
                    }
                }
                State::Frame(0) => self.next_frame(connection)?,
                State::Frame(left) => {
                    let wanted = out.len().min(*left);
                    let behind = if wanted == *left { HEADER } else { 0 };
                    let count = self.bytes(connection, out.get_mut(..wanted).unwrap_or_default(), behind)?;
                    self.state = match self.state {
                        State::Frame(left) if count > 0 => State::Frame(left - count),
                        _ => State::Broken,
                    };
                    if count > 0 {
                        return Ok(count);
                    }
                }
            }
        }
    }

    /// Whether the whole body has been read, or can be passed over now, without waiting: then the connection may carry
    /// another request.
    pub(super) fn passed_over(&mut self, connection: &mut Connection) -> bool {
        let mut rest = [0; 4096];
        loop {
            let buffered = self.early.len() + self.ahead.len() - self.used;
            let went_on = match self.state {
                State::Ended => return buffered == 0,
                State::Broken => return false,
                State::File { .. } => {
                    self.state = State::Ended;
                    true
                }
                // The frame that ends the body is here by now, if the application has read all of it.
                State::Frame(_) if buffered == 0 => self.look_ahead(connection) >= HEADER,
                State::Frame(0) => buffered >= HEADER && self.next_frame(connection).is_ok(),
                State::Frame(left) => {
                    let wanted = rest.len().min(left).min(buffered);
                    matches!(self.read(connection, rest.get_mut(..wanted).unwrap_or_default()), Ok(1..))
                }
            };
            if !went_on {
                return false;
            }
        }
    }

    /// Reads what is there without waiting; returns how much.
    fn look_ahead(&mut self, connection: &mut Connection) -> usize {
        self.used = 0;
        self.ahead.resize(AHEAD, 0);
        let count = connection.receive_now(&mut self.ahead).ok().flatten().unwrap_or(0);
        self.ahead.truncate(count);
        count
    }

    fn next_frame(&mut self, connection: &mut Connection) -> io::Result<()> {
        let mut header = [0; HEADER];
        if !self.exactly(connection, &mut header)? {
            self.state = State::Broken;
            return Ok(());
        }
        let header = Header::decode(&header).map_err(invalid)?.ok_or_else(|| invalid("no header"))?;
        self.state = match header.kind {
            Kind::Body => State::Frame(header.length),
            Kind::BodyEnd if header.flags & BODY_BROKEN != 0 => State::Broken,
            Kind::BodyEnd => State::Ended,
            Kind::BodyFile => {
                let mut payload = vec![0; header.length];
                if !self.exactly(connection, &mut payload)? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let file =
                    connection.take_descriptor().ok_or_else(|| invalid("a file without its descriptor"))?;
                spooled(file, FilePart::decode(&payload).map_err(invalid)?)?
            }
            kind => return Err(invalid(format!("{kind:?} within a request body"))),
        };
        Ok(())
    }

    /// Fills `out`; false if the connection ends within it.
    fn exactly(&mut self, connection: &mut Connection, out: &mut [u8]) -> io::Result<bool> {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.bytes(connection, rest, 0)? {
                0 => return Ok(false),
                count => filled += count,
            }
        }
        Ok(true)
    }

    /// The next bytes of the connection: those that came early first. Many go straight into `out`; of what comes behind
    /// them, up to `behind` bytes are read as well.
    fn bytes(&mut self, connection: &mut Connection, out: &mut [u8], behind: usize) -> io::Result<usize> {
        if !self.early.is_empty() {
            let count = copy(self.early, out);
            self.early = self.early.get(count..).unwrap_or_default();
            return Ok(count);
        }
        if self.used == self.ahead.len() {
            self.used = 0;
            if out.len() >= AHEAD {
                self.ahead.resize(behind, 0);
                let received = connection.receive_both(out, &mut self.ahead);
                let count = *received.as_ref().unwrap_or(&0);
                self.ahead.truncate(count.saturating_sub(out.len()));
                return received.map(|count| count.min(out.len()));
            }
            self.ahead.resize(AHEAD, 0);
            let received = connection.receive(&mut self.ahead);
            self.ahead.truncate(*received.as_ref().unwrap_or(&0));
            received?;
        }
        let count = copy(self.ahead.get(self.used..).unwrap_or_default(), out);
        self.used += count;
        Ok(count)
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..count), to.get_mut(..count)) {
        to.copy_from_slice(from);
    }
    count
}

fn spooled(file: OwnedFd, part: FilePart) -> io::Result<State> {
    let status = fstat(&file)?;
    let end = part.offset.checked_add(part.length);
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile
        || end.is_none_or(|end| end > status.st_size as u64)
    {
        return Err(invalid("a spooled body that is not within a regular file"));
    }
    Ok(State::File { file, offset: part.offset, left: part.length })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use contract::frame::append;

    use super::*;

    fn frames(pieces: &[&[u8]], flags: u8) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in pieces {
            append(&mut out, Kind::Body, 0, |out| out.extend_from_slice(piece));
        }
        append(&mut out, Kind::BodyEnd, flags, |_| {});
        out
    }

    fn all(body: &mut Body<'_>, connection: &mut Connection, size: usize) -> io::Result<Vec<u8>> {
        let (mut whole, mut buffer) = (Vec::new(), vec![0; size]);
        loop {
            match body.read(connection, &mut buffer)? {
                0 => return Ok(whole),
                count => whole.extend_from_slice(&buffer[..count]),
            }
        }
    }

    #[test]
    fn reads_across_the_early_bytes_and_the_socket() {
        let bytes = frames(&[b"hello ", b"", b"world", &[7; 40_000], &[8; 40_000]], 0);
        let expected = [b"hello world".as_slice(), &[7; 40_000], &[8; 40_000]].concat();
        for split in [0, 3, 8, 10, 14, 20, 25, 1000, bytes.len()] {
            for size in [1, 7, 20_000, 40_000] {
                let (mut child, worker) = UnixStream::pair().expect("a pair");
                child.write_all(&bytes[split..]).expect("fits");
                let mut connection = Connection::new(worker.into(), Duration::from_secs(1));
                let mut body = Body::new(&bytes[..split], false);
                assert_eq!(all(&mut body, &mut connection, size).expect("whole"), expected, "{split} {size}");
                assert!(body.passed_over(&mut connection), "{split} {size}");
            }
        }
    }

    #[test]
    fn a_broken_body_is_an_error() {
        let (child, worker) = UnixStream::pair().expect("a pair");
        let mut connection = Connection::new(worker.into(), Duration::from_secs(1));
        let bytes = frames(&[b"half"], BODY_BROKEN);
        assert!(all(&mut Body::new(&bytes, false), &mut connection, 100).is_err());
        drop(child);
        let bytes = &frames(&[b"half"], 0)[..10];
        assert!(all(&mut Body::new(bytes, false), &mut connection, 100).is_err());
    }

    #[test]
    fn an_unread_body_is_passed_over_when_all_of_it_is_there() {
        let (mut child, worker) = UnixStream::pair().expect("a pair");
        let mut connection = Connection::new(worker.into(), Duration::from_secs(1));
        let bytes = frames(&[&[1; 30_000]], 0);
        assert!(Body::new(&bytes, false).passed_over(&mut connection));
        assert!(Body::new(&[], true).passed_over(&mut connection));
        assert!(!Body::new(&bytes[..20_000], false).passed_over(&mut connection), "the rest has not come");
        child.write_all(&bytes[20_000..]).expect("fits");
        assert!(Body::new(&bytes[..20_000], false).passed_over(&mut connection));
    }
}
