//! Bytes to Python text and back, by the rules of PEP 3333: latin-1, and the file system's encoding for paths.

use std::borrow::Cow;

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// A new reference from a C call that returns null with an exception set.
fn owned<'py, T>(py: Python<'py>, object: *mut ffi::PyObject) -> PyResult<Bound<'py, T>> {
    // SAFETY: every caller passes the fresh result of a C call that owns its reference or is null.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    // SAFETY: the C calls below document the type that they return.
    Ok(unsafe { object.cast_into_unchecked() })
}

fn length(bytes: &[u8]) -> PyResult<ffi::Py_ssize_t> {
    bytes.len().try_into().map_err(|_| PySystemError::new_err("text is too long"))
}

/// Latin-1: every byte is one character.
pub(crate) fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    let size = length(bytes)?;
    // SAFETY: attached (`py`); the bytes are copied.
    owned(py, unsafe { ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), size, std::ptr::null()) })
}

/// A path, in the file system's encoding with `surrogateescape`.
pub(crate) fn path<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    let size = length(bytes)?;
    // SAFETY: attached (`py`); the bytes are copied.
    owned(py, unsafe { ffi::PyUnicode_DecodeFSDefaultAndSize(bytes.as_ptr().cast(), size) })
}

/// A text whose like is kept: equal ones become the same object, whose hash is known.
pub(crate) fn interned<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyString>> {
    let mut object = PyString::new(py, text).into_ptr();
    // SAFETY: attached; `object` is a str that we own, and is replaced by one that we own.
    unsafe { ffi::PyUnicode_InternInPlace(&raw mut object) };
    owned(py, object)
}

/// The latin-1 bytes of `text`, without a copy when it is ASCII; UnicodeEncodeError when it has other characters.
pub(crate) fn to_latin1<'a>(text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, [u8]>> {
    match text.to_str() {
        Ok(utf8) if utf8.is_ascii() => Ok(Cow::Borrowed(utf8.as_bytes())),
        _ => {
            // SAFETY: attached, and `text` is a str.
            let bytes = unsafe { ffi::PyUnicode_AsLatin1String(text.as_ptr()) };
            let bytes: Bound<'_, PyBytes> = owned(text.py(), bytes)?;
            Ok(Cow::Owned(bytes.as_bytes().to_vec()))
        }
    }
}

/// The UTF-8 bytes of a str for a log; characters that have none are written as escapes.
pub(crate) fn to_utf8(text: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let text = text.cast::<PyString>()?;
    if let Ok(utf8) = text.to_str() {
        return Ok(utf8.as_bytes().to_vec());
    }
    let (encoding, errors) = (c"utf-8".as_ptr(), c"backslashreplace".as_ptr());
    // SAFETY: attached, and `text` is a str.
    let bytes = unsafe { ffi::PyUnicode_AsEncodedString(text.as_ptr(), encoding, errors) };
    let bytes: Bound<'_, PyBytes> = owned(text.py(), bytes)?;
    Ok(bytes.as_bytes().to_vec())
}
