//! Embedded mode: Python in this process.
//!
//! libpython and the host are loaded when the first request needs them, or in `child_init` when something is to be
//! imported before; never in the parent. They stay until the process ends: CPython cannot be taken down with threads
//! about, so the orderly end of a child only ends its interpreters. Should loading fail, the reason is kept and every
//! request that would need Python is refused with it.

mod counted;
mod exchange;
mod load;
mod nested;
mod scoreboard;

use std::path::Path;
use std::sync::OnceLock;

use contract::level;
use contract::response::Outcome;

use self::exchange::Exchange;
use self::load::Embedded;
use crate::apache::{HandlerResult, Pool, Redirect, Request, Server, process};
use crate::config::python::{self, Environment};
use crate::config::{Resolved, ServerSettings};

/// Python in this child; of the child only, for the parent never asks.
static EMBEDDED: OnceLock<Result<Embedded, String>> = OnceLock::new();

/// Whether there is a host library beside `general` that is made for this Python alone.
pub(crate) fn has_host(general: &Path, version: &str, free_threaded: bool) -> bool {
    load::specific_host(general, version, free_threaded).is_some()
}

pub(crate) use self::counted::counted;

/// In the parent, once its configuration counts: makes room for what children count.
pub(crate) fn post_config(main: Server<'_>) {
    if let Err(error) = counted::prepare(has_python(main)) {
        let text = "requests in httpd's own processes are not counted for wsgi-status and wsgi-metrics";
        main.log(level::ERROR, &format!("{text}: there can be no shared memory: {error}"));
    }
}

/// In a child, once: loads Python if something is to be imported before the first request.
pub(crate) fn child_init(server: Server<'static>, child: Pool<'static>) {
    child.on_clear(|| {
        if let Some(Ok(embedded)) = EMBEDDED.get() {
            embedded.stop();
        }
    });
    if has_python(server) && !python::imports(server.iter().map(Server::own_settings), "").is_empty() {
        let _ = started(server);
    }
}

/// Runs a request. `Err` is a redirect that is to be followed.
pub(crate) fn serve(
    request: Request<'_>,
    resolved: &Resolved<'_>,
    payload: &[u8],
) -> Result<HandlerResult, Redirect> {
    let Some(main) = Server::main() else { return Ok(HandlerResult::Status(500)) };
    if is_forbidden(main.settings()) {
        let text = "embedded mode is forbidden by `WSGIRestrictEmbedded On`; name a process group with WSGIProcessGroup";
        return Ok(refuse(request, text));
    }
    match started(main) {
        Ok(embedded) => {
            let exchange = Exchange::new(request, resolved);
            let outcome = embedded.serve(&exchange, payload);
            exchange.end(outcome)
        }
        Err(reason) => {
            let text = format!("embedded mode is not available: {reason}");
            counted::lost(&text);
            Ok(refuse(request, &text))
        }
    }
}

/// Has a script give a verdict. `Err` is the status of a request for which none could be had; the reason is logged.
/// Scripts that stand before applications run even where `WSGIRestrictEmbedded On` forbids applications.
pub(crate) fn judge(request: Request<'_>, payload: &[u8]) -> Result<Vec<u8>, u16> {
    let main = Server::main().ok_or(500_u16)?;
    let remedy = "process-group= on the script's directive would run it in a process group";
    if !has_python(main) {
        let text = "no Python runs in httpd's processes (`WSGIRestrictEmbedded On`), and a script in .htaccess alone \
                    does not change that";
        request.log(level::ERROR, &format!("{text}; {remedy}"));
        return Err(500);
    }
    let embedded = started(main).map_err(|reason| {
        request.log(level::ERROR, &format!("Python is not available in this process: {reason}; {remedy}"));
        500_u16
    })?;
    let exchange = Exchange::to_judge(request);
    match embedded.serve(&exchange, payload) {
        Outcome::Complete => exchange.into_verdict().ok_or(500),
        Outcome::Refused(status) => Err(status),
        Outcome::Aborted => Err(500),
    }
}

fn has_python(main: Server<'_>) -> bool {
    python::is_in_children(&main.settings().global, main.iter().map(Server::own_settings))
}

fn is_forbidden(settings: &ServerSettings) -> bool {
    settings.global.restrict_embedded.unwrap_or(false)
}

fn refuse(request: Request<'_>, text: &str) -> HandlerResult {
    request.log(level::ERROR, text);
    HandlerResult::Status(500)
}

/// Python, started now if it was not.
fn started(main: Server<'_>) -> Result<&'static Embedded, &'static str> {
    let embedded = EMBEDDED.get_or_init(|| {
        let started = start(main);
        if let Err(reason) = &started {
            main.log(level::CRIT, &format!("Python cannot be started in this process: {reason}"));
        }
        started
    });
    embedded.as_ref().map_err(String::as_str)
}

fn start(main: Server<'_>) -> Result<Embedded, String> {
    let global = &main.settings().global;
    if let Some(size) = process::thread_stack_size().filter(|size| *size < 8 << 20) {
        let text = "ThreadStackSize is below 8 MiB: deep recursion in Python may end this process";
        main.log(level::WARN, &format!("{text} (it is {size} bytes)"));
    }
    let environment = Environment { log_level: main.log_level(), ..process::environment() };
    let imports = python::imports(main.iter().map(Server::own_settings), "");
    let embedded = Embedded::load(global).map_err(|error| error.to_string())?;
    embedded.start(&python::embedded(global, environment, imports)).map_err(|error| error.to_string())?;
    Ok(embedded)
}
