//! The two types that a request hands to the application and that matter for speed, made anew for each interpreter:
//! `mod_wsgi.Input` (`wsgi.input`), and `mod_wsgi.Adapter`, to which `start_response` and `write` are bound, and
//! by which `wsgi.errors` writes.
//!
//! Both hold nothing but an `Arc<Call>`, so they need no garbage collection, and a late use is the loan's business.

use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr::null_mut;
use std::sync::Arc;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::fence::fence;
use crate::wsgi::call::Call;

/// Most positional arguments that any function here takes.
pub(crate) const MOST_ARGUMENTS: usize = 3;

/// An object's memory.
#[repr(C)]
struct Object {
    base: ffi::PyObject,
    call: Arc<Call>,
}

/// A static table of C structures that hold pointers to static texts.
#[repr(transparent)]
struct Table<T, const N: usize>([T; N]);

// SAFETY: the tables are never written; the pointers in them are to statics.
unsafe impl<T, const N: usize> Sync for Table<T, N> {}

type Fast =
    unsafe extern "C" fn(*mut ffi::PyObject, *mut *mut ffi::PyObject, ffi::Py_ssize_t) -> *mut ffi::PyObject;

const fn method(
    name: &'static std::ffi::CStr,
    function: Fast,
    doc: &'static std::ffi::CStr,
) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFast: function },
        ml_flags: ffi::METH_FASTCALL,
        ml_doc: doc.as_ptr(),
    }
}

static INPUT_METHODS: Table<ffi::PyMethodDef, 5> = Table([
    method(c"read", read, c"read([size]) -> bytes\n\nExactly size bytes, or what is left of the body."),
    method(
        c"readline",
        readline,
        c"readline([size]) -> bytes\n\nThrough the next newline, at most size bytes.",
    ),
    method(c"readlines", readlines, c"readlines([hint]) -> list of bytes"),
    method(c"close", close, c"close()\n\nDoes nothing."),
    ffi::PyMethodDef::zeroed(),
]);
static ADAPTER_METHODS: Table<ffi::PyMethodDef, 3> = Table([
    method(c"log", log, c"log(text)\n\nWrites to the request's error log."),
    method(c"flush", flush, c"flush()\n\nWrites a line that is not complete."),
    ffi::PyMethodDef::zeroed(),
]);
static START_RESPONSE: Table<ffi::PyMethodDef, 1> = Table([method(
    c"start_response",
    start_response,
    c"start_response(status, headers[, exc_info]) -> write",
)]);
static WRITE: Table<ffi::PyMethodDef, 1> = Table([method(c"write", write, c"write(data)")]);

/// Makes `mod_wsgi.Input`.
pub(crate) fn input_type(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let methods = (&raw const INPUT_METHODS.0).cast_mut().cast();
    make(
        py,
        c"mod_wsgi.Input",
        &mut [
            ffi::PyType_Slot { slot: ffi::Py_tp_dealloc, pfunc: dealloc as *mut c_void },
            ffi::PyType_Slot { slot: ffi::Py_tp_methods, pfunc: methods },
            ffi::PyType_Slot { slot: ffi::Py_tp_iter, pfunc: iter as *mut c_void },
            ffi::PyType_Slot { slot: ffi::Py_tp_iternext, pfunc: next as *mut c_void },
            ffi::PyType_Slot { slot: 0, pfunc: null_mut() },
        ],
    )
}

/// Makes `mod_wsgi.Adapter`.
pub(crate) fn adapter_type(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let methods = (&raw const ADAPTER_METHODS.0).cast_mut().cast();
    make(
        py,
        c"mod_wsgi.Adapter",
        &mut [
            ffi::PyType_Slot { slot: ffi::Py_tp_dealloc, pfunc: dealloc as *mut c_void },
            ffi::PyType_Slot { slot: ffi::Py_tp_methods, pfunc: methods },
            ffi::PyType_Slot { slot: 0, pfunc: null_mut() },
        ],
    )
}

fn make<'py>(
    py: Python<'py>,
    name: &'static std::ffi::CStr,
    slots: &mut [ffi::PyType_Slot],
) -> PyResult<Bound<'py, PyType>> {
    const DISALLOW_INSTANTIATION: u64 = 1 << 7;
    const IMMUTABLE: u64 = 1 << 8;
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size_of::<Object>() as i32,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | DISALLOW_INSTANTIATION | IMMUTABLE) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: attached; `spec` and its slots are complete and are copied; names and methods are static.
    let made = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
    // SAFETY: a new reference or null with an exception.
    let made = unsafe { Bound::from_owned_ptr_or_err(py, made) }?;
    Ok(made.cast_into()?)
}

/// A new object of a type made above.
pub(crate) fn instance<'py>(class: &Bound<'py, PyType>, call: Arc<Call>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: attached; one of our types, all of which have the size of `Object`.
    let object = unsafe { ffi::PyType_GenericAlloc(class.as_type_ptr(), 0) };
    // SAFETY: a new reference or null with an exception.
    let object = unsafe { Bound::from_owned_ptr_or_err(class.py(), object) }?;
    // SAFETY: `call` lies within the object's memory.
    let place = unsafe { object.as_ptr().cast::<u8>().add(offset_of!(Object, call)) };
    // SAFETY: aligned, since CPython aligns objects to 16; nobody else has seen the object, and it held zeros.
    unsafe { place.cast::<Arc<Call>>().write(call) };
    Ok(object)
}

