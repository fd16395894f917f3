//! The table of directives as httpd wants it, the one function behind all of them, and where their settings live.
//!
//! Every row is "raw arguments": our own tokenizer splits them, so errors read alike everywhere. httpd hands the
//! row back in `cmd_parms.info`. What stands in a section of ours is read by httpd as it reads everything, between the
//! opening and the closing of a container.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use super::fence::{Configured, Directed, fence};
use super::module;
use super::pool::Pool;
use super::request::{Raw, field, text};
use super::server::Filed;
use crate::config::directives::{CHAPTERS, COUNT};
use crate::config::{ConfigError, Context, Row, ServerSettings, Setter, Settings, Words};
use crate::sys;

/// httpd's table, ended by a row of nulls.
pub(super) struct Commands([sys::command_rec; COUNT + 1]);

// SAFETY: constant data; the pointers in it point to constants.
unsafe impl Sync for Commands {}

pub(super) static COMMANDS: Commands = Commands::new();

impl Commands {
    const fn new() -> Self {
        let mut commands = [LAST; COUNT + 1];
        let (mut at, mut chapters) = (0, CHAPTERS);
        while let Some((chapter, others)) = chapters.split_first() {
            let mut rows = chapter.rows;
            while let Some((row, rest)) = rows.split_first() {
                #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, below the length")]
                {
                    commands[at] = command(row);
                }
                at += 1;
                rows = rest;
            }
            chapters = others;
        }
        Self(commands)
    }

    pub(super) const fn as_ptr(&self) -> *const sys::command_rec {
        self.0.as_ptr()
    }
}

const LAST: sys::command_rec = sys::command_rec {
    name: ptr::null(),
    func: sys::cmd_func { raw_args: None },
    cmd_data: ptr::null_mut(),
    req_override: 0,
    args_how: sys::RAW_ARGS,
    errmsg: ptr::null(),
};

const fn command(row: &'static Row) -> sys::command_rec {
    let allowed = match row.context {
        Context::Global | Context::Server => sys::RSRC_CONF,
        Context::Location => sys::RSRC_CONF | sys::ACCESS_CONF,
        Context::FileInfo => sys::OR_FILEINFO,
        Context::AuthConfig => sys::OR_AUTHCFG,
    };
    sys::command_rec {
        name: row.name.as_ptr(),
        func: sys::cmd_func { raw_args: Some(directive) },
        cmd_data: ptr::from_ref(row).cast_mut().cast(),
        req_override: allowed as c_int,
        args_how: sys::RAW_ARGS,
        errmsg: row.help.as_ptr(),
    }
}

unsafe extern "C" fn directive(
    parms: *mut sys::cmd_parms,
    here: *mut c_void,
    arguments: *const c_char,
) -> *const c_char {
    fence("directive", || {
        let arguments = text(arguments).unwrap_or(c"").to_bytes();
        let row = {
            // SAFETY: httpd passes its own structure, alive during the call.
            let parms = unsafe { &*parms };
            // SAFETY: `info` is the row that `command` put into the table.
            let row = unsafe { &*parms.info.cast::<Row>() };
            if let Err(message) = apply(row, parms, here, arguments) {
                // SAFETY: the temporary pool outlives the printing of the message.
                let pool = unsafe { Pool::from_ptr(parms.temp_pool) };
                return Directed(pool.string(message.as_bytes()).as_ptr());
            }
            row
        };
        Directed(if matches!(row.set, Setter::Section(_)) { walk(parms) } else { ptr::null() })
    })
}

/// Has httpd read what stands in the section that was opened, and closes it.
fn walk(parms: *mut sys::cmd_parms) -> *const c_char {
    let outer = Raw(parms); // httpd's own, which it changes while it walks
    let directive = Raw(field!(outer.directive));
    let (inside, context) = (field!(directive.first_child), field!(outer.context));
    // SAFETY: what httpd itself would call for a section of its own.
    let message = unsafe { sys::ap_walk_config(inside, parms, context) };
    // SAFETY: httpd's own structure, alive during the call.
    let server = server_settings(unsafe { &*parms });
    // SAFETY: as for `apply`, and nothing else holds it now.
    if let Some(server) = unsafe { server.as_mut() } {
        server.global.close_container();
    }
    message
}

