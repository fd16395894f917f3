//! One request as the application holds it: what stands behind `wsgi.input`, `start_response` and `write`.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::request::{Flags, Request};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::current;
use super::events;
use super::exchange::ClientGone;
use super::input::{Body, InputError, Want};
use super::response::{Head, HeadError, Response, SendError};
use crate::api::meters::Meters;
use crate::python::interpreter::Interpreter;
use crate::python::loan::{Loan, Revoked};
use crate::python::{text, types};

/// See the module.
pub(crate) struct Call {
    interpreter: Arc<Interpreter>,
    loan: Loan,
    response: Mutex<Response>,
    body: Mutex<Body>,
    known: Mutex<Option<Known>>,
    over: AtomicBool,
    /// What other threads than the request's have written to `wsgi.errors` of a line that is not complete.
    line_of_others: Mutex<Vec<u8>>,
    log_level: u8,
    meters: Arc<Meters>,
}

/// What Python knows of a request while it runs.
pub(crate) struct Known {
    /// `mod_wsgi.request_data()`
    pub data: Py<PyDict>,
    /// `mod_wsgi.request_id`
    pub id: Option<Py<PyString>>,
}

impl Call {
    /// A request that has not begun.
    pub(crate) fn new(
        interpreter: Arc<Interpreter>,
        request: &Request<'_>,
        meters: Arc<Meters>,
    ) -> Arc<Self> {
        Arc::new(Self {
            interpreter,
            loan: Loan::default(),
            response: Mutex::new(Response::new(false)),
            body: Mutex::new(body_of(request)),
            known: Mutex::new(None),
            over: AtomicBool::new(false),
            line_of_others: Mutex::default(),
            log_level: request.log_level,
            meters,
        })
    }

    /// Where it runs.
    pub(crate) fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// Its exchange.
    pub(crate) fn loan(&self) -> &Loan {
        &self.loan
    }

    /// httpd's log level for it.
    pub(crate) fn log_level(&self) -> u8 {
        self.log_level
    }

