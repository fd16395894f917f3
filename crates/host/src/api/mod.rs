//! What an application sees of mod_wsgi besides WSGI itself: the module `mod_wsgi`, the log streams, events.
//!
//! Most of it is Python, run once in each interpreter by `python/shim.rs` in one namespace with shim.py. It asks Rust
//! through the few functions of [`functions`].

mod age;
mod functions;
pub(crate) mod histogram;
pub(crate) mod interval;
pub(crate) mod meters;
mod metrics;
pub(crate) mod recorder;
pub(crate) mod sample;
pub(crate) mod server_metrics;
pub(crate) mod slow;
pub(crate) mod tally;

pub(crate) use functions::functions;
