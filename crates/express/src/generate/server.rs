//! Modules and the server as a whole: where it is, who it is, where it listens and what it refuses.

use std::path::PathBuf;

use crate::conf::{Conf, joined};
use crate::locate::Error;
use crate::options::{Options, Timeouts};
use crate::quote::DOLLAR;
use crate::site::Site;

/// Where files with media types are, as Python's `mimetypes.knownfiles` and distributions have them.
const MIME_TYPES: [&str; 7] = [
    "/etc/mime.types",
    "/etc/httpd/mime.types",
    "/etc/httpd/conf/mime.types",
    "/etc/apache/mime.types",
    "/etc/apache2/mime.types",
    "/usr/local/etc/httpd/conf/mime.types",
    "/usr/local/etc/mime.types",
];

/// The LoadModule lines: what is built in needs none.
pub(super) fn modules(conf: &mut Conf, site: &Site) -> Result<(), Error> {
    conf.comment("Modules");
    let mpm = site.mpm.name();
    let wanted = std::iter::once((format!("mpm_{mpm}"), "every server"))
        .chain(needed(&site.options).into_iter().map(|(name, by)| (name.to_owned(), by)));
    for (name, wanted_by) in wanted {
        if site.httpd.has_built_in(&name) || (name == format!("mpm_{mpm}") && site.httpd.has_built_in(mpm)) {
            continue;
        }
        if name == "cgid" && !site.httpd.has("cgid") {
            site.httpd.require("cgi", wanted_by)?;
            conf.line("LoadModule", &[&"cgi_module", &site.httpd.file("cgi")]);
            continue;
        }
        site.httpd.require(&name, wanted_by)?;
        conf.line("LoadModule", &[&format!("{name}_module"), &site.httpd.file(&name)]);
    }
    if let Some(wsgi) = &site.wsgi {
        conf.line("LoadModule", &[&"wsgi_module", &wsgi.module]);
    }
    Ok(())
}

/// Modules by name, and who needs them.
fn needed(options: &Options) -> Vec<(&'static str, &'static str)> {
    const ALWAYS: [&str; 14] = [
        "unixd",
        "authn_core",
        "authz_core",
        "authz_host",
        "access_compat",
        "mime",
        "rewrite",
        "alias",
        "dir",
        "env",
        "headers",
        "filter",
        "reqtimeout",
        "setenvif",
    ];
    let proxy = !options.proxy.proxy_mount_point.is_empty() || !options.proxy.proxy_virtual_host.is_empty();
    let user_script = options.access.auth_user_script.is_some();
    let listing = options.files.directory_listing;
    let rows = [
        (options.listen.http2, "http2", "--http2"),
        (options.https.https_port.is_some(), "socache_shmcb", "--https-port"),
        (options.https.https_port.is_some(), "ssl", "--https-port"),
        (listing, "autoindex", "--directory-listing"),
        (options.files.compress_responses, "deflate", "--compress-responses"),
        (options.files.with_cgi, "cgid", "--with-cgi"),
        (user_script, "auth_basic", "--auth-user-script"),
        (user_script, "auth_digest", "--auth-user-script"),
        (user_script, "authz_user", "--auth-user-script"),
        (proxy, "proxy", "--proxy-mount-point"),
        (proxy, "proxy_http", "--proxy-mount-point"),
        (options.observe.server_status, "status", "--server-status"),
        (options.logs.access_log, "log_config", "--access-log"),
    ];
    let more = rows.into_iter().filter_map(|(wanted, name, by)| wanted.then_some((name, by)));
    ALWAYS.into_iter().map(|name| (name, "every server")).chain(more).collect()
}

/// What holds for everything.
pub(super) fn server(conf: &mut Conf, site: &Site) {
    let options = &site.options;
    conf.comment("The server");
    conf.line("Define", &[&DOLLAR, &"$"]);
    conf.line("ServerName", &[&site.server_name()]);
    conf.line("ServerRoot", &[&site.root]);
    conf.line("DefaultRuntimeDir", &[&site.root]);
    conf.line("PidFile", &[&site.file(options.server.pid_file.as_ref(), "httpd.pid")]);
    conf.fixed("ServerTokens ProductOnly");
    conf.fixed("ServerSignature Off");
    if site.identity.is_root() {
        conf.line("User", &[&site.identity.user]);
        conf.line("Group", &[&site.identity.group]);
    }
    listen(conf, site);
    conf.fixed("HostnameLookups Off");
    conf.fixed("MaxMemFree 64");
    conf.line("EnableSendfile", &[&super::on(options.limits.enable_sendfile)]);
    conf.line("Timeout", &[&options.timeouts.socket_timeout]);
    match options.listen.keep_alive_timeout {
        0 => conf.fixed("KeepAlive Off"),
        seconds => {
            conf.fixed("KeepAlive On");
            conf.line("KeepAliveTimeout", &[&seconds]);
        }
    }
    request_read_timeout(conf, &options.timeouts);
    conf.line("LimitRequestBody", &[&options.limits.limit_request_body]);
    let known = || MIME_TYPES.map(PathBuf::from).into_iter().find(|file| file.exists());
    let types = options.files.mime_types.as_deref().map(crate::locate::absolute).or_else(known);
    conf.line("TypesConfig", &[&types.unwrap_or_else(|| "/dev/null".into())]);
    conf.section("Directory", &[&"/"], |conf| {
        conf.fixed("AllowOverride None");
        conf.fixed("Require all denied");
    });
}

fn listen(conf: &mut Conf, site: &Site) {
    let options = &site.options;
    let address = |port: u16| match options.listen.host.as_deref() {
        Some(host) if host.contains(':') => joined(&[&"[", &host, &"]:", &port]),
        Some(host) => joined(&[&host, &":", &port]),
        None => joined(&[&port]),
    };
    conf.line("Listen", &[&address(options.listen.port)]);
    if let Some(port) = options.https.https_port {
        conf.line("Listen", &[&address(port), &"https"]);
    }
    conf.line("ListenBacklog", &[&options.limits.server_backlog]);
    if options.listen.http2 {
        conf.fixed("Protocols h2 h2c http/1.1");
    }
}

/// mod_reqtimeout's way to write the six numbers: without a rate the first one is the limit.
fn request_read_timeout(conf: &mut Conf, timeouts: &Timeouts) {
    let stage = |first: u32, most: u32, rate: u32| match (first, most, rate) {
        (0, ..) => "0".to_owned(),
        (first, _, 0) => first.to_string(),
        (first, most, rate) if most > first => format!("{first}-{most},MinRate={rate}"),
        (first, 0, rate) => format!("{first},MinRate={rate}"),
        (first, ..) => first.to_string(),
    };
    let header = stage(timeouts.header_timeout, timeouts.header_max_timeout, timeouts.header_min_rate);
    let body = stage(timeouts.body_timeout, timeouts.body_max_timeout, timeouts.body_min_rate);
    conf.line("RequestReadTimeout", &[&format!("header={header}"), &format!("body={body}")]);
}

/// The administrator's own files come last, so that they have the last word.
pub(super) fn includes(conf: &mut Conf, site: &Site) {
    for file in &site.options.server.include_file {
        conf.file("Include", &crate::locate::absolute(file));
    }
}