    /// Its response; held for a few instructions only.
    pub(crate) fn response(&self) -> MutexGuard<'_, Response> {
        self.response.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it costs.
    pub(crate) fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Its `request_data` while it runs.
    pub(crate) fn data<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|known| known.data.bind(py).clone())
    }

    /// Its `mod_wsgi.request_id` while it runs, if it has one.
    pub(crate) fn id<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyString>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().and_then(|known| known.id.as_ref()).map(|id| id.bind(py).clone())
    }

    /// Sets or takes away both.
    pub(crate) fn set_known(&self, known: Option<Known>) {
        let old = std::mem::replace(&mut *self.known.lock().unwrap_or_else(PoisonError::into_inner), known);
        drop(old); // after the lock
    }

    /// The application has finished; what it still holds of the request raises from now on.
    pub(crate) fn end(&self) {
        self.over.store(true, SeqCst);
    }

    /// Sends a piece of the body, and the head in front of the first.
    pub(crate) fn send(&self, py: Python<'_>, piece: &[u8]) -> Result<(), SendError> {
        if self.over.load(SeqCst) {
            return Err(SendError::Over);
        }
        self.meters.produced(piece.len() as u64);
        self.meters.detached(py, || {
            self.loan.with(|exchange| {
                let step = self.response().piece(piece.len())?;
                let first = step.head.is_some();
                if let Some(head) = step.head {
                    exchange.head(head)?;
                }
                match piece.get(..step.take) {
                    Some(allowed) if first || !allowed.is_empty() => {
                        Ok(self.meters.writing(|| exchange.body(allowed))?)
                    }
                    _ => Ok(()),
                }
            })?
        })
    }

    /// `start_response(status, headers[, exc_info])`
    pub(crate) fn start_response<'py>(
        self: &Arc<Self>,
        adapter: &Bound<'py, PyAny>,
        given: types::Arguments<'py>,
        count: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = adapter.py();
        let (Some(status), Some(headers), exc_info, 2..=3) = (&given[0], &given[1], &given[2], count) else {
            return Err(wrong_count("start_response", "status, headers[, exc_info]", count));
        };
        if self.over.load(SeqCst) {
            return Err(PyRuntimeError::new_err("start_response was called after its request had ended"));
        }
        let headers = headers.cast::<PyList>().map_err(|_| {
            PyTypeError::new_err(format!("headers must be a list, not {}", types::name_of(headers)))
        })?;
        let exc_info = match exc_info.as_ref().filter(|given| !given.is_none()) {
            Some(given) => Some(given.cast::<PyTuple>().map_err(|_| {
                PyRuntimeError::new_err(format!(
                    "exc_info must be a tuple or None, not {}",
                    types::name_of(given)
                ))
            })?),
            None => None,
        };
        let status_text = text_of(status, "status")?;
        if self.interpreter.objects().shim.has_subscribers(py) {
            events::response_started(self, py, status, headers, exc_info)?;
        }
        let head = check(status_text, headers)?;
        let accepted = self.response().start(head);
        match (accepted, exc_info) {
            (Ok(()), _) => types::write_of(adapter).map(Some),
            (Err(HeadError::AlreadySent), Some(exc_info)) => Err(raised_again(exc_info)?),
            (Err(error @ HeadError::AlreadySent), None) => Err(PyRuntimeError::new_err(error.to_string())),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// `write(data)`
    pub(crate) fn write<'py>(
        &self,
        py: Python<'py>,
        given: types::Arguments<'py>,
        count: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (Some(data), 1) = (&given[0], count) else { return Err(wrong_count("write", "data", count)) };
        let data = data
            .cast::<PyBytes>()
            .map_err(|_| PyTypeError::new_err(format!("write needs bytes, not {}", types::name_of(data))))?;
        self.send(py, data.as_bytes())?;
        Ok(Some(py.None().into_bound(py)))
    }

    /// See the field; held for a few instructions only.
    pub(crate) fn line_of_others(&self) -> MutexGuard<'_, Vec<u8>> {
        self.line_of_others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `wsgi.errors.write(text)`, whose argument was checked.
    pub(crate) fn log<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        given: types::Arguments<'py>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.refuse_late_errors()?;
        if let Some(text) = &given[0] {
            current::write_to(py, self, &text::to_utf8(text)?);
        }
        Ok(Some(py.None().into_bound(py)))
    }

    /// `wsgi.errors.flush()`
    pub(crate) fn flush<'py>(self: &Arc<Self>, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.refuse_late_errors()?;
        current::flush_to(py, self);
        Ok(Some(py.None().into_bound(py)))
    }

    fn refuse_late_errors(&self) -> PyResult<()> {
        match self.over.load(SeqCst) {
            true => Err(PyRuntimeError::new_err("wsgi.errors was used after its request had ended")),
            false => Ok(()),
        }
    }

    /// `wsgi.input.read([size])`
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        given: types::Arguments<'py>,
        count: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let want = size("read", given, count)?.map_or(Want::All, Want::Exactly);
        Ok(Some(self.input(py, want)?.into_any()))
    }

    /// `wsgi.input.readline([size])`
    pub(crate) fn readline<'py>(
        &self,
        py: Python<'py>,
        given: types::Arguments<'py>,
        count: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let want = Want::Line(size("readline", given, count)?);
        Ok(Some(self.input(py, want)?.into_any()))
    }

    /// `wsgi.input.readlines([hint])`
    pub(crate) fn readlines<'py>(
        &self,
        py: Python<'py>,
        given: types::Arguments<'py>,
        count: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let hint = size("readlines", given, count)?.filter(|hint| *hint > 0).unwrap_or(usize::MAX);
        let (lines, mut total) = (PyList::empty(py), 0);
        while total < hint {
            let Some(line) = self.line(py)? else { break };
            total += line.as_bytes().len();
            lines.append(line)?;
        }
        Ok(Some(lines.into_any()))
    }

    /// Iteration over `wsgi.input`; `None` at its end.
    pub(crate) fn next_line<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.line(py)?.map(Bound::into_any))
    }

    /// `wsgi.input.close()`
    pub(crate) fn close_input<'py>(
        &self,
        py: Python<'py>,
        count: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match count {
            0 => Ok(Some(py.None().into_bound(py))),
            _ => Err(wrong_count("close", "", count)),
        }
    }

    fn line<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        Ok(Some(self.input(py, Want::Line(None))?).filter(|line| !line.as_bytes().is_empty()))
    }

    fn input<'py>(&self, py: Python<'py>, want: Want) -> PyResult<Bound<'py, PyBytes>> {
        if self.over.load(SeqCst) {
            return Err(InputError::Over.into());
        }
        loop {
            if let Ok(mut body) = self.body.try_lock() {
                if let Some(answer) = body.answer(want)? {
                    self.meters.given(answer.len());
                    return Ok(PyBytes::new(py, answer));
                }
                if let Some(size) = body.direct(want) {
                    drop(body);
                    return self.direct(py, size);
                }
            }
            // Another thread of the application may take what this one has read: then it reads again.
            self.meters.detached(py, || {
                let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
                body.prepare(want, |buffer| self.piece(buffer))
            })?;
        }
    }

    /// Reads `size` bytes, or what there is before the end, into memory that Python has given for them.
    fn direct<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let mut count = 0;
        let whole = PyBytes::new_with(py, size, |out| {
            count = self.meters.detached(py, || {
                let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
                body.read(out, |buffer| self.piece(buffer))
            })?;
            Ok(())
        })?;
        self.meters.given(count);
        match whole.as_bytes().get(..count) {
            Some(part) if count < size => Ok(PyBytes::new(py, part)),
            _ => Ok(whole),
        }
    }

    /// Reads a piece of the body; not attached.
    fn piece(&self, buffer: &mut [u8]) -> Result<io::Result<usize>, InputError> {
        if self.over.load(SeqCst) {
            return Err(InputError::Over);
        }
        let read = self.loan.with(|exchange| self.meters.reading(|| exchange.read(buffer)))?;
        if self.over.load(SeqCst) { Err(InputError::Over) } else { Ok(read) } // it was broken off
    }
}

