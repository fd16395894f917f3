//! httpd's side of one request in embedded mode, as the table of C functions that the host calls.
//!
//! The host never calls two of them at once for one request (its loan of the request is behind a lock), and none
//! after [`super::load::Runtime::serve`] has returned.

use std::ffi::{c_int, c_void};
use std::os::fd::BorrowedFd;
use std::slice;

use contract::abi::Server as Table;
use contract::level;
use contract::response::{FilePart, Head};

use crate::apache::fence::{Answered, Counted, Nothing, fence};
use crate::apache::{Body, BodyError, ClientGone, HandlerResult, Progress, Request, Responder, Server};

/// The table.
pub(super) static SERVER: Table = Table { contract: contract::VERSION, read, head, body, file, log };

/// One request, while the host has it.
pub(super) struct Exchange<'r> {
    request: Request<'r>,
    body: Body<'r>,
    responder: Responder<'r>,
    read: Vec<u8>,
    /// The end of the response has been sent.
    ended: bool,
    /// httpd answers with this status instead, if nothing has been sent.
    refused: Option<u16>,
}

impl<'r> Exchange<'r> {
    pub(super) fn new(request: Request<'r>, sendfile: bool) -> Self {
        let mut responder = Responder::new(request);
        responder.allow_sendfile(sendfile);
        let body = Body::new(request);
        Self { request, body, responder, read: Vec::new(), ended: false, refused: None }
    }

    /// The application has said all.
    pub(super) fn complete(mut self) -> HandlerResult {
        if let Some(status) = self.refused {
            return self.refuse(status);
        }
        if !self.ended {
            let _ = self.responder.finish(); // a client that is gone needs no answer
        }
        HandlerResult::Done
    }

    /// The application has failed; an error page, if it still can be one.
    pub(super) fn refuse(self, status: u16) -> HandlerResult {
        if self.responder.begun() { self.abort() } else { HandlerResult::Status(status) }
    }

    /// The application has failed in the middle of its response.
    pub(super) fn abort(mut self) -> HandlerResult {
        match self.refused {
            Some(status) if !self.responder.begun() => HandlerResult::Status(status),
            _ => {
                self.responder.abort();
                HandlerResult::Done
            }
        }
    }

    fn read(&mut self, out: &mut [u8]) -> Result<usize, BodyError> {
        self.read.clear();
        match self.body.read(&mut self.read, out.len(), true)? {
            Progress::Data(_) => {
                let count = self.read.len().min(out.len());
                for (to, from) in out.iter_mut().zip(&self.read) {
                    *to = *from;
                }
                Ok(count)
            }
            Progress::Pending | Progress::End => Ok(0),
        }
    }

    fn head(&mut self, payload: &[u8]) -> Answered {
        let refused = match Head::decode(payload) {
            Err(error) => error.to_string(),
            Ok(head) => match self.responder.head(&head) {
                Ok(()) => return Answered(0),
                Err(error) => error.to_string(),
            },
        };
        self.request.log(level::ERROR, &format!("the application's response cannot be sent: {refused}"));
        self.refused = Some(500);
        Answered(-1)
    }
}

fn answered(result: Result<(), ClientGone>) -> Answered {
    Answered(if result.is_ok() { 0 } else { -1 })
}

/// Lends the exchange behind the host's pointer to `with`.
fn lend<R>(exchange: *mut c_void, with: impl FnOnce(&mut Exchange<'_>) -> R) -> R {
    // SAFETY: `Runtime::serve` passed a live exchange, which the host hands back unchanged, one call at a time.
    with(unsafe { &mut *exchange.cast::<Exchange<'_>>() })
}

/// Bytes that the host lends for one call.
///
/// # Safety
/// `length` bytes at `start` are readable during the call, or `length` is 0.
unsafe fn bytes<'b>(start: *const u8, length: usize) -> &'b [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: by the caller.
    unsafe { slice::from_raw_parts(start, length) }
}

unsafe extern "C" fn read(exchange: *mut c_void, buffer: *mut u8, length: usize) -> isize {
    fence("embedded read", || {
        // SAFETY: the host's buffer is writable for `length` bytes during the call.
        let buffer = unsafe { slice::from_raw_parts_mut(buffer, length) };
        let read = lend(exchange, |exchange| exchange.read(buffer));
        Counted(read.ok().and_then(|count| isize::try_from(count).ok()).unwrap_or(-1))
    })
}

unsafe extern "C" fn head(exchange: *mut c_void, payload: *const u8, length: usize) -> c_int {
    fence("embedded head", || {
        // SAFETY: by the contract.
        let payload = unsafe { bytes(payload, length) };
        lend(exchange, |exchange| exchange.head(payload))
    })
}

unsafe extern "C" fn body(exchange: *mut c_void, data: *const u8, length: usize, last: bool) -> c_int {
    fence("embedded body", || {
        // SAFETY: by the contract.
        let data = unsafe { bytes(data, length) };
        lend(exchange, |exchange| {
            exchange.ended |= last;
            answered(exchange.responder.send(data, last))
        })
    })
}

unsafe extern "C" fn file(exchange: *mut c_void, descriptor: c_int, offset: u64, length: u64) -> c_int {
    fence("embedded file", || {
        // SAFETY: by the contract the descriptor is open during the call.
        let file = unsafe { BorrowedFd::borrow_raw(descriptor) };
        // A copy of its own: the application may close its file before a slow client has it all.
        let Ok(file) = file.try_clone_to_owned() else { return Answered(-1) };
        lend(exchange, |exchange| {
            exchange.responder.file(file, FilePart { offset, length });
            answered(exchange.responder.flush())
        })
    })
}

unsafe extern "C" fn log(
    exchange: *mut c_void,
    level: c_int,
    text: *const u8,
    length: usize,
    file: *const u8,
    file_length: usize,
    line: u32,
) {
    fence("embedded log", || {
        let level = u8::try_from(level).unwrap_or(level::ERROR);
        // SAFETY: by the contract.
        let text = unsafe { bytes(text, length) };
        // SAFETY: by the contract.
        let file = unsafe { bytes(file, file_length) };
        if !exchange.is_null() {
            lend(exchange, |exchange| exchange.request.log_at(level, text, file, line));
        } else if let Some(server) = Server::main() {
            server.log_at(level, text, file, line);
        }
        Nothing
    });
}
