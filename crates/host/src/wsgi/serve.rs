//! One request, from the application's lookup to `close()`. This is the place to begin reading.

use std::sync::Arc;

use contract::level;
use contract::request::{Flags, Request};
use contract::response::Outcome;
use contract::task::Task;
use contract::verdict::Verdict;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::active::Active;
use super::apache_request;
use super::body::{self, Ending, Failure};
use super::call::Call;
use super::current;
use super::environ::Environ;
use super::events::{Finished, Observed};
use super::exchange::{ClientGone, Exchange};
use super::hook::{self, Failed, Hook};
use super::place::Place;
use super::watched::Watched;
use crate::api::interval::Times;
use crate::api::meters::Meters;
use crate::api::recorder::{RECORDER, Recording, micros_now as now};
use crate::api::slow::Details;
use crate::python::interpreter::Interpreter;
use crate::python::process::Process;
use crate::python::script::{self, Found, Wanted};
use crate::python::usage::Usage;
use crate::python::{text, types};

/// How a request ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// What httpd must know.
    pub outcome: Outcome,
    /// The whole body, when it is complete and nothing of it was sent: the caller sends it now that the interpreter
    /// has been left, in one write with the head (which [`Exchange::head`] was given).
    pub last: Option<Vec<u8>>,
    /// Microseconds from the entry into the application to its end.
    pub application_time: u64,
    /// The request's entry in the records, which is open until this is dropped: after `last` is sent.
    pub recording: Option<Recording>,
}

impl Done {
    /// Runs `write`, by which the caller sends [`Done::last`].
    pub(crate) fn writing<R>(&self, write: impl FnOnce() -> R) -> R {
        match &self.recording {
            Some(recording) => recording.writing(write),
            None => write(),
        }
    }
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It was run.
    Done(Done),
    /// Its script has changed and [`OnChange::Reject`] was asked for: nothing was run.
    Changed,
}

/// What to do when the script file has changed since it was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnChange {
    /// Load it again in its interpreter (embedded mode).
    ReloadInPlace,
    /// Run nothing and say so (workers).
    Reject,
}

/// What only the caller knows about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    /// Number of the thread in its process, from 1 (`mod_wsgi.thread_id`).
    pub thread_id: u32,
    /// When a worker took the request, in microseconds since the epoch; 0 in embedded mode (`mod_wsgi.daemon_start`).
    pub daemon_start: u64,
    /// `wsgi.run_once`.
    pub run_once: bool,
}

/// What is left to do outside of Python.
enum Served {
    Changed,
    /// The payload of a verdict; none if the script took too long.
    Judged(Option<Vec<u8>>),
    Refused(u16),
    Ended {
        outcome: Outcome,
        ending: Ending,
        application_time: u64,
    },
}

/// Runs one request. The caller is not attached to any interpreter.
pub(crate) fn serve(
    process: &Process,
    request: &Request<'_>,
    facts: &Facts,
    exchange: &mut dyn Exchange,
    on_change: OnChange,
) -> Answer {
    let meters = Arc::<Meters>::default();
    let times = Times {
        request_start: request.request_start,
        queue_start: request.queue_start,
        daemon_start: facts.daemon_start,
        application_start: 0,
    };
    let recording =
        RECORDER.begin(facts.thread_id, times, &meters, |user_agent| Details::of(request, user_agent));
    let group = String::from_utf8_lossy(request.application_group);
    let interpreter = match process.interpreter(&group) {
        Ok(interpreter) => interpreter,
        Err(error) => {
            exchange.log(level::CRIT, error.to_string().as_bytes(), b"", 0);
            return refused(500, recording);
        }
    };
    let modified = request.flags.has(Flags::RELOADING).then(|| script::modified(request.script));
    let call = Call::new(Arc::clone(&interpreter), request, meters);
    let served = {
        let watched = exchange.watched();
        let _lent = call.loan().lend(exchange);
        let _entered = current::enter(&call);
        let watched = watched.as_deref();
        let (called, call, recording) = (&*interpreter, &call, &recording);
        let running = Running { process, interpreter: called, call, request, facts, recording, watched };
        let asked = call.meters().ask();
        interpreter.with(|py| {
            call.meters().waited_since(asked);
            let _watched = watched.map(|watched| watched.enter(py, Arc::clone(&interpreter)));
            match request.task {
                Task::Application => running.run(py, modified, on_change),
                _ => running.judge(py, modified, on_change),
            }
        })
    };
    match served {
        Served::Changed => {
            recording.cancel();
            Answer::Changed
        }
        Served::Judged(verdict) => {
            recording.cancel(); // no application has run
            let outcome = match verdict.map(|verdict| exchange.verdict(verdict)) {
                Some(Ok(())) => Outcome::Complete,
                Some(Err(ClientGone)) => Outcome::Refused(500),
                None => Outcome::Refused(504),
            };
            Answer::Done(Done { outcome, last: None, application_time: 0, recording: None })
        }
        Served::Refused(status) => refused(status, recording),
        Served::Ended { outcome, ending, application_time } => {
            let (outcome, last) = finish(exchange, outcome, ending);
            Answer::Done(Done { outcome, last, application_time, recording: Some(recording) })
        }
    }
}