/// The body that a request has announced.
fn body_of(request: &Request<'_>) -> Body {
    if request.flags.has(Flags::NO_BODY) {
        return Body::new(true, None);
    }
    let length = request.environ.iter().flatten().find(|(name, _)| *name == b"CONTENT_LENGTH");
    let length = length.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
    Body::new(false, length)
}

/// Checks the head's syntax.
fn check(status: &Bound<'_, PyString>, headers: &Bound<'_, PyList>) -> PyResult<Head> {
    let mut head = Head::new(&text::to_latin1(status)?)?;
    head.reserve(headers.len());
    for header in headers {
        let pair = header.cast::<PyTuple>().map_err(|_| {
            PyTypeError::new_err(format!("a header must be a tuple, not {}", types::name_of(&header)))
        })?;
        if pair.len() != 2 {
            return Err(PyValueError::new_err(format!(
                "a header must have a name and a value, not {} items",
                pair.len()
            )));
        }
        let (name, value) = (pair.get_item(0)?, pair.get_item(1)?);
        let (name, value) = (text_of(&name, "a header's name")?, text_of(&value, "a header's value")?);
        head.push(&text::to_latin1(name)?, &text::to_latin1(value)?)?;
    }
    Ok(head)
}

fn text_of<'a, 'py>(value: &'a Bound<'py, PyAny>, what: &str) -> PyResult<&'a Bound<'py, PyString>> {
    let text = value.cast::<PyString>();
    text.map_err(|_| PyTypeError::new_err(format!("{what} must be str, not {}", types::name_of(value))))
}

/// The exception of a `sys.exc_info()`, to be raised again since the head is out.
fn raised_again(exc_info: &Bound<'_, PyTuple>) -> PyResult<PyErr> {
    let value = exc_info.get_item(1)?;
    if let Ok(traceback) = exc_info.get_item(2) {
        value.setattr("__traceback__", traceback)?;
    }
    Ok(PyErr::from_value(value))
}

fn wrong_count(function: &str, takes: &str, count: usize) -> PyErr {
    PyTypeError::new_err(format!("{function}({takes}) was called with {count} arguments"))
}

/// An optional size: missing and negative mean no limit.
fn size(function: &str, given: types::Arguments<'_>, count: usize) -> PyResult<Option<usize>> {
    match (count, &given[0]) {
        (0, _) => Ok(None),
        (1, Some(size)) => Ok(usize::try_from(size.extract::<isize>()?).ok()),
        _ => Err(wrong_count(function, "[size]", count)),
    }
}

impl From<ClientGone> for SendError {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}

impl From<Revoked> for SendError {
    fn from(_: Revoked) -> Self {
        Self::Over
    }
}

impl From<Revoked> for InputError {
    fn from(_: Revoked) -> Self {
        Self::Over
    }
}

impl From<HeadError> for PyErr {
    fn from(error: HeadError) -> Self {
        PyValueError::new_err(error.to_string())
    }
}

impl From<InputError> for PyErr {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Broken(_) => PyOSError::new_err(error.to_string()),
            InputError::Over => PyRuntimeError::new_err(error.to_string()),
        }
    }
}

impl From<SendError> for PyErr {
    fn from(error: SendError) -> Self {
        match error {
            SendError::BadContentLength(_) => PyValueError::new_err(error.to_string()),
            SendError::ClientGone => PyOSError::new_err(error.to_string()),
            SendError::NotStarted | SendError::Over => PyRuntimeError::new_err(error.to_string()),
        }
    }
}
