//! mod_ssl, if it is there: it offers functions under names, so nothing of it is needed to build or to run.

use std::ffi::{CStr, c_char};
use std::mem;
use std::sync::OnceLock;

use super::pool::Pool;
use super::request::{Request, field, text};
use crate::sys;

type Found = Option<unsafe extern "C" fn()>;

fn find(name: &'static CStr) -> Found {
    // SAFETY: a look-up by name.
    unsafe { sys::apr_dynamic_fn_retrieve(name.as_ptr()) }
}

impl<'r> Request<'r> {
    /// Whether mod_ssl says that the connection is encrypted.
    pub(crate) fn is_tls(self) -> bool {
        type IsHttps = unsafe extern "C" fn(*mut sys::conn_rec) -> i32;
        static ASK: OnceLock<Option<IsHttps>> = OnceLock::new(); // modules do not change while a child lives
        let ask = ASK.get_or_init(|| {
            // SAFETY: mod_ssl registers a function of this type under this name (mod_ssl.h).
            find(c"ssl_is_https")
                .map(|found| unsafe { mem::transmute::<unsafe extern "C" fn(), IsHttps>(found) })
        });
        let connection = self.connection().as_ptr();
        // SAFETY: a request's connection outlives it; the function lives as long as mod_ssl.
        ask.is_some_and(|ask| (unsafe { ask(connection) }) != 0)
    }

    /// What mod_ssl says about one of its variables; it has an empty answer for names that it does not know.
    pub(crate) fn ssl_variable(self, name: &[u8]) -> Option<&'r CStr> {
        self.ssl_variable_in(self.pool(), name)
    }

    /// The same for a worker, which may ask as often as it likes, and as another user: the request keeps nothing of it,
    /// and `ENV:` (of this process) and `HTTP:` (with passwords) are no variables.
    pub(crate) fn ssl_variable_for_worker(self, name: &[u8]) -> Option<Vec<u8>> {
        if name.contains(&b':') {
            return None;
        }
        self.pool()
            .with_scratch(|pool| self.ssl_variable_in(pool, name).map(|value| value.to_bytes().to_vec()))
    }

    fn ssl_variable_in<'p>(self, pool: Pool<'p>, name: &[u8]) -> Option<&'p CStr>
    where
        'r: 'p,
    {
        type Lookup = unsafe extern "C" fn(
            *mut sys::apr_pool_t,
            *mut sys::server_rec,
            *mut sys::conn_rec,
            *mut sys::request_rec,
            *mut c_char,
        ) -> *mut c_char;
        static ASK: OnceLock<Option<Lookup>> = OnceLock::new(); // as above
        let ask = ASK.get_or_init(|| {
            // SAFETY: mod_ssl registers a function of this type under this name (mod_ssl.h).
            find(c"ssl_var_lookup")
                .map(|found| unsafe { mem::transmute::<unsafe extern "C" fn(), Lookup>(found) })
        });
        let ask = ask.as_ref()?;
        let server = field!(self.server);
        let connection = self.connection().as_ptr();
        let name = pool.string(name).as_ptr().cast_mut();
        // SAFETY: all belong to this request; the name is a copy of its own; the answer is a constant, the request's or
        // in the pool, which does not outlive it.
        text(unsafe { ask(pool.as_ptr(), server, connection, self.as_ptr(), name) })
    }

    /// httpd's structure itself, for extension modules that know it.
    pub(crate) fn native(self) -> *mut std::ffi::c_void {
        self.as_ptr().cast()
    }
}
