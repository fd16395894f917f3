//! Faults on demand, for tests: `MOD_WSGI_FAULT=name` in the environment of a build with debug assertions or the
//! feature `faults`. In any other build there is nothing here.

use std::time::Duration;

/// Panics when `MOD_WSGI_FAULT` is `name`.
pub(super) fn point(name: &str) {
    if is_asked_for(name) {
        std::panic::panic_any(format!("fault {name} was asked for"));
    }
}

/// Holds the calling thread up for a second when `MOD_WSGI_FAULT` is `name`: what others do meanwhile, they could have
/// done in the moment that it usually takes.
pub(super) fn pause(name: &str) {
    if is_asked_for(name) {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn is_asked_for(name: &str) -> bool {
    cfg!(any(debug_assertions, feature = "faults"))
        && std::env::var_os("MOD_WSGI_FAULT").is_some_and(|fault| fault == name)
}
