//! Scripts that httpd asks on the way to an application: may the client come in, who is it, what are its groups, where
//! shall the request run. They are modules like WSGI scripts, but a changed one is loaded again in place, in daemon
//! processes too: it has no requests of its own that would need a new process.
//!
//! Everything that is not clearly an answer is [`Verdict::Failed`], and the log says why. The module refuses then.

mod environ;
mod result;

use std::sync::Arc;

use contract::level;
use contract::request::{Flags, Request};
use contract::task::Task;
use contract::verdict::{Routes, Verdict};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use self::result::Nonsense;
use super::call::Call;
use super::changed;
use super::current;
use super::place::Place;
use super::serve::OnChange;
use super::watched::Watched;
use crate::python::interpreter::Interpreter;
use crate::python::process::Process;
use crate::python::script::{Found, Wanted};
use crate::python::text;

/// The names of a dispatch script's functions, in the order in which they are called.
const ROUTES: [&str; 3] = ["process_group", "application_group", "callable_object"];

/// One question to one script, within its interpreter.
pub(super) struct Hook<'a, 'p> {
    pub(super) process: &'a Process,
    pub(super) interpreter: &'a Interpreter,
    pub(super) call: &'a Arc<Call>,
    pub(super) request: &'a Request<'p>,
    pub(super) watched: Option<&'a Watched>,
}

/// No decision; the log says why.
pub(super) struct Failed;

impl Hook<'_, '_> {
    /// The payload of the script's verdict. `None`: the script is an application of this process, too, and has
    /// changed, which [`OnChange::Reject`] leaves to new processes.
    pub(super) fn verdict(
        &self,
        py: Python<'_>,
        modified: Option<Option<i64>>,
        on_change: OnChange,
    ) -> Option<Result<Vec<u8>, Failed>> {
        let script = self.interpreter.scripts().entry(self.request.script);
        let wanted = Wanted { modified, environ: None };
        let found = script.find(py, self.interpreter, wanted);
        let keeps = on_change == OnChange::Keep && script.is_application();
        if keeps && modified.is_some() {
            changed::tell(py, self.call, &script, &found);
        } else if matches!(found, Found::Changed(..))
            && on_change == OnChange::Reject
            && script.is_application()
        {
            return None;
        }
        if self.request.flags.has(Flags::ANNOUNCE) {
            py.detach(|| self.call.loan().with(|exchange| exchange.begin()).ok());
        }
        let namespace = match found {
            Found::Ready(namespace) => Some(namespace),
            Found::Changed(namespace, _) if keeps => Some(namespace),
            Found::Changed(..) | Found::NotLoaded => script.obtain(py, self.interpreter, wanted),
        };
        let verdict = match namespace {
            Some(namespace) => {
                if let Some(watched) = self.watched {
                    watched.script_is_there();
                }
                self.ask(&namespace)
            }
            // A request whose dispatch script does not load is routed as configured.
            None if self.request.task == Task::Dispatch && !self.is_interrupted() => {
                Ok(encoded(Verdict::Unknown))
            }
            None => Err(Failed),
        };
        self.call.end();
        Some(verdict)
    }

    /// Whether the script has taken longer than a request may.
    fn is_interrupted(&self) -> bool {
        self.watched.is_some_and(Watched::is_interrupted)
    }

    /// Calls the script's function, or for a dispatch script its functions.
    fn ask(&self, namespace: &Bound<'_, PyDict>) -> Result<Vec<u8>, Failed> {
        let py = namespace.py();
        let environ = environ::Environ::make(py, self).map_err(|error| self.raised(py, error, ""))?;
        let name = match self.request.task {
            Task::Access { .. } => "allow_access",
            Task::Password { .. } => "check_password",
            Task::RealmHash { .. } => "get_realm_hash",
            Task::Groups { .. } => "groups_for_user",
            Task::Application | Task::Dispatch => return self.routes(namespace, &environ.variables),
        };
        let Some(function) = self.function(namespace, name)? else {
            let text = format!("WSGI script {} has no function {name}: the request is refused", self.place());
            current::record(py, level::ERROR, text.as_bytes(), b"", 0);
            return Err(Failed);
        };
        let mut given = vec![environ.variables.clone().into_any()];
        for word in self.request.task.words() {
            let word = text::latin1(py, word).map_err(|error| self.raised(py, error, ""))?;
            given.push(word.into_any());
        }
        let payload = PyTuple::new(py, given)
            .and_then(|given| function.call1(given))
            .map_err(Nonsense::Raised)
            .and_then(|result| result::payload(&self.request.task, &result));
        payload.map_err(|nonsense| self.refuse(py, nonsense, name))
    }

    fn routes(&self, namespace: &Bound<'_, PyDict>, environ: &Bound<'_, PyDict>) -> Result<Vec<u8>, Failed> {
        let mut found = [None, None, None];
        for (name, place) in ROUTES.into_iter().zip(&mut found) {
            if let Some(function) = self.function(namespace, name)? {
                let result = function.call1((environ,)).map_err(Nonsense::Raised);
                let route = result.and_then(|result| result::route(&result));
                *place = route.map_err(|nonsense| self.refuse(environ.py(), nonsense, name))?;
            }
        }
        let [process_group, application_group, callable] = &found;
        Ok(encoded(Verdict::Routes(Routes {
            process_group: process_group.as_deref(),
            application_group: application_group.as_deref(),
            callable: callable.as_deref(),
        })))
    }

    fn function<'py>(
        &self,
        namespace: &Bound<'py, PyDict>,
        name: &str,
    ) -> Result<Option<Bound<'py, PyAny>>, Failed> {
        namespace.get_item(name).map_err(|error| self.raised(namespace.py(), error, ""))
    }

    /// Logs why what `function` did is no answer.
    fn refuse(&self, py: Python<'_>, nonsense: Nonsense, function: &str) -> Failed {
        match nonsense {
            Nonsense::Raised(error) => self.raised(py, error, &format!(", in {function}()")),
            Nonsense::Returned { what, expected } => {
                let place = self.place();
                let text =
                    format!("WSGI script {place}: {function}() returned {what}; it must return {expected}");
                current::record(py, level::ERROR, text.as_bytes(), b"", 0);
                Failed
            }
        }
    }

    fn raised(&self, py: Python<'_>, error: PyErr, when: &str) -> Failed {
        let timeout = self.interpreter.objects().shim.request_timeout.bind(py);
        if error.is_instance(py, timeout) {
            self.place().interrupted(py);
        } else {
            self.place().raised(py, error, when);
        }
        Failed
    }

    fn place(&self) -> Place<'_> {
        let process_group = &self.process.settings().process_group;
        Place { script: self.request.script, process_group, interpreter: self.interpreter }
    }
}

/// The payload of `verdict`.
pub(super) fn encoded(verdict: Verdict<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    verdict.encode(&mut payload);
    payload
}
