//! The scripts that httpd runs: the one that loads the application, and those of --add-handler.
//!
//! Each is a head with what it has to know, as literals of Python, and a body from a file beside this one.

use std::ffi::OsStr;

use super::application::reloads;
use crate::locate::absolute;
use crate::options::pairs;
use crate::quote::python;
use crate::root::{self, Error};
use crate::site::{Entry, Site};

const HANDLER: &str = include_str!("handler.py");
const RESOURCE: &str = include_str!("resource.py");

/// handler.wsgi.
pub(super) fn script(site: &Site) -> String {
    let options = &site.options;
    let kind = match site.entry {
        Entry::Script(_) => "script",
        Entry::Module(_) => "module",
        Entry::Paste(_) => "paste",
        Entry::Welcome | Entry::Static(_) => "welcome",
    };
    let watches = watches(site);
    let aliases: Vec<String> =
        options.listen.server_alias.iter().map(|alias| python(OsStr::new(alias))).collect();
    let debugger = match (options.debug.enable_debugger, options.debug.debugger_startup) {
        (false, _) => "\"\"",
        (true, false) => "\"errors\"",
        (true, true) => "\"start\"",
    };
    let rows = [
        ("KIND", format!("\"{kind}\"")),
        ("ENTRY", python(site.entry.name())),
        ("HANDLER", python(site.root.join("handler.wsgi").as_os_str())),
        ("CALLABLE", python(OsStr::new(&options.application.callable_object))),
        ("MOUNT", python(OsStr::new(&site.mount))),
        ("SERVER_NAME", python(OsStr::new(site.server_name()))),
        ("SERVER_ALIASES", format!("[{}]", aliases.join(", "))),
        ("RELOAD_ON_CHANGES", literal(watches).to_owned()),
        ("DEBUG_MODE", literal(options.debug.debug_mode).to_owned()),
        ("DEBUGGER", debugger.to_owned()),
    ];
    with_head(HANDLER, &rows)
}

/// Whether the application's files are watched.
pub(super) fn watches(site: &Site) -> bool {
    site.options.server.reload_on_changes && reloads(site)
}

/// The scripts of --add-handler.
pub(super) fn resources(site: &Site) -> Result<(), Error> {
    for (place, (_, script)) in pairs(&site.options.application.add_handler).enumerate() {
        let rows = [("ENTRY", python(absolute(script.as_ref()).as_os_str()))];
        root::write(
            &site.root.join(format!("resource-{place}.wsgi")),
            with_head(RESOURCE, &rows).as_bytes(),
            0o644,
        )?;
    }
    Ok(())
}

fn literal(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// The body's own docstring stays in front.
fn with_head(body: &str, rows: &[(&str, String)]) -> String {
    let head: String = rows.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    body.replacen("# Settings are written here.\n", &head, 1)
}
