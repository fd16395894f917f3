//! Hooks: safe functions, registered with httpd under one fenced `extern "C"` function per kind.
//!
//! A hook is a plain function or a closure without captures. It has no data and is known by its type, so the function
//! that httpd calls can be generic over it and needs no place to keep it.

use std::ffi::{c_char, c_int};
use std::ptr::{self, NonNull};

use super::fence::{Handled, Logged, Nothing, Prepared, Translated, fence};
use super::pool::Pool;
use super::request::Request;
use super::responder::HandlerResult;
use super::server::Server;
use crate::sys;

/// Registers hooks; exists only while httpd asks for them.
pub(crate) struct Hooks(*mut sys::apr_pool_t);

/// A hook that prepares the server has logged why it cannot: httpd must not start.
pub(crate) struct CannotStart;

/// The one value of a type without size.
pub(super) fn only<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0, "a hook is a function or a closure without captures") };
    // SAFETY: a type without size has its value at any aligned address; `F` values exist, one was registered.
    unsafe { NonNull::<F>::dangling().read() }
}

pub(super) unsafe extern "C" fn register<F: Fn(&Hooks) + Copy>(pconf: *mut sys::apr_pool_t) {
    fence("register_hooks", || {
        only::<F>()(&Hooks(pconf));
        Nothing
    });
}

impl Hooks {
    /// The configuration's pool.
    pub(super) fn pool(&self) -> *mut sys::apr_pool_t {
        self.0
    }

    /// The configuration has been read: also runs for `httpd -t`.
    pub(crate) fn check_config<F>(&self, _: F)
    where
        F: Fn(Server<'_>, Pool<'_>) -> Result<(), CannotStart> + Copy,
    {
        // SAFETY: httpd keeps the pointer; the function stays mapped (`-z nodelete`).
        unsafe {
            sys::ap_hook_check_config(Some(check_config::<F>), ptr::null(), ptr::null(), sys::APR_HOOK_MIDDLE)
        };
    }

    /// The server is about to run: logs and listening sockets are open, no child exists yet.
    pub(crate) fn post_config<F>(&self, _: F)
    where
        F: for<'p> Fn(Server<'p>, Pool<'p>) -> Result<(), CannotStart> + Copy,
    {
        // SAFETY: as in `check_config`.
        unsafe {
            sys::ap_hook_post_config(Some(post_config::<F>), ptr::null(), ptr::null(), sys::APR_HOOK_MIDDLE)
        };
    }

    /// A child begins; its pool is cleared at its orderly end.
    pub(crate) fn child_init<F>(&self, _: F)
    where
        F: Fn(Server<'static>, Pool<'static>) + Copy,
    {
        // SAFETY: as in `check_config`.
        unsafe {
            sys::ap_hook_child_init(Some(child_init::<F>), ptr::null(), ptr::null(), sys::APR_HOOK_MIDDLE)
        };
    }

