//! Maps libpython and the host library, checks that they belong together, and starts Python.

use std::ffi::{CStr, CString, c_char, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use contract::Mismatch;
use contract::abi::{ENTRY, Entry, Host, Server as Table};
use contract::area::Area;
use contract::launch::Python;
use contract::response::Outcome;
use thiserror::Error;

use super::exchange::{Exchange, TABLE};
use super::{counted, nested};
use crate::apache::process;
use crate::config::global::Global;
use crate::config::interpreter::{self, VirtualEnvironment, minor};

/// How the name of the host ends that serves all versions. There may be others beside it, for one version and build of
/// Python alone: `mod_wsgi_host.cpython-314t-x86_64-linux-gnu.so`.
const ABI3: &str = ".abi3.so";
/// Room for the host's reason not to start.
const REASON: usize = 4096;

/// Why there is no Python in this process.
#[derive(Debug, Error)]
pub(super) enum LoadError {
    /// The parts were not built together.
    #[error(transparent)]
    Contract(#[from] Mismatch),
    /// It has no GIL, and there is no host for it.
    #[error(
        "{library} is a free-threaded Python {version}, which needs a host library of its own: `make host \
         PYTHON=<its executable>` builds it; or name another libpython with WSGIPythonLibrary"
    )]
    FreeThreaded {
        /// The library.
        library: PathBuf,
        /// Its version.
        version: String,
    },
    /// A library that does not load.
    #[error("cannot load {path}: {reason}; {remedy}")]
    Library {
        /// Its file.
        path: PathBuf,
        /// The linker's words.
        reason: String,
        /// What to change.
        remedy: &'static str,
    },
    /// libpython is not known.
    #[error(
        "no libpython was found: install that of the system's Python, set WSGIPythonLibrary, or use WSGIDaemonProcess, \
         which needs none"
    )]
    NoLibrary,
    /// Something else has brought Python along.
    #[error("another module has already loaded Python {version} into this process; use WSGIDaemonProcess")]
    Occupied {
        /// What it says about itself.
        version: String,
    },
    /// The host refused to start.
    #[error("{0}")]
    Start(String),
    /// A virtual environment for another Python.
    #[error(
        "WSGIPythonHome {home} is a virtual environment of Python {wanted}, but {library} is Python {found}; set \
         WSGIPythonLibrary, or use WSGIDaemonProcess with python-home, which runs any version"
    )]
    Version {
        /// The virtual environment.
        home: PathBuf,
        /// Its version.
        wanted: String,
        /// The library.
        library: PathBuf,
        /// Its version.
        found: String,
    },
}

/// The loaded host.
pub(super) struct Embedded {
    host: &'static Host,
    library: Handle,
}

/// A library that was opened and is never closed.
#[derive(Clone, Copy)]
struct Handle(*mut c_void);

// SAFETY: a handle of dlopen may be used on every thread.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Embedded {
    /// Maps both libraries.
    pub(super) fn load(global: &Global) -> Result<Self, LoadError> {
        if let Some(version) = python_version(Handle(libc::RTLD_DEFAULT)) {
            return Err(LoadError::Occupied { version });
        }
        let home = global.python_home.as_deref();
        let path = global.python_library.clone().or_else(|| interpreter::library(home));
        let path = path.ok_or(LoadError::NoLibrary)?;
        let library = open(
            &path,
            libc::RTLD_NOW | libc::RTLD_GLOBAL,
            "install it, name another with WSGIPythonLibrary, or use WSGIDaemonProcess",
        )?;
        let found = python_version(library).unwrap_or_default();
        if let Some((home, wanted)) = global
            .python_home
            .as_deref()
            .and_then(|home| Some((home, VirtualEnvironment::of(home)?.version?)))
        {
            if minor(&wanted) != minor(&found) {
                return Err(LoadError::Version { home: home.to_owned(), wanted, library: path, found });
            }
        }
        let module = process::own_file();
        let general = global.host(&module);
        let free_threaded = python_text(library).is_some_and(|text| text.contains("free-threading build"));
        let host_file = match specific_host(&general, &found, free_threaded) {
            Some(own) => own,
            None if free_threaded && name_of(&general).ends_with(ABI3) => {
                return Err(LoadError::FreeThreaded { library: path, version: found });
            }
            None => general,
        };
        let host = host(&host_file)?;
        Mismatch::check(&host_file, host.contract, &module)?;
        Ok(Self { host, library })
    }

    /// Starts Python; once.
    pub(super) fn start(&self, settings: &Python) -> Result<(), LoadError> {
        let settings = serde_json::to_vec(settings).map_err(|error| LoadError::Start(error.to_string()))?;
        let counted = counted::counted();
        let table = Table {
            group: counted.map(Area::group),
            slot: counted.and_then(|area| area.slots().first()),
            ..TABLE
        };
        let mut reason = [0u8; REASON];
        // SAFETY: all places are readable or writable as long as said; the host checked its contract version.
        let status = unsafe {
            (self.host.start)(
                settings.as_ptr(),
                settings.len(),
                self.library.0,
                &raw const table, // the host copies it
                reason.as_mut_ptr().cast(),
                REASON,
            )
        };
        if status == 0 {
            return Ok(());
        }
        let reason = CStr::from_bytes_until_nul(&reason).map(CStr::to_string_lossy).unwrap_or_default();
        Err(LoadError::Start(reason.into_owned()))
    }

    /// Runs a request to its end.
    pub(super) fn serve(&self, exchange: &Exchange<'_>, payload: &[u8]) -> Outcome {
        let handle = std::ptr::from_ref(exchange).cast_mut().cast();
        // SAFETY: exchange and payload live beyond the call, and the host forgets both when it returns.
        let code = unsafe { nested::run(self.host.serve, handle, payload) };
        code.and_then(|code| u16::try_from(code).ok())
            .and_then(|code| Outcome::from_code(code).ok())
            .unwrap_or(Outcome::Refused(500))
    }

    /// Ends all interpreters; once.
    pub(super) fn stop(&self) {
        // SAFETY: the host was started.
        unsafe { (self.host.stop)() };
    }
}

