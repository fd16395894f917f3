//! A worker of a group with `threads=0`: it runs scripts instead of requests, on Python's main thread and for as long as
//! they like. When they are over the process ends, and the leader starts another.
//!
//! Python handles its signals here: SIGTERM, which is how the leader ends the process, raises SystemExit in the script.
//! What the leader says over its socket is not read.

use contract::control::FromWorker;
use contract::limits::duration;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::shared::Shared;
use super::worker::end_after;
use crate::python::posix::exit_now;

const SOURCE: &str = include_str!("service.py");

/// Runs the scripts, and ends the process.
pub(super) fn run(shared: &Shared) -> ! {
    let targets = &shared.settings.group.python.imports;
    if targets.is_empty() {
        let group = &shared.settings.group.python.process_group;
        let reason = format!(
            "with threads=0 it runs a script instead of requests, and there is none: add `WSGIImportScript PATH \
             process-group={group} application-group=%{{GLOBAL}}`, or give the group threads"
        );
        shared.tell(&FromWorker::Failed { reason });
        exit_now(1);
    }
    let prepared = shared.process.on_main_thread(|py| prepare(py).map_err(|error| error.to_string()));
    if let Err(error) = prepared {
        tracing::warn!("SIGTERM will end this process at once, whatever its script does: {error}");
    }
    shared.tell(&FromWorker::Ready { loaded: true });
    for target in targets {
        shared.process.run_script(target);
    }
    if let Some(limit) = duration(shared.settings.group.limits.shutdown_timeout) {
        end_after(limit);
    }
    shared.process.stop();
    exit_now(0)
}

fn prepare(py: Python<'_>) -> PyResult<()> {
    let builtins = py.import("builtins")?;
    let code = builtins.getattr("compile")?.call1((SOURCE, "<mod_wsgi>", "exec"))?;
    builtins.getattr("exec")?.call1((code, PyDict::new(py))).map(drop)
}
