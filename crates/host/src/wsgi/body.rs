//! What the application returned, sent.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::call::Call;
use super::file_wrapper;
use super::response::SendError;
use crate::python::types;

/// A body that is known as a whole and no longer than this many bytes is copied, to be sent after the interpreter was
/// left. Longer ones are sent from Python's memory.
const MOST_COPIED: usize = 256 << 10;

/// The end of a response.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Everything that there was to send was sent.
    Sent,
    /// This is left to send.
    Left {
        /// The head's payload, if it is not out yet.
        head: Option<Vec<u8>>,
        /// The whole rest of the body.
        body: Vec<u8>,
    },
}

/// Why a body was not sent to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client has gone; nobody needs to hear of it.
    ClientGone,
    /// The application has raised, or what it gave was refused.
    Raised(PyErr),
}

/// Sends the body that `result` iterates over.
pub(crate) fn send(call: &Call, result: &Bound<'_, PyAny>) -> Result<Ending, Failure> {
    if let Some(length) = known_length(result) {
        if length <= MOST_COPIED {
            return copied(call, result, length);
        }
        call.response().promise(length as u64);
    }
    if file_wrapper::send(call, result)? {
        return Ok(Ending::Sent);
    }
    for item in result.try_iter()? {
        let item = item?;
        let piece = item.cast::<PyBytes>().map_err(|_| not_bytes(&item))?.as_bytes();
        if !piece.is_empty() {
            call.send(item.py(), piece)?;
        }
    }
    if call.response().is_sent() { Ok(Ending::Sent) } else { left(call, Vec::new()) }
}

/// The sum of the lengths of a list or tuple of bytes. Only the types themselves: what is derived from them may
/// iterate as it likes.
fn known_length(result: &Bound<'_, PyAny>) -> Option<usize> {
    let mut length = 0;
    each_piece(result, |piece| length += piece.len()).then_some(length)
}

/// Calls `take` for each piece of a list or tuple of bytes; false, maybe after some, if it is something else.
fn each_piece(result: &Bound<'_, PyAny>, mut take: impl FnMut(&[u8])) -> bool {
    let mut take =
        |item: Bound<'_, PyAny>| item.cast::<PyBytes>().map(|piece| take(piece.as_bytes())).is_ok();
    if let Ok(list) = result.cast_exact::<PyList>() {
        list.iter().all(&mut take)
    } else if let Ok(tuple) = result.cast_exact::<PyTuple>() {
        tuple.iter().all(&mut take)
    } else {
        false
    }
}

fn copied(call: &Call, result: &Bound<'_, PyAny>, length: usize) -> Result<Ending, Failure> {
    let mut body = Vec::with_capacity(length);
    each_piece(result, |piece| {
        body.extend_from_slice(piece);
        if !piece.is_empty() {
            call.meters().produced(piece.len() as u64);
        }
    });
    left(call, body)
}

fn left(call: &Call, mut body: Vec<u8>) -> Result<Ending, Failure> {
    let mut response = call.response();
    let (head, take) = match response.whole(body.len() as u64) {
        Ok(whole) => whole,
        Err(error) => {
            drop(response);
            return Err(error.into());
        }
    };
    body.truncate(take as usize);
    Ok(Ending::Left { head, body })
}

fn not_bytes(item: &Bound<'_, PyAny>) -> PyErr {
    let kind = types::name_of(item);
    pyo3::exceptions::PyTypeError::new_err(format!("the application's iterable must yield bytes, not {kind}"))
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::ClientGone => Self::ClientGone,
            other => Self::Raised(other.into()),
        }
    }
}