fn refused(status: u16, recording: Recording) -> Answer {
    let outcome = Outcome::Refused(status);
    Answer::Done(Done { outcome, last: None, application_time: 0, recording: Some(recording) })
}

/// Hands the head over. A complete body is the caller's to send; one that is cut short goes out here.
fn finish(exchange: &mut dyn Exchange, outcome: Outcome, ending: Ending) -> (Outcome, Option<Vec<u8>>) {
    let Ending::Left { head, body } = ending else { return (outcome, None) };
    if head.is_some_and(|head| exchange.head(head).is_err()) {
        return (Outcome::Aborted, None);
    }
    match outcome {
        Outcome::Complete => (outcome, Some(body)),
        _ => {
            let _ = exchange.body(&body); // aborted either way
            (outcome, None)
        }
    }
}

/// A request within its interpreter.
struct Running<'a, 'p> {
    process: &'a Process,
    interpreter: &'a Interpreter,
    call: &'a Arc<Call>,
    request: &'a Request<'p>,
    facts: &'a Facts,
    recording: &'a Recording,
    watched: Option<&'a Watched>,
}

impl Running<'_, '_> {
    /// Asks a script that stands before the application.
    fn judge(&self, py: Python<'_>, modified: Option<Option<i64>>, on_change: OnChange) -> Served {
        let Self { process, interpreter, call, request, watched, .. } = *self;
        let hook = Hook { process, interpreter, call, request, watched };
        match hook.verdict(py, modified, on_change) {
            Some(Ok(verdict)) => Served::Judged(Some(verdict)),
            Some(Err(Failed)) if watched.is_some_and(Watched::is_interrupted) => Served::Judged(None),
            Some(Err(Failed)) => Served::Judged(Some(hook::encoded(Verdict::Failed))),
            None => Served::Changed,
        }
    }

    fn run(&self, py: Python<'_>, modified: Option<Option<i64>>, on_change: OnChange) -> Served {
        let path = self.request.script;
        let script = self.interpreter.scripts().entry(path);
        // A process that was made because `reload_required` said so is not asked before it has served a request.
        let asked = script.set_application().then_some(self.request.environ);
        let wanted = Wanted { modified, environ: asked };
        let found = script.find(py, self.interpreter, wanted);
        if matches!(found, Found::Changed) && on_change == OnChange::Reject {
            return Served::Changed;
        }
        if self.request.flags.has(Flags::ANNOUNCE) {
            py.detach(|| self.call.loan().with(|exchange| exchange.begin()).ok());
        }
        let requests = self.interpreter.objects().shim.active_requests.bind(py).clone();
        let active = Active::enter(self.call, requests);
        let namespace = match found {
            Found::Ready(namespace) => Some(namespace),
            Found::Changed | Found::NotLoaded => script.obtain(py, self.interpreter, wanted),
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
        let observed = objects.shim.has_subscribers(py).then(|| self.observed(&environ));
        let started = now();
        objects.environ.start(&environ, started)?;
        self.recording.enter(started);

        let application = match &observed {
            Some(observed) => observed.started(application, self.request.callable, started),
            None => Ok(application),
        };
        let sent = self.call_and_send(application, &environ.variables, start_response, observed.as_ref());

        let ended = now();
        let status = self.status(&sent);
        self.recording.leave(ended, status);
        let finished = observed.map(|observed| observed.finished(&Finished { started, ended, status }));
        if let Some(Err(error)) = finished {
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
        observed: Option<&Observed<'_, 'py>>,
    ) -> Result<Ending, u16> {
        let result = match application.and_then(|application| application.call1((environ, start_response))) {
            Ok(result) => result,
            Err(error) => return Err(self.raised(error, observed, environ.py())),
        };
        let sent = body::send(self.call, &result, self.request.flags.has(Flags::SEND_FILE));
        let sent = match sent {
            Ok(ending) => Ok(ending),
            Err(Failure::ClientGone) => Err(500),
            Err(Failure::Raised(error)) => Err(self.raised(error, observed, result.py())),
        };
        self.close(&result, observed);
        sent
    }

    /// `close()` of what the application returned; what it raises is logged and changes nothing.
    fn close<'py>(&self, result: &Bound<'py, PyAny>, observed: Option<&Observed<'_, 'py>>) {
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
            self.tell(error, ", in close() of the response", observed, py);
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
        RECORDER.observe(); // also for those who have put themselves into the list by hand
        self.call.meters().arm();
        if let Some(id) = &environ.request_id {
            let _ = self.call.id().set(id.to_string_lossy().into_owned());
        }
        Observed {
            call: self.call,
            environ: &environ.variables,
            facts: self.facts,
            request_start: self.request.request_start,
            queue_start: self.request.queue_start,
            attempts: self.request.attempts,
            usage: Usage::of_thread(),
        }
    }
}
