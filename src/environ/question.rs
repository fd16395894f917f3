//! What scripts that stand before the application get to know: for most of them less than the application, and for a
//! dispatch script the same.

use contract::names::{Name, Names};
use contract::request::{Flags, Request as Payload};
use contract::task::Task;

use super::proxy::Forwarded;
use super::{ScriptName, USUAL, Variables, path, variable_name, write};
use crate::apache::Request;
use crate::config::Resolved;
use crate::config::expand::Facts;

/// The script that is asked, and how.
pub(crate) struct Asked<'a> {
    pub(crate) script: &'a [u8],
    /// Empty is the main interpreter.
    pub(crate) application_group: &'a [u8],
    pub(crate) reloading: bool,
    /// The script gets httpd's own structure, too.
    pub(crate) apache_request: bool,
}

impl<'a> Asked<'a> {
    fn head(&self, request: Request<'_>, task: Task<'a>) -> Payload<'a> {
        Payload {
            flags: Flags::NO_BODY
                .with(Flags::RELOADING, self.reloading)
                .with(Flags::TLS, request.is_tls())
                .with(Flags::APACHE_REQUEST, self.apache_request),
            log_level: request.log_level(),
            request_start: request.time(),
            script: self.script,
            application_group: self.application_group,
            task,
            ..Payload::default()
        }
    }
}

/// What names that begin with `%` are made of.
pub(crate) fn facts<'r, 's>(request: Request<'r>, script_name: &'s [u8]) -> Facts<'r, 's> {
    Facts {
        server: request.server().hostname().unwrap_or_default().to_bytes(),
        port: request.server_port(),
        host: request.hostname().map(std::ffi::CStr::to_bytes),
        script_name,
    }
}

/// The payload that asks a dispatch script.
pub(crate) fn route_question(
    request: Request<'_>,
    resolved: &Resolved<'_>,
    script_name: &ScriptName<'_>,
    asked: &Asked<'_>,
) -> Vec<u8> {
    let forwarded = Forwarded::of(request, resolved);
    write(request, resolved, script_name, &forwarded, &asked.head(request, Task::Dispatch))
}

/// The payload that asks a script about a client or a user. Passwords are in no variable: neither is Authorization, nor
/// what SetEnv and other modules have set.
pub(crate) fn question<'a>(request: Request<'_>, asked: &Asked<'a>, task: Task<'a>) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL);
    let head = asked.head(request, task);
    let mut variables = Variables { out: head.encode(&mut out), taken: Names::default() };
    headers(&mut variables, request);
    server(&mut variables, request);
    client(&mut variables, request);
    location(&mut variables, request);
    drop(variables);
    out
}

fn headers(variables: &mut Variables<'_>, request: Request<'_>) {
    let mut variable = Vec::with_capacity(64);
    for (name, value) in request.headers_in().iter() {
        if !variable_name(name.to_bytes(), &mut variable) {
            continue;
        }
        match variable.as_slice() {
            b"HTTP_CONTENT_TYPE" => variables.set(Name::ContentType, value.to_bytes()),
            b"HTTP_CONTENT_LENGTH" => variables.set(Name::ContentLength, value.to_bytes()),
            // `Proxy`: a program below would take it for its proxy ("httpoxy").
            b"HTTP_AUTHORIZATION" | b"HTTP_PROXY_AUTHORIZATION" | b"HTTP_PROXY" => {}
            name => variables.out.pair(name, value.to_bytes()),
        }
    }
}

fn server(variables: &mut Variables<'_>, request: Request<'_>) {
    variables.set_if(Name::ServerSignature, request.server_signature());
    variables.set_if(Name::ServerSoftware, request.server_banner());
    let name = request.server_name().unwrap_or_default().to_bytes();
    variables.set(Name::ServerName, &path::escape_html(name));
    variables.set_if(Name::ServerAddr, request.local_ip());
    variables.set_number(Name::ServerPort, request.server_port());
    variables.set_if(Name::DocumentRoot, request.document_root());
    variables.set_if(Name::ServerAdmin, request.server().admin());
}

fn client(variables: &mut Variables<'_>, request: Request<'_>) {
    variables.set_if(Name::RemoteHost, request.remote_host());
    variables.set(Name::RemoteAddr, request.client_ip().unwrap_or_default().to_bytes());
    variables.set_number(Name::RemotePort, request.client_port());
}

fn location(variables: &mut Variables<'_>, request: Request<'_>) {
    variables.set_if(Name::ServerProtocol, request.protocol());
    variables.set(Name::RequestMethod, request.method().to_bytes());
    variables.set(Name::QueryString, request.query().unwrap_or_default().to_bytes());
    variables.set(Name::RequestUri, path::original_uri(request.line().unwrap_or_default().to_bytes()));
    let (script_name, path_info) = path::as_sent(request);
    variables.set(Name::ScriptName, script_name);
    variables.set(Name::PathInfo, path_info);
}
