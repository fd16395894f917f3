//! One request, as the host sees it: the table of functions that it calls back.
//!
//! The host reads and writes from any thread of the application, but httpd's pools and filters belong to one at a
//! time, so each call takes the exchange's lock. Log lines do not: the module's own, and those of the host, which
//! keeps them while another thread is in a call here.

use std::ffi::{CStr, c_int, c_void};
use std::os::fd::BorrowedFd;
use std::slice;
use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::abi::Server as Table;
use contract::costs::Costs;
use contract::level;
use contract::response::{FilePart, Head, Outcome};
use contract::verdict::Verdict;

use crate::apache::fence::{Answered, Counted, Nothing, Pointed, fence};
use crate::apache::{Body, ClientGone, HandlerResult, Redirect, Request, Responder, Server};
use crate::config::Resolved;
use crate::notes;

/// What the host calls.
pub(super) static TABLE: Table = Table {
    contract: contract::VERSION,
    read,
    interrupt,
    head,
    body,
    file,
    log,
    verdict,
    ssl_lookup,
    apache_request,
    costs,
    scoreboard: super::scoreboard::scoreboard,
    group: None, // see `load`
    slot: None,
};

/// httpd's side of one request.
pub(super) struct Exchange<'r> {
    request: Request<'r>,
    state: Mutex<State<'r>>,
}

struct State<'r> {
    body: Option<Body<'r>>,
    responder: Responder<'r>,
    finished: bool,
    /// A 200 with a local Location is a redirect, and this is where it leads; the body is dropped.
    redirects: bool,
    redirect: Option<Redirect>,
    /// The status that a failed read of the body asks for.
    body_failed: Option<u16>,
    /// A script is asked for a verdict: nothing is read and nothing is sent.
    judges: bool,
    verdict: Option<Vec<u8>>,
}

impl<'r> State<'r> {
    fn new(request: Request<'r>) -> Self {
        Self {
            body: None,
            responder: Responder::new(request),
            finished: false,
            redirects: false,
            redirect: None,
            body_failed: None,
            judges: false,
            verdict: None,
        }
    }
}

impl<'r> Exchange<'r> {
    pub(super) fn new(request: Request<'r>, resolved: &Resolved<'_>) -> Self {
        let mut state = State::new(request);
        let sendfile = resolved.enable_sendfile.unwrap_or_else(|| request.enables_sendfile());
        state.responder.allow_sendfile(sendfile);
        state.redirects = resolved.redirects_locally();
        Self { request, state: Mutex::new(state) }
    }

    /// For a request whose task is to judge.
    pub(super) fn to_judge(request: Request<'r>) -> Self {
        let state = State { judges: true, ..State::new(request) };
        Self { request, state: Mutex::new(state) }
    }

    /// The payload of the verdict, if there is one.
    pub(super) fn into_verdict(self) -> Option<Vec<u8>> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).verdict
    }

    /// Ends the response as the host says. `Err` is a redirect that is to be followed.
    pub(super) fn end(self, outcome: Outcome) -> Result<HandlerResult, Redirect> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let begun = state.responder.begun();
        Ok(match outcome {
            Outcome::Complete => {
                if let Some(redirect) = state.redirect {
                    return Err(redirect);
                }
                if !state.finished {
                    let _ = state.responder.finish();
                }
                HandlerResult::Done
            }
            Outcome::Refused(status) if !begun => HandlerResult::Status(state.body_failed.unwrap_or(status)),
            Outcome::Aborted if !begun => HandlerResult::Status(500),
            Outcome::Refused(_) | Outcome::Aborted => {
                state.responder.abort();
                HandlerResult::Done
            }
        })
    }

    fn state(&self) -> MutexGuard<'_, State<'r>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, buffer: &mut [u8]) -> isize {
        let mut state = self.state();
        if state.judges {
            return -1;
        }
        let request = self.request;
        let body = state.body.get_or_insert_with(|| Body::new(request));
        match body.read(buffer) {
            Ok(length) => isize::try_from(length).unwrap_or(-1),
            Err(error) => {
                state.body_failed = Some(error.status());
                request.log(level::DEBUG, &error.to_string());
                -1
            }
        }
    }

    fn send(&self, send: impl FnOnce(&mut State<'r>) -> Result<(), ClientGone>) -> Answered {
        let mut state = self.state();
        let sent = match &*state {
            State { judges: true, .. } => Err(ClientGone),
            State { redirect: Some(_), .. } => Ok(()),
            _ => send(&mut state),
        };
        Answered(if sent.is_ok() { 0 } else { -1 })
    }

    /// Keeps the one verdict that was asked for.
    fn judge(&self, payload: &[u8]) -> Answered {
        let mut state = self.state();
        if !state.judges || Verdict::decode(payload).is_err() {
            return Answered(-1);
        }
        state.verdict = Some(payload.to_vec());
        Answered(0)
    }
}

/// # Safety
/// `exchange` is what `Embedded::serve` gave the host, which uses it during that call only.
unsafe fn exchange<'e>(exchange: *mut c_void) -> &'e Exchange<'e> {
    // SAFETY: by the caller.
    unsafe { &*exchange.cast_const().cast::<Exchange<'e>>() }
}

/// # Safety
/// `length` bytes at `data` are readable while the result is used, or `length` is 0.
unsafe fn bytes<'b>(data: *const u8, length: usize) -> &'b [u8] {
    if data.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: by the caller.
    unsafe { slice::from_raw_parts(data, length) }
}

