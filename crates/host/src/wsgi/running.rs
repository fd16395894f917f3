//! One request within its interpreter, from the application's lookup to `close()`.

use std::sync::Arc;

use contract::request::{Flags, Request};
use contract::response::Outcome;
use contract::verdict::Verdict;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::active::Active;
use super::apache_request;
use super::body::{self, Ending, Failure};
use super::call::Call;
use super::changed;
use super::environ::Environ;
use super::events::{Finished, Observed};
use super::hook::{self, Failed, Hook};
use super::place::Place;
use super::serve::{Facts, OnChange, Served};
use super::watched::Watched;
use crate::api::recorder::{RECORDER, Recording, micros_now as now};
use crate::python::interpreter::Interpreter;
use crate::python::posix::end_copy;
use crate::python::process::Process;
use crate::python::script::{Found, Wanted};
use crate::python::usage::Usage;
use crate::python::{text, types};

/// A request within its interpreter.
pub(super) struct Running<'a, 'p> {
    pub(super) process: &'a Process,
    pub(super) interpreter: &'a Interpreter,
    pub(super) call: &'a Arc<Call>,
    pub(super) request: &'a Request<'p>,
    pub(super) facts: &'a Facts,
    pub(super) recording: &'a Recording,
    pub(super) watched: Option<&'a Watched>,
}

impl Running<'_, '_> {
    /// Asks a script that stands before the application.
    pub(super) fn judge(&self, py: Python<'_>, modified: Option<Option<i64>>, on_change: OnChange) -> Served {
        let Self { process, interpreter, call, request, watched, .. } = *self;
        let hook = Hook { process, interpreter, call, request, watched };
        match hook.verdict(py, modified, on_change) {
            Some(Ok(verdict)) => Served::Judged(Some(verdict)),
            Some(Err(Failed)) if watched.is_some_and(Watched::is_interrupted) => Served::Judged(None),
            Some(Err(Failed)) => Served::Judged(Some(hook::encoded(Verdict::Failed))),
            None => Served::Changed,
        }
    }

    /// Runs the application.
    pub(super) fn run(&self, py: Python<'_>, modified: Option<Option<i64>>, on_change: OnChange) -> Served {
        let path = self.request.script;
        let script = self.interpreter.scripts().entry(path);
        // A process that was made because `reload_required` said so is not asked before it has served a request.
        let asked = script.set_application().then_some(self.request.environ);
        let wanted = Wanted { modified, environ: asked };
        let found = script.find(py, self.interpreter, wanted);
        match on_change {
            OnChange::Reject if matches!(found, Found::Changed(..)) => return Served::Changed,
            OnChange::Keep if modified.is_some() => changed::tell(py, self.call, &script, &found),
            OnChange::Reject | OnChange::Keep | OnChange::ReloadInPlace => {}
        }
        if self.request.flags.has(Flags::ANNOUNCE) {
            py.detach(|| self.call.loan().with(|exchange| exchange.begin()).ok());
        }
        let requests = self.interpreter.objects().shim.active_requests.bind(py).clone();
        let active = Active::enter(self.call, requests);
        let namespace = match found {
            Found::Ready(namespace) => Some(namespace),
            Found::Changed(namespace, _) if on_change == OnChange::Keep => Some(namespace),
            Found::Changed(..) | Found::NotLoaded => script.obtain(py, self.interpreter, wanted),
        };
        let Some(namespace) = namespace else {
            let interrupted = self.watched.is_some_and(Watched::is_interrupted);
            return Served::Refused(if interrupted { 504 } else { 500 });
        };
        if let Some(watched) = self.watched {
            watched.script_is_there();
        }
        let served = self.callable(&namespace).and_then(|application| match application {
            Some(application) => self.application(application, &active),
            None => Ok(Served::Refused(500)),
        });
        let served = served.unwrap_or_else(|error| {
            let status = self.raised(error, None, py);
            Served::Refused(status)
        });
        self.call.end();
        served
    }

