//! The interpreters of this process.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use contract::launch::{Python as Settings, Target};
use contract::level;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::error::PythonError;
use super::fork::{Side, fork};
use super::interpreter::Interpreter;
use super::objects::Objects;
use super::own_gil::Maker;
use super::posix::kept_out_of_forks;
use super::script::Wanted;
use super::state;

/// The Python of this process: its main interpreter and one sub-interpreter for each application group.
#[derive(Debug)]
pub(crate) struct Process {
    settings: Settings,
    main: Arc<Interpreter>,
    groups: RwLock<HashMap<String, Arc<Group>>>,
    stopping: AtomicBool,
}

/// An application group's place. The lock is held while its interpreter is made, which may run code of the
/// application's environment (`.pth` files), so that other groups do not wait.
#[derive(Debug, Default)]
struct Group(Mutex<Option<Arc<Interpreter>>>);

/// Why a template has not forked.
#[derive(Debug)]
pub(crate) enum NotForked {
    /// The system refuses.
    Refused(std::io::Error),
    /// What a copy would break.
    Unfit(Vec<String>),
}

impl Process {
    /// Takes over a Python that already runs: called once, on its main thread, attached to the main interpreter
    /// (the thread state is kept as the main interpreter's own). Sets up `sys`, logging and the `mod_wsgi` module.
    /// Afterwards the caller detaches by [`Process::detached`].
    pub(crate) fn adopt(settings: Settings) -> Result<Self, PythonError> {
        let main = Interpreter::adopt_main()?;
        if settings.free_threading && !state::is_free_threaded() {
            let minor = state::minor();
            let text = format!(
                "WSGIFreeThreading has no effect: Python 3.{minor} of this process was not built free-threaded"
            );
            crate::log::log(level::WARN, &text);
        }
        Self::detached(|| {
            main.at_home(fetch_an_error);
            main.set_up(|py| Objects::make(py, &settings, "", false))
        })?;
        Ok(Self { settings, main, groups: RwLock::default(), stopping: AtomicBool::new(false) })
    }

    /// Runs `body` with the calling thread, which is attached, detached.
    pub(crate) fn detached<R>(body: impl FnOnce() -> R) -> R {
        let suspended = state::Suspended::enter();
        let value = body();
        drop(suspended);
        value
    }

    /// What it was started with.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The main interpreter.
    pub(crate) fn main(&self) -> &Interpreter {
        &self.main
    }

    /// The interpreter of an application group (empty: the main one), made at its first use. Only requests for the
    /// same group wait for that. A failure is tried again at the next call.
    pub(crate) fn interpreter(&self, name: &str) -> Result<Arc<Interpreter>, PythonError> {
        if name.is_empty() {
            return Ok(Arc::clone(&self.main));
        }
        if self.settings.preload {
            let process_group = self.settings.process_group.clone();
            return Err(PythonError::MainOnly { group: name.to_owned(), process_group });
        }
        let group = self.group(name);
        let mut place = group.0.lock().unwrap_or_else(PoisonError::into_inner);
        let interpreter = match &*place {
            Some(interpreter) => interpreter,
            None => place.insert(self.create(name)?),
        };
        if !interpreter.is_set_up() {
            interpreter.set_up(|py| Objects::make(py, &self.settings, name, interpreter.has_own_gil()))?;
        }
        Ok(Arc::clone(interpreter))
    }

    fn create(&self, name: &str) -> Result<Arc<Interpreter>, PythonError> {
        if self.settings.interpreter(name).own_gil {
            match Maker::find() {
                Ok(maker) => return Interpreter::create_with_own_gil(&self.main, name.to_owned(), maker),
                Err(reason) => crate::log::log(
                    level::WARN,
                    &format!(
                        "application group '{name}' gets no GIL of its own (WSGIPerInterpreterGIL): {reason}"
                    ),
                ),
            }
        }
        Interpreter::create(&self.main, name.to_owned())
    }

