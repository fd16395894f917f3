//! Log lines into httpd's error log, and `tracing`'s way there.
//!
//! httpd's log functions are C variadics: every message goes as the argument of a fixed `%s`, never as a format.
//! In a child, [`install`] makes `tracing` write to the log of the current request (a thread-local that the handler
//! sets) or, outside of requests, of the main server. The parent has no subscriber, which could not outlive a
//! restart: it uses [`Server::log`].

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::fmt::{self, Write as _};
use std::marker::PhantomData;
use std::panic;
use std::ptr;
use std::sync::Once;

use contract::level;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use super::module_index;
use super::request::Request;
use super::server::Server;
use crate::sys;

/// httpd cuts lines at its MAX_STRING_LEN, 8192, with its own prefix in it: longer ones become several.
const LINE: usize = 7800;

thread_local! {
    static CURRENT: Cell<*mut sys::request_rec> = const { Cell::new(ptr::null_mut()) };
}

/// Makes a request the current one of this thread until it is dropped.
pub(crate) struct Current<'r> {
    before: *mut sys::request_rec,
    life: PhantomData<Request<'r>>,
}

impl<'r> Current<'r> {
    /// Log lines of this thread now belong to `request`.
    pub(crate) fn set(request: Request<'r>) -> Self {
        Self { before: CURRENT.replace(request.as_ptr()), life: PhantomData }
    }
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

fn current<R>(with: impl FnOnce(Request<'_>) -> R) -> Option<R> {
    let raw = CURRENT.get();
    // SAFETY: `Current` borrows the request, so it is alive while it stands there; lent for this call only.
    (!raw.is_null()).then(|| with(unsafe { Request::from_ptr(raw) }))
}

/// httpd's log level for `wsgi` in a request.
pub(super) fn request_level(request: Request<'_>) -> u8 {
    // SAFETY: the handle stands for a live request.
    let level = unsafe { sys::ap_get_request_module_loglevel(request.as_ptr(), module_index()) };
    u8::try_from(level).unwrap_or(level::WARN)
}

/// httpd's log level for `wsgi` in a server.
pub(super) fn server_level(server: Server<'_>) -> u8 {
    // SAFETY: the handle stands for a live server.
    let level = unsafe { sys::ap_get_server_module_loglevel(server.as_ptr(), module_index()) };
    u8::try_from(level).unwrap_or(level::WARN)
}

/// Writes `text` into a request's log, one record a line.
pub(super) fn write_request(request: Request<'_>, level: u8, text: &[u8], file: &[u8], line: u32) {
    records(text, file, |record, file| {
        // SAFETY: a variadic call with the one string argument that its format names; the request is alive.
        unsafe {
            sys::ap_log_rerror_(
                file,
                line as c_int,
                module_index(),
                c_int::from(level),
                0,
                request.as_ptr(),
                c"%s".as_ptr(),
                record.as_ptr(),
            );
        }
    });
}

/// Writes `text` into a server's log, one record a line.
pub(super) fn write_server(server: Server<'_>, level: u8, text: &[u8], file: &[u8], line: u32) {
    records(text, file, |record, file| {
        // SAFETY: as in `write_request`; the server is alive.
        unsafe {
            sys::ap_log_error_(
                file,
                line as c_int,
                module_index(),
                c_int::from(level),
                0,
                server.as_ptr(),
                c"%s".as_ptr(),
                record.as_ptr(),
            );
        }
    });
}

/// Calls `write` for each line of `text`, with the name of the source file or null.
fn records(text: &[u8], file: &[u8], write: impl Fn(&CStr, *const c_char)) {
    // httpd escapes what it logs, but not `%F`.
    let printable = |byte: &u8| if byte.is_ascii_control() { b'?' } else { *byte };
    let file = (!file.is_empty()).then(|| c_string(&file.iter().map(printable).collect::<Vec<_>>()));
    let file = file.as_ref().map_or(ptr::null(), |name| name.as_ptr());
    for line in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n') {
        for piece in line.chunks(LINE) {
            write(&c_string(piece), file);
        }
        if line.is_empty() {
            write(c"", file);
        }
    }
}

/// A message of the module as one line: it may quote what a client has sent, whose line ends must begin no record.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains('\n') { Cow::Owned(text.replace('\n', "\\n")) } else { Cow::Borrowed(text) }
}

/// A C string of `bytes`, with U+FFFD where they hold a NUL.
fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(&error.into_vec()).replace('\0', "\u{fffd}");
        CString::new(text).unwrap_or_default()
    })
}

/// Says what a panic has ended; the hook has logged its place and message, in the context of the request.
pub(super) fn panicked(name: &str) {
    anywhere(level::ERROR, &format!("a panic ended the callback `{name}`"));
}

/// Writes into the log of the current request, else of the main server.
fn anywhere(level: u8, text: &str) {
    if current(|request| request.log(level, text)).is_none() {
        if let Some(server) = Server::main() {
            server.log(level, text);
        }
    }
}

/// Once per child: `tracing` and panics write to the error log.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = tracing::subscriber::set_global_default(ErrorLog);
        panic::set_hook(Box::new(|info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let message = super::fence::message(info.payload());
            anywhere(level::CRIT, &format!("panic at {place}: {message}; please report this"));
        }));
    });
}

/// The subscriber: events become log lines, spans are nothing.
struct ErrorLog;

impl Subscriber for ErrorLog {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes() // LogLevel differs from request to request
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let wanted = current(|request| request.log_level()).or_else(|| Server::main().map(Server::log_level));
        metadata.is_event() && wanted.is_some_and(|wanted| httpd_level(*metadata.level()) <= wanted)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        anywhere(httpd_level(*event.metadata().level()), &(line.message + &line.fields));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn httpd_level(level: Level) -> u8 {
    match level {
        Level::ERROR => level::ERROR,
        Level::WARN => level::WARN,
        Level::INFO => level::INFO,
        Level::DEBUG => level::DEBUG,
        Level::TRACE => level::TRACE1,
    }
}

/// The message, then its fields as ` name=value`.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
