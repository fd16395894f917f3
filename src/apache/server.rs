//! A (virtual) server: httpd's `server_rec`, and what our directives said there.

use std::any::Any;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::OnceLock;

use super::pool::Pool;
use super::request::{Raw, field, text};
use super::{log, module};
use crate::config::ServerSettings;
use crate::sys;

/// A server, for as long as its configuration lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server<'s> {
    raw: NonNull<sys::server_rec>,
    life: PhantomData<&'s ()>,
}

/// What httpd files for us under a server.
#[derive(Default)]
pub(super) struct Filed {
    pub(super) settings: ServerSettings,
    attached: OnceLock<Attached>,
}

/// A chain of values, one of a type, that only grows: requests read it without a lock.
struct Attached {
    value: Box<dyn Any + Send + Sync>,
    next: OnceLock<Box<Attached>>,
}

impl Filed {
    pub(super) fn new(settings: ServerSettings) -> Self {
        Self { settings, attached: OnceLock::new() }
    }
}

impl<'s> Server<'s> {
    /// # Safety
    /// `raw` is a server of a configuration that lives during `'s`.
    pub(super) unsafe fn from_ptr(raw: *mut sys::server_rec) -> Self {
        // SAFETY: httpd passes no null servers; the caller vouches for the rest.
        let raw = unsafe { NonNull::new_unchecked(raw) };
        Self { raw, life: PhantomData }
    }

    pub(super) fn as_ptr(self) -> *mut sys::server_rec {
        self.raw.as_ptr()
    }

    /// The main server. In a child it is there from its first moment to its last.
    pub(crate) fn main() -> Option<Self> {
        let place = &raw const sys::ap_server_conf;
        // SAFETY: httpd writes it while single-threaded, before any hook of ours runs.
        let raw = unsafe { place.read() };
        NonNull::new(raw).map(|raw| Self { raw, life: PhantomData })
    }

    /// This server and those that follow it: from the main server, all.
    pub(crate) fn iter(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |server| {
            NonNull::new(field!(server.next)).map(|raw| Self { raw, life: PhantomData })
        })
    }

    /// What directives said in this server (merged over the main server's once httpd has read everything).
    pub(crate) fn settings(self) -> &'s ServerSettings {
        static NOTHING: ServerSettings = ServerSettings::NOTHING;
        self.filed().map_or(&NOTHING, |filed| &filed.settings)
    }

    /// As [`Self::settings`], but nothing for a virtual host without a directive of ours: httpd shares the main
    /// server's settings with it, and what was written once must count once.
    pub(crate) fn own_settings(self) -> &'s ServerSettings {
        static NOTHING: ServerSettings = ServerSettings::NOTHING;
        let own = self.settings();
        let is_shared =
            self.is_virtual() && Self::main().is_some_and(|main| std::ptr::eq(main.settings(), own));
        if is_shared { &NOTHING } else { own }
    }

    /// Files `value` under this server until the configuration goes; the first value of a type counts.
    pub(crate) fn attach<T: Any + Send + Sync>(self, value: T) {
        let Some(filed) = self.filed() else { return };
        let link = Attached { value: Box::new(value), next: OnceLock::new() };
        let Err(mut link) = filed.attached.set(link).map_err(Box::new) else { return };
        let mut at = filed.attached.get();
        while let Some(here) = at {
            match here.next.set(link) {
                Ok(()) => return,
                Err(back) => link = back,
            }
            at = here.next.get().map(|next| &**next);
        }
    }

    /// What [`Self::attach`] filed.
    pub(crate) fn attached<T: Any>(self) -> Option<&'s T> {
        let first = self.filed()?.attached.get()?;
        std::iter::successors(Some(first), |here| here.next.get().map(|next| &**next))
            .find_map(|here| here.value.downcast_ref())
    }

    fn filed(self) -> Option<&'s Filed> {
        let vector = field!(self.module_config);
        // SAFETY: httpd has made a vector of configurations for every server.
        let raw = unsafe { sys::ap_get_module_config(vector, module()) };
        // SAFETY: `directive` made it as `Filed`; only directives write to it, before anything else reads.
        unsafe { raw.cast::<Filed>().cast_const().as_ref() }
    }

    /// ServerName, without port.
    pub(crate) fn hostname(self) -> Option<&'s CStr> {
        text(field!(self.server_hostname))
    }

    /// ServerAdmin.
    pub(crate) fn admin(self) -> Option<&'s CStr> {
        text(field!(self.server_admin))
    }

    /// Whether it is a `<VirtualHost>`.
    pub(crate) fn is_virtual(self) -> bool {
        field!(self.is_virtual) != 0
    }

    /// Timeout, in microseconds.
    pub(crate) fn timeout(self) -> u64 {
        u64::try_from(field!(self.timeout)).unwrap_or(0)
    }

    /// The pool that lives as long as the process, over all restarts.
    pub(crate) fn process_pool(self) -> Pool<'static> {
        let process = Raw(field!(self.process));
        let pool = field!(process.pool);
        // SAFETY: httpd's process record and its pool are there until exit.
        unsafe { Pool::from_ptr(pool) }
    }

    /// The argument of ErrorLog; a virtual host without one uses the main server's.
    pub(crate) fn error_log_name(self) -> Option<&'s CStr> {
        text(field!(self.error_fname))
    }

    /// The descriptor of the error log; `None` for syslog and before the logs are open.
    pub(crate) fn error_log(self) -> Option<BorrowedFd<'s>> {
        let file = field!(self.error_log);
        if file.is_null() {
            return None;
        }
        let mut fd = -1;
        // SAFETY: the file is the server's open log, `fd` is writable.
        let status = unsafe { sys::apr_os_file_get(&raw mut fd, file) };
        // SAFETY: the log stays open as long as the configuration.
        (status == 0 && fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// httpd's log level for `wsgi` in this server.
    pub(crate) fn log_level(self) -> u8 {
        log::server_level(self)
    }

    /// Writes a message of the module into the server's error log if `level` is wanted.
    pub(crate) fn log(self, level: u8, text: &str) {
        self.log_at(level, log::one_line(text).as_bytes(), b"", 0);
    }

    /// Writes a text, line by line, with the source place that `%F` in ErrorLogFormat shows.
    pub(crate) fn log_at(self, level: u8, text: &[u8], file: &[u8], line: u32) {
        if level <= self.log_level() {
            log::write_server(self, level, text, file, line);
        }
    }
}
