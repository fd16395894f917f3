//! A pointer of httpd's, lent to extension modules as a capsule without a name.

use std::ffi::c_void;
use std::ptr::NonNull;

use pyo3::ffi;
use pyo3::prelude::*;

/// A capsule that stops to be of use when this is dropped: it gets a name then, and whoever kept it and asks for the
/// pointer of a capsule without a name gets a ValueError instead of a dangling one.
pub(crate) struct Lent<'py>(Bound<'py, PyAny>);

impl<'py> Lent<'py> {
    /// A capsule of `pointer`.
    pub(crate) fn new(py: Python<'py>, pointer: NonNull<c_void>) -> PyResult<Self> {
        // SAFETY: attached (`py`); the pointer is not null, and there is no name and no destructor.
        let capsule = unsafe { ffi::PyCapsule_New(pointer.as_ptr(), std::ptr::null(), None) };
        // SAFETY: a new reference, or null with an exception.
        unsafe { Bound::from_owned_ptr_or_err(py, capsule) }.map(Self)
    }

    /// The capsule.
    pub(crate) fn capsule(&self) -> &Bound<'py, PyAny> {
        &self.0
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // SAFETY: attached, as long as the Bound lives; a capsule; the name is a constant.
        let status = unsafe { ffi::PyCapsule_SetName(self.0.as_ptr(), c"the request is over".as_ptr()) };
        if status != 0 {
            drop(PyErr::take(self.0.py()));
        }
    }
}
