//! A running request as the application sees it: `mod_wsgi.request_data()` and its entry in
//! `mod_wsgi.active_requests`.

use std::cell::OnceCell;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::call::{Call, Known};

/// The request's data is there until this is dropped.
pub(super) struct Active<'c, 'py> {
    call: &'c Call,
    data: Bound<'py, PyDict>,
    requests: Bound<'py, PyDict>,
    id: OnceCell<Bound<'py, PyString>>,
}

impl<'c, 'py> Active<'c, 'py> {
    /// The request has entered its interpreter, whose `active_requests` are `requests`.
    pub(super) fn enter(call: &'c Call, requests: Bound<'py, PyDict>) -> Self {
        let data = PyDict::new(requests.py());
        call.set_known(Some(Known { data: data.clone().unbind(), id: None }));
        Self { call, data, requests, id: OnceCell::new() }
    }

    /// Lists it under its id.
    pub(super) fn list(&self, id: &Bound<'py, PyString>) -> PyResult<()> {
        self.requests.set_item(id, &self.data)?;
        self.call.set_known(Some(Known { data: self.data.clone().unbind(), id: Some(id.clone().unbind()) }));
        let _ = self.id.set(id.clone());
        Ok(())
    }
}

impl Drop for Active<'_, '_> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.id.get().map(|id| self.requests.del_item(id)) {
            drop(error); // the application has taken it out
        }
        self.call.set_known(None);
    }
}
