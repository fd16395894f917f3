//! Functions by which tests drive the host from a Python: requests over an exchange in memory, and a stress test.
//! Compiled with the feature `selftest` only.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::OnceLock;

use contract::request::{Flags, Request};
use contract::response::{FilePart, Head, Outcome};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::python::fence::fence;
use crate::python::posix::guard_forks;
use crate::python::process::Process;
use crate::wsgi::exchange::{ClientGone, Exchange};
use crate::wsgi::serve::{self, Answer, Facts, OnChange};

static PROCESS: OnceLock<Process> = OnceLock::new();

/// A request's other side: what is read, and what came.
#[derive(Debug, Default)]
struct Memory {
    pieces: Vec<io::Result<Vec<u8>>>,
    head: Option<Vec<u8>>,
    sent: Vec<Vec<u8>>,
    logged: Vec<(u8, String, String, u32)>,
    /// How many sends succeed before the client is gone.
    patience: usize,
}

impl Memory {
    fn send(&mut self, bytes: Vec<u8>) -> Result<(), ClientGone> {
        self.patience = self.patience.checked_sub(1).ok_or(ClientGone)?;
        self.sent.push(bytes);
        Ok(())
    }
}

impl Exchange for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let Some(piece) = self.pieces.pop() else { return Ok(0) };
        let mut piece = piece?;
        let length = piece.len().min(buffer.len());
        let rest = piece.split_off(length);
        if !rest.is_empty() {
            self.pieces.push(Ok(rest));
        }
        buffer.get_mut(..length).unwrap_or_default().copy_from_slice(&piece);
        Ok(length)
    }

    fn head(&mut self, payload: Vec<u8>) -> Result<(), ClientGone> {
        assert!(self.head.is_none(), "a second head");
        self.head = Some(payload);
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), ClientGone> {
        assert!(self.head.is_some(), "body before the head");
        self.send(bytes.to_vec())
    }

    fn file(&mut self, file: BorrowedFd<'_>, part: FilePart) -> Result<(), ClientGone> {
        assert!(self.head.is_some(), "file before the head");
        assert!(file.as_raw_fd() > 2, "a descriptor of its own");
        let mut bytes = vec![0; part.length as usize];
        let read = rustix::io::pread(file, &mut bytes, part.offset).unwrap_or(0);
        assert_eq!(read, bytes.len(), "the part lies within the file");
        self.send(bytes)
    }

    fn log(&mut self, level: u8, text: &[u8], file: &[u8], line: u32) {
        let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.logged.push((level, string(text), string(file), line));
    }

    fn verdict(&mut self, payload: Vec<u8>) -> Result<(), ClientGone> {
        self.send(payload)
    }

    fn ssl_lookup(&mut self, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(Some(name.to_vec()).filter(|name| !name.is_empty()))
    }
}

fn process() -> PyResult<&'static Process> {
    PROCESS.get().ok_or_else(|| PyRuntimeError::new_err("start() comes first"))
}

/// `start(settings: str)`: adopts this Python.
pub(super) unsafe extern "C" fn start(
    _: *mut ffi::PyObject,
    given: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    fence("start", std::ptr::null_mut(), || {
        // SAFETY: a tuple of arguments.
        let text = unsafe { ffi::PyTuple_GetItem(given, 0) };
        let mut size = 0;
        // SAFETY: an object that the tuple keeps alive, or null with an exception.
        let text = unsafe { ffi::PyUnicode_AsUTF8AndSize(text, &raw mut size) };
        assert!(!text.is_null(), "start() takes a str");
        // SAFETY: CPython gave the size with the pointer.
        let bytes = unsafe { std::slice::from_raw_parts(text.cast(), size as usize) };
        crate::log::to_stderr(contract::level::DEBUG, None);
        guard_forks();
        let settings = serde_json::from_slice(bytes).expect("settings");
        let process = Process::adopt(settings).expect("Python is adopted");
        assert!(PROCESS.set(process).is_ok(), "start() comes once");
        // SAFETY: an object that is always there.
        let none = unsafe { ffi::Py_None() };
        // SAFETY: attached.
        unsafe { ffi::Py_NewRef(none) }
    })
}

/// The body of a function: its arguments come as one dictionary.
fn function(
    name: &'static str,
    given: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&Bound<'py, PyDict>, &'static Process) -> PyResult<Bound<'py, PyAny>>,
) -> *mut ffi::PyObject {
    fence(name, std::ptr::null_mut(), || {
        let process = process().expect("started");
        let result = process.main().called_from_c(|py| {
            // SAFETY: a tuple of arguments, alive for the call.
            let given = unsafe { Bound::from_borrowed_ptr(py, given) };
            let given = given.cast_into::<PyTuple>()?.get_item(0)?.cast_into::<PyDict>()?;
            body(&given, process).map(Bound::into_ptr)
        });
        result.unwrap_or(std::ptr::null_mut())
    })
}

fn argument<'py, T>(given: &Bound<'py, PyDict>, name: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error: Into<PyErr>>,
{
    given.as_any().get_item(name)?.extract().map_err(Into::into)
}

