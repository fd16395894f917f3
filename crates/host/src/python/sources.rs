//! The Python sources that run in each new interpreter, in this order, with the names that tracebacks show. The build
//! reads this list, too (`build.rs`), so it names nothing of the crate.

pub(crate) const SOURCES: &[(&str, &str)] = &[
    ("<mod_wsgi>", include_str!("shim.py")),
    ("<mod_wsgi/streams>", include_str!("../api/streams.py")),
    ("<mod_wsgi/events>", include_str!("../api/events.py")),
    ("<mod_wsgi/forks>", include_str!("../api/forks.py")),
    ("<mod_wsgi/file_wrapper>", include_str!("../api/file_wrapper.py")),
    ("<mod_wsgi/log_handler>", include_str!("../api/log_handler.py")),
    ("<mod_wsgi/metrics>", include_str!("../api/metrics.py")),
    ("<mod_wsgi/modules>", include_str!("../api/modules.py")),
];
