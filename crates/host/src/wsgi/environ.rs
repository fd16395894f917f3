//! The environ: what is the same for all requests of an interpreter is made once, the rest is decoded per request.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

use contract::launch::Python as Settings;
use contract::request::{Flags, Request};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::serve::Facts;
use crate::python::shim::Shim;
use crate::python::text;

/// Names whose `str` objects are kept, in the order of the specification; others are made for each request. An
/// unknown header's name is not kept, or clients could fill the memory.
const NAMES: [&str; 78] = [
    "HTTP_HOST",
    "HTTP_USER_AGENT",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_ACCEPT_CHARSET",
    "HTTP_AUTHORIZATION",
    "HTTP_CACHE_CONTROL",
    "HTTP_CONNECTION",
    "HTTP_COOKIE",
    "HTTP_DNT",
    "HTTP_EXPECT",
    "HTTP_FORWARDED",
    "HTTP_IF_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_KEEP_ALIVE",
    "HTTP_ORIGIN",
    "HTTP_PRAGMA",
    "HTTP_PRIORITY",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_SEC_CH_UA",
    "HTTP_SEC_CH_UA_MOBILE",
    "HTTP_SEC_CH_UA_PLATFORM",
    "HTTP_SEC_FETCH_DEST",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_FETCH_USER",
    "HTTP_TE",
    "HTTP_TRACEPARENT",
    "HTTP_TRACESTATE",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_UPGRADE",
    "HTTP_UPGRADE_INSECURE_REQUESTS",
    "HTTP_VIA",
    "HTTP_X_CSRFTOKEN",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_X_REQUESTED_WITH",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "SERVER_SOFTWARE",
    "SERVER_NAME",
    "SERVER_ADDR",
    "SERVER_PORT",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REMOTE_USER",
    "AUTH_TYPE",
    DOCUMENT_ROOT,
    "SERVER_ADMIN",
    "REQUEST_SCHEME",
    "CONTEXT_PREFIX",
    "CONTEXT_DOCUMENT_ROOT",
    SCRIPT_FILENAME,
    "SERVER_PROTOCOL",
    "REQUEST_METHOD",
    "QUERY_STRING",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "PATH_INFO",
    "mod_wsgi.request_handler",
    "mod_wsgi.handler_script",
    "mod_wsgi.script_name",
    "mod_wsgi.path_info",
    "mod_wsgi.mount_point",
    "mod_wsgi.listener_host",
    "mod_wsgi.listener_port",
    "mod_wsgi.server_pid",
    "mod_wsgi.request_id",
    "mod_wsgi.connection_id",
    "mod_wsgi.traceparent",
    "WSGI_TRACE_ID",
];
const DOCUMENT_ROOT: &str = "DOCUMENT_ROOT";
const SCRIPT_FILENAME: &str = "SCRIPT_FILENAME";

/// Of these, the `str` object of the first value is kept too, for it seldom is another one. What a client chooses
/// freely is not among them.
const STEADY: [&str; 19] = [
    "SERVER_SOFTWARE",
    "SERVER_NAME",
    "SERVER_ADDR",
    "SERVER_PORT",
    DOCUMENT_ROOT,
    "SERVER_ADMIN",
    "REQUEST_SCHEME",
    "CONTEXT_PREFIX",
    "CONTEXT_DOCUMENT_ROOT",
    SCRIPT_FILENAME,
    "SERVER_PROTOCOL",
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "mod_wsgi.request_handler",
    "mod_wsgi.script_name",
    "mod_wsgi.mount_point",
    "mod_wsgi.listener_host",
    "mod_wsgi.listener_port",
    "mod_wsgi.server_pid",
];

/// What the environs of one interpreter have in common.
pub(crate) struct Template {
    constants: Py<PyDict>,
    run_once: Py<PyDict>,
    names: HashMap<&'static [u8], Name, BuildHasherDefault<Quick>>,
    keys: Keys,
    http: Py<PyString>,
    https: Py<PyString>,
}

/// A name that is kept.
struct Name {
    key: Py<PyString>,
    /// Its value is a path.
    path: bool,
    /// The first value of a steady name, as bytes and as text.
    first: Option<OnceLock<(Vec<u8>, Py<PyString>)>>,
}

/// Keys whose values differ between requests and are not text from httpd.
struct Keys {
    input: Py<PyString>,
    errors: Py<PyString>,
    url_scheme: Py<PyString>,
    callable_object: Py<PyString>,
    thread_id: Py<PyString>,
    request_start: Py<PyString>,
    queue_start: Py<PyString>,
    daemon_start: Py<PyString>,
    application_start: Py<PyString>,
}

/// An environ and what of it matters here.
pub(crate) struct Environ<'py> {
    /// The dictionary that the application gets.
    pub variables: Bound<'py, PyDict>,
    /// `mod_wsgi.request_id`
    pub request_id: Option<Bound<'py, PyString>>,
    /// REQUEST_METHOD is HEAD.
    pub head_only: bool,
}

