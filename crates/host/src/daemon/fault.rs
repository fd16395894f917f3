//! Faults on demand, for tests: `MOD_WSGI_FAULT=name` in the environment of a build with debug assertions or the
//! feature `faults`. In any other build there is nothing here.

/// Panics when `MOD_WSGI_FAULT` is `name`.
pub(super) fn point(name: &str) {
    if cfg!(any(debug_assertions, feature = "faults"))
        && std::env::var_os("MOD_WSGI_FAULT").is_some_and(|fault| fault == name)
    {
        std::panic::panic_any(format!("fault {name} was asked for"));
    }
}
