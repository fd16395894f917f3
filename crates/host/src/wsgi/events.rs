//! Payloads of the events of a request; made only when somebody has subscribed.

use contract::request::Attempts;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::call::Call;
use super::environ::seconds;
use super::serve::Facts;
use crate::python::usage::Usage;

/// An application call that has ended, for `request_finished`.
#[derive(Debug)]
pub(crate) struct Finished {
    /// When the application was entered and left, in microseconds since the epoch.
    pub started: u64,
    pub ended: u64,
    pub status: u16,
}

/// What the events of one request have in common.
pub(crate) struct Observed<'a, 'py> {
    pub call: &'a Call,
    pub environ: &'a Bound<'py, PyDict>,
    pub facts: &'a Facts,
    pub request_start: u64,
    pub queue_start: u64,
    pub attempts: Attempts,
    /// What the thread had used when the application was entered; `None`: nobody had subscribed then.
    pub usage: Option<Usage>,
}

impl<'py> Observed<'_, 'py> {
    /// `request_started`; returns the application, which a subscriber may have replaced.
    pub(crate) fn started(
        &self,
        application: Bound<'py, PyAny>,
        callable: &[u8],
        now: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !self.is_wanted() {
            return Ok(application);
        }
        let payload = self.times()?;
        payload.set_item("daemon_connects", self.attempts.connects)?;
        payload.set_item("daemon_restarts", self.attempts.restarts)?;
        payload.set_item("application_start", seconds(now))?;
        payload.set_item("application_object", &application)?;
        payload.set_item("callable_object", String::from_utf8_lossy(callable))?;
        payload.set_item("request_environ", self.environ)?;
        let payload = self.publish("request_started", payload)?;
        Ok(payload.get_item("application_object")?.unwrap_or(application))
    }

    /// `request_exception`
    pub(crate) fn exception(&self, error: &PyErr) -> PyResult<()> {
        let py = self.environ.py();
        if !self.is_wanted() {
            return Ok(());
        }
        let payload = self.common()?;
        payload.set_item("exception_info", (error.get_type(py), error.value(py), error.traceback(py)))?;
        self.publish("request_exception", payload).map(drop)
    }

    /// `request_finished`
    pub(crate) fn finished(&self, finished: &Finished) -> PyResult<()> {
        if !self.is_wanted() {
            return Ok(());
        }
        let application_time = seconds(finished.ended.saturating_sub(finished.started));
        let payload = self.times()?;
        payload.set_item("application_finish", seconds(finished.ended))?;
        payload.set_item("application_time", application_time)?;
        cpu(&payload, self.usage, application_time)?;
        let reading = self.call.meters().read();
        payload.set_item("input_reads", reading.input_reads)?;
        payload.set_item("input_length", reading.input_bytes)?;
        payload.set_item("input_time", reading.input_time.as_secs_f64())?;
        payload.set_item("output_writes", reading.output_writes)?;
        payload.set_item("output_length", reading.output_bytes)?;
        payload.set_item("output_time", reading.output_time.as_secs_f64())?;
        payload.set_item("gil_wait_time", reading.gil_time.as_secs_f64())?;
        payload.set_item("gil_wait_count", reading.gil_waits)?;
        payload.set_item("status", finished.status)?;
        self.publish("request_finished", payload).map(drop)
    }

    /// Whether anybody has subscribed by now.
    fn is_wanted(&self) -> bool {
        self.call.interpreter().objects().shim.has_subscribers(self.environ.py())
    }

    fn times(&self) -> PyResult<Bound<'py, PyDict>> {
        let payload = self.common()?;
        payload.set_item("thread_id", self.facts.thread_id)?;
        if let Some(pid) = self.environ.get_item("mod_wsgi.server_pid")? {
            let pid: u64 = pid.extract::<String>()?.parse().unwrap_or(0);
            payload.set_item("server_pid", pid)?;
        }
        payload.set_item("request_start", seconds(self.request_start))?;
        payload.set_item("queue_start", seconds(self.queue_start))?;
        payload.set_item("daemon_start", seconds(self.facts.daemon_start))?;
        Ok(payload)
    }

    fn common(&self) -> PyResult<Bound<'py, PyDict>> {
        let payload = PyDict::new(self.environ.py());
        if let Some(id) = self.call.id(self.environ.py()) {
            payload.set_item("request_id", id)?;
        }
        payload.set_item("request_data", self.call.data(self.environ.py()))?;
        Ok(payload)
    }

    fn publish(&self, name: &str, payload: Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
        publish(self.call, name, payload)
    }
}

/// CPU time of the thread since `before`, never more than the time that has passed; nothing of a thread that had not
/// used any: its clock has not begun to tick.
fn cpu(payload: &Bound<'_, PyDict>, before: Option<Usage>, application_time: f64) -> PyResult<()> {
    let Some(before) = before.filter(|before| !before.user.is_zero()) else { return Ok(()) };
    let used = Usage::of_thread().since(before);
    let total = used.cpu().as_secs_f64();
    let scale = if total > application_time { application_time / total } else { 1.0 };
    payload.set_item("cpu_user_time", used.user.as_secs_f64() * scale)?;
    payload.set_item("cpu_system_time", used.system.as_secs_f64() * scale)?;
    payload.set_item("cpu_time", total * scale)
}

/// `response_started`
pub(crate) fn response_started(
    call: &Call,
    py: Python<'_>,
    status: &Bound<'_, PyAny>,
    headers: &Bound<'_, PyList>,
    exc_info: Option<&Bound<'_, PyTuple>>,
) -> PyResult<()> {
    let payload = PyDict::new(py);
    payload.set_item("response_status", status)?;
    payload.set_item("response_headers", headers)?;
    payload.set_item("exception_info", exc_info)?;
    if let Some(id) = call.id(py) {
        payload.set_item("request_id", id)?;
    }
    payload.set_item("request_data", call.data(py))?;
    publish(call, "response_started", payload).map(drop)
}

fn publish<'py>(call: &Call, name: &str, payload: Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let publish = call.interpreter().objects().shim.publish.bind(payload.py());
    Ok(publish.call1((name, payload))?.cast_into()?)
}
