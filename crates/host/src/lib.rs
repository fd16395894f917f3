//! The Python side of mod_wsgi, built once for every CPython from 3.10 on (stable ABI, no libpython linked).
//!
//! It runs in two places: as an extension module in the worker processes of daemon groups, which *are* the
//! group's own interpreter (`daemon/`), and mapped into httpd's children (`python/embed.rs`). Both give requests to
//! `wsgi/serve.rs`, which is the whole of PEP 3333 over the trait `Exchange`; begin reading there.
//!
//! `api/` is what an application sees of mod_wsgi besides WSGI. `python/` makes interpreters usable from Rust; its
//! `mod.rs` has the one rule by which Python is entered. It is also the only place with unsafe code.

#![deny(unsafe_code)]
#![warn(missing_docs)]

#[cfg(not(panic = "unwind"))]
compile_error!("the host fences panics at the C boundary and needs panic = \"unwind\"");

mod api;
mod daemon;
mod log;
#[allow(unsafe_code)] // the fence: CPython's C interface
mod python;
mod telemetry;
mod wsgi;
