//! The start from Python 3.14 on: `PyInitConfig`.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;

use contract::launch::Python as Settings;

use super::{Library, is_c_locale, is_venv, program};
use crate::python::error::StartError;

/// A `PyInitConfig`.
struct Config<'l> {
    library: &'l Library,
    raw: *mut c_void,
}

/// Starts Python.
pub(super) fn start(library: &Library, settings: &Settings) -> Result<(), StartError> {
    // SAFETY: `PyInitConfig *PyInitConfig_Create(void)`
    let create: unsafe extern "C" fn() -> *mut c_void = unsafe { library.symbol(c"PyInitConfig_Create") }?;
    // SAFETY: may be called before the start.
    let raw = unsafe { create() };
    if raw.is_null() {
        return Err(StartError::Refused { reason: "out of memory".into() });
    }
    let config = Config { library, raw };
    // It begins as an isolated configuration; an embedded Python honours the environment, as `python` does.
    for (name, value) in [
        (c"isolated", 0),
        (c"use_environment", 1),
        (c"user_site_directory", 1),
        (c"safe_path", 0),
        (c"configure_locale", 1),
        (c"install_signal_handlers", 0),
    ] {
        config.number(name, value)?;
    }
    match &settings.home {
        Some(home) if is_venv(home) => config.text(c"executable", program(home).as_os_str().as_bytes())?,
        Some(home) => config.text(c"home", home.as_os_str().as_bytes())?,
        None => {}
    }
    if settings.optimize > 0 {
        config.number(c"optimization_level", settings.optimize.min(2).into())?;
    }
    if settings.dont_write_bytecode {
        config.number(c"write_bytecode", 0)?;
    }
    if is_c_locale() {
        config.number(c"utf8_mode", 1)?;
    }
    config.texts(c"warnoptions", &settings.warnings)?;
    config.start()
}

impl Config<'_> {
    fn number(&self, name: &'static CStr, value: i64) -> Result<(), StartError> {
        // SAFETY: `int PyInitConfig_SetInt(PyInitConfig *, const char *, int64_t)`
        let set: unsafe extern "C" fn(*mut c_void, *const c_char, i64) -> c_int =
            unsafe { self.library.symbol(c"PyInitConfig_SetInt") }?;
        // SAFETY: our configuration and a C string.
        self.check(unsafe { set(self.raw, name.as_ptr(), value) })
    }

    fn text(&self, name: &'static CStr, text: &[u8]) -> Result<(), StartError> {
        let text = CString::new(text).map_err(|_| StartError::NulCharacter)?;
        // SAFETY: `int PyInitConfig_SetStr(PyInitConfig *, const char *, const char *)`
        let set: unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> c_int =
            unsafe { self.library.symbol(c"PyInitConfig_SetStr") }?;
        // SAFETY: our configuration and two C strings, which are copied.
        self.check(unsafe { set(self.raw, name.as_ptr(), text.as_ptr()) })
    }

    fn texts(&self, name: &'static CStr, texts: &[String]) -> Result<(), StartError> {
        let texts: Result<Vec<_>, _> = texts.iter().map(|text| CString::new(text.as_bytes())).collect();
        let texts = texts.map_err(|_| StartError::NulCharacter)?;
        let pointers: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        // SAFETY: `int PyInitConfig_SetStrList(PyInitConfig *, const char *, size_t, char * const *)`
        let set: unsafe extern "C" fn(*mut c_void, *const c_char, usize, *const *const c_char) -> c_int =
            unsafe { self.library.symbol(c"PyInitConfig_SetStrList") }?;
        // SAFETY: our configuration, a C string, and so many C strings, which are copied.
        self.check(unsafe { set(self.raw, name.as_ptr(), pointers.len(), pointers.as_ptr()) })
    }

    fn start(&self) -> Result<(), StartError> {
        // SAFETY: `int Py_InitializeFromInitConfig(PyInitConfig *)`
        let start: unsafe extern "C" fn(*mut c_void) -> c_int =
            unsafe { self.library.symbol(c"Py_InitializeFromInitConfig") }?;
        // SAFETY: our configuration; Python has not been started.
        self.check(unsafe { start(self.raw) })
    }

    /// The error behind a result that is not 0.
    fn check(&self, result: c_int) -> Result<(), StartError> {
        if result == 0 {
            return Ok(());
        }
        // SAFETY: `int PyInitConfig_GetError(PyInitConfig *, const char **)`
        let get: unsafe extern "C" fn(*mut c_void, *mut *const c_char) -> c_int =
            unsafe { self.library.symbol(c"PyInitConfig_GetError") }?;
        let mut text = std::ptr::null();
        // SAFETY: our configuration and a place.
        unsafe { get(self.raw, &raw mut text) };
        if text.is_null() {
            return Err(StartError::Refused { reason: "no reason given".into() });
        }
        // SAFETY: a C string that lives as long as the configuration.
        let reason = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
        Err(StartError::Refused { reason })
    }
}

impl Drop for Config<'_> {
    fn drop(&mut self) {
        // SAFETY: `void PyInitConfig_Free(PyInitConfig *)`
        let free: Result<unsafe extern "C" fn(*mut c_void), _> =
            unsafe { self.library.symbol(c"PyInitConfig_Free") };
        if let Ok(free) = free {
            // SAFETY: our configuration, not used again.
            unsafe { free(self.raw) };
        }
    }
}
