//! Tables: httpd's multi-maps of strings with case-insensitive names.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::pool::Pool;
use super::request::{Raw, field, text};
use crate::sys;

/// A table of a request. Its strings live in the request's pool, even those that are removed later.
#[derive(Clone, Copy)]
pub(crate) struct Table<'r> {
    raw: NonNull<sys::apr_table_t>,
    life: PhantomData<&'r ()>,
}

impl<'r> Table<'r> {
    /// # Safety
    /// `raw` is a table that lives, as do its strings, during `'r`.
    pub(super) unsafe fn from_ptr(raw: *mut sys::apr_table_t) -> Self {
        // SAFETY: httpd makes all tables of a request before any hook runs; the caller vouches for the rest.
        let raw = unsafe { NonNull::new_unchecked(raw) };
        Self { raw, life: PhantomData }
    }

    pub(super) fn as_ptr(self) -> *mut sys::apr_table_t {
        self.raw.as_ptr()
    }

    /// The first value of that name.
    pub(crate) fn get(self, name: &CStr) -> Option<&'r CStr> {
        // SAFETY: the table is alive and `name` ends with NUL.
        let value = unsafe { sys::apr_table_get(self.as_ptr(), name.as_ptr()) };
        text(value)
    }

    /// Replaces all values of that name by one; both strings must live as long as the table.
    pub(crate) fn set(self, name: &'r CStr, value: &'r CStr) {
        // SAFETY: the table keeps the pointers, and both live for `'r`.
        unsafe { sys::apr_table_setn(self.as_ptr(), name.as_ptr(), value.as_ptr()) };
    }

    /// Adds a value, keeping those of the same name.
    pub(crate) fn add(self, name: &'r CStr, value: &'r CStr) {
        // SAFETY: as for `set`.
        unsafe { sys::apr_table_addn(self.as_ptr(), name.as_ptr(), value.as_ptr()) };
    }

    /// Removes all values of that name.
    pub(crate) fn unset(self, name: &CStr) {
        // SAFETY: the table is alive and `name` ends with NUL.
        unsafe { sys::apr_table_unset(self.as_ptr(), name.as_ptr()) };
    }

    /// Replaces all values of that name by one, copying both.
    pub(crate) fn set_copy(self, pool: Pool<'r>, name: &[u8], value: &[u8]) {
        self.set(pool.string(name), pool.string(value));
    }

    /// Names and values in order. The table must not be changed meanwhile.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'r CStr, &'r CStr)> {
        // SAFETY: the table is alive; the array is part of it.
        let array = unsafe { sys::apr_table_elts(self.as_ptr()) };
        let array = Raw(array.cast_mut());
        let first = field!(array.elts).cast::<sys::apr_table_entry_t>();
        let count = field!(array.nelts);
        (0..usize::try_from(count).unwrap_or(0)).filter_map(move |index| {
            // SAFETY: `index` is below the array's count.
            let entry = Raw(unsafe { first.add(index) });
            Some((text(field!(entry.key))?, text(field!(entry.val))?))
        })
    }
}
