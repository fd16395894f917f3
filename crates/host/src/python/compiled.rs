//! The sources of [`super::sources`] as marshalled code. The build has compiled them for the Python that it found; in a
//! process of another version they are compiled once, which takes some milliseconds.

use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyAnyMethods, PyBytes, PyList};

use super::sources::SOURCES;

/// The number that tells one version's byte code from another's, and the code; nothing if the build found no Python.
const BUILT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/compiled"));
/// How long that number is.
const MAGIC: usize = 4;

/// The code of all sources, for this process's Python: a marshalled list.
pub(super) fn compiled(py: Python<'_>) -> PyResult<&'static [u8]> {
    static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some((built_for, code)) = BUILT.split_at_checked(MAGIC) {
        if built_for == magic(py)? {
            return Ok(code);
        }
    }
    if let Some(compiled) = COMPILED.get() {
        return Ok(compiled);
    }
    let compile = py.import("builtins")?.getattr("compile")?;
    let codes = PyList::empty(py);
    for (name, source) in SOURCES {
        codes.append(compile.call1((source, name, "exec"))?)?;
    }
    let compiled: Vec<u8> = py.import("marshal")?.getattr("dumps")?.call1((codes,))?.extract()?;
    Ok(COMPILED.get_or_init(|| compiled))
}

/// That of this Python. Its module is frozen and always there.
fn magic(py: Python<'_>) -> PyResult<Vec<u8>> {
    let number = py.import("_frozen_importlib_external")?.getattr("MAGIC_NUMBER")?;
    Ok(number.cast::<PyBytes>()?.as_bytes().to_vec())
}
