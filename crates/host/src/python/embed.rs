//! The host within an httpd child: the table that the module calls, and the exchange over the table that it offers.

use std::ffi::{c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{NonNull, null, null_mut};
use std::sync::OnceLock;

use contract::abi::{Host, Server};
use contract::costs::Costs;
use contract::request::Request;
use contract::response::{FilePart, Outcome};

use super::error::StartError;
use super::fence::fence;
use super::loan::Interrupter;
use super::number;
use super::posix::guard_forks;
use super::process::Process;
use super::scoreboard;
use crate::api::{server_metrics, tally};
use crate::telemetry;
use crate::wsgi::exchange::{ClientGone, Exchange};
use crate::wsgi::serve::{Answer, Facts, OnChange, serve};

/// What a panic answers.
const PANICKED: c_int = 500;

static HOST: Host =
    Host { contract: contract::VERSION, start: host_start, serve: host_serve, stop: host_stop };

/// Python and httpd in this child; set once by `start`.
static CHILD: OnceLock<Child> = OnceLock::new();

struct Child {
    process: Process,
    server: Server,
}

/// One request of httpd's.
struct Httpd<'s> {
    server: &'s Server,
    exchange: *mut c_void,
    /// Something was sent.
    begun: bool,
    /// The module did not take the head.
    head_refused: bool,
}

// SAFETY: httpd lets a request be used by any thread as long as it is one at a time, which the loan sees to.
unsafe impl Send for Httpd<'_> {}

/// The symbol that the module looks up ([`contract::abi::ENTRY`]).
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mod_wsgi_host_embed() -> *const Host {
    &raw const HOST
}

/// [`Host::start`]
unsafe extern "C" fn host_start(
    settings: *const u8,
    length: usize,
    libpython: *mut c_void,
    server: *const Server,
    reason: *mut c_char,
    reason_size: usize,
) -> c_int {
    fence("the start of Python", 1, || {
        // SAFETY: the module passes so many bytes.
        let settings = unsafe { std::slice::from_raw_parts(settings, length) };
        // SAFETY: the module passes its table, valid for the call.
        let server = unsafe { &*server };
        match fence("the start of Python", Err(StartError::Panicked), || start(settings, libpython, server)) {
            Ok(()) => 0,
            // SAFETY: the module passes a buffer of that size.
            Err(error) => unsafe { write_reason(&error.to_string(), reason, reason_size) },
        }
    })
}

fn start(settings: &[u8], libpython: *mut c_void, server: &Server) -> Result<(), StartError> {
    if server.contract != contract::VERSION {
        return Err(StartError::Contract { ours: contract::VERSION, theirs: server.contract });
    }
    let settings: contract::launch::Python = serde_json::from_slice(settings)?;
    let server = *server; // the table outlives the call that passes it only as a copy
    let log = server.log;
    let write = move |level: u8, text: &str| {
        // SAFETY: the table's functions live as long as the module, which is never unloaded; null is the server.
        unsafe { log(null_mut(), level.into(), text.as_ptr(), text.len(), null(), 0, 0) };
    };
    crate::log::to(settings.log_level, Box::new(write));
    guard_forks();
    if let (Some(group), Some(slot)) = (server.group, server.slot) {
        tally::count_in(group, slot);
    }
    let process = Process::start(settings, libpython)?;
    CHILD.set(Child { process, server }).map_err(|_| StartError::AlreadyRunning)?;
    if let Some(Child { process, server }) = CHILD.get() {
        if process.settings().server_metrics {
            server_metrics::open(|| scoreboard::ask(server));
        }
        telemetry::start(
            process,
            rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs()),
        );
        process.settings().imports.iter().for_each(|target| _ = process.load(target)); // a failure is logged
    }
    Ok(())
}

/// Writes as much of `text` as fits, ended with NUL. Returns 1.
///
/// # Safety
/// `reason` is a buffer of `size` bytes.
unsafe fn write_reason(text: &str, reason: *mut c_char, size: usize) -> c_int {
    let length = text.len().min(size.saturating_sub(1));
    if size > 0 {
        // SAFETY: shorter than the buffer.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr().cast(), reason, length) };
        // SAFETY: within the buffer.
        let end = unsafe { reason.add(length) };
        // SAFETY: as above.
        unsafe { end.write(0) };
    }
    1
}

/// [`Host::serve`]
unsafe extern "C" fn host_serve(exchange: *mut c_void, request: *const u8, length: usize) -> c_int {
    fence("a request", PANICKED, || {
        let Some(child) = CHILD.get() else { return PANICKED };
        let mut httpd = Httpd { server: &child.server, exchange, begun: false, head_refused: false };
        // SAFETY: the module passes so many bytes.
        let payload = unsafe { std::slice::from_raw_parts(request, length) };
        let code = fence("a request", PANICKED, || c_int::from(run(child, payload, &mut httpd).code()));
        match (httpd.begun, httpd.head_refused) {
            (true, _) if code == PANICKED => c_int::from(Outcome::Aborted.code()),
            (false, true) => PANICKED, // httpd does not take such a header; the log says which
            _ => code,
        }
    })
}

