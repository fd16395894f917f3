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

/// The sources, in the order in which they run, with the names that tracebacks show.
pub(crate) const SOURCES: &[(&str, &str)] = &[
    ("<mod_wsgi/streams>", include_str!("streams.py")),
    ("<mod_wsgi/events>", include_str!("events.py")),
    ("<mod_wsgi/forks>", include_str!("forks.py")),
    ("<mod_wsgi/file_wrapper>", include_str!("file_wrapper.py")),
    ("<mod_wsgi/log_handler>", include_str!("log_handler.py")),
    ("<mod_wsgi/metrics>", include_str!("metrics.py")),
    ("<mod_wsgi/modules>", include_str!("modules.py")),
];
