//! `apache.request_rec`: httpd's own structure of the request, for extension modules that know it
//! (WSGIPassApacheRequest). Only where httpd is in the same process.

use contract::request::{Flags, Request};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::call::Call;
use crate::python::capsule::Lent;

/// Adds it to `environ` if the request is to have it; the capsule cannot be opened any more once the guard is gone.
pub(super) fn lend<'py>(
    call: &Call,
    request: &Request<'_>,
    environ: &Bound<'py, PyDict>,
) -> PyResult<Option<Lent<'py>>> {
    if !request.flags.has(Flags::APACHE_REQUEST) {
        return Ok(None);
    }
    // Nobody else has the exchange yet, and asking for the pointer does not wait.
    let Ok(Some(pointer)) = call.loan().try_with(|exchange| exchange.apache_request()) else {
        return Ok(None);
    };
    let lent = Lent::new(environ.py(), pointer)?;
    environ.set_item("apache.request_rec", lent.capsule())?;
    Ok(Some(lent))
}
