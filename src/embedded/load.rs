//! Maps libpython and the host library into this child, and starts Python.
//!
//! Nothing is ever unmapped: CPython cannot be, and httpd's two-pass start never comes here. libpython goes into the
//! global symbol scope because extension modules do not name it themselves and expect its symbols there.

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::{fs, ptr};

use contract::abi::{ENTRY, Entry, Host};
use contract::launch::Python;
use contract::response::Outcome;
use thiserror::Error;

use super::exchange::{self, Exchange};

/// The host's file, beside the module's.
const HOST: &str = "mod_wsgi_host.abi3.so";
/// Longest reason that the host may give for a failed start, in bytes.
const REASON: usize = 4096;

/// Why this child has no Python.
#[derive(Debug, Error)]
pub(super) enum LoadError {
    /// The host is another build than the module.
    #[error(
        "{host} speaks contract version {theirs}, {module} speaks {ours}: install both from the same build of mod_wsgi",
        ours = contract::VERSION
    )]
    Contract {
        /// The host's file.
        host: String,
        /// The module's file.
        module: String,
        /// The host's version.
        theirs: u32,
    },
    /// A library cannot be mapped, or lacks what it must have.
    #[error("cannot load {library}: {reason}; {remedy}")]
    Library {
        /// Its file.
        library: String,
        /// What dlopen or dlsym said.
        reason: String,
        /// What to change.
        remedy: &'static str,
    },
    /// No library is known.
    #[error(
        "no shared libpython was found when mod_wsgi was built; name one with WSGIPythonLibrary, or run the application in daemon mode (WSGIDaemonProcess), which needs none"
    )]
    NoLibrary,
    /// Somebody else has brought a Python.
    #[error(
        "another module of this httpd has already brought Python {0} into the process; remove its LoadModule line, or run the application in daemon mode (WSGIDaemonProcess)"
    )]
    OtherPython(String),
    /// Python did not start.
    #[error("{0}")]
    Start(String),
    /// The virtual environment belongs to another version.
    #[error(
        "WSGIPythonHome {home} is an environment of Python {wanted}, but {library} is Python {found}; name the right library with WSGIPythonLibrary, or run the application in daemon mode with python-home={home}"
    )]
    Version {
        /// WSGIPythonHome.
        home: String,
        /// Its version.
        wanted: String,
        /// The library.
        library: String,
        /// The library's version.
        found: String,
    },
}

/// Python in this process.
#[derive(Debug)]
pub(super) struct Runtime {
    host: &'static Host,
    version: String,
}

impl Runtime {
    /// Maps `library` (or the one recorded at build time) and `host` (or the one beside the module), and starts Python.
    pub(super) fn load(
        python: &Python,
        library: Option<&Path>,
        host: Option<&Path>,
    ) -> Result<Self, LoadError> {
        if let Some(version) = version_in(libc::RTLD_DEFAULT) {
            return Err(LoadError::OtherPython(version));
        }
        let recorded = Some(env!("MOD_WSGI_LIBPYTHON")).filter(|path| !path.is_empty()).map(Path::new);
        let library = library.or(recorded).ok_or(LoadError::NoLibrary)?;
        let remedy = "install that libpython, name another with WSGIPythonLibrary, or use daemon mode";
        let libpython = open(library, libc::RTLD_NOW | libc::RTLD_GLOBAL, remedy)?;
        let version = version_in(libpython).unwrap_or_default();
        check_environment(python.home.as_deref(), library, &version)?;
        let module = own_file();
        let host = host.map_or_else(|| module.with_file_name(HOST), Path::to_path_buf);
        let host = entry(&host, &module)?;
        start(host, python, libpython)?;
        Ok(Self { host, version })
    }

    /// The library's version, as `3.11.2`.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Runs one request.
    pub(super) fn serve(&self, exchange: &mut Exchange<'_>, payload: &[u8]) -> Outcome {
        let exchange = ptr::from_mut(exchange).cast::<c_void>();
        // SAFETY: the host's own function; exchange and payload live during the call, and it keeps neither.
        let code = unsafe { (self.host.serve)(exchange, payload.as_ptr(), payload.len()) };
        u16::try_from(code).ok().and_then(|code| Outcome::from_code(code).ok()).unwrap_or(Outcome::Refused(500))
    }

