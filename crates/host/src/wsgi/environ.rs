//! The environ: what is the same for all requests of an interpreter is made once, the rest is decoded per request.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

use contract::launch::Python as Settings;
use contract::names::{Name, Names};
use contract::request::{Called, Flags, Request};
use contract::wire::WireError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::serve::Facts;
use super::usual::Usual;
use crate::python::shim::Shim;
use crate::python::text;

/// Further names whose `str` objects are kept; others are made for each request. An unknown header's name is not kept,
/// or clients could fill the memory.
const HEADERS: [&str; 44] = [
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
    "WSGI_TRACE_ID",
];

/// What the environs of one interpreter have in common.
pub(crate) struct Template {
    constants: Py<PyDict>,
    usual: OnceLock<Usual>,
    /// The fixed names by their numbers, then [`HEADERS`].
    known: Vec<Known>,
    /// Where each of them stands.
    places: HashMap<&'static [u8], usize, BuildHasherDefault<Quick>>,
    keys: Keys,
    http: Py<PyString>,
    https: Py<PyString>,
}

/// A name that is kept.
struct Known {
    key: Py<PyString>,
    /// None of a header.
    fixed: Option<Name>,
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
        let text = |text: &str| text::interned(py, text).map(Bound::unbind);
        let fixed = Name::ALL.iter().map(|name| (name.text(), Some(*name)));
        let names = fixed.chain(HEADERS.map(|name| (name, None)));
        let places = names.clone().enumerate().map(|(place, (name, _))| (name.as_bytes(), place));
        Ok(Self {
            constants: constants.unbind(),
            usual: OnceLock::new(),
            places: places.collect(),
            known: names
                .map(|(name, fixed)| Ok(Known { key: text(name)?, fixed }))
                .collect::<PyResult<_>>()?,
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
        let usual = self.usual.get();
        let variables = usual.map_or_else(|| self.constants.bind(py).copy(), |usual| usual.copy(py))?;
        let mut environ = Environ { variables, request_id: None, head_only: false };
        let mut seen = Names::default();
        for variable in request.environ.variables() {
            let (called, value) = variable.map_err(malformed)?;
            let (key, fixed) = match self.known(called) {
                Ok(Known { key, fixed }) => (key.bind(py), *fixed),
                Err(name) => {
                    self.unknown(&environ.variables, name, value)?;
                    continue;
                }
            };
            if let Some(name) = fixed {
                seen.add(name);
                environ.head_only |= name == Name::RequestMethod && value == b"HEAD";
                if usual.is_some_and(|usual| usual.has(name, value)) {
                    continue;
                }
            }
            let text = match fixed {
                Some(Name::DocumentRoot | Name::ScriptFilename) => text::path(py, value)?,
                _ => text::latin1(py, value)?,
            };
            environ.variables.set_item(key, &text)?;
            if fixed == Some(Name::RequestId) {
                environ.request_id = Some(text);
            }
        }
        match usual {
            Some(usual) => usual.remove_others(&environ.variables, seen)?,
            None => drop(self.usual.set(self.usual_of(py, request, &environ.variables)?)), // another may be first
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
        if facts.run_once {
            variables.set_item("wsgi.run_once", true)?;
        }
        Ok(environ)
    }

    /// What is kept of a name, or its text.
    fn known<'p>(&self, called: Called<'p>) -> Result<&Known, &'p [u8]> {
        let (place, name) = match called {
            Called::Fixed(name) => (Some(usize::from(name.number())), &b""[..]),
            Called::Text(name) => (self.places.get(name).copied(), name),
        };
        place.and_then(|place| self.known.get(place)).ok_or(name)
    }

    /// Sets a variable whose name is not kept. Of several values the last one counts, as for other names.
    fn unknown(&self, variables: &Bound<'_, PyDict>, name: &[u8], value: &[u8]) -> PyResult<()> {
        let py = variables.py();
        let key = text::latin1(py, name)?;
        if name == b"HTTPS" || self.constants.bind(py).contains(&key)? {
            return Ok(()); // SetEnv must not replace what is ours
        }
        variables.set_item(key, text::latin1(py, value)?)
    }

    /// What the other environs of this interpreter begin with.
    fn usual_of(
        &self,
        py: Python<'_>,
        request: &Request<'_>,
        variables: &Bound<'_, PyDict>,
    ) -> PyResult<Usual> {
        let keys = &self.keys;
        let (input, errors, scheme) = (&keys.input, &keys.errors, &keys.url_scheme);
        let (callable, thread) = (&keys.callable_object, &keys.thread_id);
        let times = [&keys.request_start, &keys.queue_start, &keys.daemon_start];
        let always = [&[input, errors, scheme, callable, thread], &times[..]].concat();
        let mut usual = Usual::new(self.constants.bind(py), &always)?;
        for variable in request.environ.variables() {
            let (called, value) = variable.map_err(malformed)?;
            if let Ok(Known { key, fixed: Some(name) }) = self.known(called) {
                let key = key.bind(py);
                variables.get_item(key)?.map_or(Ok(()), |text| usual.keep(*name, key, value, &text))?;
            }
        }
        usual.finish(py)?;
        Ok(usual)
    }

    /// Adds `mod_wsgi.application_start`.
    pub(crate) fn start(&self, environ: &Environ<'_>, now: u64) -> PyResult<()> {
        let key = self.keys.application_start.bind(environ.variables.py());
        environ.variables.set_item(key, seconds(now))
    }
}

fn malformed(error: WireError) -> PyErr {
    PyValueError::new_err(format!("malformed request: {error}"))
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
