//! `wsgi.file_wrapper` over a real file: httpd sends the file itself, in daemon mode by its descriptor.

use std::os::fd::{AsFd, OwnedFd};

use contract::response::FilePart;
use pyo3::prelude::*;
use rustix::fs::{FileType, fstat};

use super::body::Failure;
use super::call::Call;
use super::response::SendError;
use crate::python::descriptor;

/// Sends `result` as a file if it is a file wrapper over a regular file and nothing has been sent. False: it is not.
pub(crate) fn send(call: &Call, result: &Bound<'_, PyAny>) -> Result<bool, Failure> {
    let class = call.interpreter().objects().shim.file_wrapper.bind(result.py());
    if !result.is_instance(class)? || call.response().is_sent() {
        return Ok(false);
    }
    let Some((file, part)) = regular_file(result) else { return Ok(false) };
    call.meters().produced(part.length);
    call.meters().detached(result.py(), || send_file(call, file, part))?;
    Ok(true)
}

/// The descriptor, which is a copy of our own, and what is left of the file from its current position.
fn regular_file(wrapper: &Bound<'_, PyAny>) -> Option<(OwnedFd, FilePart)> {
    let filelike = wrapper.getattr("filelike").ok()?;
    let number: i32 = filelike.call_method0("fileno").ok()?.extract().ok()?;
    let offset: u64 = filelike.call_method0("tell").ok()?.extract().ok()?;
    let file = descriptor::duplicate(number).ok()?;
    let status = fstat(&file).ok()?;
    let regular = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile;
    let length = u64::try_from(status.st_size).ok()?.saturating_sub(offset);
    // Files of /proc say that they are empty, and are to be read.
    (regular && status.st_size > 0).then_some((file, FilePart { offset, length }))
}

fn send_file(call: &Call, file: OwnedFd, part: FilePart) -> Result<(), SendError> {
    call.loan().with(|exchange| {
        let (head, length) = call.response().whole(part.length)?;
        if let Some(head) = head {
            exchange.head(head)?;
        }
        if length > 0 {
            call.meters().writing(|| exchange.file(file.as_fd(), FilePart { length, ..part }))?;
        }
        Ok(())
    })?
}