fn run(child: &Child, payload: &[u8], httpd: &mut Httpd<'_>) -> Outcome {
    let request = match Request::decode(payload) {
        Ok(request) => request,
        Err(error) => {
            httpd.log(contract::level::CRIT, format!("malformed request: {error}").as_bytes(), b"", 0);
            return Outcome::Refused(500);
        }
    };
    let facts = Facts { thread_id: number::of_this_thread(), ..Facts::default() };
    match serve(&child.process, &request, &facts, httpd, OnChange::ReloadInPlace) {
        Answer::Done(done) => match &done.last {
            Some(last) if done.outcome == Outcome::Complete => {
                match done.writing(|| httpd.send(last, true)) {
                    Ok(()) => Outcome::Complete,
                    Err(ClientGone) => Outcome::Aborted,
                }
            }
            _ => done.outcome,
        },
        Answer::Changed => Outcome::Refused(500), // not with ReloadInPlace
    }
}

/// [`Host::stop`]
unsafe extern "C" fn host_stop() {
    fence("the end of the interpreters", (), || {
        if let Some(child) = CHILD.get() {
            telemetry::stopping("");
            child.process.stopping("");
            telemetry::stopped("");
            child.process.stop();
        }
    });
}

impl Httpd<'_> {
    fn send(&mut self, bytes: &[u8], last: bool) -> Result<(), ClientGone> {
        self.begun = true;
        // SAFETY: the exchange is alive while `host_serve` runs; the bytes are valid for the call.
        let result = unsafe { (self.server.body)(self.exchange, bytes.as_ptr(), bytes.len(), last) };
        if result == 0 { Ok(()) } else { Err(ClientGone) }
    }
}

impl Exchange for Httpd<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the exchange is alive while `host_serve` runs; the buffer is valid for the call.
        let read = unsafe { (self.server.read)(self.exchange, buffer.as_mut_ptr(), buffer.len()) };
        match usize::try_from(read) {
            Ok(read) if read <= buffer.len() => Ok(read),
            _ => Err(io::Error::other("the client's request body broke off")),
        }
    }

    fn interrupter(&self) -> Interrupter {
        Interrupter::Httpd(self.server.interrupt, self.exchange)
    }

    fn head(&mut self, payload: Vec<u8>) -> Result<(), ClientGone> {
        // SAFETY: as above.
        let result = unsafe { (self.server.head)(self.exchange, payload.as_ptr(), payload.len()) };
        self.head_refused = result != 0;
        if result == 0 { Ok(()) } else { Err(ClientGone) }
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), ClientGone> {
        self.send(bytes, false)
    }

    fn file(&mut self, file: BorrowedFd<'_>, part: FilePart) -> Result<(), ClientGone> {
        self.begun = true;
        // SAFETY: as above; the descriptor is open for the call.
        let result = unsafe { (self.server.file)(self.exchange, file.as_raw_fd(), part.offset, part.length) };
        if result == 0 { Ok(()) } else { Err(ClientGone) }
    }

    fn log(&mut self, level: u8, text: &[u8], file: &[u8], line: u32) {
        let place = if file.is_empty() { null() } else { file.as_ptr() };
        let log = self.server.log;
        // SAFETY: as above.
        unsafe { log(self.exchange, level.into(), text.as_ptr(), text.len(), place, file.len(), line) };
    }

    fn verdict(&mut self, payload: Vec<u8>) -> Result<(), ClientGone> {
        // SAFETY: as above.
        let result = unsafe { (self.server.verdict)(self.exchange, payload.as_ptr(), payload.len()) };
        if result == 0 { Ok(()) } else { Err(ClientGone) }
    }

    fn costs(&mut self, costs: &Costs) {
        let mut payload = Vec::with_capacity(64);
        costs.encode(&mut payload);
        // SAFETY: as above; the payload is valid for the call.
        unsafe { (self.server.costs)(self.exchange, payload.as_ptr(), payload.len()) };
    }

    fn ssl_lookup(&mut self, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let (mut value, mut length) = (null(), 0);
        let lookup = self.server.ssl_lookup;
        // SAFETY: as above; the two places are writable.
        let result =
            unsafe { lookup(self.exchange, name.as_ptr(), name.len(), &raw mut value, &raw mut length) };
        if result != 0 {
            return Ok(None);
        }
        // SAFETY: the module says so many bytes are there while the request lives.
        Ok(Some(unsafe { std::slice::from_raw_parts(value, length) }.to_vec()))
    }

    fn apache_request(&mut self) -> Option<NonNull<c_void>> {
        // SAFETY: as above.
        NonNull::new(unsafe { (self.server.apache_request)(self.exchange) })
    }
}
