//! Providers of authentication: what mod_auth_basic and mod_auth_digest ask about a user.

use std::ffi::{CStr, c_char};
use std::marker::PhantomData;

use super::fence::{Authenticated, fence};
use super::hooks::{Hooks, only};
use super::request::{Request, text};
use crate::sys;

/// What a provider says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authentication<'r> {
    /// The password is wrong.
    Denied,
    /// There is no answer; nobody else is asked, and the request fails.
    Failed,
    /// This is the MD5 hash of user, realm and password, for mod_auth_digest.
    Found(&'r CStr),
    /// The password is right.
    Granted,
    /// The next provider may know this user.
    Unknown,
}

impl Authentication<'_> {
    fn status(self) -> sys::authn_status {
        match self {
            Self::Denied => sys::AUTH_DENIED,
            Self::Failed => sys::AUTH_GENERAL_ERROR,
            Self::Found(_) => sys::AUTH_USER_FOUND,
            Self::Granted => sys::AUTH_GRANTED,
            Self::Unknown => sys::AUTH_USER_NOT_FOUND,
        }
    }
}

/// A provider's record, which httpd keeps: one for each pair of functions.
struct Provider<P, H>(PhantomData<(P, H)>);

impl<P, H> Provider<P, H>
where
    P: for<'r> Fn(Request<'r>, &'r CStr, &'r CStr) -> Authentication<'r> + Copy,
    H: for<'r> Fn(Request<'r>, &'r CStr, &'r CStr) -> Authentication<'r> + Copy,
{
    const RECORD: &'static sys::authn_provider = &sys::authn_provider {
        check_password: Some(check_password::<P>),
        get_realm_hash: Some(realm_hash::<H>),
    };
}

impl Hooks {
    /// Offers the provider `name`: `password` is asked about a user and a password, `hash` about a user and a realm.
    pub(crate) fn authn_provider<P, H>(&self, name: &'static CStr, _: P, _: H)
    where
        P: for<'r> Fn(Request<'r>, &'r CStr, &'r CStr) -> Authentication<'r> + Copy,
        H: for<'r> Fn(Request<'r>, &'r CStr, &'r CStr) -> Authentication<'r> + Copy,
    {
        let record: *const sys::authn_provider = Provider::<P, H>::RECORD;
        // SAFETY: names and record are constants, which stay mapped (`-z nodelete`); the pool is the configuration's.
        unsafe {
            sys::ap_register_auth_provider(
                self.pool(),
                sys::AUTHN_PROVIDER_GROUP.as_ptr(),
                name.as_ptr(),
                sys::AUTHN_PROVIDER_VERSION.as_ptr(),
                record.cast(),
                sys::AP_AUTH_INTERNAL_PER_URI,
            )
        };
    }
}

unsafe extern "C" fn check_password<P>(
    request: *mut sys::request_rec,
    user: *const c_char,
    password: *const c_char,
) -> sys::authn_status
where
    P: for<'r> Fn(Request<'r>, &'r CStr, &'r CStr) -> Authentication<'r> + Copy,
{
    fence("check_password", || {
        // SAFETY: httpd keeps the request alive during the call.
        let request = unsafe { Request::from_ptr(request) };
        let (Some(user), Some(password)) = (text(user), text(password)) else {
            return Authenticated(sys::AUTH_GENERAL_ERROR);
        };
        Authenticated(only::<P>()(request, user, password).status())
    })
}

unsafe extern "C" fn realm_hash<H>(
    request: *mut sys::request_rec,
    user: *const c_char,
    realm: *const c_char,
    place: *mut *mut c_char,
) -> sys::authn_status
where
    H: for<'r> Fn(Request<'r>, &'r CStr, &'r CStr) -> Authentication<'r> + Copy,
{
    fence("get_realm_hash", || {
        // SAFETY: httpd keeps the request alive during the call.
        let request = unsafe { Request::from_ptr(request) };
        let (Some(user), Some(realm)) = (text(user), text(realm)) else {
            return Authenticated(sys::AUTH_GENERAL_ERROR);
        };
        let answer = only::<H>()(request, user, realm);
        if let Authentication::Found(hash) = answer {
            // SAFETY: httpd passes a place for it; the hash is in the request's pool.
            unsafe { place.write(hash.as_ptr().cast_mut()) };
        }
        Authenticated(answer.status())
    })
}
