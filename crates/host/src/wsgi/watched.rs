//! A request thread as others see it: which request it runs, and where, so that its stack can be shown and the request
//! be interrupted.
//!
//! An exception is raised in a thread, not in a request, and happens the next time that the thread runs Python code,
//! which may be its next request. So both raising it and leaving the request take the lock, and who leaves takes back
//! what has not happened yet. The lock is held for a few instructions.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::python::interpreter::Interpreter;
use crate::python::interrupt::Ident;

/// What is called when a request's script is there.
type OnLoaded = dyn Fn() + Send + Sync;

/// One request thread.
pub(crate) struct Watched {
    /// Of the request that it has, or had last.
    number: AtomicU64,
    current: Mutex<Option<Current>>,
    loaded: AtomicBool,
    on_loaded: Box<OnLoaded>,
}

/// A request within its interpreter.
#[derive(Clone)]
struct Current {
    number: u64,
    interpreter: Arc<Interpreter>,
    thread: Ident,
    interrupted: bool,
}

/// Where a request runs.
pub(crate) struct Whereabouts {
    pub(crate) interpreter: Arc<Interpreter>,
    pub(crate) thread: Ident,
}

impl Watched {
    pub(crate) fn new(on_loaded: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            number: AtomicU64::new(0),
            current: Mutex::new(None),
            loaded: AtomicBool::new(false),
            on_loaded: Box::new(on_loaded),
        }
    }

    /// The thread has another request; returns its number.
    pub(crate) fn begin(&self) -> u64 {
        self.number.fetch_add(1, Relaxed) + 1
    }

    /// The thread is attached to `interpreter` for its request, until the guard is dropped.
    pub(crate) fn enter<'w, 'py>(
        &'w self,
        py: Python<'py>,
        interpreter: Arc<Interpreter>,
    ) -> Entered<'w, 'py> {
        let number = self.number.load(Relaxed);
        *self.lock() = Some(Current { number, interpreter, thread: Ident::own(), interrupted: false });
        Entered { watched: self, py }
    }

    /// The request's script is there.
    pub(crate) fn script_is_there(&self) {
        if !self.loaded.load(Relaxed) {
            self.loaded.store(true, Relaxed);
            (self.on_loaded)();
        }
    }

    /// Where request `number` runs; `None` when it is over, or not in Python.
    pub(crate) fn whereabouts(&self, number: u64) -> Option<Whereabouts> {
        let current = self.lock().clone().filter(|current| current.number == number)?;
        Some(Whereabouts { interpreter: current.interpreter, thread: current.thread })
    }

    /// Raises RequestTimeout in request `number`, unless it is over. Called attached to the request's interpreter.
    pub(crate) fn interrupt(&self, py: Python<'_>, number: u64) -> bool {
        let mut current = self.lock();
        let Some(current) = current.as_mut().filter(|current| current.number == number) else { return false };
        let class = current.interpreter.objects().shim.request_timeout.bind(py);
        current.interrupted = current.thread.raise(class);
        current.interrupted
    }

    /// Whether the present request was interrupted.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.lock().as_ref().is_some_and(|current| current.interrupted)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until it is dropped the thread's request can be interrupted.
pub(crate) struct Entered<'w, 'py> {
    watched: &'w Watched,
    py: Python<'py>,
}

impl Drop for Entered<'_, '_> {
    fn drop(&mut self) {
        let current = self.watched.lock().take();
        if let Some(current) = current.filter(|current| current.interrupted) {
            current.thread.forgive(self.py);
        }
    }
}
