//! The door of an interpreter: a function object through which Rust code runs in it, see [`super`].

use std::any::Any;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use pyo3::prelude::*;
use pyo3::types::PyCFunction;
use pyo3::{ffi, types::PyDict};

thread_local! {
    /// What the next call of a door on this thread runs.
    static JOB: Cell<Option<Job>> = const { Cell::new(None) };
}

/// A function object of one interpreter through which Rust code runs in it, see [`super`].
pub(super) struct Door(ManuallyDrop<Py<PyCFunction>>);

/// A type-erased body for a door.
#[derive(Clone, Copy)]
struct Job {
    task: *mut (),
    run: unsafe fn(*mut (), Python<'_>) -> PyResult<()>,
}

/// A body and what becomes of it.
struct Task<F, R> {
    body: Option<F>,
    outcome: Option<Result<R, Box<dyn Any + Send>>>,
}

/// How a call through a door ended.
pub(super) enum Called<R> {
    Returned(R),
    /// An exception is set in the interpreter.
    Raised,
    Panicked(Box<dyn Any + Send>),
}

impl Door {
    /// A door of the interpreter to which the calling thread is attached. `None` when memory is short.
    pub(super) fn make() -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "no door is there yet; nothing is released under this token"
        )]
        // SAFETY: the caller is attached.
        let py = unsafe { Python::assume_attached() };
        let run = |_: &Bound<'_, pyo3::types::PyTuple>, _: Option<&Bound<'_, PyDict>>| {
            let Some(job) = JOB.take() else { return Ok(()) };
            #[expect(
                clippy::disallowed_methods,
                reason = "pyo3's trampoline has counted this thread as attached"
            )]
            // SAFETY: Python is calling this function, so the thread is attached.
            let py = unsafe { Python::assume_attached() };
            // SAFETY: `Door::call` has put a live task and its own runner there, on this thread.
            unsafe { (job.run)(job.task, py) }
        };
        let door = PyCFunction::new_closure(py, Some(c"enter"), None, run).ok()?;
        Some(Self(ManuallyDrop::new(door.unbind())))
    }

    /// Calls `body` through the door; the thread is attached to the door's interpreter.
    pub(super) fn call<F, R>(&self, body: F) -> Called<R>
    where
        F: FnOnce(Python<'_>) -> PyResult<R>,
    {
        unsafe fn run<F, R>(task: *mut (), py: Python<'_>) -> PyResult<()>
        where
            F: FnOnce(Python<'_>) -> PyResult<R>,
        {
            // SAFETY: `Door::call` waits for this with its task alive and untouched, and knows its types.
            let task = unsafe { &mut *task.cast::<Task<F, R>>() };
            let Some(body) = task.body.take() else { return Ok(()) };
            match catch_unwind(AssertUnwindSafe(|| body(py))) {
                Ok(Ok(value)) => task.outcome = Some(Ok(value)),
                Ok(Err(error)) => return Err(error),
                Err(payload) => task.outcome = Some(Err(payload)),
            }
            Ok(())
        }
        let mut task = Task { body: Some(body), outcome: None };
        JOB.set(Some(Job { task: (&raw mut task).cast(), run: run::<F, R> }));
        // SAFETY: attached; the function object is alive.
        let result = unsafe { ffi::PyObject_CallNoArgs(self.0.as_ptr()) };
        JOB.set(None); // still there if Python refused the call (recursion limit)
        if !result.is_null() {
            // SAFETY: a new reference to `None`.
            unsafe { ffi::Py_DECREF(result) };
        }
        match task.outcome {
            Some(Ok(value)) => Called::Returned(value),
            Some(Err(payload)) => Called::Panicked(payload),
            None => Called::Raised,
        }
    }
}

impl<R> Called<R> {
    /// For bodies that do not raise; a panic goes on.
    pub(super) fn finish(self) -> R {
        match self {
            Self::Returned(value) => value,
            Self::Raised => panic!("Python refused a call at the bottom of a thread's stack (out of memory)"),
            Self::Panicked(payload) => resume_unwind(payload),
        }
    }
}
