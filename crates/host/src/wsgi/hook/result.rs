//! What a script's function returned, as a verdict. `1` is not `True` here: an answer that grants something must be
//! meant.

use contract::task::Task;
use contract::verdict::{MAX_GROUPS, MAX_VERDICT, Verdict};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyString};

use crate::python::{text, types};

/// Why it is no answer.
pub(super) enum Nonsense {
    /// The function, or the iterator that it returned, has raised.
    Raised(PyErr),
    /// It is something else.
    Returned {
        /// What it is.
        what: String,
        /// What it had to be.
        expected: &'static str,
    },
}

impl From<PyErr> for Nonsense {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

const ACCESS: &str = "True, False or None";
const PASSWORD: &str = "True, False, None or a user name";
const REALM_HASH: &str = "None, or the MD5 hash of `user:realm:password` as hexadecimal digits";
const GROUPS: &str = "an iterable of group names (str in latin-1, or bytes)";
const ROUTE: &str = "None or a name (str in latin-1, or bytes)";

/// The payload of the verdict.
pub(super) fn payload(task: &Task<'_>, result: &Bound<'_, PyAny>) -> Result<Vec<u8>, Nonsense> {
    let mut payload = Vec::new();
    let boolean = result.cast_exact::<PyBool>().ok().map(|value| value.is_true());
    let none = result.is_none();
    match (task, boolean) {
        (Task::Groups { .. }, _) => return groups(result),
        (Task::Application | Task::Dispatch, _) => Verdict::Failed.encode(&mut payload),
        (_, None) if none => Verdict::Unknown.encode(&mut payload),
        (Task::Access { .. } | Task::Password { .. }, Some(true)) => Verdict::Allowed.encode(&mut payload),
        (Task::Access { .. } | Task::Password { .. }, Some(false)) => Verdict::Denied.encode(&mut payload),
        (Task::Access { .. }, None) => return Err(unexpected(result, ACCESS)),
        (Task::Password { .. }, None) => {
            let name = result.cast::<PyString>().map_err(|_| unexpected(result, PASSWORD))?;
            // Characters without UTF-8 (lone surrogates) raise.
            let name = filled(name.to_str()?.as_bytes(), result, PASSWORD)?;
            if name.iter().any(u8::is_ascii_control) {
                let what = format!("a {} with a control character in it", types::name_of(result));
                return Err(Nonsense::Returned { what, expected: PASSWORD });
            }
            Verdict::Text(name).encode(&mut payload);
        }
        (Task::RealmHash { .. }, _) => {
            let hash = bytes(result, REALM_HASH)?;
            Verdict::Text(filled(&hash, result, REALM_HASH)?).encode(&mut payload);
        }
    }
    Ok(payload)
}

/// A dispatch script's answer; `None` keeps what is configured.
pub(super) fn route(result: &Bound<'_, PyAny>) -> Result<Option<Vec<u8>>, Nonsense> {
    if result.is_none() {
        return Ok(None);
    }
    let name = bytes(result, ROUTE)?;
    carried(&name, result, ROUTE)?;
    Ok(Some(name))
}

fn groups(result: &Bound<'_, PyAny>) -> Result<Vec<u8>, Nonsense> {
    let iterator = result.try_iter().map_err(|_| unexpected(result, GROUPS))?;
    let (mut names, mut length) = (Vec::new(), 0);
    for item in iterator {
        let item = item?;
        let name = bytes(&item, GROUPS).map_err(|nonsense| match nonsense {
            Nonsense::Returned { what, expected } => {
                Nonsense::Returned { what: format!("an iterable with {what} in it"), expected }
            }
            raised => raised,
        })?;
        length += name.len() + 4;
        names.push(name);
        if names.len() > MAX_GROUPS as usize || length > MAX_VERDICT - 16 {
            let what = format!("more than {MAX_GROUPS} groups, or more than {MAX_VERDICT} bytes of them");
            return Err(Nonsense::Returned { what, expected: GROUPS });
        }
    }
    let mut payload = Vec::new();
    Verdict::encode_groups(&mut payload, names.len() as u32, names.iter().map(Vec::as_slice));
    Ok(payload)
}

/// The bytes of a str in latin-1 or of bytes.
fn bytes(value: &Bound<'_, PyAny>, expected: &'static str) -> Result<Vec<u8>, Nonsense> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let name = value.cast::<PyString>().map_err(|_| unexpected(value, expected))?;
    Ok(text::to_latin1(name)?.into_owned())
}

/// A text that is not empty.
fn filled<'b>(
    bytes: &'b [u8],
    value: &Bound<'_, PyAny>,
    expected: &'static str,
) -> Result<&'b [u8], Nonsense> {
    if bytes.is_empty() {
        return Err(Nonsense::Returned { what: format!("an empty {}", types::name_of(value)), expected });
    }
    carried(bytes, value, expected).map(|()| bytes)
}

/// A text that C strings and frames can carry: a NUL would cut it, and so make it another.
fn carried(bytes: &[u8], value: &Bound<'_, PyAny>, expected: &'static str) -> Result<(), Nonsense> {
    let what = if bytes.contains(&0) {
        format!("a {} with a NUL character in it", types::name_of(value))
    } else if bytes.len() > MAX_VERDICT / 4 {
        format!("a {} of {} bytes", types::name_of(value), bytes.len())
    } else {
        return Ok(());
    };
    Err(Nonsense::Returned { what, expected })
}

fn unexpected(value: &Bound<'_, PyAny>, expected: &'static str) -> Nonsense {
    let what = if value.is_none() {
        "None".to_owned()
    } else {
        format!("an object of type {}", types::name_of(value))
    };
    Nonsense::Returned { what, expected }
}
