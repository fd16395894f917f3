//! The request as the host gets it: one buffer with all variables that httpd knows, made once, for both modes.
//!
//! It is what `ap_add_common_vars` would put into a table, less what WSGI has no use for (PATH, REMOTE_HOST and the
//! look-ups behind it), written straight into the payload. Variables that modules set come last and only under names
//! that were not taken: what is computed here wins.

mod path;
mod proxy;
mod question;

use std::ffi::{CStr, CString};
use std::sync::OnceLock;

use contract::names::{Name, Names};
use contract::request::{EnvironWriter, Flags, Request as Payload};

use self::proxy::Forwarded;
use crate::apache::{Body, Request};
use crate::config::resolve::{Mode, Resolved};
use crate::config::values::Switch;
use crate::trace;

pub(crate) use self::path::ScriptName;
pub(crate) use self::question::{Asked, facts, question, route_question};

/// Room for a usual request; more is allocated when it is needed.
const USUAL: usize = 4096;

/// The payload of `contract::request::Request` for `request`.
pub(crate) fn payload(
    request: Request<'_>,
    resolved: &Resolved<'_>,
    script_name: &ScriptName<'_>,
) -> Vec<u8> {
    let forwarded = Forwarded::of(request, resolved);
    let flags = Flags::default()
        .with(Flags::RELOADING, resolved.script_reloading)
        .with(Flags::NO_BODY, !Body::is_announced(request))
        .with(Flags::HTTPS, is_https(request, &forwarded))
        .with(Flags::IGNORE_ACTIVITY, resolved.ignore_activity)
        .with(Flags::SERVER_TIMING, resolved.server_timing)
        .with(Flags::COSTS, resolved.request_notes)
        .with(Flags::APACHE_REQUEST, resolved.passes_apache_request());
    let head = Payload {
        flags,
        log_level: request.log_level(),
        request_start: request.time(),
        // A worker looks itself: later, and perhaps in another root.
        script_modified: if resolved.mode == Mode::Embedded { request.modified(resolved.script) } else { 0 },
        script: resolved.script,
        application_group: &resolved.application_group,
        callable: &resolved.callable,
        ..Payload::default()
    };
    write(request, resolved, script_name, &forwarded, &head)
}

/// `head` with all that is known about the request.
fn write(
    request: Request<'_>,
    resolved: &Resolved<'_>,
    script_name: &ScriptName<'_>,
    forwarded: &Forwarded<'_>,
    head: &Payload<'_>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL);
    let mut variables = Variables { out: head.encode(&mut out), taken: Names::default() };
    headers(&mut variables, request, resolved, forwarded);
    server(&mut variables, request, forwarded);
    client(&mut variables, request, forwarded);
    location(&mut variables, request, resolved, script_name, forwarded);
    redirected(&mut variables, request);
    own(&mut variables, request, resolved, script_name);
    set_by_modules(&mut variables, request, resolved, forwarded);
    drop(variables);
    out
}

/// Leaves the variables to the page that httpd answers with instead (ErrorDocument, a local redirect): it finds them with
/// `REDIRECT_` in front of their names.
pub(crate) fn publish(request: Request<'_>, resolved: &Resolved<'_>, script_name: &ScriptName<'_>) {
    let payload = payload(request, resolved, script_name);
    let Ok(decoded) = Payload::decode(&payload) else { return };
    let table = request.subprocess_env();
    if let Some(id) = request.id() {
        table.set(c"WSGI_REQUEST_ID", id);
    }
    for (name, value) in decoded.environ.iter().flatten() {
        if !name.starts_with(b"mod_wsgi.") {
            table.set_copy(request.pool(), name, value);
        }
    }
}

/// The variables, and which fixed names are taken.
struct Variables<'v> {
    out: EnvironWriter<'v>,
    taken: Names,
}

impl Variables<'_> {
    fn set(&mut self, name: Name, value: &[u8]) {
        self.taken.add(name);
        self.out.fixed(name, value);
    }

    fn set_if(&mut self, name: Name, value: Option<&CStr>) {
        if let Some(value) = value {
            self.set(name, value.to_bytes());
        }
    }

    fn set_number(&mut self, name: Name, value: u16) {
        let mut digits = [0; 5];
        self.set(name, decimal(value, &mut digits));
    }

    fn is_taken(&self, name: &[u8]) -> bool {
        self.taken.iter().any(|taken| taken.text().as_bytes() == name)
    }
}

/// `value` in decimal digits, without an allocation.
fn decimal(mut value: u16, digits: &mut [u8; 5]) -> &[u8] {
    let mut start = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        start = at;
        if value == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}

