//! Maps URLs to scripts: WSGIScriptAlias and WSGIScriptAliasMatch.
//!
//! The first alias that matches wins, the virtual host's before the main server's. Where its target is a file, all that
//! follows is PATH_INFO, and httpd's directory walk needs not ask the system about each folder on the way (as for static
//! files, only where FollowSymLinks allows that). Else the walk finds which part of the file name exists.

use std::ffi::CStr;

use crate::apache::regex::Regex;
use crate::apache::{HandlerResult, Request, Server};
use crate::config::alias::{Pattern, collapse_slashes, is_plain, match_prefix, rest_of};
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
            let directive = (alias.directive(), Some(place));
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
        if let Some((path, rest)) = map(request, alias, regex) {
            let pool = request.pool();
            let path_info = collapse_slashes(rest); // as httpd does, whatever MergeSlashes says
            if !(is_plain(path.to_bytes(), &path_info) && request.set_script(path, pool.string(&path_info))) {
                request.set_filename(pool.string(&[path.to_bytes(), rest].concat()));
            }
            note(request, alias, at);
            return HandlerResult::Done;
        }
    }
    HandlerResult::Declined
}

/// What `alias` maps the request to, if it matches: its target, and what follows it.
fn map<'r>(request: Request<'r>, alias: &'r Alias, regex: Option<&Regex>) -> Option<(&'r CStr, &'r [u8])> {
    let (pool, uri) = (request.pool(), request.uri());
    match &alias.pattern {
        Pattern::Prefix(prefix) => {
            let prefix = prefix.to_bytes();
            let used = match_prefix(prefix, uri.to_bytes())?;
            Some((&alias.path, rest_of(uri.to_bytes(), prefix == b"/", used)))
        }
        Pattern::Regex(_) => {
            let found = regex?.search(uri)?;
            let path = found.substitute(pool, &alias.path)?;
            let range = found.range();
            let is_root = uri.to_bytes().get(range.clone()) == Some(b"/");
            Some((path, rest_of(uri.to_bytes(), is_root, range.end)))
        }
    }
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
