//! WSGI scripts as modules of one interpreter: loaded at their first request, loaded again when the file changes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use contract::level;
use contract::request::Environ;
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::interpreter::Interpreter;
use super::text;
use crate::wsgi::current;

/// The scripts of one interpreter by path.
#[derive(Debug, Default)]
pub(crate) struct Scripts(Mutex<BTreeMap<Vec<u8>, Arc<Script>>>);

/// One script in one interpreter.
#[derive(Debug)]
pub(crate) struct Script {
    path: Vec<u8>,
    namespace: Mutex<Option<Py<PyDict>>>,
    loading: Mutex<bool>,
    loaded: Condvar,
    /// It has answered requests as an application.
    application: AtomicBool,
    /// What was noticed last about its file; `None`: it is as it was loaded.
    noticed: Mutex<Option<Change>>,
}

/// Why a module is to be loaded again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The file is of another time, or there is none.
    File(Option<i64>),
    /// Its function `reload_required` says so.
    Wanted,
}

/// How a request wants its script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'r> {
    /// The file's modification time, if changes are to be noticed; `Some(None)`: there is no file.
    pub modified: Option<Option<i64>>,
    /// The request's variables: the script's `reload_required` is given the file. `None`: it is not asked.
    pub environ: Option<Environ<'r>>,
}