/// The payload of a request as `serve` and `stress` are told it.
fn payload(given: &Bound<'_, PyDict>, group: &str) -> PyResult<Vec<u8>> {
    let (script, callable): (String, String) = (argument(given, "script")?, argument(given, "callable")?);
    let request = Request {
        flags: Flags(argument(given, "flags")?),
        log_level: argument(given, "log_level")?,
        request_start: 1_500_000,
        script: script.as_bytes(),
        application_group: group.as_bytes(),
        callable: callable.as_bytes(),
        ..Request::default()
    };
    let mut out = Vec::new();
    let mut variables = request.encode(&mut out);
    for (name, value) in argument::<Vec<(Vec<u8>, Vec<u8>)>>(given, "environ")? {
        variables.pair(&name, &value);
    }
    drop(variables);
    Ok(out)
}

/// `serve({...}) -> {...}`: one request.
pub(super) unsafe extern "C" fn serve(
    _: *mut ffi::PyObject,
    given: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    function("serve", given, |given, process| {
        let py = given.py();
        let payload = payload(given, &argument::<String>(given, "group")?)?;
        let mut memory = Memory { patience: argument(given, "patience")?, ..Memory::default() };
        for piece in argument::<Vec<Option<Vec<u8>>>>(given, "body")? {
            memory.pieces.insert(0, piece.ok_or_else(|| io::Error::other("broken")));
        }
        let on_change = if argument(given, "reject")? { OnChange::Reject } else { OnChange::ReloadInPlace };
        let facts = Facts { thread_id: 1, daemon_start: 2_500_000, run_once: false };
        let (answer, memory) = py.detach(move || {
            let request = Request::decode(&payload).expect("our own payload");
            let answer = serve::serve(process, &request, &facts, &mut memory, on_change);
            (answer, memory)
        });
        result(py, answer, memory)
    })
}

fn result(py: Python<'_>, answer: Answer, memory: Memory) -> PyResult<Bound<'_, PyAny>> {
    let result = PyDict::new(py);
    let done = match answer {
        Answer::Changed => None,
        Answer::Done(done) => Some(done),
    };
    result.set_item("outcome", done.as_ref().map(|done| done.outcome.code()))?;
    result.set_item("last", done.and_then(|done| done.last).map(|last| PyBytes::new(py, &last)))?;
    if let Some(payload) = &memory.head {
        let head = Head::decode(payload).expect("our own head");
        result.set_item("status", head.status)?;
        result.set_item("reason", PyBytes::new(py, head.reason))?;
        let headers = PyList::empty(py);
        for (name, value) in head.headers() {
            headers.append((PyBytes::new(py, name), PyBytes::new(py, value)))?;
        }
        result.set_item("headers", headers)?;
    }
    let sent = PyList::empty(py);
    for piece in &memory.sent {
        sent.append(PyBytes::new(py, piece))?;
    }
    result.set_item("sent", sent)?;
    result.set_item("log", memory.logged)?;
    Ok(result.into_any())
}

/// `stress({...}) -> int`: `threads` Rust threads run `rounds` requests each, over `groups` interpreters; returns how
/// many ended with `outcome` complete.
pub(super) unsafe extern "C" fn stress(
    _: *mut ffi::PyObject,
    given: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    function("stress", given, |given, process| {
        let groups: Vec<String> = argument(given, "groups")?;
        let (threads, rounds): (usize, usize) = (argument(given, "threads")?, argument(given, "rounds")?);
        let payloads = groups.iter().map(|group| payload(given, group)).collect::<PyResult<Vec<_>>>()?;
        let one = |thread: usize, round: usize| {
            let payload = payloads.get((thread + round) % payloads.len()).expect("within");
            let request = Request::decode(payload).expect("our own payload");
            let mut memory = Memory { patience: usize::MAX, ..Memory::default() };
            memory.pieces.push(Ok(b"body of the request".to_vec()));
            let answer =
                serve::serve(process, &request, &Facts::default(), &mut memory, OnChange::ReloadInPlace);
            matches!(answer, Answer::Done(done) if done.outcome == Outcome::Complete)
        };
        let complete = given.py().detach(|| {
            std::thread::scope(|scope| {
                let one = &one;
                let run =
                    |thread| scope.spawn(move || (0..rounds).filter(|round| one(thread, *round)).count());
                let running: Vec<_> = (0..threads).map(run).collect();
                running.into_iter().map(|thread| thread.join().expect("no panic")).sum::<usize>()
            })
        });
        Ok(complete.into_pyobject(given.py())?.into_any())
    })
}

/// `stop({"reason": str})`: ends all interpreters.
pub(super) unsafe extern "C" fn stop(_: *mut ffi::PyObject, given: *mut ffi::PyObject) -> *mut ffi::PyObject {
    function("stop", given, |given, process| {
        let reason: String = argument(given, "reason")?;
        given.py().detach(|| {
            process.stopping(&reason);
            process.stop();
        });
        Ok(given.py().None().into_bound(given.py()))
    })
}
