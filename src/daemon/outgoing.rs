//! The first part of what goes to a worker: REQUEST and the first piece of the body, in one write.
//!
//! It is kept until the worker has taken the request, so that it can be sent again to another. Nothing here waits.

use std::os::fd::BorrowedFd;

use contract::frame::{HEADER, Header, Kind};
use rustix::io::Errno;

use super::connection::send_parts;

/// How much of the request's body there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// None.
    None,
    /// All of it.
    Whole,
    /// A first piece.
    Begun,
}

impl Extent {
    /// How many frames the first part has.
    fn heads(self) -> usize {
        match self {
            Self::None => 1,
            Self::Begun => 2,
            Self::Whole => 3,
        }
    }
}

/// The first part, from its first byte on.
#[derive(Debug)]
pub(super) struct Outgoing<'u> {
    payload: &'u [u8],
    body: Vec<&'u [u8]>,
    extent: Extent,
    heads: [[u8; HEADER]; 3],
    sent: usize,
    length: usize,
}

impl<'u> Outgoing<'u> {
    /// `payload` is the REQUEST's, `body` the pieces that there are of the request's body.
    pub(super) fn new(payload: &'u [u8], body: impl Iterator<Item = &'u [u8]>, extent: Extent) -> Self {
        let body: Vec<_> = body.collect();
        let bytes = body.iter().map(|piece| piece.len()).sum();
        let heads = [(Kind::Request, payload.len()), (Kind::Body, bytes), (Kind::BodyEnd, 0)];
        let heads = heads.map(|(kind, length)| Header::new(kind, length).encode());
        let length = HEADER * extent.heads() + payload.len() + bytes;
        Self { payload, body, extent, heads, sent: 0, length }
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let [request, begin, end] = &self.heads;
        let (begin, end): (&[u8], &[u8]) = match self.extent {
            Extent::None => (&[], &[]),
            Extent::Whole => (begin, end),
            Extent::Begun => (begin, &[]),
        };
        [request, self.payload, begin].into_iter().chain(self.body.iter().copied()).chain([end])
    }

    /// Whether all of it has been sent.
    pub(super) fn is_delivered(&self) -> bool {
        self.sent == self.length
    }

    /// Whether the whole REQUEST frame has been sent: a worker may run it, whatever is missing of the body.
    pub(super) fn has_request(&self) -> bool {
        self.sent >= HEADER + self.payload.len()
    }

    /// Whether nothing but the REQUEST frame has been sent.
    pub(super) fn is_request_only(&self) -> bool {
        self.sent <= HEADER + self.payload.len()
    }

    /// Sends what the socket takes; true once all of it has gone.
    pub(super) fn push(&mut self, socket: BorrowedFd<'_>) -> Result<bool, Errno> {
        while !self.is_delivered() {
            match send_parts(socket, self.parts(), self.sent) {
                Ok(sent) => self.sent += sent,
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::connection::Connection;
    use rustix::net::{RecvFlags, recv};
    use std::os::fd::AsFd;

    #[test]
    fn a_request_goes_out_in_one_write() {
        let (ours, theirs) = Connection::open(None).unwrap();
        let mut outgoing = Outgoing::new(b"request", [b"bo".as_slice(), b"dy"].into_iter(), Extent::Whole);
        assert_eq!(outgoing.push(ours.as_fd()), Ok(true));
        assert!(outgoing.is_delivered() && !outgoing.is_request_only());
        let mut buffer = [0; 100];
        let (length, _) = recv(&theirs, &mut buffer[..], RecvFlags::empty()).unwrap();
        assert_eq!(length, 3 * HEADER + 11);
        assert_eq!(buffer[HEADER..HEADER + 7], *b"request");
        assert_eq!(Header::decode(&buffer[length - HEADER..]).unwrap().unwrap().kind, Kind::BodyEnd);
    }

    #[test]
    fn many_pieces_arrive_in_order() {
        let (ours, theirs) = Connection::open(None).unwrap();
        let body: Vec<u8> = (0..1000).map(|number| (number % 251) as u8).collect();
        let mut outgoing = Outgoing::new(b"request", body.chunks(7), Extent::Begun);
        assert_eq!(outgoing.push(ours.as_fd()), Ok(true));
        let mut buffer = [0; 2000];
        let (length, _) = recv(&theirs, &mut buffer[..], RecvFlags::empty()).unwrap();
        assert_eq!(buffer[HEADER + 7 + HEADER..length], body);
    }

    #[test]
    fn a_large_request_waits_for_room() {
        let (ours, theirs) = Connection::open(None).unwrap();
        let payload = vec![7; 4 << 20];
        let mut outgoing = Outgoing::new(&payload, [].into_iter(), Extent::None);
        let mut received = 0;
        while !outgoing.push(ours.as_fd()).unwrap() {
            assert!(!outgoing.is_delivered());
            received += recv(&theirs, &mut vec![0; 1 << 18][..], RecvFlags::empty()).unwrap().0;
        }
        while received < HEADER + payload.len() {
            received += recv(&theirs, &mut vec![0; 1 << 18][..], RecvFlags::empty()).unwrap().0;
        }
        assert!(outgoing.is_request_only());
    }

    #[test]
    fn a_request_whose_body_waits_for_room_may_run() {
        let (ours, _theirs) = Connection::open(None).unwrap();
        let body = vec![7; 4 << 20];
        let mut outgoing = Outgoing::new(b"request", body.chunks(8000), Extent::Whole);
        assert!(!outgoing.has_request());
        assert_eq!(outgoing.push(ours.as_fd()), Ok(false));
        assert!(outgoing.has_request() && !outgoing.is_delivered() && !outgoing.is_request_only());
    }

    #[test]
    fn a_closed_connection_is_an_error() {
        let (ours, theirs) = Connection::open(None).unwrap();
        drop(theirs);
        let mut outgoing = Outgoing::new(b"request", [].into_iter(), Extent::None);
        assert_eq!(outgoing.push(ours.as_fd()), Err(Errno::PIPE));
        assert!(!outgoing.is_delivered());
    }
}
