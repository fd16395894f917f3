//! What the Python sources can ask of Rust: the namespace `host`.

use pyo3::prelude::*;
use pyo3::types::{PyAnyMethods, PyCFunction, PyDict, PyTuple};

use crate::python::text;
use crate::wsgi::current;

/// A new namespace of them.
pub(crate) fn functions(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    type Given<'a, 'py> = &'a Bound<'py, PyTuple>;
    type Named<'a, 'py> = Option<&'a Bound<'py, PyDict>>;
    let host = py.import("types")?.getattr("SimpleNamespace")?.call0()?;
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
    host.setattr("enabled", PyCFunction::new_closure(py, Some(c"enabled"), None, enabled)?)?;
    let data = |given: Given<'_, '_>, _: Named<'_, '_>| current::request_data(given.py());
    let doc = c"request_data() -> dict of the request that this thread serves";
    host.setattr("request_data", PyCFunction::new_closure(py, Some(c"request_data"), Some(doc), data)?)?;
    Ok(host)
}