    fn group(&self, name: &str) -> Arc<Group> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(name) {
            return Arc::clone(group);
        }
        drop(groups);
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(groups.entry(name.to_owned()).or_default())
    }

    /// Loads a script if its interpreter has not got it; a failure is logged. Returns whether it is there.
    pub(crate) fn load(&self, target: &Target) -> bool {
        let interpreter = match self.interpreter(&target.application_group) {
            Ok(interpreter) => interpreter,
            Err(error) => {
                let script = target.script.display();
                crate::log::log(level::CRIT, &format!("WSGI script '{script}' cannot be loaded: {error}"));
                return false;
            }
        };
        let path = target.script.as_os_str().as_bytes();
        let wanted = Wanted { modified: None, environ: None };
        let script = interpreter.scripts().entry(path);
        interpreter.with(|py| script.obtain(py, &interpreter, wanted).is_some())
    }

    /// Of a template, once it has loaded everything: keeps the garbage collector away from what is there.
    pub(crate) fn freeze(&self) {
        self.main.at_home(|py| forget_error(self.main.objects().shim.freeze.bind(py).call0()));
    }

    /// Of a template: runs the application's hooks, looks for what a copy would break, and forks a worker. Returns in
    /// both; the worker begins with `introduce`. Called detached, on Python's main thread.
    pub(crate) fn fork(&self, introduce: impl FnOnce()) -> Result<Side, NotForked> {
        let own = kept_out_of_forks();
        self.main.at_home(|py| {
            let found = self.main.objects().shim.before_fork.bind(py).call1((own,));
            let found: Vec<String> = found.and_then(|found| found.extract()).map_err(|error| {
                let unknown = format!("what cannot be looked for ({error})");
                drop(error);
                NotForked::Unfit(vec![unknown])
            })?;
            if found.is_empty() {
                fork(py, introduce).map_err(NotForked::Refused)
            } else {
                Err(NotForked::Unfit(found))
            }
        })
    }

    /// Of a worker that was just forked: runs the application's hooks. Whether all went well; if not, that was logged.
    pub(crate) fn forked(&self) -> bool {
        self.main.at_home(|py| {
            let answer = self.main.objects().shim.after_fork.bind(py).call0();
            answer.and_then(|answer| answer.is_truthy()).unwrap_or(false)
        })
    }

    /// The modification time of the file from which a script was loaded; `None`: it is not.
    pub(crate) fn version(&self, target: &Target) -> Option<i64> {
        let interpreter = self.interpreter(&target.application_group).ok()?;
        let script = interpreter.scripts().entry(target.script.as_os_str().as_bytes());
        interpreter.with(|py| script.version(py, &interpreter))
    }

    /// Runs `body` in the main interpreter, by the state that Python itself has made for its main thread: signals are
    /// handled there. Called detached, on that thread.
    pub(crate) fn on_main_thread<R>(&self, body: impl FnOnce(Python<'_>) -> R) -> R {
        self.main.at_home(body)
    }

    /// Runs a script that may take as long as the process lives: on the calling thread, which is Python's main one. What
    /// it raises is logged, SystemExit excepted.
    pub(crate) fn run_script(&self, target: &Target) {
        if !target.application_group.is_empty() {
            self.load(target);
            return;
        }
        let script = self.main.scripts().entry(target.script.as_os_str().as_bytes());
        self.on_main_thread(|py| script.run(py, &self.main));
    }

    /// The scripts that are loaded now.
    pub(crate) fn loaded(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for interpreter in self.interpreters() {
            for path in interpreter.scripts().loaded() {
                let script = OsStr::from_bytes(&path).into();
                targets.push(Target { script, application_group: interpreter.name().to_owned() });
            }
        }
        targets
    }

    /// Delivers `process_signal` to the subscribers of every interpreter.
    pub(crate) fn signal(&self, name: &str, number: i32) {
        for interpreter in self.interpreters() {
            interpreter.with(|py| {
                let signal_arrived = interpreter.objects().shim.signal_arrived.bind(py);
                forget_error(signal_arrived.call1((name, number)));
            });
        }
    }

    /// Delivers `process_stopping` with `reason` to the subscribers of every interpreter, once. Called detached, before
    /// requests that still run are waited for.
    pub(crate) fn stopping(&self, reason: &str) {
        if self.stopping.swap(true, SeqCst) {
            return;
        }
        for interpreter in self.interpreters() {
            interpreter
                .at_home(|py| forget_error(interpreter.objects().shim.stopping.bind(py).call1((reason,))));
        }
    }

    /// Ends every interpreter, the main one last: non-daemon threads joined, `atexit`, streams flushed; nothing with
    /// WSGIDestroyInterpreter Off. Never finalizes Python. Called detached, once, after [`Process::stopping`]; it may
    /// take as long as the application likes, so the caller keeps its own clock.
    pub(crate) fn stop(&self) {
        if !self.settings.destroy_interpreter {
            return;
        }
        for interpreter in self.interpreters() {
            interpreter.at_home(|py| forget_error(interpreter.objects().shim.end.bind(py).call0()));
        }
    }

    /// All that are ready: the sub-interpreters, then the main one.
    pub(crate) fn interpreters(&self) -> Vec<Arc<Interpreter>> {
        let groups: Vec<_> =
            self.groups.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let made =
            groups.iter().filter_map(|group| group.0.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let mut interpreters: Vec<_> = made.filter(|interpreter| interpreter.is_set_up()).collect();
        interpreters.push(Arc::clone(&self.main));
        interpreters
    }
}

/// pyo3 makes a type of its own, in a static, when it fetches its first error, and compares addresses with it ever
/// after: it shall belong to the interpreter that lives longest.
fn fetch_an_error(py: Python<'_>) {
    PyRuntimeError::new_err("").restore(py);
    drop(PyErr::take(py));
}

/// The shim's functions log what goes wrong in them; what is left (no memory) has nowhere to go.
fn forget_error(result: PyResult<Bound<'_, PyAny>>) {
    if let Err(error) = result {
        drop(error);
    }
}
