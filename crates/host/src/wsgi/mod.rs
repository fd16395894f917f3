//! WSGI (PEP 3333), once, for both places where the host runs. [`serve`] is where to begin.

mod active;
mod apache_request;
pub(crate) mod body;
pub(crate) mod call;
mod changed;
pub(crate) mod current;
pub(crate) mod environ;
pub(crate) mod events;
pub(crate) mod exchange;
pub(crate) mod file_wrapper;
mod hook;
pub(crate) mod input;
mod place;
pub(crate) mod response;
mod running;
pub(crate) mod serve;
mod timing;
mod usual;
pub(crate) mod watched;
