//! What a page about the server's state needs of httpd: the methods it answers, and the hook by which mod_status lets other
//! modules add to its page.

use std::ffi::c_int;
use std::ptr;

use super::fence::{Answered, fence};
use super::hooks::{Hooks, only};
use super::request::{Request, field};
use crate::sys;

/// How mod_status is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `?auto`: lines of a name, a colon and a value.
    Lines,
    Page,
}

impl Hooks {
    /// Adds to the page of mod_status, if it is there.
    pub(crate) fn server_status<F>(&self, _: F)
    where
        F: Fn(Form) -> String + Copy,
    {
        // SAFETY: `status` has the type of this hook, `ap_HOOK_status_hook_t`; for C it is any function.
        let hook = unsafe {
            std::mem::transmute::<
                unsafe extern "C" fn(*mut sys::request_rec, c_int) -> c_int,
                unsafe extern "C" fn(),
            >(status::<F>)
        };
        // SAFETY: httpd keeps the pointer; the function stays mapped (`-z nodelete`).
        unsafe {
            sys::apr_optional_hook_add(
                c"status_hook".as_ptr(),
                Some(hook),
                ptr::null(),
                ptr::null(),
                sys::APR_HOOK_MIDDLE,
            )
        };
    }
}

unsafe extern "C" fn status<F: Fn(Form) -> String + Copy>(
    request: *mut sys::request_rec,
    flags: c_int,
) -> c_int {
    fence("server status", || {
        let form = if flags & sys::AP_STATUS_SHORT != 0 { Form::Lines } else { Form::Page };
        let text = only::<F>()(form);
        let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
        // SAFETY: mod_status passes the request that it is answering; so many bytes are there.
        unsafe { sys::ap_rwrite(text.as_ptr().cast(), length, request) };
        Answered(sys::OK as c_int)
    })
}

impl Request<'_> {
    /// Whether it is GET or HEAD. If not, the client will hear that these are what is allowed.
    pub(crate) fn allow_get_only(self) -> bool {
        let get = i64::from(sys::M_GET);
        if i64::from(field!(self.method_number)) == get {
            return true;
        }
        // SAFETY: the request is alive; -1 ends the list.
        unsafe {
            sys::ap_allow_standard_methods(
                self.as_ptr(),
                sys::REPLACE_ALLOW as c_int,
                sys::M_GET as c_int,
                -1,
            )
        };
        false
    }
}
