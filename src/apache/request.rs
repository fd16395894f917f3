//! A request: httpd's `request_rec`, read field by field.
//!
//! httpd keeps the structure and all its strings alive for the whole handler call, which is `'r`. A string that
//! another module replaces meanwhile stays in the request's pool, so what was returned here stays readable.

use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use super::pool::Pool;
use super::server::Server;
use super::table::Table;
use super::{log, module};
use crate::config::Settings;
use crate::sys;

/// A request, for as long as its handler runs. Not `Send`: a request belongs to its thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request<'r> {
    raw: NonNull<sys::request_rec>,
    life: PhantomData<&'r *mut ()>,
}

/// Reads a field of the structure behind a handle.
macro_rules! field {
    ($self:ident.$($field:ident).+) => {{
        // SAFETY: httpd keeps the structure alive for the lifetime of the handle, and reads are not concurrent with
        // writes: a request belongs to one thread.
        unsafe { (&raw const (*$self.as_ptr()).$($field).+).read() }
    }};
}
pub(super) use field;

/// A structure of httpd's that lives as long as the handle from which the pointer to it was read; not null.
pub(super) struct Raw<T>(pub(super) *mut T);

impl<T> Raw<T> {
    pub(super) fn as_ptr(&self) -> *mut T {
        self.0
    }
}

/// A string of httpd for as long as the caller's handle lives, if there is one.
pub(super) fn text<'r>(raw: *const c_char) -> Option<&'r CStr> {
    // SAFETY: httpd's strings end with NUL and live in a pool of the handle that the caller read them from.
    (!raw.is_null()).then(|| unsafe { CStr::from_ptr(raw) })
}

impl<'r> Request<'r> {
    /// # Safety
    /// `raw` is a request that httpd keeps alive during `'r`.
    pub(super) unsafe fn from_ptr(raw: *mut sys::request_rec) -> Self {
        // SAFETY: httpd passes no null requests; the caller vouches for the rest.
        let raw = unsafe { NonNull::new_unchecked(raw) };
        Self { raw, life: PhantomData }
    }

    pub(super) fn as_ptr(self) -> *mut sys::request_rec {
        self.raw.as_ptr()
    }