    /// Ends the interpreters.
    pub(super) fn stop(&self) {
        // SAFETY: the host's own function, called once, when the child serves nothing any more.
        unsafe { (self.host.stop)() };
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Maps a library for good.
fn open(library: &Path, flags: c_int, remedy: &'static str) -> Result<*mut c_void, LoadError> {
    let name = CString::new(library.as_os_str().as_bytes()).unwrap_or_default();
    // SAFETY: a C string; the library's own start-up code is trusted as any module's is.
    let handle = unsafe { libc::dlopen(name.as_ptr(), flags) };
    if handle.is_null() {
        return Err(LoadError::Library { library: text(library), reason: last_error(), remedy });
    }
    Ok(handle)
}

fn last_error() -> String {
    // SAFETY: returns null or a C string that lives until this thread's next call of the family.
    let error = unsafe { libc::dlerror() };
    if error.is_null() {
        return "unknown error".into();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned()
}

fn symbol(handle: *mut c_void, name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a handle of dlopen (or RTLD_DEFAULT) and a C string.
    let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// The version of the Python in the scope of `handle`, as `3.11.2`.
fn version_in(handle: *mut c_void) -> Option<String> {
    let function = symbol(handle, c"Py_GetVersion")?;
    // SAFETY: CPython's documented signature of that name.
    let function: unsafe extern "C" fn() -> *const c_char = unsafe { std::mem::transmute(function) };
    // SAFETY: may be called before Python is started (C API, "Before Python Initialization").
    let version = unsafe { function() };
    // SAFETY: it returns a C string that is never freed.
    let version = unsafe { CStr::from_ptr(version) }.to_string_lossy();
    version.split_whitespace().next().map(str::to_owned)
}

/// The environment's version must be the library's: its packages are for that one only.
fn check_environment(home: Option<&Path>, library: &Path, found: &str) -> Result<(), LoadError> {
    let Some(home) = home else { return Ok(()) };
    let Ok(settings) = fs::read_to_string(home.join("pyvenv.cfg")) else { return Ok(()) };
    let Some(wanted) = environment_version(&settings) else { return Ok(()) };
    if major_minor(wanted) == major_minor(found) {
        return Ok(());
    }
    let (home, library) = (text(home), text(library));
    Err(LoadError::Version { home, wanted: wanted.into(), library, found: found.into() })
}

/// The version in a `pyvenv.cfg`: `version` of the venv module, `version_info` of virtualenv and uv.
fn environment_version(settings: &str) -> Option<&str> {
    settings.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        matches!(key.trim(), "version" | "version_info").then(|| value.trim())
    })
}

fn major_minor(version: &str) -> Vec<&str> {
    version.split('.').take(2).collect()
}

/// The file that this code is in; the module's parts are installed beside it.
fn own_file() -> PathBuf {
    // SAFETY: all zero is a valid Dl_info, which is plain pointers.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    let inside = own_file as fn() -> PathBuf as *const c_void;
    // SAFETY: any address may be asked about; `info` is writable.
    let found = unsafe { libc::dladdr(inside, &raw mut info) };
    if found == 0 || info.dli_fname.is_null() {
        return PathBuf::new();
    }
    // SAFETY: dladdr's name is a C string that lives as long as the library.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    OsStr::from_bytes(name.to_bytes()).into()
}

/// Maps the host and checks that it is of our build.
fn entry(host: &Path, module: &Path) -> Result<&'static Host, LoadError> {
    let remedy = "install it beside mod_wsgi.so, or name it with WSGIPythonHost";
    let handle = open(host, libc::RTLD_NOW | libc::RTLD_LOCAL, remedy)?;
    let Some(entry) = symbol(handle, ENTRY) else {
        return Err(LoadError::Library { library: text(host), reason: "it is not a mod_wsgi host".into(), remedy });
    };
    // SAFETY: the contract defines the type of this symbol.
    let entry: Entry = unsafe { std::mem::transmute(entry) };
    // SAFETY: by the contract it has no preconditions.
    let table = unsafe { entry() };
    // SAFETY: by the contract the table is a constant of the host; its first field never moves.
    let theirs = unsafe { (&raw const (*table).contract).read() };
    if theirs != contract::VERSION {
        return Err(LoadError::Contract { host: text(host), module: text(module), theirs });
    }
    // SAFETY: a constant of the host, which stays mapped, of the version that we know.
    Ok(unsafe { &*table })
}

fn start(host: &Host, python: &Python, libpython: *mut c_void) -> Result<(), LoadError> {
    let settings = serde_json::to_vec(python).map_err(|error| LoadError::Start(error.to_string()))?;
    let mut reason = vec![0u8; REASON];
    // SAFETY: all areas are readable or writable for their lengths; the table of functions is a constant.
    let status = unsafe {
        (host.start)(
            settings.as_ptr(),
            settings.len(),
            libpython,
            &raw const exchange::SERVER,
            reason.as_mut_ptr().cast(),
            reason.len(),
        )
    };
    if status == 0 {
        return Ok(());
    }
    let reason = CStr::from_bytes_until_nul(&reason).map(|reason| reason.to_string_lossy().into_owned());
    Err(LoadError::Start(reason.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_environments() {
        assert_eq!(environment_version("home = /usr/bin\nversion = 3.11.2\n"), Some("3.11.2"));
        assert_eq!(environment_version("home=/x\nversion_info = 3.12.1.final.0"), Some("3.12.1.final.0"));
        assert_eq!(environment_version("home = /usr/bin\n"), None);
        assert_eq!(major_minor("3.11.2"), major_minor("3.11"));
        assert_ne!(major_minor("3.1"), major_minor("3.11"));
    }
}