    /// Calls the application and sends what it returns. An error here is one of ours.
    fn application<'py>(&self, application: Bound<'py, PyAny>, active: &Active<'_, 'py>) -> PyResult<Served> {
        let py = application.py();
        let objects = self.interpreter.objects();
        let input = types::instance(objects.input.bind(py), Arc::clone(self.call))?;
        let adapter = types::instance(objects.adapter.bind(py), Arc::clone(self.call))?;
        let errors = objects.shim.errors_of(&adapter)?;
        let environ = objects.environ.environ(py, self.request, self.facts, &input, &errors)?;
        if environ.head_only {
            self.call.response().expect_head_only();
        }
        if let Some(id) = &environ.request_id {
            active.list(id)?;
        }
        let _apache_request = apache_request::lend(self.call, self.request, &environ.variables)?;
        let start_response = types::start_response_of(&adapter)?;
        let observed = self.observed(&environ);
        let started = now();
        objects.environ.start(&environ, started)?;
        self.recording.enter(started);
        if self.request.flags.has(Flags::SERVER_TIMING) {
            self.call.response().show_times(self.recording.times());
        }

        let application = observed.started(application, self.request.callable, started);
        let sent = self.call_and_send(application, &environ.variables, start_response, &observed);

        let ended = now();
        let status = self.status(&sent);
        self.recording.leave(ended, status);
        if let Err(error) = observed.finished(&Finished { started, ended, status }) {
            self.place().raised(py, error, ", in an event of the request");
        }
        let application_time = ended.saturating_sub(started);
        Ok(match sent {
            Ok(ending) => Served::Ended { outcome: self.outcome(py), ending, application_time },
            Err(status) if !self.call.response().is_sent() => Served::Refused(status),
            Err(_) => Served::Ended { outcome: Outcome::Aborted, ending: Ending::Sent, application_time },
        })
    }

    /// PEP 3333: call, iterate, close. What was raised has been logged; the status is for a head that is not out.
    fn call_and_send<'py>(
        &self,
        application: PyResult<Bound<'py, PyAny>>,
        environ: &Bound<'py, PyDict>,
        start_response: Bound<'py, PyAny>,
        observed: &Observed<'_, 'py>,
    ) -> Result<Ending, u16> {
        let called = application.and_then(|application| application.call1((environ, start_response)));
        end_copy();
        let result = match called {
            Ok(result) => result,
            Err(error) => return Err(self.raised(error, Some(observed), environ.py())),
        };
        let sent = body::send(self.call, &result);
        end_copy();
        let sent = match sent {
            Ok(ending) => Ok(ending),
            Err(Failure::ClientGone) => Err(500),
            Err(Failure::Raised(error)) => Err(self.raised(error, Some(observed), result.py())),
        };
        self.close(&result, observed);
        sent
    }

    /// `close()` of what the application returned; what it raises is logged and changes nothing.
    fn close<'py>(&self, result: &Bound<'py, PyAny>, observed: &Observed<'_, 'py>) {
        let py = result.py();
        if result.is_exact_instance_of::<PyList>() || result.is_exact_instance_of::<PyTuple>() {
            return; // have none
        }
        let closed = match result.getattr(self.interpreter.objects().names.close.bind(py)) {
            Ok(close) => close.call0().map(drop),
            Err(error) if error.is_instance_of::<PyAttributeError>(py) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = closed {
            self.tell(error, ", in close() of the response", Some(observed), py);
        }
    }

    /// Logs what the application raised, and says with which status a request ends whose head is not out.
    fn raised<'py>(&self, error: PyErr, observed: Option<&Observed<'_, 'py>>, py: Python<'py>) -> u16 {
        let timeout = self.interpreter.objects().shim.request_timeout.bind(py);
        if error.is_instance(py, timeout) {
            self.place().interrupted(py);
            return 504;
        }
        self.tell(error, "", observed, py);
        500
    }

    /// Logs an exception, and tells the subscribers.
    fn tell<'py>(&self, error: PyErr, when: &str, observed: Option<&Observed<'_, 'py>>, py: Python<'py>) {
        let again = observed.map(|observed| (observed, error.clone_ref(py)));
        self.place().raised(py, error, when);
        if let Some(Err(second)) = again.map(|(observed, error)| observed.exception(&error)) {
            drop(second); // the first is what matters
        }
    }

    /// The script and where it runs, for the log.
    fn place(&self) -> Place<'_> {
        let process_group = &self.process.settings().process_group;
        Place { script: self.request.script, process_group, interpreter: self.interpreter }
    }

    /// The callable object; `None` when the script has none, which is logged with the names that were meant, perhaps.
    fn callable<'py>(&self, namespace: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, objects) = (namespace.py(), self.interpreter.objects());
        let found = match self.request.callable {
            b"application" => namespace.get_item(objects.names.application.bind(py))?,
            other => namespace.get_item(text::latin1(py, other)?)?,
        };
        if found.is_none() {
            let candidates: String = objects.shim.candidates.bind(py).call1((namespace,))?.extract()?;
            self.place().has_no(py, self.request.callable, &candidates);
        }
        Ok(found)
    }

    /// Whether all that was promised was sent.
    fn outcome(&self, py: Python<'_>) -> Outcome {
        let response = self.call.response();
        let (outcome, (promised, sent)) = (response.outcome(), response.lengths());
        drop(response);
        if let (Outcome::Aborted, Some(promised)) = (outcome, promised) {
            self.place().cut_short(py, promised, sent);
        }
        outcome
    }

    /// The status for events and metrics: the application's own, whatever the client got.
    fn status(&self, sent: &Result<Ending, u16>) -> u16 {
        match sent {
            Err(504) => 504, // RequestTimeout
            _ => self.call.response().status(),
        }
    }

    fn observed<'a, 'py>(&'a self, environ: &'a Environ<'py>) -> Observed<'a, 'py> {
        let shim = &self.interpreter.objects().shim;
        let usage = shim.has_subscribers(environ.variables.py()).then(|| {
            RECORDER.observe(); // also for those who have put themselves into the list by hand
            self.call.meters().arm();
            Usage::of_thread()
        });
        Observed {
            call: self.call,
            environ: &environ.variables,
            facts: self.facts,
            request_start: self.request.request_start,
            queue_start: self.request.queue_start,
            attempts: self.request.attempts,
            usage,
        }
    }
}
