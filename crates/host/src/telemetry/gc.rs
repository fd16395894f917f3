//! Reports about the garbage collectors: the state of each interpreter's at each interval, and each collection.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::datagram::Kind;
use super::report::Reports;
use crate::python::interpreter::Interpreter;

/// The source, and what its tracebacks name it.
const SOURCE: &str = include_str!("collector.py");
const FILE: &str = "<mod_wsgi/collector>";

/// Most interpreters that are looked at.
pub(super) const MAX_INTERPRETERS: usize = 32;
/// Numbers of a state, in the order of their ids from [`STATE`] on.
const NUMBERS: usize = 18;
/// The first id of a state, and of an event.
const STATE: u16 = 300;
const EVENT: u16 = 320;
/// Bytes of an event: two times and three numbers.
const EVENT_BYTES: usize = 40;

/// Watches the collector of the interpreter that is entered; the result is `take` of collector.py.
pub(crate) fn watch(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let names = PyDict::new(py);
    names.set_item("__name__", "mod_wsgi")?;
    let builtins = py.import("builtins")?;
    let code = builtins.getattr("compile")?.call1((SOURCE, FILE, "exec"))?;
    builtins.getattr("exec")?.call1((code, &names))?;
    Ok(names.as_any().get_item("take")?.unbind())
}

/// Sends what one interpreter's collector says. Waits for its GIL.
pub(super) fn report(reports: &Reports, interpreter: &Interpreter) {
    let taken = interpreter.with(|py| {
        let take = interpreter.objects().collector.as_ref()?.bind(py);
        let bytes = take.call0().and_then(|bytes| Ok(bytes.cast::<PyBytes>()?.as_bytes().to_vec()));
        bytes.ok() // an error here is a lack of memory, and is dropped within the interpreter
    });
    let Some(taken) = taken else { return };
    let (numbers, events) = taken.split_at_checked(8 * NUMBERS).unwrap_or_default();
    let mut datagram = reports.begin(Kind::GcState);
    for (id, number) in (STATE..).zip(numbers.chunks_exact(8)) {
        datagram.count(id, count(number));
    }
    let name = interpreter.name().as_bytes();
    datagram.text(super::report::INTERPRETER, name, 255);
    reports.send(datagram);
    for event in events.chunks_exact(EVENT_BYTES) {
        let (times, numbers) = event.split_at_checked(16).unwrap_or_default();
        let mut datagram = reports.begin(Kind::GcEvent);
        for (id, time) in (EVENT..).zip(times.chunks_exact(8)) {
            datagram.number(id, f64::from_bits(count(time)));
        }
        for (id, number) in (EVENT + 2..).zip(numbers.chunks_exact(8)) {
            datagram.count(id, count(number));
        }
        datagram.text(super::report::INTERPRETER, name, 255);
        reports.send(datagram);
    }
}

/// A number that Python has packed.
fn count(bytes: &[u8]) -> u64 {
    bytes.first_chunk().copied().map_or(0, u64::from_le_bytes)
}
