//! The module as httpd sees it: the exported record, and the hooks in the order in which httpd calls them.

use crate::apache::hooks::{CannotStart, Hooks};
use crate::apache::{self, Module, Pool, Server};

/// What `LoadModule wsgi_module` looks for.
#[expect(unsafe_code, reason = "httpd finds the record by its name and writes to it")]
#[unsafe(no_mangle)]
pub static mut wsgi_module: Module = apache::record(register);

fn register(hooks: &Hooks) {
    hooks.check_config(check_config);
    hooks.post_config(post_config);
    hooks.child_init(child_init);
}

fn check_config(_server: Server<'_>, _pool: Pool<'_>) -> Result<(), CannotStart> {
    Ok(())
}

fn post_config(_server: Server<'_>, _pool: Pool<'_>) -> Result<(), CannotStart> {
    Ok(())
}

fn child_init(_server: Server<'static>, _pool: Pool<'static>) {
    apache::log::install();
}