fn open(path: &Path, flags: i32, remedy: &'static str) -> Result<Handle, LoadError> {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
    // SAFETY: the initialisers of libpython and of the host are harmless.
    let handle = unsafe { libc::dlopen(name.as_ptr(), flags) };
    if handle.is_null() {
        // SAFETY: no arguments.
        let reason = unsafe { libc::dlerror() };
        // SAFETY: null, or a text that is valid until the thread's next call of this family.
        let reason = unsafe { text(reason) };
        return Err(LoadError::Library { path: path.to_owned(), reason, remedy });
    }
    Ok(Handle(handle))
}

fn host(path: &Path) -> Result<&'static Host, LoadError> {
    let remedy = "install it beside mod_wsgi.so, or name it with WSGIPythonHost";
    let library = open(path, libc::RTLD_NOW, remedy)?;
    let missing = || LoadError::Library {
        path: path.to_owned(),
        reason: "it is not a host library of mod_wsgi".into(),
        remedy,
    };
    let entry = symbol(library, ENTRY).ok_or_else(missing)?;
    // SAFETY: by the contract the symbol is a function of this type.
    let entry = unsafe { std::mem::transmute::<*mut c_void, Entry>(entry) };
    // SAFETY: it has no conditions.
    let host = unsafe { entry() };
    // SAFETY: the table is a static of the library, which is never closed; its first field is the version.
    unsafe { host.as_ref() }.ok_or_else(missing)
}

fn symbol(library: Handle, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the handle is open, the name ends with NUL.
    let found = unsafe { libc::dlsym(library.0, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The host that is made for one version and build of Python, beside the one for all (stable ABI).
pub(super) fn specific_host(general: &Path, version: &str, free_threaded: bool) -> Option<PathBuf> {
    let stem = name_of(general).strip_suffix(ABI3)?.to_owned();
    let digits: String = version.split('.').take(2).collect();
    let prefix = format!("{stem}.cpython-{digits}{}-", if free_threaded { "t" } else { "" });
    let files = fs::read_dir(general.parent()?).ok()?.filter_map(Result::ok);
    let mut fitting = files.map(|file| file.path()).filter(|file| {
        let name = name_of(file);
        name.starts_with(&prefix) && name.ends_with(".so")
    });
    fitting.next()
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default()
}

/// `3.11.2` of the Python in `library`, if one is there.
fn python_version(library: Handle) -> Option<String> {
    Some(python_text(library)?.split_whitespace().next().unwrap_or_default().to_owned())
}

/// What the Python in `library` says about itself: `3.11.2 (main, …`.
fn python_text(library: Handle) -> Option<String> {
    type Version = unsafe extern "C" fn() -> *const c_char;
    let found = symbol(library, c"Py_GetVersion")?;
    // SAFETY: a function of this type in every CPython.
    let version = unsafe { std::mem::transmute::<*mut c_void, Version>(found) };
    // SAFETY: it may be called before Python starts.
    let version = unsafe { version() };
    // SAFETY: a constant text.
    Some(unsafe { text(version) })
}

/// # Safety
/// `raw` is null or a C string that lives during the call.
unsafe fn text(raw: *const c_char) -> String {
    if raw.is_null() {
        return String::new();
    }
    // SAFETY: by the caller.
    unsafe { CStr::from_ptr(raw) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_for_one_python_comes_first() {
        let folder = std::env::temp_dir().join(format!("mod_wsgi-hosts-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| folder.join(name);
        for name in ["mod_wsgi_host.abi3.so", "mod_wsgi_host.cpython-314t-x86_64-linux-gnu.so"] {
            fs::write(file(name), "").unwrap();
        }
        let general = file("mod_wsgi_host.abi3.so");
        let found = specific_host(&general, "3.14.1", true);
        assert_eq!(found, Some(file("mod_wsgi_host.cpython-314t-x86_64-linux-gnu.so")));
        assert_eq!(specific_host(&general, "3.14.1", false), None);
        assert_eq!(specific_host(&general, "3.1", true), None);
        assert_eq!(specific_host(&file("other.so"), "3.14.1", true), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