fn is_https(request: Request<'_>, forwarded: &Forwarded<'_>) -> bool {
    forwarded.https.unwrap_or_else(|| sets_https(request) || request.is_tls())
}

/// The variable HTTPS was set, by SetEnv or another module.
fn sets_https(request: Request<'_>) -> bool {
    let set = request.subprocess_env().get(c"HTTPS").map(CStr::to_bytes);
    set.is_some_and(|set| set.eq_ignore_ascii_case(b"on") || set == b"1")
}

/// `HTTP_…`, CONTENT_TYPE and CONTENT_LENGTH.
fn headers(
    variables: &mut Variables<'_>,
    request: Request<'_>,
    resolved: &Resolved<'_>,
    forwarded: &Forwarded<'_>,
) {
    let exported = Exported::of(request, resolved, forwarded);
    let mut variable = Vec::with_capacity(64);
    for (name, value) in request.headers_in().iter() {
        if !variable_name(name.to_bytes(), &mut variable) {
            continue;
        }
        let value = match variable.as_slice() {
            b"HTTP_CONTENT_TYPE" => {
                variables.set(Name::ContentType, value.to_bytes());
                continue;
            }
            b"HTTP_CONTENT_LENGTH" => {
                variables.set(Name::ContentLength, value.to_bytes());
                continue;
            }
            b"HTTP_HOST" if forwarded.host.is_some() => continue,
            name if !exported.contains(name) => continue,
            name => forwarded.rewritten(name).unwrap_or(value.to_bytes()),
        };
        variables.out.pair(&variable, value);
    }
    if let Some(host) = forwarded.host {
        variables.set(Name::Host, host);
    }
}

/// Which headers the application sees.
struct Exported<'e> {
    authorization: bool,
    proxy_authorization: bool,
    forwarded: &'e Forwarded<'e>,
}

impl<'e> Exported<'e> {
    fn of(request: Request<'_>, resolved: &Resolved<'_>, forwarded: &'e Forwarded<'e>) -> Self {
        let both = request.passes_authorization();
        Self { authorization: both || resolved.pass_authorization, proxy_authorization: both, forwarded }
    }

    fn contains(&self, variable: &[u8]) -> bool {
        match variable {
            b"HTTP_AUTHORIZATION" => self.authorization,
            b"HTTP_PROXY_AUTHORIZATION" => self.proxy_authorization,
            b"HTTP_PROXY" => false, // a program below would take it for its proxy ("httpoxy")
            name => !self.forwarded.hides(name),
        }
    }
}

