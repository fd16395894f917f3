//! Runs shim.py in a new interpreter, and keeps what Rust calls of it.

use contract::launch::Python as Settings;
use pyo3::prelude::*;
use pyo3::types::{PyAnyMethods, PyCFunction, PyDict, PyList, PyTuple, PyType};

use crate::wsgi::current;

/// The source; its tracebacks name it so.
const SOURCE: &str = include_str!("shim.py");
const FILE: &str = "<mod_wsgi>";

/// Handles to the Python side. The functions are those of shim.py.
pub(crate) struct Shim {
    /// `FileWrapper`
    pub file_wrapper: Py<PyType>,
    /// The stream `wsgi.errors`, the same for all requests.
    pub errors: Py<PyAny>,
    /// `mod_wsgi.event_callbacks`
    pub event_callbacks: Py<PyList>,
    /// `mod_wsgi.active_requests`
    pub active_requests: Py<PyDict>,
    /// `RequestTimeout`
    pub request_timeout: Py<PyType>,
    /// `load(path, mtime) -> dict`
    pub load: Py<PyAny>,
    /// `candidates(namespace) -> str`
    pub candidates: Py<PyAny>,
    /// `describe(error) -> (str, str)`
    pub describe: Py<PyAny>,
    /// `publish(name, payload) -> payload`
    pub publish: Py<PyAny>,
    /// `stopping(reason)`
    pub stopping: Py<PyAny>,
    /// `signal_arrived(name, number)`
    pub signal_arrived: Py<PyAny>,
    /// `end()`
    pub end: Py<PyAny>,
}

impl Shim {
    /// Runs shim.py in the interpreter that is entered.
    pub(crate) fn run(py: Python<'_>, settings: &Settings, application_group: &str) -> PyResult<Self> {
        let names = PyDict::new(py);
        names.set_item("__name__", "mod_wsgi")?;
        names.set_item("__file__", FILE)?;
        names.set_item("settings", values(py, settings, application_group)?)?;
        names.set_item("host", functions(py)?)?;
        let builtins = py.import("builtins")?;
        let code = builtins.getattr("compile")?.call1((SOURCE, FILE, "exec"))?;
        builtins.getattr("exec")?.call1((code, &names))?;
        let get = |name: &str| -> PyResult<Bound<'_, PyAny>> { names.as_any().get_item(name) };
        Ok(Self {
            file_wrapper: get("FileWrapper")?.cast_into::<PyType>()?.unbind(),
            errors: get("errors")?.unbind(),
            event_callbacks: get("event_callbacks")?.cast_into::<PyList>()?.unbind(),
            active_requests: get("active_requests")?.cast_into::<PyDict>()?.unbind(),
            request_timeout: get("RequestTimeout")?.cast_into::<PyType>()?.unbind(),
            load: get("load")?.unbind(),
            candidates: get("candidates")?.unbind(),
            describe: get("describe")?.unbind(),
            publish: get("publish")?.unbind(),
            stopping: get("stopping")?.unbind(),
            signal_arrived: get("signal_arrived")?.unbind(),
            end: get("end")?.unbind(),
        })
    }

    /// The type's name and the whole traceback of an exception.
    pub(crate) fn describe(&self, error: PyErr, py: Python<'_>) -> (String, String) {
        let described = self.describe.bind(py).call1((error.into_value(py),));
        described
            .and_then(|pair| pair.extract())
            .unwrap_or_else(|_| ("Exception".into(), "(no traceback)".into()))
    }

    /// Whether anybody has subscribed to the events of requests.
    pub(crate) fn has_subscribers(&self, py: Python<'_>) -> bool {
        !self.event_callbacks.bind(py).is_empty()
    }
}

/// `settings` of shim.py.
fn values<'py>(
    py: Python<'py>,
    settings: &Settings,
    application_group: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let values = PyDict::new(py);
    values.set_item("process_group", &settings.process_group)?;
    values.set_item("application_group", application_group)?;
    values.set_item("version", contract::MOD_WSGI_VERSION)?;
    values.set_item("maximum_processes", settings.maximum_processes)?;
    values.set_item("threads_per_process", settings.threads_per_process)?;
    values.set_item("httpd_version", settings.httpd_version)?;
    values.set_item("httpd_description", &settings.httpd_description)?;
    values.set_item("mpm_name", &settings.mpm_name)?;
    values.set_item("case_sensitive", settings.case_sensitive)?;
    values.set_item("restrict_signal", settings.restrict_signal)?;
    values.set_item("restrict_stdin", settings.restrict_stdin)?;
    values.set_item("restrict_stdout", settings.restrict_stdout)?;
    values.set_item("switch_interval", settings.switch_interval)?;
    let path = |path: &std::path::PathBuf| super::text::path(py, path.as_os_str().as_encoded_bytes());
    values.set_item("eggs", settings.eggs.as_ref().map(path).transpose()?)?;
    values.set_item("working_directory", settings.working_directory.as_ref().map(path).transpose()?)?;
    let directories = PyList::empty(py);
    for directory in &settings.path {
        directories.append(path(directory)?)?;
    }
    values.set_item("path", directories)?;
    Ok(values)
}

/// `host` of shim.py: a namespace of functions.
fn functions(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    type Given<'a, 'py> = &'a Bound<'py, PyTuple>;
    type Named<'a, 'py> = Option<&'a Bound<'py, PyDict>>;
    let host = py.import("types")?.getattr("SimpleNamespace")?.call0()?;
    let write = |given: Given<'_, '_>, _: Named<'_, '_>| -> PyResult<()> {
        let error = given.get_item(0)?.is_truthy()?;
        current::write(given.py(), error, &super::text::to_utf8(&given.get_item(1)?)?);
        Ok(())
    };
    host.setattr("write", PyCFunction::new_closure(py, Some(c"write"), None, write)?)?;
    let flush = |given: Given<'_, '_>, _: Named<'_, '_>| -> PyResult<()> {
        current::flush(given.py(), given.get_item(0)?.is_truthy()?);
        Ok(())
    };
    host.setattr("flush", PyCFunction::new_closure(py, Some(c"flush"), None, flush)?)?;
    let record = |given: Given<'_, '_>, _: Named<'_, '_>| -> PyResult<()> {
        let text = super::text::to_utf8(&given.get_item(1)?)?;
        let file = super::text::to_utf8(&given.get_item(2)?)?;
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
