//! What can go wrong on the way into Python.

use pyo3::prelude::*;
use pyo3::types::PyAnyMethods;
use thiserror::Error;

/// Why an interpreter cannot be had.
#[derive(Debug, Clone, Error)]
pub(crate) enum PythonError {
    /// CPython would not make one.
    #[error("Python could not make an interpreter for application group '{group}': {reason}")]
    Create {
        /// The application group.
        group: String,
        /// What is known of it.
        reason: String,
    },
    /// Workers are forked, and there may be the main interpreter only.
    #[error(
        "the processes of group '{process_group}' have the main interpreter only (preload=on), and this is for application \
         group '{group}': add `WSGIApplicationGroup %{{GLOBAL}}` for its URL (application-group= of an alias counts \
         first), or serve it from a process group without preload"
    )]
    MainOnly {
        /// The application group.
        group: String,
        /// The process group.
        process_group: String,
    },
    /// Setting it up raised.
    #[error("the interpreter of application group '{group}' could not be set up: {traceback}")]
    Setup {
        /// The application group.
        group: String,
        /// Lines, formatted by Python.
        traceback: String,
    },
}

impl PythonError {
    /// Makes plain data of an exception that came before the shim was there.
    pub(super) fn from_exception(py: Python<'_>, group: &str, error: PyErr) -> Self {
        let format = || -> PyResult<String> {
            let lines = py.import("traceback")?.getattr("format_exception")?;
            let lines = lines.call1((error.get_type(py), error.value(py), error.traceback(py)))?;
            pyo3::types::PyString::new(py, "").as_any().call_method1("join", (lines,))?.extract()
        };
        let traceback = format().unwrap_or_else(|_| "(no traceback)".into());
        Self::Setup { group: group.to_owned(), traceback }
    }
}

/// Why embedded mode cannot be had; goes into the error log by way of the module.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    /// Somebody has started Python in this process before.
    #[error(
        "a Python runs in this process already; another module has started it. Remove that module, or use daemon mode (WSGIDaemonProcess)"
    )]
    AlreadyRunning,
    /// Module and host are of different builds.
    #[error(
        "mod_wsgi.so speaks version {theirs} of the contract and its host library version {ours}: install both from one build"
    )]
    Contract {
        /// The host's version.
        ours: u32,
        /// The module's version.
        theirs: u32,
    },
    /// WSGIPythonHome is no folder.
    #[error("WSGIPythonHome {home:?} is not a directory that httpd's user can read")]
    NoHome {
        /// The setting.
        home: std::path::PathBuf,
    },
    /// A function is missing from libpython.
    #[error(
        "libpython has no symbol {name}: name the shared library of a CPython from 3.10 on with WSGIPythonLibrary"
    )]
    NoSymbol {
        /// The symbol.
        name: String,
    },
    /// A setting has bytes that the locale has no characters for.
    #[error("{text:?} cannot be decoded in the current locale")]
    NotDecoded {
        /// The setting's value.
        text: String,
    },
    /// A setting has a NUL character.
    #[error("a path or warning filter in the settings has a NUL character")]
    NulCharacter,
    /// WSGIPythonHome is for another Python.
    #[error(
        "WSGIPythonHome {home:?} is a virtual environment of Python {}.{}, but embedded mode runs {}.{}: set WSGIPythonLibrary to that version's libpython, or use daemon mode with python-home",
        wanted.0, wanted.1, running.0, running.1
    )]
    OtherVersion {
        /// The setting.
        home: std::path::PathBuf,
        /// Its version.
        wanted: (u32, u32),
        /// That of libpython.
        running: (u32, u32),
    },
    /// A fault of ours.
    #[error("a panic in mod_wsgi; the line before says where")]
    Panicked,
    /// CPython has refused the configuration.
    #[error("Python refused to start: {reason}")]
    Refused {
        /// CPython's words.
        reason: String,
    },
    /// The settings could not be read.
    #[error(
        "the settings from mod_wsgi.so are malformed ({0}): install it and its host library from one build"
    )]
    Settings(#[from] serde_json::Error),
    /// The main interpreter could not be set up.
    #[error(transparent)]
    SetUp(#[from] PythonError),
}
