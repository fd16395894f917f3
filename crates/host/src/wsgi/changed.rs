//! With reload=rolling a request is answered by what is loaded, whatever the script's file says now; that it says
//! something else is told once.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use contract::control::ScriptState;
use contract::launch::Target;
use contract::modified::Sighting;
use pyo3::prelude::*;

use super::call::Call;
use crate::python::script::{Change, Found, Script};

/// Tells who runs the request how it has found its script, if that is news.
pub(super) fn tell(py: Python<'_>, call: &Call, script: &Script, found: &Found<'_>) {
    let change = match found {
        Found::Ready(_) => None,
        Found::Changed(_, change) => Some(*change),
        Found::NotLoaded => return,
    };
    if !script.notice(change) {
        return;
    }
    let loaded = script.version(py, call.interpreter());
    let target = Target {
        script: OsStr::from_bytes(script.path()).into(),
        application_group: call.interpreter().name().to_owned(),
    };
    let wanted = change == Some(Change::Wanted);
    let _ = py.detach(|| {
        let file = Sighting::of(&target.script);
        let state = ScriptState { target, loaded, file, noticed: true, wanted };
        call.loan().with(|exchange| exchange.script_changed(state))
    });
}
