//! `mod_wsgi.server_metrics()`: httpd's processes and threads, as its scoreboard shows them.

use std::sync::OnceLock;

use contract::scoreboard::{Process, Scoreboard, Worker};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::python::text::latin1;
use crate::wsgi::environ::seconds;

/// How this process gets at the scoreboard.
type Source = dyn Fn() -> Option<Scoreboard> + Send + Sync;

static SOURCE: OnceLock<Box<Source>> = OnceLock::new();

/// Opens the gate (WSGIServerMetrics, or `server-metrics=On`); without this the answer is always `None`.
pub(crate) fn open(source: impl Fn() -> Option<Scoreboard> + Send + Sync + 'static) {
    let _ = SOURCE.set(Box::new(source)); // there is one start
}

/// The dictionary, or `None`.
pub(crate) fn server_metrics(py: Python<'_>) -> PyResult<Option<Bound<'_, PyDict>>> {
    let source = SOURCE.get().filter(|_| !crate::python::posix::is_copy()); // a forked copy has closed its way
    let scoreboard = source.and_then(|source| py.detach(source));
    scoreboard.map(|scoreboard| dictionary(py, &scoreboard)).transpose()
}

fn dictionary<'py>(py: Python<'py>, scoreboard: &Scoreboard) -> PyResult<Bound<'py, PyDict>> {
    let processes = PyList::empty(py);
    for (number, process) in scoreboard.processes.iter().enumerate() {
        processes.append(process_entry(py, number, process)?)?;
    }
    let metrics = PyDict::new(py);
    metrics.set_item("server_limit", scoreboard.server_limit)?;
    metrics.set_item("thread_limit", scoreboard.thread_limit)?;
    metrics.set_item("running_generation", scoreboard.generation)?;
    metrics.set_item("restart_time", seconds(scoreboard.restart_time))?;
    metrics.set_item("current_time", seconds(scoreboard.current_time))?;
    metrics.set_item("running_time", scoreboard.running_time())?;
    metrics.set_item("processes", processes)?;
    Ok(metrics)
}

fn process_entry<'py>(py: Python<'py>, number: usize, process: &Process) -> PyResult<Bound<'py, PyDict>> {
    let workers = PyList::empty(py);
    for (number, worker) in process.workers.iter().enumerate() {
        workers.append(worker_entry(py, number, worker)?)?;
    }
    let entry = PyDict::new(py);
    entry.set_item("process_num", number)?;
    entry.set_item("pid", process.pid)?;
    entry.set_item("generation", process.generation)?;
    entry.set_item("quiescing", process.quiescing)?;
    entry.set_item("workers", workers)?;
    Ok(entry)
}

fn worker_entry<'py>(py: Python<'py>, number: usize, worker: &Worker) -> PyResult<Bound<'py, PyDict>> {
    let entry = PyDict::new(py);
    entry.set_item("thread_num", number)?;
    entry.set_item("generation", worker.generation)?;
    entry.set_item("status", worker.status.letter())?;
    entry.set_item("access_count", worker.access_count)?;
    entry.set_item("bytes_served", worker.bytes_served)?;
    entry.set_item("start_time", seconds(worker.start_time))?;
    entry.set_item("stop_time", seconds(worker.stop_time))?;
    entry.set_item("last_used", seconds(worker.last_used))?;
    entry.set_item("client", latin1(py, &worker.client)?)?;
    entry.set_item("request", latin1(py, &worker.request)?)?;
    entry.set_item("vhost", latin1(py, &worker.vhost)?)?;
    Ok(entry)
}