/// Checks the place, splits the line and calls the setter.
fn apply(row: &Row, parms: &sys::cmd_parms, here: *mut c_void, arguments: &[u8]) -> Result<(), String> {
    if row.context == Context::Global {
        outside(parms, sys::GLOBAL_ONLY)?;
    }
    let (file, line) = place(parms);
    let mut words = Words::new(arguments, file, line);
    // SAFETY: `create_server` made it for this server, or the module's configuration is empty: then it is null.
    let server = unsafe { server_settings(parms).as_mut() };
    // SAFETY: `create_location` made it; httpd reads directives on one thread per configuration.
    let here = unsafe { here.cast::<Settings>().as_mut() };
    let stored = match (&row.set, server, here) {
        (Setter::Interpreter(set), Some(server), _) => set(server.global.interpreters_here(), &mut words),
        (Setter::Section(set) | Setter::Server(set), Some(server), _) => set(server, &mut words),
        (Setter::Location(set), _, Some(here)) => set(here, &mut words),
        // In .htaccess, which other threads read too, there is no server to note anything in.
        (Setter::Noted(set), _, Some(here)) if outside(parms, sys::NOT_IN_HTACCESS).is_err() => {
            set(here, &mut ServerSettings::default(), &mut words)
        }
        (Setter::Noted(set), Some(server), Some(here)) => set(here, server, &mut words),
        _ => return Err(format!("{}: httpd has no place for this setting", shown(row))),
    };
    stored.map_err(|error: ConfigError| format!("{}: {error}", shown(row)))
}

/// The directive's name for messages.
fn shown(row: &Row) -> String {
    let name = row.name.to_string_lossy();
    if name.starts_with('<') { format!("{name}>") } else { name.into_owned() }
}

/// httpd's own test of where a directive stands.
fn outside(parms: &sys::cmd_parms, forbidden: impl TryInto<u32>) -> Result<(), String> {
    let forbidden = forbidden.try_into().unwrap_or(0);
    // SAFETY: the structure is httpd's own.
    let message = text(unsafe { sys::ap_check_cmd_context(ptr::from_ref(parms).cast_mut(), forbidden) });
    message.map_or(Ok(()), |message| Err(message.to_string_lossy().into_owned()))
}

fn place(parms: &sys::cmd_parms) -> (&[u8], u32) {
    if parms.directive.is_null() {
        return (b"", 0);
    }
    let directive = Raw(parms.directive); // httpd's own tree
    let file = text(field!(directive.filename)).map(CStr::to_bytes);
    (file.unwrap_or_default(), u32::try_from(field!(directive.line_num)).unwrap_or(0))
}

fn server_settings(parms: &sys::cmd_parms) -> *mut ServerSettings {
    let server = Raw(parms.server);
    let vector = field!(server.module_config);
    // SAFETY: httpd sets the server for every directive, and its vector of configurations.
    let raw = unsafe { sys::ap_get_module_config(vector, module()) };
    let raw = raw.cast::<Filed>();
    if raw.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: `create_server` made it.
    unsafe { &raw mut (*raw).settings }
}

pub(super) unsafe extern "C" fn create_location(pool: *mut sys::apr_pool_t, _: *mut c_char) -> *mut c_void {
    fence("create_dir_config", || {
        // SAFETY: httpd passes the pool in which the configuration shall live.
        let pool = unsafe { Pool::from_ptr(pool) };
        Configured(ptr::from_mut(pool.own(Settings::NOTHING)).cast())
    })
}

pub(super) unsafe extern "C" fn merge_location(
    pool: *mut sys::apr_pool_t,
    base: *mut c_void,
    over: *mut c_void,
) -> *mut c_void {
    fence("merge_dir_config", || {
        // SAFETY: httpd passes what `create_location` or this function made.
        let base = unsafe { base.cast::<Settings>().as_ref() };
        // SAFETY: as above.
        let over = unsafe { over.cast::<Settings>().as_ref() };
        let (Some(base), Some(over)) = (base, over) else { return Configured(ptr::null_mut()) };
        if *over == Settings::NOTHING {
            return Configured(ptr::from_ref(base).cast_mut().cast()); // most merges, and no allocation
        }
        // SAFETY: as in `create_location`.
        let pool = unsafe { Pool::from_ptr(pool) };
        Configured(ptr::from_mut(pool.own(Settings::merge(base, over))).cast())
    })
}

pub(super) unsafe extern "C" fn create_server(
    pool: *mut sys::apr_pool_t,
    _: *mut sys::server_rec,
) -> *mut c_void {
    fence("create_server_config", || {
        // SAFETY: as in `create_location`.
        let pool = unsafe { Pool::from_ptr(pool) };
        Configured(ptr::from_mut(pool.own(Filed::default())).cast())
    })
}

pub(super) unsafe extern "C" fn merge_server(
    pool: *mut sys::apr_pool_t,
    base: *mut c_void,
    over: *mut c_void,
) -> *mut c_void {
    fence("merge_server_config", || {
        // SAFETY: httpd passes what `create_server` made.
        let base = unsafe { base.cast::<Filed>().as_ref() };
        // SAFETY: as above.
        let over = unsafe { over.cast::<Filed>().as_ref() };
        let (Some(base), Some(over)) = (base, over) else { return Configured(ptr::null_mut()) };
        // SAFETY: as in `create_location`.
        let pool = unsafe { Pool::from_ptr(pool) };
        let settings = ServerSettings::merge(&base.settings, &over.settings);
        Configured(ptr::from_mut(pool.own(Filed::new(settings))).cast())
    })
}