    /// Maps a URL to a file, after mod_alias and before the modules that map whole hosts or users.
    pub(crate) fn translate_name<F>(&self, _: F)
    where
        F: Fn(Request<'_>) -> HandlerResult + Copy,
    {
        const BEFORE: &[*const c_char] = &[c"mod_alias.c".as_ptr(), ptr::null()];
        const AFTER: &[*const c_char] =
            &[c"mod_userdir.c".as_ptr(), c"mod_vhost_alias.c".as_ptr(), ptr::null()];
        // SAFETY: as in `check_config`; httpd keeps the lists, which are constants.
        unsafe {
            sys::ap_hook_translate_name(
                Some(translate_name::<F>),
                BEFORE.as_ptr(),
                AFTER.as_ptr(),
                sys::APR_HOOK_MIDDLE,
            )
        };
    }

    /// Answers requests.
    pub(crate) fn handler<F>(&self, _: F)
    where
        F: Fn(Request<'_>) -> HandlerResult + Copy,
    {
        // SAFETY: as in `check_config`.
        unsafe { sys::ap_hook_handler(Some(handler::<F>), ptr::null(), ptr::null(), sys::APR_HOOK_MIDDLE) };
    }

    /// A request is over, and is about to be logged.
    pub(crate) fn log_transaction<F>(&self, _: F)
    where
        F: Fn(Request<'_>) -> HandlerResult + Copy,
    {
        // SAFETY: as in `check_config`.
        unsafe {
            sys::ap_hook_log_transaction(
                Some(log_transaction::<F>),
                ptr::null(),
                ptr::null(),
                sys::APR_HOOK_FIRST,
            )
        };
    }

    /// In the parent: all children of a generation are gone.
    pub(crate) fn end_generation<F>(&self, _: F)
    where
        F: Fn(Server<'_>, u32) + Copy,
    {
        // SAFETY: as in `check_config`.
        unsafe {
            sys::ap_hook_end_generation(
                Some(end_generation::<F>),
                ptr::null(),
                ptr::null(),
                sys::APR_HOOK_MIDDLE,
            )
        };
    }
}

unsafe extern "C" fn check_config<F>(
    pconf: *mut sys::apr_pool_t,
    _plog: *mut sys::apr_pool_t,
    _ptemp: *mut sys::apr_pool_t,
    server: *mut sys::server_rec,
) -> c_int
where
    F: Fn(Server<'_>, Pool<'_>) -> Result<(), CannotStart> + Copy,
{
    fence("check_config", || {
        // SAFETY: httpd passes the main server, alive during the call.
        let server = unsafe { Server::from_ptr(server) };
        // SAFETY: httpd passes the configuration's pool, alive during the call.
        let pool = unsafe { Pool::from_ptr(pconf) };
        prepared(only::<F>()(server, pool))
    })
}

unsafe extern "C" fn post_config<F>(
    pconf: *mut sys::apr_pool_t,
    _plog: *mut sys::apr_pool_t,
    _ptemp: *mut sys::apr_pool_t,
    server: *mut sys::server_rec,
) -> c_int
where
    F: for<'p> Fn(Server<'p>, Pool<'p>) -> Result<(), CannotStart> + Copy,
{
    fence("post_config", || {
        // SAFETY: as in `check_config`.
        let server = unsafe { Server::from_ptr(server) };
        // SAFETY: as in `check_config`.
        let pool = unsafe { Pool::from_ptr(pconf) };
        prepared(only::<F>()(server, pool))
    })
}

fn prepared(result: Result<(), CannotStart>) -> Prepared {
    Prepared(if result.is_ok() { sys::OK as c_int } else { sys::HTTP_INTERNAL_SERVER_ERROR })
}

unsafe extern "C" fn child_init<F>(pchild: *mut sys::apr_pool_t, server: *mut sys::server_rec)
where
    F: Fn(Server<'static>, Pool<'static>) + Copy,
{
    fence("child_init", || {
        // SAFETY: a child's configuration lives until it exits.
        let server = unsafe { Server::from_ptr(server) };
        // SAFETY: so does its pool.
        let pool = unsafe { Pool::from_ptr(pchild) };
        only::<F>()(server, pool);
        Nothing
    });
}

unsafe extern "C" fn translate_name<F>(request: *mut sys::request_rec) -> c_int
where
    F: Fn(Request<'_>) -> HandlerResult + Copy,
{
    // SAFETY: httpd keeps the request alive during the hook.
    fence("translate_name", || Translated(only::<F>()(unsafe { Request::from_ptr(request) }).code()))
}

unsafe extern "C" fn handler<F>(request: *mut sys::request_rec) -> c_int
where
    F: Fn(Request<'_>) -> HandlerResult + Copy,
{
    fence("handler", || {
        // SAFETY: httpd keeps the request alive during the handler.
        let request = unsafe { Request::from_ptr(request) };
        Handled(match only::<F>()(request) {
            // A filter has answered, as with 413 when a chunked body passes LimitRequestBody: no second page.
            HandlerResult::Status(_) if request.has_ended() => HandlerResult::Done.code(),
            answer => answer.code(),
        })
    })
}

unsafe extern "C" fn log_transaction<F>(request: *mut sys::request_rec) -> c_int
where
    F: Fn(Request<'_>) -> HandlerResult + Copy,
{
    // SAFETY: httpd keeps the request alive during the hook.
    fence("log_transaction", || Logged(only::<F>()(unsafe { Request::from_ptr(request) }).code()))
}

unsafe extern "C" fn end_generation<F>(server: *mut sys::server_rec, generation: sys::ap_generation_t)
where
    F: Fn(Server<'_>, u32) + Copy,
{
    fence("end_generation", || {
        // SAFETY: httpd passes the main server of the present configuration.
        let server = unsafe { Server::from_ptr(server) };
        only::<F>()(server, u32::try_from(generation).unwrap_or(0));
        Nothing
    });
}
