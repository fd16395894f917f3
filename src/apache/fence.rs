//! The fence round every function that httpd or the host calls: a panic ends the one callback, never the process.
//!
//! A panic that leaves an `extern "C"` function aborts the child with all its requests. So each such function is one
//! call of [`fence`], and the type that its body returns says what is answered instead: always a failure, never
//! "all well" and never "not mine". The panic's message and place are logged by the hook of [`crate::apache::log`].

use std::any::Any;
use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::log;
use crate::sys;

/// What a callback of one kind answers, and what it answers after a panic.
pub(crate) trait OnPanic {
    /// What C gets.
    type Raw;
    /// The answer after a panic.
    const ON_PANIC: Self::Raw;
    /// The regular answer.
    fn raw(self) -> Self::Raw;
}

/// Runs `body`; a panic is logged under `name` and answered with [`OnPanic::ON_PANIC`].
pub(crate) fn fence<R: OnPanic>(name: &'static str, body: impl FnOnce() -> R) -> R::Raw {
    // Unwind safety: what a panicking body leaves behind belongs to one request or one directive, which now fails.
    match catch_unwind(AssertUnwindSafe(|| body().raw())) {
        Ok(answer) => answer,
        Err(payload) => {
            log::panicked(name);
            discard(payload);
            R::ON_PANIC
        }
    }
}

/// The message of a panic.
pub(super) fn message(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[expect(clippy::mem_forget, reason = "the destructor of a payload may panic again, outside of any fence")]
fn discard(payload: Box<dyn Any + Send>) {
    std::mem::forget(payload);
}

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident: $raw:ty = $on_panic:expr;)*) => { $(
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) $raw);

        impl OnPanic for $name {
            type Raw = $raw;
            const ON_PANIC: $raw = $on_panic;
            fn raw(self) -> $raw {
                self.0
            }
        }
    )* };
}

answers! {
    /// Of a content handler.
    Handled: c_int = sys::HTTP_INTERNAL_SERVER_ERROR;
    /// Of the hook that maps a URL to a file.
    Translated: c_int = sys::HTTP_INTERNAL_SERVER_ERROR;
    /// Of a hook before a request is logged: others go on.
    Logged: c_int = sys::DECLINED;
    /// Of a hook that prepares the server: httpd does not start.
    Prepared: c_int = sys::HTTP_INTERNAL_SERVER_ERROR;
    /// Of a directive: null, or a message.
    Directed: *const c_char = c"an internal error (a panic) occurred; see the error log".as_ptr();
    /// Of a pool's cleanup.
    Cleaned: sys::apr_status_t = 20014; // APR_EGENERAL, a macro over the start of APR's numbers
    /// Of a function that makes or merges configuration; a null is read as "nothing was said".
    Configured: *mut c_void = std::ptr::null_mut();
    /// Of a callback from the host that counts bytes.
    Counted: isize = -1;
    /// Of a callback from the host that succeeds with 0.
    Answered: c_int = -1;
    /// Of a callback from the host that returns a place.
    Pointed: *mut c_void = std::ptr::null_mut();
    /// Of a hook that may refuse a client.
    Admitted: c_int = sys::HTTP_INTERNAL_SERVER_ERROR;
    /// Of a function that checks who a user is: an error refuses, whatever other providers would say.
    Authenticated: sys::authn_status = sys::AUTH_GENERAL_ERROR;
    /// Of a function that checks what a user may do: an error refuses, even behind `Require not`.
    Authorized: sys::authz_status = sys::AUTHZ_GENERAL_ERROR;
}

/// Of a callback without an answer.
pub(crate) struct Nothing;

impl OnPanic for Nothing {
    type Raw = ();
    const ON_PANIC: () = ();
    fn raw(self) {}
}
