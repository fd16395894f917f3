//! Which script runs for a request, in which process and interpreter.

use std::sync::Arc;

use super::row::{Context, Row};
use crate::config::alias::{self, Alias, Pattern};
use crate::config::options;
use crate::config::scripts::{self, HandlerScript, Import};
use crate::config::settings::Reference;
use crate::config::values::{Name, Value};

/// Handlers that run the requested file.
const BUILT_IN: [&str; 2] = ["wsgi-script", "application/x-httpd-wsgi"];

pub(super) const ROWS: &[Row] = &[
    Row::server(c"WSGIScriptAlias", "URL-path path [options]", |server, words| {
        Alias::read(words, Pattern::Prefix).map(|alias| server.aliases.push(alias))
    })
    .says(
        c"runs a script for the URLs below a path: URL-PATH PATH and options",
        "Requests for *URL-path* and below go to the WSGI script *path*; if *path* is a folder, to the scripts in it. \
         Lines are tried in order, those of the virtual host first, and the first match wins: put `/admin` before `/`. \
         `Options ExecCGI` is not needed, but access is: `Require all granted` for the folder of the script.",
    )
    .options(|| options::explained(alias::OPTIONS))
    .further(
        "Options win over the directives, wherever those stand. With both groups given (a name or `%{GLOBAL}`, no \
         other `%{…}`) the script is loaded when the process starts, not at the first request. The group may be used \
         by this server if it is defined in the main server, in this one, or in a virtual host with the same \
         ServerName.",
    )
    .differs("the group must be defined above the line. Here it may also follow."),
    Row::server(c"WSGIScriptAliasMatch", "regex path [options]", |server, words| {
        Alias::read(words, Pattern::Regex).map(|alias| server.aliases.push(alias))
    })
    .says(
        c"runs a script for the URLs that match: REGEX PATH and options",
        "The same for URLs that match a regular expression. `$1` … `$9` in *path* are its groups, `$0` is the whole \
         match, and what follows the match is appended to *path*. Options as above.",
    ),
    Row::noted(c"WSGIHandlerScript", Context::Location, "name path [options]", |here, server, words| {
        let script = HandlerScript::read(words)?;
        if BUILT_IN.contains(&script.name.as_str()) {
            server.has_no_effect("WSGIHandlerScript for a built-in handler");
            return Ok(());
        }
        let before = here.handler_scripts.as_deref().unwrap_or_default().iter().cloned();
        here.handler_scripts = Some(before.chain([script]).collect());
        Ok(())
    })
    .says(
        c"registers a script as a handler: NAME PATH and options",
        "Makes a script the handler *name*, for `SetHandler` and `AddHandler`: it is asked for every file with that \
         handler. Its callable is `handle_request`. An inner section adds to the handlers of the outer one. The handlers \
         `wsgi-script` and `application/x-httpd-wsgi` are built in: a line for one of them has no effect.",
    )
    .options(|| options::explained(&scripts::HANDLER_OPTIONS)),
    Row::file_info(c"WSGICallableObject", "name", |here, words| {
        words.only("name of the callable object").map(|name| here.callable = Some(name))
    })
    .default("application")
    .says(
        c"the name of the application in the script; default application",
        "The name of the application in the script. `%{ENV:NAME}` is expanded. A script without it: 500, and the log \
         lists what the script has.",
    )
    .differs("404 in embedded mode, 500 in daemon mode. Here both modes answer the same."),
    Row::noted(c"WSGIProcessGroup", Context::Location, "name", |here, server, words| {
        let place = words.place();
        let name: Name = words.only("process group")?;
        if !name.as_str().starts_with('%') {
            server.references.push(Reference { name: name.clone(), place });
        }
        here.process_group = Some(name);
        Ok(())
    })
    .default("%{GLOBAL}")
    .says(
        c"the process group that runs the application; default %{GLOBAL}, the httpd children",
        "The process group that runs the application, see WSGIDaemonProcess. A group of another virtual host can be \
         used only if both have the same ServerName; else requests get 500.",
    )
    .differs(
        "a name without a definition is met by the first request. Here it is reported at start-up, with the groups \
         that exist.",
    ),
    Row::location(c"WSGIApplicationGroup", "name", |here, words| {
        words.only("application group").map(|name| here.application_group = Some(name))
    })
    .default("%{RESOURCE}")
    .says(
        c"the interpreter that runs the application; default %{RESOURCE}",
        "The interpreter inside the process; by default each mount point has its own. Choose `%{GLOBAL}`, the main \
         interpreter, for a process group that runs one application: some C extensions (numpy) and `os.fork` work \
         only there.",
    ),
    Row::location(c"WSGIRestrictProcess", "[name ...]", |here, words| {
        let names = std::iter::from_fn(|| words.next()).map(|word| Name::read(&word, "process group"));
        names.collect::<Result<Arc<[Name]>, _>>().map(|names| here.restrict_process = Some(names))
    })
    .says(
        c"the process groups that may be used here; %{GLOBAL} is embedded mode",
        "The process groups that may be used here, in any case of letters; `%{GLOBAL}` is embedded mode. Others get \
         500. No name: none. A second line in the same section replaces the first.",
    ),
    Row::server(
        c"WSGIImportScript",
        "path process-group=name application-group=name",
        |server, words| Import::read(words).map(|import| server.imports.push(import)),
    )
    .says(
        c"loads a script before the first request: PATH process-group= application-group=",
        "Loads a script when a process of the group starts, before it takes requests, in the order of the lines. Both \
         options are required; `%{GLOBAL}` is embedded mode or the main interpreter, nothing else is expanded. A script \
         that fails is logged, and the process goes on. With `process-group=%{GLOBAL}` Python runs in httpd's own \
         processes also under `WSGIRestrictEmbedded On`.",
    )
    .differs("the group must be defined above the line. Here it may also follow."),
    Row::file_info(c"WSGIScriptReloading", "On|Off", |here, words| {
        words.only("value").map(|on| here.script_reloading = Some(on))
    })
    .default("On")
    .says(
        c"whether a changed script is loaded again; default On",
        "Whether the script is loaded again when its modification time has changed: at once in embedded mode; in \
         daemon mode all processes of the group are replaced, and no request fails. Scripts for access and dispatch \
         are loaded again in place. Only the script itself is watched: `touch` it after a deployment.",
    )
    .differs("each process ends when it notices, and its other requests may fail."),
    Row::global(c"WSGICaseSensitivity", "On|Off", |server, words| {
        words.only("value").map(|on| server.global.case_sensitive = Some(on))
    })
    .default("On")
    .says(
        c"whether the file system distinguishes upper and lower case; default On",
        "Off: paths that differ only in upper and lower case are one.",
    ),
    Row::global(c"WSGIRestrictEmbedded", "On|Off", |server, words| {
        words.only("value").map(|on| server.global.restrict_embedded = Some(on))
    })
    .default("Off")
    .says(
        c"whether requests are refused that would run in the httpd children; default Off",
        "On: no application runs in httpd's own processes; a request that would gets 500. Nor does Python run there, \
         unless a script of the chapter *Access* or a WSGIImportScript with `process-group=%{GLOBAL}` needs it: such \
         scripts run all the same. One that stands only in a `.htaccess` file does not count, and is refused.",
    ),
];
