//! httpd's regular expressions, which WSGIScriptAliasMatch uses.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::pool::Pool;
use crate::sys;

/// `$0` … `$9`
const GROUPS: usize = 10;

/// A compiled expression.
pub(crate) struct Regex(sys::ap_regex_t);

// SAFETY: an expression is not changed after it was compiled, and httpd itself matches on all threads.
unsafe impl Send for Regex {}
// SAFETY: as above.
unsafe impl Sync for Regex {}

/// Where an expression matched.
pub(crate) struct Match<'t> {
    text: &'t CStr,
    groups: [sys::ap_regmatch_t; GROUPS],
}

impl Regex {
    /// Compiles an extended expression; `None` when httpd cannot.
    pub(crate) fn compile(pattern: &CStr) -> Option<Self> {
        let mut raw = MaybeUninit::zeroed();
        // SAFETY: the place is writable and the pattern alive.
        let status = unsafe { sys::ap_regcomp(raw.as_mut_ptr(), pattern.as_ptr(), sys::AP_REG_EXTENDED) };
        // SAFETY: httpd has filled it, as it says.
        (status == 0).then(|| Self(unsafe { raw.assume_init() }))
    }

    /// Searches `text`.
    pub(crate) fn search<'t>(&self, text: &'t CStr) -> Option<Match<'t>> {
        let mut groups = [sys::ap_regmatch_t { rm_so: -1, rm_eo: -1 }; GROUPS];
        // SAFETY: the expression is compiled, and there are as many places as are said.
        let status =
            unsafe { sys::ap_regexec(&raw const self.0, text.as_ptr(), GROUPS, groups.as_mut_ptr(), 0) };
        (status == 0).then_some(Match { text, groups })
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: compiled by us, freed once.
        unsafe { sys::ap_regfree(&raw mut self.0) };
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
