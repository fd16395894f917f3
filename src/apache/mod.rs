//! httpd made safe: handles with lifetimes over its structures, one fence round every callback, one table of
//! directives.
//!
//! A handle ([`Request`], [`Server`], [`Pool`], [`table::Table`]) is a pointer with the lifetime for which httpd promises it,
//! read field by field: httpd, its filters and other modules write to the same structures, so no Rust reference to
//! one ever exists. Handles are lent to hooks and handlers and cannot be stored.
//!
//! Every `extern "C"` function is one call of [`fence::fence`].

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod authn;
pub(crate) mod authz;
pub(crate) mod body;
mod brigade;
pub(crate) mod directive;
pub(crate) mod facts;
pub(crate) mod fence;
mod file;
pub(crate) mod head;
pub(crate) mod hooks;
pub(crate) mod log;
pub(crate) mod patience;
mod pieces;
pub(crate) mod pool;
pub(crate) mod process;
pub(crate) mod redirect;
pub(crate) mod regex;
pub(crate) mod request;
pub(crate) mod responder;
pub(crate) mod scoreboard;
pub(crate) mod sections;
pub(crate) mod server;
mod ssl;
pub(crate) mod status;
mod stream;
mod table;
pub(crate) mod thread;
pub(crate) mod written;

pub(crate) use body::{Body, Progress};
pub(crate) use pieces::Pieces;
pub(crate) use pool::Pool;
pub(crate) use redirect::Redirect;
pub(crate) use request::Request;
pub(crate) use responder::{ClientGone, HandlerResult, Responder};
pub(crate) use server::Server;
pub(crate) use stream::Stream;

use crate::sys;

unsafe extern "C" {
    /// The record that `module.rs` exports; declared here because httpd files everything of ours under its address.
    static mut wsgi_module: sys::module;
}

/// The module's number in httpd's configuration vectors and log levels.
fn module_index() -> i32 {
    let place = &raw const wsgi_module;
    // SAFETY: httpd wrote it when it loaded the module and changes it only while single-threaded.
    unsafe { (*place).module_index }
}

/// The address under which httpd files our configuration.
fn module() -> *const sys::module {
    &raw const wsgi_module
}

/// The record that `module.rs` exports.
pub(crate) type Module = sys::module;

/// Fills that record: our directives, their settings, and the hooks that `register` registers.
pub(crate) const fn record<F: Fn(&hooks::Hooks) + Copy>(_: F) -> Module {
    sys::module {
        version: sys::MODULE_MAGIC_NUMBER_MAJOR,
        minor_version: sys::MODULE_MAGIC_NUMBER_MINOR,
        module_index: -1,
        name: c"mod_wsgi.c".as_ptr(), // the name that <IfModule> of existing configurations asks for
        dynamic_load_handle: std::ptr::null_mut(),
        next: std::ptr::null_mut(),
        magic: sys::MODULE_MAGIC_COOKIE as _,
        rewrite_args: None,
        create_dir_config: Some(directive::create_location),
        merge_dir_config: Some(directive::merge_location),
        create_server_config: Some(directive::create_server),
        merge_server_config: Some(directive::merge_server),
        cmds: directive::COMMANDS.as_ptr(),
        register_hooks: Some(hooks::register::<F>),
        flags: 0,
    }
}