/// What there is of a script.
#[derive(Debug)]
pub(crate) enum Found<'py> {
    /// The namespace of its module.
    Ready(Bound<'py, PyDict>),
    /// The namespace of a module that is to be loaded again.
    Changed(Bound<'py, PyDict>, Change),
    /// Nothing.
    NotLoaded,
}

/// What the module says about the file that it was loaded from.
fn version(namespace: &Bound<'_, PyDict>, interpreter: &Interpreter) -> Option<i64> {
    let name = interpreter.objects().names.mtime.bind(namespace.py());
    namespace.get_item(name).ok().flatten()?.extract().ok()
}

/// The modification time of a file in microseconds.
pub(crate) fn modified(path: &[u8]) -> Option<i64> {
    contract::modified::modified(Path::new(OsStr::from_bytes(path)))
}

impl Scripts {
    /// The entry for `path`, loaded or not.
    pub(crate) fn entry(&self, path: &[u8]) -> Arc<Script> {
        let mut scripts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(script) = scripts.get(path) {
            return Arc::clone(script);
        }
        let script = Arc::new(Script {
            path: path.to_vec(),
            namespace: Mutex::new(None),
            loading: Mutex::new(false),
            loaded: Condvar::new(),
            application: AtomicBool::new(false),
            noticed: Mutex::new(None),
        });
        scripts.insert(path.to_vec(), Arc::clone(&script));
        script
    }

    /// The paths of the scripts that are loaded.
    pub(crate) fn loaded(&self) -> Vec<Vec<u8>> {
        let scripts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.values().filter(|script| script.is_loaded()).map(|script| script.path.clone()).collect()
    }
}

impl Script {
    /// Its file.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Whether its module is there.
    pub(crate) fn is_loaded(&self) -> bool {
        self.namespace.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Notes that it answers requests, and is not only asked by httpd. Whether that was known.
    pub(crate) fn set_application(&self) -> bool {
        self.is_application() || self.application.swap(true, Relaxed)
    }

    /// Whether it answers requests.
    pub(crate) fn is_application(&self) -> bool {
        self.application.load(Relaxed)
    }

    /// Looks whether the module is there and still what its file says.
    pub(crate) fn find<'py>(
        &self,
        py: Python<'py>,
        interpreter: &Interpreter,
        wanted: Wanted<'_>,
    ) -> Found<'py> {
        let Some(namespace) = self.namespace(py) else { return Found::NotLoaded };
        match self.change(&namespace, interpreter, wanted) {
            Some(change) => Found::Changed(namespace, change),
            None => Found::Ready(namespace),
        }
    }

    /// Notes how a request has found it. True if that is news.
    pub(crate) fn notice(&self, change: Option<Change>) -> bool {
        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *noticed, change) != change
    }

    /// The modification time of the file that was loaded.
    pub(crate) fn version(&self, py: Python<'_>, interpreter: &Interpreter) -> Option<i64> {
        version(&self.namespace(py)?, interpreter)
    }

    /// Loads the module, unless another thread has done so meanwhile. `None`: that failed, and the log says why. Only
    /// requests for the same script in the same interpreter wait for each other.
    pub(crate) fn obtain<'py>(
        &self,
        py: Python<'py>,
        interpreter: &Interpreter,
        wanted: Wanted<'_>,
    ) -> Option<Bound<'py, PyDict>> {
        let _turn = self.turn(py);
        let now = Wanted { modified: wanted.modified.map(|_| modified(&self.path)), ..wanted };
        let word = match self.find(py, interpreter, now) {
            Found::Ready(namespace) => return Some(namespace),
            Found::Changed(..) => "Reloading",
            Found::NotLoaded => "Loading",
        };
        self.load(py, interpreter, word).map_err(|error| self.log_failure(py, interpreter, error)).ok()
    }

    /// Runs it as a program that may never end.
    pub(crate) fn run(&self, py: Python<'_>, interpreter: &Interpreter) {
        match self.load(py, interpreter, "Running") {
            Ok(namespace) => drop(namespace),
            Err(error) if error.is_instance_of::<PySystemExit>(py) => drop(error),
            Err(error) => self.log_failure(py, interpreter, error),
        }
    }

    fn namespace<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        let namespace = self.namespace.lock().unwrap_or_else(PoisonError::into_inner);
        namespace.as_ref().map(|namespace| namespace.bind(py).clone())
    }

    /// Puts a namespace in place; the old one is released after the lock.
    fn replace(&self, namespace: Option<Py<PyDict>>) {
        let old =
            std::mem::replace(&mut *self.namespace.lock().unwrap_or_else(PoisonError::into_inner), namespace);
        drop(old);
    }

    fn change(
        &self,
        namespace: &Bound<'_, PyDict>,
        interpreter: &Interpreter,
        wanted: Wanted<'_>,
    ) -> Option<Change> {
        let modified = wanted.modified?;
        let (py, names) = (namespace.py(), &interpreter.objects().names);
        let known = version(namespace, interpreter);
        if known.is_none() || known != modified {
            return Some(Change::File(modified));
        }
        let environ = wanted.environ?;
        let Ok(Some(asked)) = namespace.get_item(names.reload_required.bind(py)) else { return None };
        let mut variables = environ.iter().flatten();
        let file =
            variables.find(|(name, _)| *name == b"SCRIPT_FILENAME").map_or(&*self.path, |(_, file)| file);
        match text::path(py, file).and_then(|file| asked.call1((file,))).and_then(|answer| answer.is_truthy())
        {
            Ok(answer) => answer.then_some(Change::Wanted),
            Err(error) => {
                let (name, trace) = interpreter.objects().shim.describe(error, py);
                let what =
                    format!("{name} exception raised by reload_required in {self}; not reloaded\n{trace}");
                current::record(py, level::ERROR, what.as_bytes(), b"", 0);
                None
            }
        }
    }

    /// Waits, detached, until no other thread loads this script.
    fn turn(&self, py: Python<'_>) -> Turn<'_> {
        py.detach(|| {
            let loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.loaded.wait_while(loading, |loading| *loading);
            *waited.unwrap_or_else(PoisonError::into_inner) = true;
        });
        Turn(self)
    }

    fn load<'py>(
        &self,
        py: Python<'py>,
        interpreter: &Interpreter,
        word: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        let group = interpreter.name();
        let what = format!("{word} {self} into application group '{group}'");
        current::record(py, level::INFO, what.as_bytes(), b"", 0);
        self.replace(None);
        let modified = modified(&self.path).unwrap_or(0);
        let load = interpreter.objects().shim.load.bind(py);
        let namespace = load.call1((text::path(py, &self.path)?, modified))?.cast_into::<PyDict>()?;
        self.replace(Some(namespace.clone().unbind()));
        Ok(namespace)
    }

    fn log_failure(&self, py: Python<'_>, interpreter: &Interpreter, error: PyErr) {
        let exit = error.is_instance_of::<PySystemExit>(py);
        let (name, trace) = interpreter.objects().shim.describe(error, py);
        let group = interpreter.name();
        let what = if exit {
            format!(
                "SystemExit exception raised by {self} while it was loaded into application group '{group}', ignored\n{trace}"
            )
        } else {
            format!(
                "{name} exception raised processing {self}: it could not be loaded into application group '{group}'\n{trace}"
            )
        };
        current::failure(py, &what);
    }
}

impl std::fmt::Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WSGI script '{}'", String::from_utf8_lossy(&self.path))
    }
}

/// The right to load a script.
struct Turn<'s>(&'s Script);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.loading.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.loaded.notify_one();
    }
}
