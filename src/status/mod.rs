//! What goes on, for all to see who may: the handlers `wsgi-status` (a page, and the same as JSON) and `wsgi-metrics`
//! (OpenMetrics), and our lines in mod_status.
//!
//! [`collect`] reads the shared areas of process groups, httpd's scoreboard and /proc into a [`model`], which is rendered
//! as [`page`], as JSON or as [`metrics`]. Nobody is asked anything: it works while every daemon is stuck or dead. What is
//! in the areas was written by the groups' users, and what requests are called by anybody: it is made printable where it
//! is read, and escaped where it is shown. Query strings are not shown at all, and who may look is the affair of httpd's
//! `Require`.

mod collect;
mod escape;
mod figures;
mod groups;
mod metrics;
mod model;
mod negotiate;
mod page;
mod proc;
#[cfg(test)]
mod sample;
mod server_status;

use std::ffi::CStr;

use contract::response::Head;

use self::negotiate::{Form, Wanted};
use crate::apache::hooks::Hooks;
use crate::apache::{HandlerResult, Request, Responder, Server};

/// What SetHandler names.
const STATUS: &CStr = c"wsgi-status";
const METRICS: &CStr = c"wsgi-metrics";

/// The page needs nothing but its own style and script, from its own address; nobody frames it.
const POLICY: &[u8] =
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                        form-action 'self'; frame-ancestors 'none'";

/// A document and how it is announced.
struct Document {
    media_type: &'static str,
    body: String,
    /// It changes at every look.
    is_live: bool,
    /// In seconds, for browsers without scripts.
    refresh: Option<u32>,
}

/// Registers what is called by httpd, and by mod_status if it is there.
pub(crate) fn register(hooks: &Hooks) {
    hooks.handler(handle);
    hooks.server_status(server_status::lines);
}

fn handle(request: Request<'_>) -> HandlerResult {
    let is_metrics = match request.handler() {
        Some(name) if name == STATUS => false,
        Some(name) if name == METRICS => true,
        _ => return HandlerResult::Declined,
    };
    if !request.allow_get_only() {
        return HandlerResult::Status(405);
    }
    let query = request.query().unwrap_or_default().to_bytes();
    let accept = request.headers_in().get(c"Accept").unwrap_or_default().to_bytes();
    let wanted = if is_metrics { Wanted::metrics(query, accept) } else { Wanted::status(query, accept) };
    let Some(main) = Server::main() else { return HandlerResult::Status(500) };
    send(request, &document(main, &wanted))
}

fn document(main: Server<'_>, wanted: &Wanted) -> Document {
    let live = |media_type, body| Document { media_type, body, is_live: true, refresh: wanted.refresh };
    let fixed = |media_type, body: &str| Document {
        media_type,
        body: body.to_owned(),
        is_live: false,
        refresh: None,
    };
    match wanted.form {
        Form::Html => live("text/html; charset=utf-8", page::render(&collect::collect(main), wanted.refresh)),
        Form::Json => {
            let text = serde_json::to_string_pretty(&collect::collect(main)).unwrap_or_default();
            live("application/json", text + "\n")
        }
        Form::OpenMetrics => live(metrics::OPENMETRICS, metrics::render(&collect::collect(main), true)),
        Form::Prometheus => live(metrics::PROMETHEUS, metrics::render(&collect::collect(main), false)),
        Form::Script => fixed("text/javascript; charset=utf-8", page::SCRIPT),
        Form::Style => fixed("text/css; charset=utf-8", page::STYLE),
    }
}

fn send(request: Request<'_>, document: &Document) -> HandlerResult {
    let length = document.body.len().to_string();
    let refresh = document.refresh.map(|seconds| seconds.to_string());
    let cache: &[u8] = if document.is_live { b"no-store" } else { b"max-age=3600" };
    let mut headers: Vec<(&[u8], &[u8])> = vec![
        (b"Content-Type", document.media_type.as_bytes()),
        (b"Content-Length", length.as_bytes()),
        (b"Cache-Control", cache),
        (b"Content-Security-Policy", POLICY),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Referrer-Policy", b"no-referrer"),
        (b"Vary", b"Accept"),
    ];
    if let Some(seconds) = &refresh {
        headers.push((b"Refresh", seconds.as_bytes()));
    }
    let mut payload = Vec::new();
    Head::encode(&mut payload, 200, b"", headers.into_iter());
    let mut responder = Responder::new(request);
    let Ok(head) = Head::decode(&payload) else { return HandlerResult::Status(500) };
    if responder.head(&head).is_err() {
        return HandlerResult::Status(500);
    }
    let _ = responder.send(document.body.as_bytes(), true); // a client that is gone needs nothing
    HandlerResult::Done
}
