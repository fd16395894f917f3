//! The extension module that a worker's bootstrap imports: one function, `run`.
//!
//! Written by hand, without `#[pymodule]`, whose statics would be shared by all interpreters. It is imported in the
//! main interpreter only.

use std::ptr::null_mut;

use pyo3::ffi;

use super::fence::fence;

/// What CPython reads and writes: the definition, and the methods it points at.
#[repr(transparent)]
struct Static<T>(std::cell::UnsafeCell<T>);

// SAFETY: CPython touches them under the GIL of the main interpreter; we only pass their addresses.
unsafe impl<T> Sync for Static<T> {}

#[cfg(not(feature = "selftest"))]
static METHODS: Static<[ffi::PyMethodDef; 2]> =
    Static(std::cell::UnsafeCell::new([function(c"run", run), ffi::PyMethodDef::zeroed()]));

#[cfg(feature = "selftest")]
static METHODS: Static<[ffi::PyMethodDef; 6]> = Static(std::cell::UnsafeCell::new([
    function(c"run", run),
    function(c"start", selftest::start),
    function(c"serve", selftest::serve),
    function(c"stress", selftest::stress),
    function(c"stop", selftest::stop),
    ffi::PyMethodDef::zeroed(),
]));

static MODULE: Static<ffi::PyModuleDef> = Static(std::cell::UnsafeCell::new(ffi::PyModuleDef {
    m_base: ffi::PyModuleDef_HEAD_INIT,
    m_name: c"mod_wsgi_host".as_ptr(),
    m_doc: c"The Python side of mod_wsgi; for its own worker processes only.".as_ptr(),
    m_size: -1,
    m_methods: METHODS.0.get().cast(),
    m_slots: null_mut(),
    m_traverse: None,
    m_clear: None,
    m_free: None,
}));

const fn function(name: &'static std::ffi::CStr, function: ffi::PyCFunction) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
        ml_flags: if cfg!(feature = "selftest") { ffi::METH_VARARGS } else { ffi::METH_NOARGS },
        ml_doc: std::ptr::null(),
    }
}

/// Called by CPython's import of `mod_wsgi_host`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn PyInit_mod_wsgi_host() -> *mut ffi::PyObject {
    fence("PyInit_mod_wsgi_host", null_mut(), || {
        // SAFETY: called by the import, attached; the definition is static.
        let module = unsafe { ffi::PyModule_Create(MODULE.0.get()) };
        if !module.is_null() {
            needs_no_gil(module);
        }
        module
    })
}

/// Says so to a free-threaded Python, which would switch its GIL on for a module that does not. Others have no such
/// function.
fn needs_no_gil(module: *mut ffi::PyObject) {
    type SetGil = unsafe extern "C" fn(*mut ffi::PyObject, *mut libc::c_void) -> std::ffi::c_int;
    // SAFETY: a C string; looked for in the whole process, as all functions of Python are.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PyUnstable_Module_SetGIL".as_ptr()) };
    if !found.is_null() {
        // SAFETY: `int PyUnstable_Module_SetGIL(PyObject *, void *)`
        let set = unsafe { std::mem::transmute::<*mut libc::c_void, SetGil>(found) };
        // SAFETY: attached; a module, and Py_MOD_GIL_NOT_USED. A failure costs speed alone.
        let _ = unsafe { set(module, std::ptr::without_provenance_mut(1)) };
    }
}

/// `run()`: does not return.
unsafe extern "C" fn run(_: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    fence("run", null_mut(), || crate::daemon::run())
}

#[cfg(feature = "selftest")]
#[path = "selftest.rs"]
#[expect(clippy::expect_used, reason = "a fault here fails a test")]
mod selftest;
