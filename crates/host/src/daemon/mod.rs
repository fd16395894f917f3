//! A worker process of a daemon group: the group's own Python, with this library in it.
//!
//! The leader starts the interpreter, whose bootstrap calls [`run`] on its main thread. The way of a worker:
//! - [`bootstrap`]: settings and descriptors, the process's own properties, the interpreter is adopted;
//! - [`worker`]: the main thread loads scripts, says Ready, waits for the leader and for signals, ends the process;
//! - [`template`]: a process that loads scripts and forks workers;
//! - [`thread`]: a request thread takes requests from its kept connection, the slot and the overflow ([`watch`]);
//! - [`conversation`]: one request over a [`connection`], with its [`body`];
//! - [`shown`]: what a thread shows of itself, [`watcher`]: stacks, interruptions and the proof that Python lives;
//! - [`service`]: the other way of a worker, without request threads;
//! - [`crashes`]: what is left in the log when it does not;
//! - [`signals`]: the application is told of signals; [`shortage`]: nothing is left of something;
//! - [`shared`]: what they share; [`fault`]: faults on demand, for tests.
//!
//! Request threads are never attached to an interpreter in here: [`crate::wsgi::serve`] enters and leaves it.

mod body;
mod bootstrap;
mod connection;
mod conversation;
mod crashes;
mod fault;
mod service;
mod shared;
mod shortage;
mod shown;
mod signals;
mod template;
mod thread;
mod watch;
mod watcher;
mod worker;

use contract::control::{self, FromWorker};
use contract::level;

use self::bootstrap::Role;
use crate::python::fence::fence;
use crate::python::posix::exit_now;
use crate::python::process::Process;

/// Runs the worker: called by the bootstrap on Python's main thread, attached to the main interpreter.
pub(crate) fn run() -> ! {
    fence("the worker's main thread", (), || {
        let started = bootstrap::control().map(|control| (control.try_clone(), bootstrap::start(control)));
        let (control, error) = match started {
            Ok((spare, Ok(role))) => {
                drop(spare); // copies of this process would keep it
                Process::detached(|| match role {
                    Role::Worker(shared) => worker::run(shared, worker::load),
                    Role::Template(begun) => template::run(begun),
                })
            }
            Ok((control, Err(error))) => (control.ok(), error),
            Err(error) => (None, error),
        };
        match control {
            Some(control) => drop(control::send(&control, &FromWorker::Failed { reason: error.to_string() })),
            None => crate::log::log(level::ERROR, &error.to_string()),
        }
    });
    exit_now(1)
}
