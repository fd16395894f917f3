//! The Python objects that Rust keeps for one interpreter; they are touched only within it.

use contract::launch::Python as Settings;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::error::PythonError;
use super::shim::Shim;
use super::{text, types};
use crate::telemetry;
use crate::wsgi::environ::Template;

/// See the module.
pub(crate) struct Objects {
    /// The Python side.
    pub shim: Shim,
    /// `mod_wsgi.Input`
    pub input: Py<PyType>,
    /// `mod_wsgi.Adapter`
    pub adapter: Py<PyType>,
    /// What all environs have in common.
    pub environ: Template,
    /// Asks the garbage collector what it did, if telemetry wants to know.
    pub collector: Option<Py<PyAny>>,
    /// Attribute names.
    pub names: Names,
}

/// Names that are looked up for every request.
pub(crate) struct Names {
    pub application: Py<PyString>,
    pub close: Py<PyString>,
    pub mtime: Py<PyString>,
    pub reload_required: Py<PyString>,
}

impl Objects {
    /// Sets up the interpreter that is entered.
    pub(crate) fn make(
        py: Python<'_>,
        settings: &Settings,
        group: &str,
        own_gil: bool,
    ) -> Result<Self, PythonError> {
        Self::try_make(py, settings, group, own_gil)
            .map_err(|error| PythonError::from_exception(py, group, error))
    }

    fn try_make(py: Python<'_>, settings: &Settings, group: &str, own_gil: bool) -> PyResult<Self> {
        let shim = Shim::run(py, settings, group, own_gil)?;
        let name = |name: &str| text::interned(py, name).map(Bound::unbind);
        Ok(Self {
            environ: Template::make(py, settings, group, &shim)?,
            shim,
            collector: settings.telemetry.as_ref().map(|_| telemetry::gc::watch(py)).transpose()?,
            input: types::input_type(py)?.unbind(),
            adapter: types::adapter_type(py)?.unbind(),
            names: Names {
                application: name("application")?,
                close: name("close")?,
                mtime: name("__mtime__")?,
                reload_required: name("reload_required")?,
            },
        })
    }
}