/// `start_response` of the request whose `mod_wsgi.Adapter` is `adapter`.
pub(crate) fn start_response_of<'py>(adapter: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    bound_function(adapter, &START_RESPONSE)
}

/// `write` of that request.
pub(crate) fn write_of<'py>(adapter: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    bound_function(adapter, &WRITE)
}

fn bound_function<'py>(
    adapter: &Bound<'py, PyAny>,
    table: &'static Table<ffi::PyMethodDef, 1>,
) -> PyResult<Bound<'py, PyAny>> {
    let definition = (&raw const table.0).cast_mut().cast();
    // SAFETY: attached; the definition is static and only read; `adapter` is kept by the function.
    let function = unsafe { ffi::PyCFunction_NewEx(definition, adapter.as_ptr(), null_mut()) };
    // SAFETY: a new reference or null with an exception.
    unsafe { Bound::from_owned_ptr_or_err(adapter.py(), function) }
}

/// The name of a value's type, for messages.
pub(crate) fn name_of(value: &Bound<'_, PyAny>) -> String {
    let name = value.get_type().getattr("__name__").and_then(|name| name.extract());
    name.unwrap_or_else(|_| "?".to_owned())
}

/// Arguments of a call, in order; those that were not given are `None`.
pub(crate) type Arguments<'py> = [Option<Bound<'py, PyAny>>; MOST_ARGUMENTS];

/// The whole of a method: finds the request, goes through the interpreter's door and returns what `body` returns.
///
/// # Safety
/// As CPython calls a METH_FASTCALL function of an object of one of our types.
unsafe fn slot(
    name: &'static str,
    object: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    body: impl for<'py> FnOnce(
        &Arc<Call>,
        &Bound<'py, PyAny>,
        Arguments<'py>,
        usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>>,
) -> *mut ffi::PyObject {
    fence(name, null_mut(), || {
        // SAFETY: an object of ours, alive for the call.
        let call = unsafe { &(*object.cast::<Object>()).call };
        let result = call.interpreter().called_from_c(|py| {
            let count = usize::try_from(count).unwrap_or(0);
            let mut given: Arguments<'_> = [None, None, None];
            for (index, place) in given.iter_mut().enumerate().take(count) {
                // SAFETY: CPython passes `count` arguments.
                let argument = unsafe { arguments.add(index) };
                // SAFETY: as above.
                let argument = unsafe { argument.read() };
                // SAFETY: alive for the call; takes a reference of its own.
                *place = Some(unsafe { Bound::from_borrowed_ptr(py, argument) });
            }
            // SAFETY: alive for the call.
            let object = unsafe { Bound::from_borrowed_ptr(py, object) };
            Ok(body(call, &object, given, count)?.map_or(null_mut(), Bound::into_ptr))
        });
        result.unwrap_or(null_mut())
    })
}

unsafe extern "C" fn read(
    object: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: in our method table.
    unsafe {
        slot("Input.read", object, arguments, count, |call, this, given, count| {
            call.read(this.py(), given, count)
        })
    }
}

unsafe extern "C" fn readline(
    object: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: in our method table.
    unsafe {
        slot("Input.readline", object, arguments, count, |call, this, given, count| {
            call.readline(this.py(), given, count)
        })
    }
}

unsafe extern "C" fn readlines(
    object: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: in our method table.
    unsafe {
        slot("Input.readlines", object, arguments, count, |call, this, given, count| {
            call.readlines(this.py(), given, count)
        })
    }
}

unsafe extern "C" fn close(
    object: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: in our method table.
    unsafe {
        slot("Input.close", object, arguments, count, |call, this, _, count| {
            call.close_input(this.py(), count)
        })
    }
}

unsafe extern "C" fn iter(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with an object of ours.
    unsafe { slot("Input.__iter__", object, null_mut(), 0, |_, this, _, _| Ok(Some(this.clone()))) }
}

unsafe extern "C" fn next(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with an object of ours; null without an exception is the end of an iteration.
    unsafe { slot("Input.__next__", object, null_mut(), 0, |call, this, _, _| call.next_line(this.py())) }
}

unsafe extern "C" fn start_response(
    object: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: bound to an object of ours.
    unsafe { slot("start_response", object, arguments, count, Call::start_response) }
}

unsafe extern "C" fn write(
    object: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: bound to an object of ours.
    unsafe {
        slot("write", object, arguments, count, |call, this, given, count| {
            call.write(this.py(), given, count)
        })
    }
}

unsafe extern "C" fn log(
    object: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: in our method table.
    unsafe {
        slot("Adapter.log", object, arguments, count, |call, this, given, _| call.log(this.py(), given))
    }
}

unsafe extern "C" fn flush(
    object: *mut ffi::PyObject,
    arguments: *mut *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: in our method table.
    unsafe { slot("Adapter.flush", object, arguments, count, |call, this, _, _| call.flush(this.py())) }
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    fence("dealloc", (), || {
        // SAFETY: CPython calls this once, when nobody has the object any more.
        let class = unsafe { ffi::Py_TYPE(object) };
        // SAFETY: within the object's memory.
        let call = unsafe { &raw mut (*object.cast::<Object>()).call };
        // SAFETY: `instance` has written it; it is not used again.
        unsafe { call.drop_in_place() };
        // SAFETY: allocated by PyType_GenericAlloc for a type without garbage collection.
        unsafe { ffi::PyObject_Free(object.cast()) };
        // SAFETY: an object of a heap type owns a reference to its type.
        unsafe { ffi::Py_DECREF(class.cast()) };
    });
}
