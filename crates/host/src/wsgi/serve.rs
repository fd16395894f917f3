//! One request as its caller sees it: recorded, lent to its interpreter, and ended. This is the place to begin reading;
//! [`super::running`] goes on within the interpreter.

use std::sync::Arc;

use contract::level;
use contract::request::{Flags, Request};
use contract::response::Outcome;
use contract::task::Task;

use super::body::Ending;
use super::call::Call;
use super::current;
use super::exchange::{ClientGone, Exchange};
use super::running::Running;
use super::timing::Account;
use crate::api::interval::Times;
use crate::api::meters::Meters;
use crate::api::recorder::{RECORDER, Recording};
use crate::api::slow::Details;
use crate::api::tally;
use crate::python::posix::end_copy;
use crate::python::process::Process;
use crate::python::script;

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
    /// Run what is loaded, and say so once ([`Exchange::script_changed`]; workers with reload=rolling).
    Keep,
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
pub(super) enum Served {
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
    let account = request.flags.has(Flags::COSTS).then(|| Account::open(&meters));
    let group = String::from_utf8_lossy(request.application_group);
    let interpreter = match process.interpreter(&group) {
        Ok(interpreter) => interpreter,
        Err(error) => {
            exchange.log(level::CRIT, error.to_string().as_bytes(), b"", 0);
            recording.counts_for(tally::place(&group));
            tally::raised(&error.to_string());
            return refused(500, recording);
        }
    };
    recording.counts_for(interpreter.place());
    let modified = request.flags.has(Flags::RELOADING).then(|| modified(request));
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
    end_copy();
    if let Some(account) = account.filter(|_| !matches!(served, Served::Changed)) {
        exchange.costs(&account.close(&recording, call.meters()));
    }
    answer(served, exchange, recording)
}

/// When the script was changed last, in microseconds since the epoch; none if it is not there.
fn modified(request: &Request<'_>) -> Option<i64> {
    match request.script_modified {
        0 => script::modified(request.script),
        known => i64::try_from(known).ok(),
    }
}

/// What the caller gets for what has become of the request.
fn answer(served: Served, exchange: &mut dyn Exchange, recording: Recording) -> Answer {
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
    recording.refuse(status);
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
