//! The narrow view of a request that [`super::serve`] needs; httpd's child and a worker's connection implement it.

use std::ffi::c_void;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::Arc;

use contract::control::ScriptState;
use contract::costs::Costs;
use contract::response::FilePart;

use super::watched::Watched;
use crate::python::loan::Interrupter;

/// The client, or httpd's child on its behalf, does not want the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientGone;

/// One request's body and response. All functions are called without the GIL (`log`: as a rule), one at a time, and some by
/// other threads than the request's (an application may hand `wsgi.input` on).
pub(crate) trait Exchange: Send {
    /// The request is going to be run here and nowhere else: called once by [`super::serve`] when the request has
    /// [`contract::request::Flags::ANNOUNCE`], after it has looked whether the script changed and before it loads or
    /// calls anything. (A worker says TAKEN; until then the request can be sent to another.) Must not wait, since the caller is attached.
    fn begin(&mut self) {}
    /// The script that answers the request is not what its file says now, or is so again: said once, with
    /// [`super::serve::OnChange::Keep`].
    fn script_changed(&mut self, _state: ScriptState) {}
    /// The thread that runs the request, if somebody watches it.
    fn watched(&self) -> Option<Arc<Watched>> {
        None
    }
    /// Reads a piece of the request body; waits for at least one byte. 0 is its end. An empty buffer only says that the
    /// application wants the body (100-continue).
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// How a [`Exchange::read`] that waits is broken off at the end of the request.
    fn interrupter(&self) -> Interrupter {
        Interrupter::Nothing
    }
    /// Takes the payload of [`contract::response::Head`]; it may be kept until the first `body` or `file`.
    fn head(&mut self, payload: Vec<u8>) -> Result<(), ClientGone>;
    /// Sends a piece of the response body; it must leave promptly.
    fn body(&mut self, bytes: &[u8]) -> Result<(), ClientGone>;
    /// Sends a part of a regular file, which lies within it.
    fn file(&mut self, file: BorrowedFd<'_>, part: FilePart) -> Result<(), ClientGone>;
    /// Writes `text` to the request's error log at httpd's `level`; `file` and `line` name a source place.
    fn log(&mut self, level: u8, text: &[u8], file: &[u8], line: u32);
    /// Takes the payload of [`contract::verdict::Verdict`], once, when the request's task is to judge.
    fn verdict(&mut self, payload: Vec<u8>) -> Result<(), ClientGone>;
    /// Takes what the request has cost, once it has ended, when it has [`contract::request::Flags::COSTS`].
    fn costs(&mut self, _costs: &Costs) {}
    /// What mod_ssl says about a variable of its; `None` if it has none of that name, or there is no mod_ssl.
    fn ssl_lookup(&mut self, name: &[u8]) -> io::Result<Option<Vec<u8>>>;
    /// httpd's own structure of the request, where it is in this process.
    fn apache_request(&mut self) -> Option<NonNull<c_void>> {
        None
    }
}