unsafe extern "C" fn read(this: *mut c_void, buffer: *mut u8, length: usize) -> isize {
    fence("embedded read", || {
        // SAFETY: the contract: `length` bytes are writable, and ours during the call.
        let buffer = unsafe { slice::from_raw_parts_mut(buffer, length) };
        // SAFETY: the contract: our own exchange.
        Counted(unsafe { exchange(this) }.read(buffer))
    })
}

unsafe extern "C" fn interrupt(this: *mut c_void) {
    fence("embedded interrupt", || {
        // SAFETY: the contract: our own exchange.
        let request = unsafe { exchange(this) }.request;
        // Other streams of an HTTP/2 connection must go on; there the read ends with httpd's Timeout.
        let shared = request.protocol().is_some_and(|name| name.to_bytes().starts_with(b"HTTP/2"));
        if let Some(client) = request.client_fd().filter(|_| !shared) {
            let _ = rustix::net::shutdown(client, rustix::net::Shutdown::Read); // fails if the client is gone
        }
        Nothing
    });
}

unsafe extern "C" fn head(this: *mut c_void, payload: *const u8, length: usize) -> c_int {
    fence("embedded head", || {
        // SAFETY: the contract: our own exchange.
        let this = unsafe { exchange(this) };
        // SAFETY: the contract: readable during the call.
        let head = match Head::decode(unsafe { bytes(payload, length) }) {
            Ok(head) => head,
            Err(broken) => {
                this.request.log(level::ERROR, &format!("the head of the response cannot be read: {broken}"));
                return Answered(-1);
            }
        };
        this.send(|state| {
            state.redirect = Redirect::of(&head).filter(|_| state.redirects);
            state.responder.head(&head).map_err(|error| {
                this.request.log(level::ERROR, &error.to_string());
                ClientGone
            })
        })
    })
}

unsafe extern "C" fn body(this: *mut c_void, data: *const u8, length: usize, last: bool) -> c_int {
    fence("embedded body", || {
        // SAFETY: the contract: our own exchange.
        let this = unsafe { exchange(this) };
        // SAFETY: the contract: readable during the call.
        let data = unsafe { bytes(data, length) };
        this.send(|state| {
            state.finished |= last;
            state.responder.send(data, last)
        })
    })
}

unsafe extern "C" fn file(this: *mut c_void, descriptor: c_int, offset: u64, length: u64) -> c_int {
    fence("embedded file", || {
        // SAFETY: the contract: our own exchange.
        let this = unsafe { exchange(this) };
        // SAFETY: the contract: an open file during the call.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        this.send(|state| {
            state.responder.file(descriptor, FilePart { offset, length })?;
            if state.responder.waits_for_end() { Ok(()) } else { state.responder.flush() }
        })
    })
}

unsafe extern "C" fn log(
    this: *mut c_void,
    level: c_int,
    text: *const u8,
    length: usize,
    name: *const u8,
    name_length: usize,
    line: u32,
) {
    fence("embedded log", || {
        let level = u8::try_from(level).unwrap_or(level::ERROR);
        // SAFETY: the contract: readable during the call.
        let text = unsafe { bytes(text, length) };
        // SAFETY: as above.
        let name = unsafe { bytes(name, name_length) };
        if this.is_null() {
            if let Some(server) = Server::main() {
                server.log_at(level, text, name, line);
            }
        } else {
            // SAFETY: the contract: our own exchange.
            unsafe { exchange(this) }.request.log_at(level, text, name, line);
        }
        Nothing
    });
}

unsafe extern "C" fn verdict(this: *mut c_void, payload: *const u8, length: usize) -> c_int {
    fence("embedded verdict", || {
        // SAFETY: the contract: our own exchange.
        let this = unsafe { exchange(this) };
        // SAFETY: the contract: readable during the call.
        this.judge(unsafe { bytes(payload, length) })
    })
}

unsafe extern "C" fn ssl_lookup(
    this: *mut c_void,
    name: *const u8,
    name_length: usize,
    value: *mut *const u8,
    length: *mut usize,
) -> c_int {
    fence("embedded ssl_lookup", || {
        // SAFETY: the contract: our own exchange.
        let this = unsafe { exchange(this) };
        // SAFETY: the contract: readable during the call.
        let name = unsafe { bytes(name, name_length) };
        let state = this.state(); // mod_ssl allocates in the request's pool, which is one thread's at a time
        let found = this.request.ssl_variable(name);
        drop(state);
        let Some(found) = found.map(CStr::to_bytes) else { return Answered(-1) };
        // SAFETY: the contract: both places are writable; the value is in the request's pool.
        unsafe { value.write(found.as_ptr()) };
        // SAFETY: as above.
        unsafe { length.write(found.len()) };
        Answered(0)
    })
}

unsafe extern "C" fn costs(this: *mut c_void, payload: *const u8, length: usize) {
    fence("embedded costs", || {
        // SAFETY: the contract: our own exchange.
        let this = unsafe { exchange(this) };
        // SAFETY: the contract: readable during the call.
        if let Ok(costs) = Costs::decode(unsafe { bytes(payload, length) }) {
            let _state = this.state(); // notes are made in the request's pool, which is one thread's at a time
            notes::costs(this.request, &costs, false);
        }
        Nothing
    });
}

unsafe extern "C" fn apache_request(this: *mut c_void) -> *mut c_void {
    fence("embedded apache_request", || {
        // SAFETY: the contract: our own exchange.
        Pointed(unsafe { exchange(this) }.request.native())
    })
}
