//! CPython made safe for the rest of the host, for any number of interpreters, versions and threads.
//!
//! The rule that everything here rests on: **[`interpreter::Interpreter::with`] is the only way in.** It attaches the
//! calling thread to one interpreter by a thread state of that thread and that interpreter ([`state`]), and then
//! *calls a function object* that was made in that interpreter, its door; the body runs in there.
//! pyo3 runs such a call under its own trampoline and therefore counts the thread as attached. So `Py<T>` and
//! `PyErr` are released at once and in the interpreter that they belong to, and `Python::detach` works. (With
//! `Python::attach` a thread hangs on 3.11 as soon as it serves a second interpreter; with `assume_attached` alone,
//! releases are put off into whichever interpreter comes next.) The C functions of our types ([`types`]) go through
//! the same door, because threads that the application starts come to them without pyo3's knowledge.
//!
//! No Python object may be reachable from two interpreters: none is in a static, none leaves `with`, and what pyo3
//! keeps in statics (`#[pyclass]`, `intern!`, `PyOnceLock`, exceptions made by macro …) is refused by clippy.toml.
//! What Rust keeps for an interpreter is in its [`objects::Objects`].
//!
//! A Rust lock is never waited for while attached, unless all holders of it hold it for a few instructions without
//! calling Python.

pub(crate) mod argv;
pub(crate) mod capsule;
mod compiled;
pub(crate) mod descriptor;
mod door;
pub(crate) mod embed;
pub(crate) mod error;
pub(crate) mod fence;
pub(crate) mod fork;
pub(crate) mod interpreter;
pub(crate) mod interrupt;
pub(crate) mod loan;
pub(crate) mod local;
pub(crate) mod memory;
pub(crate) mod module;
mod number;
pub(crate) mod objects;
pub(crate) mod own_file;
mod own_gil;
pub(crate) mod posix;
pub(crate) mod process;
pub(crate) mod quiet;
mod scoreboard;
pub(crate) mod script;
pub(crate) mod shim;
mod sources;
mod start;
mod state;
pub(crate) mod text;
pub(crate) mod types;
pub(crate) mod usage;
