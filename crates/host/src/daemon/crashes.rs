//! What a worker that crashes, or is stuck, leaves in the log: the Python stack of the thread, written by Python's own
//! fault handler, which needs neither memory nor the GIL.

use contract::level;
use contract::thread::clock;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::shared::Shared;
use crate::log::log;
use crate::python::posix::{signal_thread, stack_signal};
use crate::python::process::Process;

/// Most threads whose stacks are written one after the other.
const MANY: usize = 64;
/// What a thread gets to write its stack before the next one does.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// Sets the fault handler up; called detached.
pub(super) fn catch(process: &Process) {
    let failed = process.main().with(|py| set_up(py).err().map(|error| error.to_string()));
    if let Some(error) = failed {
        tracing::warn!("a crash will leave no Python stack in this log: faulthandler: {error}");
    }
}

fn set_up(py: Python<'_>) -> PyResult<()> {
    let faulthandler = py.import("faulthandler")?;
    let named = PyDict::new(py);
    named.set_item("file", 2)?;
    named.set_item("all_threads", false)?;
    faulthandler.call_method("enable", (), Some(&named))?;
    faulthandler.call_method("register", (stack_signal(),), Some(&named)).map(drop)
}

/// Has every thread that runs a request write its stack, whoever holds the GIL.
pub(super) fn dump_stacks(shared: &Shared) {
    let now = clock();
    let threads = (1..).zip(shared.area.threads(shared.settings.slot as usize));
    let running = threads.filter_map(|(number, thread)| Some((number, thread.running(now)?)));
    for (number, running) in running.take(MANY) {
        let Some(id) = shared.system_id(number) else { continue };
        let seconds = running.age / 1000;
        let text = format!(
            "stack of thread {number}, {} for {seconds} s (written to the log by itself):",
            running.text
        );
        log(level::ERROR, &text);
        signal_thread(id, stack_signal());
        std::thread::sleep(PAUSE);
    }
}
