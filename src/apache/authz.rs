//! Providers of authorisation: what a line `Require NAME …` asks about a user.

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;

use super::fence::{Authorized, Directed, fence};
use super::hooks::{Hooks, only};
use super::pool::Pool;
use super::request::{Raw, Request, field, text};
use crate::config::Words;
use crate::sys;

/// What a provider says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authorization {
    /// The requirement is not met.
    Denied,
    /// There is no answer. The request is refused, by a denial where that is sure to refuse it.
    Failed,
    /// It is met.
    Granted,
    /// There is no user yet: httpd asks for one.
    NoUser,
    /// There is no answer for a reason that has nothing to do with the user: an error.
    Unavailable,
}

/// A `Require` line, as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// The words behind the provider's name.
    pub(crate) words: Box<[Box<[u8]>]>,
    /// It may be turned into its contrary, as by `Require not`: a denial does not refuse then.
    may_be_negated: bool,
}

struct Provider<F>(PhantomData<F>);

impl<F> Provider<F>
where
    F: Fn(Request<'_>, &Requirement) -> Authorization + Copy,
{
    const RECORD: &'static sys::authz_provider =
        &sys::authz_provider { check_authorization: Some(check::<F>), parse_require_line: Some(parse) };
}

impl Hooks {
    /// Offers `Require NAME …`, about which `check` is asked.
    pub(crate) fn authz_provider<F>(&self, name: &'static CStr, _: F)
    where
        F: Fn(Request<'_>, &Requirement) -> Authorization + Copy,
    {
        let record: *const sys::authz_provider = Provider::<F>::RECORD;
        // SAFETY: names and record are constants, which stay mapped (`-z nodelete`); the pool is the configuration's.
        unsafe {
            sys::ap_register_auth_provider(
                self.pool(),
                sys::AUTHZ_PROVIDER_GROUP.as_ptr(),
                name.as_ptr(),
                sys::AUTHZ_PROVIDER_VERSION.as_ptr(),
                record.cast(),
                sys::AP_AUTH_INTERNAL_PER_URI,
            )
        };
    }
}

unsafe extern "C" fn parse(
    parms: *mut sys::cmd_parms,
    line: *const c_char,
    parsed: *mut *const c_void,
) -> *const c_char {
    fence("parse_require_line", || {
        let parms = Raw(parms);
        let pool = field!(parms.pool);
        // SAFETY: httpd's pool for what this configuration stores.
        let pool = unsafe { Pool::from_ptr(pool) };
        let mut words = Words::new(text(line).unwrap_or_default().to_bytes(), b"", 0);
        let words = std::iter::from_fn(|| words.next()).map(Vec::into_boxed_slice).collect();
        let requirement = pool.own(Requirement { words, may_be_negated: may_be_negated(&parms) });
        // SAFETY: httpd passes a place for it, and the requirement lives as long as the configuration.
        unsafe { parsed.write(std::ptr::from_mut(requirement).cast_const().cast()) };
        Directed(std::ptr::null())
    })
}

/// Whether the line, or a section around it, turns the answer round; or may do so, in the definition of an alias.
fn may_be_negated(parms: &Raw<sys::cmd_parms>) -> bool {
    let mut at = Raw(field!(parms.directive));
    while !at.as_ptr().is_null() {
        let name = text(field!(at.directive)).unwrap_or_default().to_bytes();
        let arguments = text(field!(at.args)).unwrap_or_default().to_bytes();
        if negates(name, arguments) {
            return true;
        }
        at = Raw(field!(at.parent));
    }
    false
}

fn negates(name: &[u8], arguments: &[u8]) -> bool {
    let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
    let first = Words::new(arguments, b"", 0).next().unwrap_or_default();
    is(b"<RequireNone")
        || is(b"<AuthzProviderAlias")
        || (is(b"Require") && first.eq_ignore_ascii_case(b"not"))
}

unsafe extern "C" fn check<F>(
    request: *mut sys::request_rec,
    _line: *const c_char,
    parsed: *const c_void,
) -> sys::authz_status
where
    F: Fn(Request<'_>, &Requirement) -> Authorization + Copy,
{
    fence("check_authorization", || {
        // SAFETY: httpd keeps the request alive during the call.
        let request = unsafe { Request::from_ptr(request) };
        // SAFETY: what `parse` has made; httpd passes it back.
        let Some(requirement) = (unsafe { parsed.cast::<Requirement>().as_ref() }) else {
            return Authorized(sys::AUTHZ_GENERAL_ERROR);
        };
        Authorized(match only::<F>()(request, requirement) {
            Authorization::Denied => sys::AUTHZ_DENIED,
            Authorization::Failed if requirement.may_be_negated => sys::AUTHZ_GENERAL_ERROR,
            Authorization::Failed => sys::AUTHZ_DENIED,
            Authorization::Granted => sys::AUTHZ_GRANTED,
            Authorization::NoUser => sys::AUTHZ_DENIED_NO_USER,
            Authorization::Unavailable => sys::AUTHZ_GENERAL_ERROR,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negations_are_seen() {
        assert!(negates(b"Require", b"not wsgi-group a") && negates(b"require", b" NOT wsgi-group a"));
        assert!(negates(b"<RequireNone", b">") && negates(b"<AuthzProviderAlias", b"wsgi-group staff a>"));
        assert!(!negates(b"Require", b"wsgi-group not") && !negates(b"<RequireAny", b">"));
        assert!(!negates(b"<Location", b"/not>"));
    }
}
