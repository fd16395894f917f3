//! The environ of scripts that httpd asks: what it knows of the request, and what mod_ssl would say.

use std::sync::Arc;

use contract::request::Flags;
use contract::task::Task;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCFunction, PyDict, PyString, PyTuple};

use super::Hook;
use crate::python::capsule::Lent;
use crate::python::{text, types};
use crate::wsgi::apache_request;
use crate::wsgi::call::Call;

/// An environ, and what expires with the request.
pub(super) struct Environ<'py> {
    /// What the script's functions get.
    pub(super) variables: Bound<'py, PyDict>,
    _apache_request: Option<Lent<'py>>,
}

impl<'py> Environ<'py> {
    /// The environ for `hook`.
    pub(super) fn make(py: Python<'py>, hook: &Hook<'_, '_>) -> PyResult<Self> {
        let (variables, settings) = (PyDict::new(py), hook.process.settings());
        for pair in hook.request.environ.iter() {
            let (name, value) =
                pair.map_err(|error| PyValueError::new_err(format!("malformed request: {error}")))?;
            let value = match name {
                b"DOCUMENT_ROOT" | b"SCRIPT_FILENAME" => text::path(py, value)?,
                _ => text::latin1(py, value)?,
            };
            variables.set_item(text::latin1(py, name)?, value)?;
        }
        variables.set_item("apache.version", settings.httpd_version)?;
        variables.set_item("mod_wsgi.version", contract::MOD_WSGI_VERSION)?;
        variables.set_item("mod_wsgi.process_group", &settings.process_group)?;
        variables.set_item("mod_wsgi.application_group", hook.interpreter.name())?;
        variables.set_item("wsgi.errors", hook.interpreter.objects().shim.asked_errors.bind(py))?;
        if hook.request.task != Task::Dispatch {
            let is_tls = hook.request.flags.has(Flags::TLS);
            variables.set_item("mod_ssl.is_https", is_https(py, Arc::clone(hook.call), is_tls)?)?;
            variables.set_item("mod_ssl.var_lookup", var_lookup(py, Arc::clone(hook.call))?)?;
        }
        let apache_request = apache_request::lend(hook.call, hook.request, &variables)?;
        Ok(Self { variables, _apache_request: apache_request })
    }
}

/// `mod_ssl.is_https() -> 0 or 1`
fn is_https(py: Python<'_>, call: Arc<Call>, is_tls: bool) -> PyResult<Bound<'_, PyCFunction>> {
    let ask = move |given: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<u8> {
        if !given.is_empty() {
            return Err(PyTypeError::new_err("is_https() takes no arguments"));
        }
        let running = given.py().detach(|| call.loan().with(|_| ()));
        running.map(|()| is_tls.into()).map_err(|_| over())
    };
    PyCFunction::new_closure(py, Some(c"is_https"), Some(c"is_https() -> 0 or 1"), ask)
}

/// `mod_ssl.var_lookup(name) -> str or None`
fn var_lookup(py: Python<'_>, call: Arc<Call>) -> PyResult<Bound<'_, PyCFunction>> {
    let ask =
        move |given: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<Option<Py<PyString>>> {
            let py = given.py();
            if given.len() != 1 {
                return Err(PyTypeError::new_err("var_lookup(name) takes one argument"));
            }
            let name = given.get_item(0)?;
            let name = if let Ok(bytes) = name.cast::<PyBytes>() {
                bytes.as_bytes().to_vec()
            } else if let Ok(name) = name.cast::<PyString>() {
                text::to_latin1(name)?.into_owned()
            } else {
                let kind = types::name_of(&name);
                return Err(PyTypeError::new_err(format!("var_lookup(name) needs str or bytes, not {kind}")));
            };
            let value = py.detach(|| call.loan().with(|exchange| exchange.ssl_lookup(&name)));
            let value = value.map_err(|_| over())?.map_err(|error| {
                PyOSError::new_err(format!("httpd does not say what mod_ssl knows: {error}"))
            })?;
            value.map(|value| text::latin1(py, &value).map(Bound::unbind)).transpose()
        };
    PyCFunction::new_closure(py, Some(c"var_lookup"), Some(c"var_lookup(name) -> str or None"), ask)
}

fn over() -> PyErr {
    PyRuntimeError::new_err("mod_ssl was asked after its request had ended")
}
