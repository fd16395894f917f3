//! Maps URLs to scripts: WSGIScriptAlias and WSGIScriptAliasMatch.
//!
//! The first alias that matches wins, the virtual host's before the main server's. httpd's directory walk then finds
//! which part of the file name exists; the rest becomes PATH_INFO.

use std::ffi::CStr;

use crate::apache::regex::Regex;
use crate::apache::{HandlerResult, Request, Server};
use crate::config::alias::{Pattern, file_name, match_prefix};
use crate::config::finding::{Finding, Severity};
use crate::config::{Alias, AliasOptions, ServerSettings};

/// The handler that runs WSGI scripts.
pub(crate) const HANDLER: &CStr = c"wsgi-script";

/// The compiled expressions of a server's aliases, at the places of the aliases.
struct Compiled(Vec<Option<Regex>>);

/// Compiles the expressions of a server's aliases. An error names the alias and where it stands.
pub(crate) fn compile(server: Server<'_>) -> Result<(), Box<Finding>> {
    let ServerSettings { aliases, .. } = server.settings();
    let compiled = aliases.iter().map(|alias| match &alias.pattern {
        Pattern::Prefix(_) => Ok(None),
        Pattern::Regex(pattern) => Regex::compile(pattern).map(Some).ok_or_else(|| {
            let (pattern, place) = (pattern.to_string_lossy(), &alias.place);
            let what = format!("the regular expression `{pattern}` cannot be compiled");
            let directive = ("WSGIScriptAliasMatch", Some(place));
            Box::new(Finding::of_directive(
                Severity::Error,
                directive,
                what,
                "correct it (it is one of PCRE)",
            ))
        }),
    });
    let compiled = compiled.collect::<Result<Vec<_>, _>>()?;
    if compiled.iter().any(Option::is_some) {
        server.attach(Compiled(compiled));
    }
    Ok(())
}

/// Maps the URL to a script if an alias matches.
pub(crate) fn translate(request: Request<'_>) -> HandlerResult {
    let aliases = &request.server().settings().aliases;
    if aliases.is_empty() || !request.uri().to_bytes().starts_with(b"/") {
        return HandlerResult::Declined;
    }
    let compiled = request.server().attached::<Compiled>();
    for (at, alias) in aliases.iter().enumerate() {
        let regex = compiled.and_then(|compiled| compiled.0.get(at)).and_then(Option::as_ref);
        if let Some(file) = map(request, alias, regex) {
            request.set_filename(file);
            note(request, alias, at);
            return HandlerResult::Done;
        }
    }
    HandlerResult::Declined
}

/// The file that `alias` maps the request to, if it matches.
fn map<'r>(request: Request<'r>, alias: &Alias, regex: Option<&Regex>) -> Option<&'r CStr> {
    let (pool, uri) = (request.pool(), request.uri());
    let file = match &alias.pattern {
        Pattern::Prefix(prefix) => {
            let prefix = prefix.to_bytes();
            let used = match_prefix(prefix, uri.to_bytes())?;
            file_name(&alias.path, prefix == b"/", uri.to_bytes(), used)
        }
        Pattern::Regex(_) => {
            let found = regex?.search(uri)?;
            let path = found.substitute(pool, &alias.path)?;
            let range = found.range();
            let is_root = uri.to_bytes().get(range.clone()) == Some(b"/");
            file_name(path, is_root, uri.to_bytes(), range.end)
        }
    };
    Some(pool.string(&file))
}

/// Tells httpd, and whoever reads notes, what was found.
fn note<'r>(request: Request<'r>, alias: &'r Alias, at: usize) {
    request.set_handler(HANDLER);
    request.set_alias(at);
    let notes = request.notes();
    notes.set(c"alias-forced-type", HANDLER);
    let AliasOptions { process_group, application_group, callable, pass_authorization } = &alias.options;
    for (name, value) in [
        (c"mod_wsgi.process_group", process_group),
        (c"mod_wsgi.application_group", application_group),
        (c"mod_wsgi.callable_object", callable),
    ] {
        if let Some(value) = value {
            notes.set(name, value.as_c_str());
        }
    }
    if let Some(pass) = pass_authorization {
        notes.set(c"mod_wsgi.pass_authorization", if *pass { c"1" } else { c"0" });
    }
}