/// Makes `variable` the name that stands for a header. False when it cannot have one: any character but letters,
/// digits and `-` would make two headers look alike.
fn variable_name(header: &[u8], variable: &mut Vec<u8>) -> bool {
    variable.clear();
    variable.extend_from_slice(b"HTTP_");
    variable.extend(header.iter().map(|byte| if *byte == b'-' { b'_' } else { byte.to_ascii_uppercase() }));
    header.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn server(variables: &mut Variables<'_>, request: Request<'_>, forwarded: &Forwarded<'_>) {
    variables.set_if(Name::ServerSoftware, request.server_banner());
    match forwarded.server {
        Some(name) => variables.set(Name::ServerName, name),
        None => {
            let name = request.server_name().unwrap_or_default().to_bytes();
            variables.set(Name::ServerName, &path::escape_html(name));
        }
    }
    variables.set_if(Name::ServerAddr, request.local_ip());
    match forwarded.port {
        Some(port) => variables.set(Name::ServerPort, port),
        None => variables.set_number(Name::ServerPort, request.server_port()),
    }
    variables.set_if(Name::DocumentRoot, request.document_root());
    variables.set_if(Name::ServerAdmin, request.server().admin());
    variables.set_if(Name::RequestScheme, request.scheme());
    variables.set_if(Name::ContextPrefix, request.context_prefix());
    variables.set_if(Name::ContextDocumentRoot, request.context_document_root());
}

fn client(variables: &mut Variables<'_>, request: Request<'_>, forwarded: &Forwarded<'_>) {
    let address = forwarded.client.or_else(|| request.client_ip().map(CStr::to_bytes));
    variables.set(Name::RemoteAddr, address.unwrap_or_default());
    variables.set_number(Name::RemotePort, request.client_port());
    variables.set_if(Name::RemoteUser, request.user());
    variables.set_if(Name::AuthType, request.auth_type());
}

fn location(
    variables: &mut Variables<'_>,
    request: Request<'_>,
    resolved: &Resolved<'_>,
    script_name: &ScriptName<'_>,
    forwarded: &Forwarded<'_>,
) {
    variables.set_if(Name::ScriptFilename, request.filename());
    variables.set_if(Name::ServerProtocol, request.protocol());
    let as_get = request.is_head()
        && match resolved.map_head {
            Switch::Auto => request.has_content_filter(),
            Switch::Off => false,
            Switch::On => true,
        };
    variables.set(Name::RequestMethod, if as_get { b"GET" } else { request.method().to_bytes() });
    variables.set(Name::QueryString, request.query().unwrap_or_default().to_bytes());
    let uri = if request.wants_current_uri() {
        request.uri().to_bytes()
    } else {
        path::original_uri(request.line().unwrap_or_default().to_bytes())
    };
    variables.set(Name::RequestUri, uri);
    variables.set(Name::ScriptName, forwarded.script_name.unwrap_or(script_name.script_name()));
    variables.set(Name::PathInfo, script_name.path_info());
    if let Some(mount) = forwarded.script_name {
        variables.set(Name::MountPoint, mount);
    }
}

/// After an internal redirect (as to an ErrorDocument).
fn redirected(variables: &mut Variables<'_>, request: Request<'_>) {
    let Some(before) = request.previous() else { return };
    let url =
        if request.qualifies_redirect_url() { request.full_url(before.uri()) } else { Some(before.uri()) };
    variables.set_if(Name::RedirectUrl, url);
    variables.set_if(Name::RedirectQueryString, before.query());
    if request.user().is_none() {
        variables.set_if(Name::RedirectRemoteUser, before.user());
    }
}

/// `mod_wsgi.…`
fn own(
    variables: &mut Variables<'_>,
    request: Request<'_>,
    resolved: &Resolved<'_>,
    script_name: &ScriptName<'_>,
) {
    static PID: OnceLock<String> = OnceLock::new();
    variables.set_if(Name::RequestHandler, request.handler());
    let script: &[u8] = if resolved.is_handler_script { resolved.script } else { b"" };
    variables.set(Name::HandlerScript, script);
    variables.set(Name::RequestScriptName, script_name.script_name());
    variables.set(Name::RequestPathInfo, script_name.path_info());
    let (host, port) = request.listener();
    variables.set(Name::ListenerHost, host.unwrap_or_default().to_bytes());
    variables.set_number(Name::ListenerPort, port);
    let pid = PID.get_or_init(|| std::process::id().to_string()); // only children handle requests
    variables.set(Name::ServerPid, pid.as_bytes());
    variables.set_if(Name::RequestId, request.id());
    variables.set_if(Name::ConnectionId, request.connection_id());
    variables.set_if(Name::Traceparent, trace::traceparent(request));
}

/// SetEnv, SetEnvIf, mod_ssl's StdEnvVars … A header's variable is the header's if the application sees that; if not, it
/// may be set in its place, as `SetEnvIf Authorization (.*) HTTP_AUTHORIZATION=$1` does.
fn set_by_modules(
    variables: &mut Variables<'_>,
    request: Request<'_>,
    resolved: &Resolved<'_>,
    forwarded: &Forwarded<'_>,
) {
    let exported = Exported::of(request, resolved, forwarded);
    for (name, value) in request.subprocess_env().iter() {
        let name = name.to_bytes();
        let hidden = matches!(name, b"HTTPS" | b"PATH")
            || name.starts_with(b"mod_wsgi.")
            || forwarded.hides(name)
            || (exported.contains(name) && is_header(request, name));
        if !hidden && !variables.is_taken(name) {
            variables.out.pair(name, value.to_bytes());
        }
    }
}

/// Whether `variable` is that of a header of the request.
fn is_header(request: Request<'_>, variable: &[u8]) -> bool {
    variable.strip_prefix(b"HTTP_").is_some_and(|header| {
        let header: Vec<u8> = header.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte }).collect();
        CString::new(header).is_ok_and(|header| request.headers_in().get(&header).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_variables() {
        let mut variable = Vec::new();
        assert!(variable_name(b"X-Forwarded-For", &mut variable) && variable == b"HTTP_X_FORWARDED_FOR");
        assert!(variable_name(b"accept", &mut variable) && variable == b"HTTP_ACCEPT");
        for odd in ["X_Foo", "X.Foo", "X Foo", "X\u{e9}"] {
            assert!(!variable_name(odd.as_bytes(), &mut variable), "{odd}");
        }
    }

    #[test]
    fn numbers_need_no_allocation() {
        for value in [0, 7, 80, 443, 8080, 65_535] {
            assert_eq!(decimal(value, &mut [0; 5]), value.to_string().as_bytes());
        }
    }
}
