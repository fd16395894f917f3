//! The hook that may refuse a client, whoever it is, and what httpd knows about a client's name.

use std::ffi::{CStr, c_int};
use std::ptr;

use super::fence::{Admitted, fence};
use super::hooks::{Hooks, only};
use super::request::{Request, text};
use crate::sys;

/// What the hook says about a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// This check lets it in.
    Granted,
    /// No opinion.
    NoOpinion,
    /// It does not, with this status.
    Refused(u16),
}

impl Hooks {
    /// Judges a client by its address and its request, before anybody asks who it is. For every URL: two URLs with the
    /// same configuration may have different answers.
    pub(crate) fn access_checker<F>(&self, _: F)
    where
        F: Fn(Request<'_>) -> Admission + Copy,
    {
        // SAFETY: httpd keeps the pointer; the function stays mapped (`-z nodelete`).
        unsafe {
            sys::ap_hook_check_access(
                Some(access_checker::<F>),
                ptr::null(),
                ptr::null(),
                sys::APR_HOOK_MIDDLE,
                sys::AP_AUTH_INTERNAL_PER_URI,
            )
        };
    }
}

unsafe extern "C" fn access_checker<F>(request: *mut sys::request_rec) -> c_int
where
    F: Fn(Request<'_>) -> Admission + Copy,
{
    fence("access_checker", || {
        // SAFETY: httpd keeps the request alive during the hook.
        Admitted(match only::<F>()(unsafe { Request::from_ptr(request) }) {
            Admission::Granted => sys::OK as c_int,
            Admission::NoOpinion => sys::DECLINED,
            Admission::Refused(status) => c_int::from(status),
        })
    })
}

impl<'r> Request<'r> {
    /// The client's name if httpd has looked it up (HostnameLookups), else its address.
    pub(crate) fn remote_name(self) -> Option<&'r CStr> {
        self.remote(sys::REMOTE_NAME)
    }

    /// The client's name if httpd has looked it up.
    pub(crate) fn remote_host(self) -> Option<&'r CStr> {
        self.remote(sys::REMOTE_HOST)
    }

    fn remote(self, kind: i32) -> Option<&'r CStr> {
        // SAFETY: the request is alive; nobody wants to know whether the answer is an address.
        text(unsafe { sys::ap_get_useragent_host(self.as_ptr(), kind, ptr::null_mut()) })
    }

    /// Whether a user with a password may come in although the client is refused (`Satisfy Any`). Not by
    /// `ap_some_authn_required`, which runs the access checkers to find out.
    pub(crate) fn may_authenticate_instead(self) -> bool {
        // SAFETY: the request is alive.
        let satisfies = unsafe { sys::ap_satisfies(self.as_ptr()) };
        // SAFETY: as above.
        satisfies == sys::SATISFY_ANY && (unsafe { sys::ap_some_auth_required(self.as_ptr()) }) != 0
    }

    /// Puts another user in the place of the one who was authenticated.
    pub(crate) fn set_user(self, name: &'r CStr) {
        // SAFETY: the request is alive; the name lives as long.
        unsafe { (*self.as_ptr()).user = name.as_ptr().cast_mut() };
    }

    /// The line about the server at the foot of httpd's own pages (ServerSignature).
    pub(crate) fn server_signature(self) -> Option<&'r CStr> {
        // SAFETY: the request is alive; the answer is a constant or in its pool.
        text(unsafe { sys::ap_psignature(c"".as_ptr(), self.as_ptr()) })
    }
}
