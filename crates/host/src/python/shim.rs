//! Runs shim.py and the sources of [`crate::api`] in a new interpreter, and keeps what Rust calls of them.

use contract::launch::Python as Settings;
use pyo3::prelude::*;
use pyo3::types::{PyAnyMethods, PyBytes, PyDict, PyList, PyString, PyType};

use super::compiled::compiled;
use crate::api;

/// Handles to the Python side.
pub(crate) struct Shim {
    /// `FileWrapper`
    pub file_wrapper: Py<PyType>,
    /// `Errors`
    pub errors: Py<PyType>,
    /// Where an instance of it keeps its request.
    pub request: Py<PyString>,
    /// `wsgi.errors` of the scripts that httpd asks.
    pub asked_errors: Py<PyAny>,
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
    /// `freeze()`
    pub freeze: Py<PyAny>,
    /// `before_fork(own) -> list`
    pub before_fork: Py<PyAny>,
    /// `after_fork() -> bool`
    pub after_fork: Py<PyAny>,
    /// `end()`
    pub end: Py<PyAny>,
}

impl Shim {
    /// Runs the sources in the interpreter that is entered, all in one namespace.
    pub(crate) fn run(
        py: Python<'_>,
        settings: &Settings,
        application_group: &str,
        own_gil: bool,
    ) -> PyResult<Self> {
        let names = PyDict::new(py);
        names.set_item("__name__", "mod_wsgi")?;
        names.set_item("__file__", "<mod_wsgi>")?;
        names.set_item("settings", values(py, settings, application_group, own_gil)?)?;
        names.set_item("host", api::functions(py)?)?;
        let exec = py.import("builtins")?.getattr("exec")?;
        let codes = py.import("marshal")?.getattr("loads")?.call1((PyBytes::new(py, compiled(py)?),))?;
        for code in codes.try_iter()? {
            exec.call1((code?, &names))?;
        }
        names.as_any().get_item("set_up")?.call0()?;
        let get = |name: &str| -> PyResult<Bound<'_, PyAny>> { names.as_any().get_item(name) };
        Ok(Self {
            file_wrapper: get("FileWrapper")?.cast_into::<PyType>()?.unbind(),
            errors: get("Errors")?.cast_into::<PyType>()?.unbind(),
            request: super::text::interned(py, "_request")?.unbind(),
            asked_errors: get("asked_errors")?.unbind(),
            event_callbacks: get("event_callbacks")?.cast_into::<PyList>()?.unbind(),
            active_requests: get("active_requests")?.cast_into::<PyDict>()?.unbind(),
            request_timeout: get("RequestTimeout")?.cast_into::<PyType>()?.unbind(),
            load: get("load")?.unbind(),
            candidates: get("candidates")?.unbind(),
            describe: get("describe")?.unbind(),
            publish: get("publish")?.unbind(),
            stopping: get("stopping")?.unbind(),
            signal_arrived: get("signal_arrived")?.unbind(),
            freeze: get("freeze")?.unbind(),
            before_fork: get("before_fork")?.unbind(),
            after_fork: get("after_fork")?.unbind(),
            end: get("end")?.unbind(),
        })
    }

    /// `wsgi.errors` of the request whose `mod_wsgi.Adapter` is given.
    pub(crate) fn errors_of<'py>(&self, adapter: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = adapter.py();
        let errors = self.errors.bind(py).call0()?;
        errors.setattr(self.request.bind(py), adapter)?;
        Ok(errors)
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
    own_gil: bool,
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
    values.set_item("mpm_processes", settings.mpm_processes)?;
    values.set_item("mpm_threads", settings.mpm_threads)?;
    values.set_item("httpd_built", &settings.httpd_built)?;
    values.set_item("case_sensitive", settings.case_sensitive)?;
    let own = settings.interpreter(application_group);
    values.set_item("restrict_signal", own.restrict_signal)?;
    values.set_item("restrict_stdin", own.restrict_stdin)?;
    values.set_item("restrict_stdout", own.restrict_stdout)?;
    values.set_item("switch_interval", own.switch_interval)?;
    values.set_item("switch_interval_is_own", own.switch_interval_is_own)?;
    values.set_item("own_gil", own_gil)?;
    values.set_item("debug_mode", settings.debug_mode)?;
    values.set_item("seeded", settings.hash_seed.is_some())?;
    let path = |path: &std::path::PathBuf| super::text::path(py, path.as_os_str().as_encoded_bytes());
    values.set_item("eggs", settings.eggs.as_ref().map(path).transpose()?)?;
    values.set_item("working_directory", settings.working_directory.as_ref().map(path).transpose()?)?;
    let directories = PyList::empty(py);
    for directory in &own.path {
        directories.append(path(directory)?)?;
    }
    values.set_item("path", directories)?;
    Ok(values)
}
