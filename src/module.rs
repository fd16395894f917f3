//! The module as httpd sees it: the exported record, and the hooks in the order in which httpd calls them.

use std::collections::BTreeSet;

use contract::level;

use crate::apache::hooks::{CannotStart, Hooks};
use crate::apache::{self, Module, Pool, Server, process};
use crate::config::interpreter;
use crate::{auth, daemon, doctor, embedded, handler, notes, status, translate};

/// What `LoadModule wsgi_module` looks for.
#[expect(unsafe_code, reason = "httpd finds the record by its name and writes to it")]
#[unsafe(no_mangle)]
pub(crate) static mut wsgi_module: Module = apache::record(register);

fn register(hooks: &Hooks) {
    hooks.check_config(check_config);
    hooks.post_config(post_config);
    hooks.child_init(child_init);
    hooks.end_generation(|_, generation| daemon::end_generation(generation));
    hooks.translate_name(translate::translate);
    auth::register(hooks);
    hooks.handler(handler::handle);
    status::register(hooks);
    hooks.log_transaction(notes::hand_on);
}

/// Everything was read (also for `httpd -t`).
fn check_config(main: Server<'_>, _configuration: Pool<'_>) -> Result<(), CannotStart> {
    if doctor::judge(main) { Ok(()) } else { Err(CannotStart) }
}

/// Logs and listening sockets are open, no child exists yet.
fn post_config(main: Server<'_>, configuration: Pool<'_>) -> Result<(), CannotStart> {
    let (major, minor, patch) = contract::MOD_WSGI_VERSION;
    process::announce(configuration, &format!("mod_wsgi/{major}.{minor}.{patch}"));
    let global = &main.settings().global; // that of embedded mode
    let library =
        global.python_library.clone().or_else(|| interpreter::library(global.python_home.as_deref()));
    if let Some((major, minor)) = library.and_then(|path| interpreter::version(&path)) {
        process::announce(configuration, &format!("Python/{major}.{minor}"));
    }
    if !process::is_real_pass() {
        return Ok(());
    }
    doctor::tell(main);
    let without_effect: BTreeSet<_> =
        main.iter().flat_map(|server| server.own_settings().without_effect.iter()).collect();
    for name in without_effect {
        main.log(level::INFO, &format!("{name} is accepted and has no effect here; see docs/directives.md"));
    }
    embedded::post_config(main);
    daemon::post_config(main, configuration).map_err(|error| {
        main.log(level::CRIT, &error.to_string());
        CannotStart
    })
}

/// A child begins.
fn child_init(main: Server<'static>, child: Pool<'static>) {
    apache::log::install();
    daemon::child_init(main, child);
    embedded::child_init(main, child);
}
