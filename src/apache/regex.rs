//! httpd's regular expressions, which WSGIScriptAliasMatch uses.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;

use super::pool::Pool;
use crate::sys;

/// `$0` … `$9`
const GROUPS: usize = 10;

/// A compiled expression; it lives in the pool of the configuration.
#[derive(Clone, Copy)]
pub(crate) struct Regex<'p> {
    raw: NonNull<sys::ap_regex_t>,
    life: PhantomData<Pool<'p>>,
}

// SAFETY: an expression is not changed after it was compiled, and httpd itself matches on all threads.
unsafe impl Send for Regex<'_> {}
// SAFETY: as above.
unsafe impl Sync for Regex<'_> {}

/// Where an expression matched.
pub(crate) struct Match<'t> {
    text: &'t CStr,
    groups: [sys::ap_regmatch_t; GROUPS],
}

impl<'p> Regex<'p> {
    /// Compiles an extended expression; `None` when httpd cannot.
    pub(crate) fn compile(pool: Pool<'p>, pattern: &CStr) -> Option<Self> {
        // SAFETY: pool and pattern are alive; the result lives in the pool.
        let raw = unsafe { sys::ap_pregcomp(pool.as_ptr(), pattern.as_ptr(), sys::AP_REG_EXTENDED as i32) };
        NonNull::new(raw).map(|raw| Self { raw, life: PhantomData })
    }

    /// Searches `text`.
    pub(crate) fn search<'t>(self, text: &'t CStr) -> Option<Match<'t>> {
        let mut groups = [sys::ap_regmatch_t { rm_so: -1, rm_eo: -1 }; GROUPS];
        // SAFETY: the expression is alive, and there are as many places as are said.
        let status =
            unsafe { sys::ap_regexec(self.raw.as_ptr(), text.as_ptr(), GROUPS, groups.as_mut_ptr(), 0) };
        (status == 0).then_some(Match { text, groups })
    }
}

impl Match<'_> {
    /// The bytes that matched.
    pub(crate) fn range(&self) -> Range<usize> {
        let [whole, ..] = &self.groups;
        usize::try_from(whole.rm_so).unwrap_or(0)..usize::try_from(whole.rm_eo).unwrap_or(0)
    }

    /// `template` with `$0` … `$9` replaced.
    pub(crate) fn substitute<'p>(&self, pool: Pool<'p>, template: &CStr) -> Option<&'p CStr> {
        let groups = self.groups.as_ptr().cast_mut();
        // SAFETY: all strings are alive; httpd only reads the groups.
        let made =
            unsafe { sys::ap_pregsub(pool.as_ptr(), template.as_ptr(), self.text.as_ptr(), GROUPS, groups) };
        super::request::text(made)
    }
}
