//! Starts Python in an httpd child (embedded mode).
//!
//! The stable ABI has no way to configure a start, so the functions are looked up in the libpython that the module has
//! opened: up to 3.13 the older calls and global flags, from 3.14 on `PyInitConfig`. Neither parses arguments nor
//! touches signals. Python is never finalized.

mod init_config;

use std::ffi::{CStr, CString, OsStr, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use contract::launch::Python as Settings;
use pyo3::ffi;
use pyo3::prelude::*;

use super::error::StartError;
use super::process::Process;
use super::state;

const HASH_SEED: &str = "PYTHONHASHSEED";
const GIL: &str = "PYTHON_GIL";

/// A libpython, for names that the stable ABI lacks.
struct Library(*mut c_void);

impl Process {
    /// Starts Python as `settings` say, with `libpython`, a handle of dlopen. The calling thread is Python's main
    /// thread, and is detached afterwards.
    pub(crate) fn start(settings: Settings, libpython: *mut c_void) -> Result<Self, StartError> {
        // SAFETY: may be called at any time.
        if unsafe { ffi::Py_IsInitialized() } != 0 {
            return Err(StartError::AlreadyRunning);
        }
        if let Some(home) = &settings.home {
            check_home(home, state::minor())?;
        }
        let library = Library(libpython);
        let seed = Variable::set(HASH_SEED, settings.hash_seed.as_deref());
        // Only a free-threaded Python knows the other value.
        let forced = state::is_free_threaded() && !settings.free_threading;
        let gil = Variable::set(GIL, forced.then_some("1"));
        if state::minor() >= 14 {
            init_config::start(&library, &settings)?
        } else {
            legacy(&library, &settings)?
        }
        let started = Self::adopt(settings);
        state::Suspended::enter().forget(); // for good: requests come in by `Interpreter::with`
        let process = started?;
        seed.restore(&process);
        gil.restore(&process);
        Ok(process)
    }
}

impl Library {
    /// The address of a function or variable; `T` is a pointer or function pointer type.
    ///
    /// # Safety
    /// The symbol has that type.
    unsafe fn symbol<T: Copy>(&self, name: &'static CStr) -> Result<T, StartError> {
        const { assert!(size_of::<T>() == size_of::<*mut c_void>()) };
        // SAFETY: a handle of dlopen, or RTLD_DEFAULT, and a C string.
        let address = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        if address.is_null() {
            return Err(StartError::NoSymbol { name: name.to_string_lossy().into_owned() });
        }
        // SAFETY: of the size of a pointer, and of the type that the caller knows.
        Ok(unsafe { std::mem::transmute_copy(&address) })
    }

    /// Sets a global flag, `int` in C.
    fn flag(&self, name: &'static CStr, value: c_int) -> Result<(), StartError> {
        // SAFETY: all names passed are of `int` variables.
        let place: *mut c_int = unsafe { self.symbol(name) }?;
        // SAFETY: Python has not been started, so nobody reads it now.
        unsafe { place.write(value) };
        Ok(())
    }

    /// Calls a function that takes a wide string. CPython may keep the pointer, so the text is never freed.
    fn wide(&self, name: &'static CStr, text: &[u8]) -> Result<(), StartError> {
        let text = CString::new(text).map_err(|_| StartError::NulCharacter)?;
        // SAFETY: may be called before the start.
        let wide = unsafe { ffi::Py_DecodeLocale(text.as_ptr(), std::ptr::null_mut()) };
        if wide.is_null() {
            return Err(StartError::NotDecoded { text: text.to_string_lossy().into_owned() });
        }
        // SAFETY: all names passed are of functions of this type.
        let call: unsafe extern "C" fn(*const libc::wchar_t) = unsafe { self.symbol(name) }?;
        // SAFETY: a wide text that ends with NUL; made for being called before the start.
        unsafe { call(wide) };
        Ok(())
    }
}

/// Up to 3.13.
fn legacy(library: &Library, settings: &Settings) -> Result<(), StartError> {
    match &settings.home {
        Some(home) if is_venv(home) => {
            library.wide(c"Py_SetProgramName", program(home).as_os_str().as_bytes())?
        }
        Some(home) => library.wide(c"Py_SetPythonHome", home.as_os_str().as_bytes())?,
        None => {}
    }
    if settings.optimize > 0 {
        library.flag(c"Py_OptimizeFlag", settings.optimize.min(2) as c_int)?;
    }
    if settings.dont_write_bytecode {
        library.flag(c"Py_DontWriteBytecodeFlag", 1)?;
    }
    if is_c_locale() {
        library.flag(c"Py_UTF8Mode", 1)?;
    }
    for warning in &settings.warnings {
        library.wide(c"PySys_AddWarnOption", warning.as_bytes())?;
    }
    // SAFETY: Python has not been started; 0 leaves signals to httpd.
    unsafe { ffi::Py_InitializeEx(0) };
    Ok(())
}

/// An environment variable for the time of the start: every other way to say such things is newer than the stable ABI.
struct Variable {
    name: &'static str,
    before: Option<std::ffi::OsString>,
    changed: bool,
}

impl Variable {
    fn set(name: &'static str, value: Option<&str>) -> Self {
        let before = std::env::var_os(name);
        if let Some(value) = value {
            // SAFETY: httpd's child starts Python once; what else reads the environment in it goes through libc's lock.
            unsafe { std::env::set_var(name, value) };
        }
        Self { name, before, changed: value.is_some() }
    }

    /// Puts the variable back for the application and its children, in `os.environ` and in the process.
    fn restore(self, process: &Process) {
        if !self.changed {
            return;
        }
        let name = self.name;
        let restored = process.main().with(|py| {
            let restore = || -> PyResult<()> {
                let environ = py.import("os")?.getattr("environ")?;
                match &self.before {
                    Some(before) => environ.set_item(name, super::text::path(py, before.as_bytes())?),
                    None => environ.call_method1("pop", (name, py.None())).map(drop),
                }
            };
            restore().is_ok()
        });
        if !restored {
            crate::log::log(
                contract::level::WARN,
                &format!("{name} could not be taken out of os.environ again"),
            );
        }
    }
}

fn is_venv(home: &Path) -> bool {
    home.join("pyvenv.cfg").exists()
}

/// The interpreter's name under which CPython finds a virtual environment.
fn program(home: &Path) -> PathBuf {
    home.join("bin/python")
}

/// Refuses a virtual environment that was made by another version than the one that runs here.
fn check_home(home: &Path, minor: u32) -> Result<(), StartError> {
    if !home.is_dir() {
        return Err(StartError::NoHome { home: home.to_owned() });
    }
    let Ok(text) = std::fs::read_to_string(home.join("pyvenv.cfg")) else { return Ok(()) };
    match venv_version(&text) {
        Some(version) if version != (3, minor) => {
            Err(StartError::OtherVersion { home: home.to_owned(), wanted: version, running: (3, minor) })
        }
        _ => Ok(()),
    }
}

/// Major and minor version in a pyvenv.cfg (`version` by venv, `version_info` by virtualenv).
fn venv_version(text: &str) -> Option<(u32, u32)> {
    let line = text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        matches!(name.trim(), "version" | "version_info").then(|| value.trim().to_owned())
    })?;
    let mut numbers = line.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Whether the environment asks for the locale C or POSIX, for none, or for one that is not installed, which C
/// libraries take for C: names of files would have to be ASCII.
fn is_c_locale() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let named = names.iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    named.is_none_or(|name| name == "C" || name == "POSIX" || !is_installed(&name))
}

/// Whether the system has a locale.
fn is_installed(name: &OsStr) -> bool {
    let Ok(name) = CString::new(name.as_bytes()) else { return false };
    // SAFETY: the name ends with a zero, and without a base a new locale is made.
    let locale = unsafe { libc::newlocale(libc::LC_CTYPE_MASK, name.as_ptr(), std::ptr::null_mut()) };
    if locale.is_null() {
        return false;
    }
    // SAFETY: it was made above, and no thread uses it.
    unsafe { libc::freelocale(locale) };
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_virtual_environments() {
        let venv =
            "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\nexecutable = x\n";
        assert_eq!(venv_version(venv), Some((3, 11)));
        assert_eq!(venv_version("implementation = CPython\nversion_info = 3.12.1.final.0\n"), Some((3, 12)));
        assert_eq!(venv_version("home = /usr\n"), None);
        assert_eq!(venv_version("version = new\n"), None);
    }
}
