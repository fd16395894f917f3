//! Virtual hosts: names, HTTPS, and redirects between them.
//!
//! What the main server has holds in them too; they add certificates and say which names are answered. The listener for
//! HTTPS does not depend on a server name.

use crate::conf::{Conf, Word, joined};
use crate::locate::absolute;
use crate::options::pairs;
use crate::site::Site;

/// Writes them.
pub(super) fn write(conf: &mut Conf, site: &Site) {
    let options = &site.options;
    if options.https.https_port.is_some() {
        conf.comment("HTTPS");
        // In httpd's runtime folder, which is the server root.
        conf.fixed("SSLSessionCache shmcb:ssl_sessions(512000)");
    }
    let ports = std::iter::once((options.listen.port, false))
        .chain(options.https.https_port.map(|port| (port, true)));
    for (port, secure) in ports {
        let named = options.listen.server_name.is_some();
        if named {
            strangers(conf, site, port, secure);
        }
        let proxied = !options.proxy.proxy_virtual_host.is_empty();
        if named || secure || options.https.https_only || proxied {
            own(conf, site, port, secure);
        }
        if let Some(bare) = options.listen.server_name.as_deref().and_then(|name| name.strip_prefix("www.")) {
            without_www(conf, site, bare, port, secure);
        }
        for (name, target) in pairs(&options.proxy.proxy_virtual_host) {
            elsewhere(conf, site, (name, target), port, secure);
        }
    }
}

fn host(conf: &mut Conf, port: u16, inside: impl FnOnce(&mut Conf)) {
    conf.comment(&format!("Port {port}"));
    conf.section("VirtualHost", &[&joined(&[&"*:", &port])], inside);
}

/// The first virtual host gets the requests for names that no other one has.
fn strangers(conf: &mut Conf, site: &Site, port: u16, secure: bool) {
    host(conf, port, |conf| {
        conf.line("ServerName", &[&"_wsgi_"]);
        if secure {
            certificate(conf, site);
        }
        conf.section("Location", &[&"/"], |conf| {
            if site.options.listen.allow_localhost {
                // Besides what is required of everybody, such as a password.
                conf.fixed("AuthMerging And");
                conf.fixed("Require local");
            } else {
                conf.fixed("Require all denied");
            }
        });
    });
}

fn own(conf: &mut Conf, site: &Site, port: u16, secure: bool) {
    let options = &site.options;
    host(conf, port, |conf| {
        conf.line("ServerName", &[&site.server_name()]);
        for alias in &options.listen.server_alias {
            conf.line("ServerAlias", &[alias]);
        }
        match options.https.https_port {
            Some(https) if options.https.https_only && !secure => to_https(conf, https),
            _ => {}
        }
        if secure {
            certificate(conf, site);
            clients_certificates(conf, site);
            if let Some(policy) = &options.https.hsts_policy {
                let value = policy.replace('%', "%%");
                conf.line("Header", &[&"always", &"set", &"Strict-Transport-Security", &value]);
            }
        }
    });
}

/// For good, so that browsers remember it; the name is the one that the client has asked for.
fn to_https(conf: &mut Conf, port: u16) {
    let target = match port {
        443 => "https://%{SERVER_NAME}/$1".into(),
        port => joined(&[&"https://%{SERVER_NAME}:", &port, &"/$1"]),
    };
    conf.fixed("RewriteEngine On");
    conf.line("RewriteRule", &[&"^/(.*)$", &target, &"[R=permanent,L]"]);
}

fn without_www(conf: &mut Conf, site: &Site, bare: &str, port: u16, secure: bool) {
    host(conf, port, |conf| {
        conf.line("ServerName", &[&bare]);
        if secure {
            certificate(conf, site);
        }
        let (scheme, usual) = if secure { ("https", 443) } else { ("http", 80) };
        let port = if port == usual { String::new() } else { format!(":{port}") };
        conf.line("Redirect", &[&"permanent", &"/", &format!("{scheme}://www.{bare}{port}/")]);
    });
}

/// A name whose requests go to another server.
fn elsewhere(
    conf: &mut Conf,
    site: &Site,
    (name, target): (&dyn Word, &std::ffi::OsString),
    port: u16,
    secure: bool,
) {
    host(conf, port, |conf| {
        conf.line("ServerName", &[name]);
        if secure {
            certificate(conf, site);
        }
        let target = super::proxies::ended(&target.to_string_lossy());
        conf.line_with_options("ProxyPass", &[&"/", &target], &[("upgrade", "websocket".into())]);
        conf.line("ProxyPassReverse", &[&"/", &target]);
        conf.section("Location", &[&"/"], super::proxies::forwarded);
    });
}

fn certificate(conf: &mut Conf, site: &Site) {
    let https = &site.options.https;
    conf.fixed("SSLEngine On");
    if let Some((file, key)) = https.certificate() {
        conf.line("SSLCertificateFile", &[&absolute(&file)]);
        conf.line("SSLCertificateKeyFile", &[&absolute(&key)]);
    }
    if let Some(chain) = &https.ssl_certificate_chain_file {
        conf.line("SSLCertificateChainFile", &[&absolute(chain)]);
    }
    if https.ssl_environment {
        conf.fixed("SSLOptions +StdEnvVars");
    }
}

/// Clients prove who they are everywhere, or below the given URLs.
fn clients_certificates(conf: &mut Conf, site: &Site) {
    let https = &site.options.https;
    let Some(authorities) = &https.ssl_ca_certificate_file else { return };
    let required = |conf: &mut Conf| {
        conf.fixed("SSLVerifyClient require");
        conf.fixed("SSLVerifyDepth 1");
    };
    conf.line("SSLCACertificateFile", &[&absolute(authorities)]);
    if https.ssl_verify_client.is_empty() {
        required(conf);
    }
    for url in &https.ssl_verify_client {
        conf.section("Location", &[url], required);
    }
}