impl Template {
    /// For the application group `group`, whose interpreter is entered.
    pub(crate) fn make(py: Python<'_>, settings: &Settings, group: &str, shim: &Shim) -> PyResult<Self> {
        let constants = PyDict::new(py);
        constants.set_item("wsgi.version", (1, 0))?;
        constants.set_item("wsgi.multithread", settings.multithread)?;
        constants.set_item("wsgi.multiprocess", settings.multiprocess)?;
        constants.set_item("wsgi.run_once", false)?;
        constants.set_item("wsgi.input_terminated", true)?;
        constants.set_item("wsgi.file_wrapper", shim.file_wrapper.bind(py))?;
        constants.set_item("mod_wsgi.version", contract::MOD_WSGI_VERSION)?;
        constants.set_item("apache.version", settings.httpd_version)?;
        constants.set_item("mod_wsgi.process_group", &settings.process_group)?;
        constants.set_item("mod_wsgi.application_group", group)?;
        let run_once = constants.copy()?;
        run_once.set_item("wsgi.run_once", true)?;
        let text = |text: &str| text::interned(py, text).map(Bound::unbind);
        let names = NAMES.iter().map(|name| Ok((name.as_bytes(), Name::make(py, name)?)));
        Ok(Self {
            constants: constants.unbind(),
            run_once: run_once.unbind(),
            names: names.collect::<PyResult<_>>()?,
            keys: Keys {
                input: text("wsgi.input")?,
                errors: text("wsgi.errors")?,
                url_scheme: text("wsgi.url_scheme")?,
                callable_object: text("mod_wsgi.callable_object")?,
                thread_id: text("mod_wsgi.thread_id")?,
                request_start: text("mod_wsgi.request_start")?,
                queue_start: text("mod_wsgi.queue_start")?,
                daemon_start: text("mod_wsgi.daemon_start")?,
                application_start: text("mod_wsgi.application_start")?,
            },
            http: text("http")?,
            https: text("https")?,
        })
    }

    /// The environ of `request`, without `mod_wsgi.application_start`.
    pub(crate) fn environ<'py>(
        &self,
        py: Python<'py>,
        request: &Request<'_>,
        facts: &Facts,
        input: &Bound<'py, PyAny>,
        errors: &Bound<'py, PyAny>,
    ) -> PyResult<Environ<'py>> {
        let constants = if facts.run_once { &self.run_once } else { &self.constants };
        let variables = constants.bind(py).copy()?;
        let mut environ = Environ { variables, request_id: None, head_only: false };
        for pair in request.environ.iter() {
            let (name, value) =
                pair.map_err(|error| PyValueError::new_err(format!("malformed request: {error}")))?;
            self.variable(py, &mut environ, name, value)?;
        }
        let (keys, variables) = (&self.keys, &environ.variables);
        let scheme = if request.flags.has(Flags::HTTPS) { &self.https } else { &self.http };
        variables.set_item(keys.url_scheme.bind(py), scheme.bind(py))?;
        variables.set_item(keys.input.bind(py), input)?;
        variables.set_item(keys.errors.bind(py), errors)?;
        variables.set_item(keys.callable_object.bind(py), text::latin1(py, request.callable)?)?;
        variables.set_item(keys.thread_id.bind(py), facts.thread_id)?;
        variables.set_item(keys.request_start.bind(py), seconds(request.request_start))?;
        variables.set_item(keys.queue_start.bind(py), seconds(request.queue_start))?;
        variables.set_item(keys.daemon_start.bind(py), seconds(facts.daemon_start))?;
        Ok(environ)
    }

    fn variable<'py>(
        &self,
        py: Python<'py>,
        environ: &mut Environ<'py>,
        name: &[u8],
        value: &[u8],
    ) -> PyResult<()> {
        let Some(known) = self.names.get(name) else {
            let key = text::latin1(py, name)?;
            if name == b"HTTPS" || environ.variables.contains(&key)? {
                return Ok(()); // SetEnv must not replace what is ours
            }
            return environ.variables.set_item(key, text::latin1(py, value)?);
        };
        let text = known.text(py, value)?;
        match name {
            b"REQUEST_METHOD" => environ.head_only = value == b"HEAD",
            b"mod_wsgi.request_id" => environ.request_id = Some(text.clone()),
            _ => {}
        }
        environ.variables.set_item(known.key.bind(py), text)
    }

    /// Adds `mod_wsgi.application_start`.
    pub(crate) fn start(&self, environ: &Environ<'_>, now: u64) -> PyResult<()> {
        let key = self.keys.application_start.bind(environ.variables.py());
        environ.variables.set_item(key, seconds(now))
    }
}

impl Name {
    fn make(py: Python<'_>, name: &'static str) -> PyResult<Self> {
        let key = text::interned(py, name)?.unbind();
        let path = name == DOCUMENT_ROOT || name == SCRIPT_FILENAME;
        Ok(Self { key, path, first: STEADY.contains(&name).then(OnceLock::new) })
    }

    /// `value` as a `str`: the one that is kept, if it is the same.
    fn text<'py>(&self, py: Python<'py>, value: &[u8]) -> PyResult<Bound<'py, PyString>> {
        let first = self.first.as_ref();
        if let Some((_, text)) = first.and_then(OnceLock::get).filter(|(bytes, _)| bytes == value) {
            return Ok(text.bind(py).clone());
        }
        let text = if self.path { text::path(py, value)? } else { text::latin1(py, value)? };
        if let Some(first) = first.filter(|first| first.get().is_none()) {
            let _ = first.set((value.to_vec(), text.clone().unbind()));
        }
        Ok(text)
    }
}

/// Seconds since the epoch of an instant in microseconds.
pub(crate) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// A quick hash, eight bytes at a time: the names that are kept are ours, so nobody can make them collide.
#[derive(Debug, Default)]
pub(crate) struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = match chunk.try_into() {
                Ok(eight) => u64::from_le_bytes(eight),
                Err(_) => chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            };
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn write_usize(&mut self, _: usize) {} // the length, which the name tells

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}
