//! One request: is it ours, may it run, with what settings, and where.
//!
//! The order of the checks is httpd's own for CGI. A refusal has a reason in the request's error log and leaves the
//! page to ErrorDocument.

use std::borrow::Cow;
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use contract::level;

use crate::apache::facts::FileKind;
use crate::apache::{HandlerResult, Request, Server, log};
use crate::config::resolve::{Mode, Resolved, Source, resolve};
use crate::environ::{self, ScriptName};
use crate::translate::HANDLER;
use crate::{auth, daemon, embedded, fault, notes, trace};

/// The media type that AddType and kin may give a script.
const MEDIA_TYPE: &CStr = c"application/x-httpd-wsgi";

/// A request is refused with this status; the reason has been logged.
struct Refused(u16);

/// Answers a request, or declines it.
pub(crate) fn handle(request: Request<'_>) -> HandlerResult {
    let Some(handler) = request.handler() else { return HandlerResult::Declined };
    let source = if handler == HANDLER || handler == MEDIA_TYPE {
        let alias = request.alias().map(|alias| &alias.options);
        Source::File(request.filename().unwrap_or_default().to_bytes(), alias)
    } else {
        match request.settings().handler_script(handler.to_bytes()) {
            Some(script) => Source::Handler(script),
            None => return HandlerResult::Declined,
        }
    };
    let _current = log::Current::set(request);
    trace::settle(request);
    fault::point(request, c"handler-panic");
    match check(request, source) {
        Ok(()) => run(request, source),
        Err(Refused(status)) => HandlerResult::Status(status),
    }
}

fn run<'r>(request: Request<'r>, source: Source<'r>) -> HandlerResult {
    let script_name = ScriptName::of(request);
    let resolved = match resolve_for(request, source, &script_name) {
        Ok(resolved) => resolved,
        Err(status) => return HandlerResult::Status(status),
    };
    if !request.settings().allows(&resolved.mode) {
        let group = &resolved.mode;
        refuse(request, &format!("the process group `{group}` is not listed in WSGIRestrictProcess here"));
        return HandlerResult::Status(500);
    }
    if resolved.request_notes {
        notes::place(request, &resolved);
    }
    let payload = environ::payload(request, &resolved, &script_name);
    let result = match resolved.mode {
        Mode::Embedded => embedded::serve(request, &resolved, &payload),
        Mode::Daemon(_) => daemon::relay(request, &resolved, payload),
    };
    if !matches!(result, Ok(HandlerResult::Done)) {
        environ::publish(request, &resolved, &script_name);
    }
    result.unwrap_or_else(|redirect| {
        redirect.follow(request);
        HandlerResult::Done
    })
}

/// What may be known before the application's settings are.
fn check(request: Request<'_>, source: Source<'_>) -> Result<(), Refused> {
    if let Source::File(_, alias) = source {
        check_file(request, alias.is_some())?;
    }
    let path_info = request.path_info().unwrap_or_default();
    if request.refuses_path_info() && !path_info.is_empty() {
        return Err(no(request, 404, "AcceptPathInfo is Off here, and the URL goes on behind the script"));
    }
    let headers = request.headers_in();
    if let Some(encoding) = headers.get(c"Transfer-Encoding") {
        if !encoding.to_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(no(request, 501, "the request body has a transfer encoding other than chunked"));
        }
        if !request.settings().chunked_request.unwrap_or(false) {
            return Err(no(
                request,
                411,
                "the request body is chunked; `WSGIChunkedRequest On` would accept it",
            ));
        }
    }
    if let Some(length) = headers.get(c"Content-Length") {
        let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let Some(length) = digits.and_then(|digits| digits.parse::<i64>().ok()) else {
            return Err(no(request, 400, "the Content-Length of the request is not a number"));
        };
        if request.body_limit().is_some_and(|limit| length.unsigned_abs() > limit) {
            return Err(no(request, 413, "the request body is larger than LimitRequestBody allows"));
        }
    }
    Ok(())
}

fn check_file(request: Request<'_>, is_aliased: bool) -> Result<(), Refused> {
    if !is_aliased && !request.may_execute() {
        return Err(no(request, 403, "Options ExecCGI is off in this directory"));
    }
    match request.file_kind() {
        FileKind::File => Ok(()),
        FileKind::Nothing => Err(no(request, 404, "the target WSGI script was not found")),
        FileKind::Directory => Err(no(request, 403, "the target is a directory and not a WSGI script")),
    }
}

fn no(request: Request<'_>, status: u16, reason: &str) -> Refused {
    refuse(request, reason);
    Refused(status)
}

/// Says in the request's log why it is refused.
fn refuse(request: Request<'_>, reason: &str) {
    let file = request.filename().unwrap_or_default().to_string_lossy();
    request.log(level::ERROR, &format!("{reason}: {file}"));
}

/// All settings of the request, with names expanded, and what a dispatch script makes of them. `Err` is the status of
/// a request that the script fails to route.
fn resolve_for<'r>(
    request: Request<'r>,
    source: Source<'r>,
    script_name: &ScriptName<'_>,
) -> Result<Resolved<'r>, u16> {
    let keeps_case = Server::main().is_none_or(|main| main.settings().global.case_sensitive.unwrap_or(true));
    let lower;
    let name = if keeps_case {
        script_name.script_name()
    } else {
        lower = script_name.script_name().to_ascii_lowercase();
        &lower
    };
    let facts = environ::facts(request, name);
    let lookup = |name: &[u8]| variable(request, name).or_else(|| variable_of_httpd(name));
    let mut resolved = resolve(request.settings(), source, &facts, &lookup);
    if let Some(routes) = auth::dispatch(request, &resolved, script_name)? {
        let here = auth::dispatches_here(request);
        let lookup = |name: &[u8]| if here { lookup(name) } else { variable(request, name) };
        let configured = resolved.mode.clone();
        resolved.reroute(routes, &facts, &lookup);
        // Else the user of one process group could have files of its own run as the user of another.
        if !here && resolved.mode != configured && request.settings().restrict_process.is_none() {
            let text = "a dispatch script in a process group may change the process group only where \
                        WSGIRestrictProcess lists those that are allowed";
            refuse(request, &format!("{text}; it asks for `{}`", resolved.mode));
            return Err(500);
        }
    }
    Ok(resolved)
}

/// A variable of `%{ENV:NAME}`: a note or a variable of the request.
fn variable<'r>(request: Request<'r>, name: &[u8]) -> Option<Cow<'r, [u8]>> {
    let key = request.pool().string(name);
    let found = request.notes().get(key).or_else(|| request.subprocess_env().get(key));
    found.map(|value| Cow::Borrowed(value.to_bytes()))
}

/// Or one of this process; not for the users of process groups.
fn variable_of_httpd(name: &[u8]) -> Option<Cow<'static, [u8]>> {
    std::env::var_os(OsStr::from_bytes(name)).map(|value| Cow::Owned(value.into_vec()))
}