    /// The pool that is cleared when the request is over.
    pub(crate) fn pool(self) -> Pool<'r> {
        let pool = field!(self.pool);
        // SAFETY: the request's own pool outlives its handler.
        unsafe { Pool::from_ptr(pool) }
    }

    /// The (virtual) server that the request matched.
    pub(crate) fn server(self) -> Server<'r> {
        let server = field!(self.server);
        // SAFETY: servers outlive requests.
        unsafe { Server::from_ptr(server) }
    }

    /// What directives said about this location.
    pub(crate) fn settings(self) -> &'r Settings {
        static NOTHING: Settings = Settings::NOTHING;
        let vector = field!(self.per_dir_config);
        // SAFETY: httpd has made a vector of configurations for every request.
        let raw = unsafe { sys::ap_get_module_config(vector, module()) };
        // SAFETY: `directive` made it as `Settings`, and it lives as long as the request.
        unsafe { raw.cast::<Settings>().cast_const().as_ref() }.unwrap_or(&NOTHING)
    }

    /// The %-decoded path of the URL; httpd always has one.
    pub(crate) fn uri(self) -> &'r CStr {
        text(field!(self.uri)).unwrap_or(c"")
    }

    /// The request line.
    pub(crate) fn line(self) -> Option<&'r CStr> {
        text(field!(self.the_request))
    }

    /// What follows the question mark.
    pub(crate) fn query(self) -> Option<&'r CStr> {
        text(field!(self.args))
    }

    /// The file that the URL was mapped to.
    pub(crate) fn filename(self) -> Option<&'r CStr> {
        text(field!(self.filename))
    }

    /// Maps the URL to a file.
    pub(crate) fn set_filename(self, file: &'r CStr) {
        // SAFETY: the request is alive; `file` lives as long.
        unsafe { (*self.as_ptr()).filename = file.as_ptr().cast_mut() };
    }

    /// What follows the file in the URL.
    pub(crate) fn path_info(self) -> Option<&'r CStr> {
        text(field!(self.path_info))
    }

    /// `GET`, `HEAD` …
    pub(crate) fn method(self) -> &'r CStr {
        text(field!(self.method)).unwrap_or(c"")
    }

    /// `HTTP/1.1` …
    pub(crate) fn protocol(self) -> Option<&'r CStr> {
        text(field!(self.protocol))
    }

    /// The host that the client named, without port.
    pub(crate) fn hostname(self) -> Option<&'r CStr> {
        text(field!(self.hostname))
    }

    /// The user whom httpd authenticated.
    pub(crate) fn user(self) -> Option<&'r CStr> {
        text(field!(self.user))
    }

    /// How it did.
    pub(crate) fn auth_type(self) -> Option<&'r CStr> {
        text(field!(self.ap_auth_type))
    }

    /// The handler that the configuration chose.
    pub(crate) fn handler(self) -> Option<&'r CStr> {
        text(field!(self.handler))
    }

    /// Chooses a handler.
    pub(crate) fn set_handler(self, name: &'static CStr) {
        // SAFETY: the request is alive; `name` outlives it.
        unsafe { (*self.as_ptr()).handler = name.as_ptr() };
    }

    /// The client's address as mod_remoteip left it.
    pub(crate) fn client_ip(self) -> Option<&'r CStr> {
        text(field!(self.useragent_ip))
    }

    /// The request before an internal redirect.
    pub(crate) fn previous(self) -> Option<Self> {
        NonNull::new(field!(self.prev)).map(|raw| Self { raw, life: PhantomData })
    }

    /// The request that an internal redirect has put in its place.
    pub(crate) fn next(self) -> Option<Self> {
        NonNull::new(field!(self.next)).map(|raw| Self { raw, life: PhantomData })
    }

    /// The request for a part of which this one is made.
    pub(crate) fn main(self) -> Option<Self> {
        NonNull::new(field!(self.main)).map(|raw| Self { raw, life: PhantomData })
    }

    /// Whether the client wants the head only.
    pub(crate) fn is_head(self) -> bool {
        field!(self.header_only) != 0
    }

    /// When httpd received the request, in microseconds since the epoch.
    pub(crate) fn time(self) -> u64 {
        u64::try_from(field!(self.request_time)).unwrap_or(0)
    }

    /// The request's headers.
    pub(crate) fn headers_in(self) -> Table<'r> {
        let table = field!(self.headers_in);
        // SAFETY: the table lives as long as the request.
        unsafe { Table::from_ptr(table) }
    }

    /// The response's headers.
    pub(crate) fn headers_out(self) -> Table<'r> {
        let table = field!(self.headers_out);
        // SAFETY: as above.
        unsafe { Table::from_ptr(table) }
    }

    /// Headers that survive into error responses.
    pub(crate) fn err_headers_out(self) -> Table<'r> {
        let table = field!(self.err_headers_out);
        // SAFETY: as above.
        unsafe { Table::from_ptr(table) }
    }

    /// Variables that modules set for scripts.
    pub(crate) fn subprocess_env(self) -> Table<'r> {
        let table = field!(self.subprocess_env);
        // SAFETY: as above.
        unsafe { Table::from_ptr(table) }
    }

    /// What modules tell each other.
    pub(crate) fn notes(self) -> Table<'r> {
        let table = field!(self.notes);
        // SAFETY: as above.
        unsafe { Table::from_ptr(table) }
    }

    /// Whether httpd has found the client gone.
    pub(crate) fn is_aborted(self) -> bool {
        let connection = self.connection();
        // SAFETY: a request's connection outlives it.
        (unsafe { sys::wsgi_connection_is_aborted(connection.as_ptr()) }) != 0
    }

    /// Ends the connection without another byte, as httpd does when a client takes nothing any more: what is missing of
    /// a response does not look like its end.
    pub(super) fn abort_connection(self) {
        let connection = self.connection();
        // SAFETY: as above; the connection belongs to this thread while the request runs.
        unsafe { sys::wsgi_connection_abort(connection.as_ptr()) };
        self.set_ended(); // httpd would pass on an end, which mod_http2 sends
    }

    /// Whether the end of a response has been sent, by us or by a filter in our place.
    pub(crate) fn has_ended(self) -> bool {
        field!(self.eos_sent) != 0
    }

    /// What `ap_pass_brigade` notes of a request, and of those before it, when a brigade ends with EOS: httpd passes none.
    pub(super) fn set_ended(self) {
        for request in std::iter::successors(Some(self), |request| request.previous()) {
            // SAFETY: the request is alive, and those before an internal redirect with it.
            unsafe { (*request.as_ptr()).eos_sent = 1 };
        }
    }

    /// The connection, which outlives the request.
    pub(super) fn connection(self) -> Raw<sys::conn_rec> {
        Raw(field!(self.connection))
    }

    /// No further request on this connection.
    pub(crate) fn close_connection_after(self) {
        let connection = self.connection().as_ptr();
        // SAFETY: as above; the connection belongs to this thread while the request runs.
        unsafe { (*connection).keepalive = sys::AP_CONN_CLOSE };
    }

    /// Whether it is one of several on its connection (HTTP/2).
    pub(crate) fn is_stream(self) -> bool {
        let connection = self.connection();
        !field!(connection.master).is_null()
    }

    /// The socket of the client; under HTTP/2 that of the connection which carries the stream.
    pub(crate) fn client_fd(self) -> Option<BorrowedFd<'r>> {
        let connection = self.connection();
        let master = field!(connection.master);
        let connection = if master.is_null() { connection.as_ptr() } else { master };
        // SAFETY: as above; a master connection outlives its secondary ones.
        let socket = unsafe { sys::ap_get_conn_socket(connection) };
        if socket.is_null() {
            return None;
        }
        let mut fd = -1;
        // SAFETY: the socket is the connection's own, `fd` is writable.
        let status = unsafe { sys::apr_os_sock_get(&raw mut fd, socket) };
        // SAFETY: the connection keeps its socket open for at least `'r`.
        (status == 0 && fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// httpd's log level for `wsgi` in this request.
    pub(crate) fn log_level(self) -> u8 {
        log::request_level(self)
    }

    /// Writes a message of the module into the request's error log if `level` is wanted.
    pub(crate) fn log(self, level: u8, text: &str) {
        self.log_at(level, log::one_line(text).as_bytes(), b"", 0);
    }

    /// Writes a text, line by line, with the source place that `%F` in ErrorLogFormat shows.
    pub(crate) fn log_at(self, level: u8, text: &[u8], file: &[u8], line: u32) {
        if level <= self.log_level() {
            log::write_request(self, level, text, file, line);
        }
    }
}
