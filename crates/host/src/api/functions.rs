//! What the Python sources can ask of Rust: the namespace `host`.

use pyo3::prelude::*;
use pyo3::types::{PyAnyMethods, PyCFunction, PyDict, PyTuple};

use super::recorder::RECORDER;
use super::{metrics, server_metrics};
use crate::python::text;
use crate::wsgi::current;

type Given<'a, 'py> = &'a Bound<'py, PyTuple>;
type Named<'a, 'py> = Option<&'a Bound<'py, PyDict>>;
type Numbers = PyResult<Option<Py<PyDict>>>;

/// A new namespace of them.
pub(crate) fn functions(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let host = py.import("types")?.getattr("SimpleNamespace")?.call0()?;
    streams(&host)?;
    numbers(&host)?;
    let data = |given: Given<'_, '_>, _: Named<'_, '_>| current::request_data(given.py());
    let doc = c"request_data() -> dict of the request that this thread serves";
    host.setattr("request_data", PyCFunction::new_closure(py, Some(c"request_data"), Some(doc), data)?)?;
    Ok(host)
}

/// The log: write(error, text), flush(error), record(level, text, file, line), enabled(level).
fn streams(host: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = host.py();
    let write = |given: Given<'_, '_>, _: Named<'_, '_>| -> PyResult<()> {
        let error = given.get_item(0)?.is_truthy()?;
        current::write(given.py(), error, &text::to_utf8(&given.get_item(1)?)?);
        Ok(())
    };
    host.setattr("write", PyCFunction::new_closure(py, Some(c"write"), None, write)?)?;
    let flush = |given: Given<'_, '_>, _: Named<'_, '_>| -> PyResult<()> {
        current::flush(given.py(), given.get_item(0)?.is_truthy()?);
        Ok(())
    };
    host.setattr("flush", PyCFunction::new_closure(py, Some(c"flush"), None, flush)?)?;
    let record = |given: Given<'_, '_>, _: Named<'_, '_>| -> PyResult<()> {
        let text = text::to_utf8(&given.get_item(1)?)?;
        let file = text::to_utf8(&given.get_item(2)?)?;
        let line = given.get_item(3)?.extract().unwrap_or(0);
        current::record(given.py(), given.get_item(0)?.extract()?, &text, &file, line);
        Ok(())
    };
    host.setattr("record", PyCFunction::new_closure(py, Some(c"record"), None, record)?)?;
    let enabled = |given: Given<'_, '_>, _: Named<'_, '_>| -> PyResult<bool> {
        Ok(current::enabled(given.get_item(0)?.extract()?))
    };
    host.setattr("enabled", PyCFunction::new_closure(py, Some(c"enabled"), None, enabled)?)
}

/// The recorder: observe(), start_recording(), request_metrics(threads, is_embedded), process_metrics(); and
/// server_metrics().
fn numbers(host: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = host.py();
    let observe = |_: Given<'_, '_>, _: Named<'_, '_>| RECORDER.observe();
    host.setattr("observe", PyCFunction::new_closure(py, Some(c"observe"), None, observe)?)?;
    let start = |given: Given<'_, '_>, _: Named<'_, '_>| {
        given.py().detach(|| RECORDER.record_for_application());
    };
    host.setattr("start_recording", PyCFunction::new_closure(py, Some(c"start_recording"), None, start)?)?;
    let request = |given: Given<'_, '_>, _: Named<'_, '_>| -> Numbers {
        let (threads, is_embedded) = given.extract()?;
        Ok(metrics::request_metrics(given.py(), threads, is_embedded)?.map(Bound::unbind))
    };
    let request = PyCFunction::new_closure(py, Some(c"request_metrics"), None, request)?;
    host.setattr("request_metrics", request)?;
    let process = |given: Given<'_, '_>, _: Named<'_, '_>| -> Numbers {
        Ok(metrics::process_metrics(given.py())?.map(Bound::unbind))
    };
    let process = PyCFunction::new_closure(py, Some(c"process_metrics"), None, process)?;
    host.setattr("process_metrics", process)?;
    let server = |given: Given<'_, '_>, _: Named<'_, '_>| -> Numbers {
        Ok(server_metrics::server_metrics(given.py())?.map(Bound::unbind))
    };
    let server = PyCFunction::new_closure(py, Some(c"server_metrics"), None, server)?;
    host.setattr("server_metrics", server)
}
