//! Other servers behind this one.

use crate::conf::Conf;
use crate::options::pairs;
use crate::site::Site;

use super::content::regex;

/// Writes the directives of the main server.
pub(super) fn write(conf: &mut Conf, site: &Site) {
    let options = &site.options.proxy;
    if options.proxy_mount_point.is_empty() && options.proxy_virtual_host.is_empty() {
        return;
    }
    conf.comment("Other servers behind this one");
    if let Some(seconds) = options.proxy_timeout {
        conf.line("ProxyTimeout", &[&seconds]);
    }
    let mut points: Vec<(String, String)> = pairs(&options.proxy_mount_point)
        .map(|(url, target)| (slashed(&url.to_string_lossy()), ended(&target.to_string_lossy())))
        .collect();
    points.sort_by_key(|(url, _)| std::cmp::Reverse(url.len()));
    for (url, target) in &points {
        point(conf, url, target);
    }
}

fn point(conf: &mut Conf, url: &str, target: &str) {
    let bare = url.trim_end_matches('/');
    if !bare.is_empty() {
        conf.line("RedirectMatch", &[&"302", &format!("^{}$", regex(bare)), &url]);
    }
    conf.line_with_options("ProxyPass", &[&url, &target], &[("upgrade", "websocket".into())]);
    conf.line("ProxyPassReverse", &[&url, &target]);
    // What is said about access to the site holds here, too.
    conf.section("Location", &[&url], |conf| {
        forwarded(conf);
        if !bare.is_empty() {
            conf.line("RequestHeader", &[&"set", &"X-Forwarded-Prefix", &bare.replace('%', "%%")]);
        }
    });
}

/// What the server behind has to know of the client's side.
pub(super) fn forwarded(conf: &mut Conf) {
    conf.fixed("RequestHeader set X-Forwarded-Port \"expr=%{SERVER_PORT}\"");
    conf.fixed("RequestHeader set X-Forwarded-Scheme \"expr=%{REQUEST_SCHEME}\"");
}

/// A path that begins and ends with a slash.
fn slashed(url: &str) -> String {
    match url.trim_matches('/') {
        "" => "/".to_owned(),
        path => format!("/{path}/"),
    }
}

/// A target that ends with a slash, as the URL does.
pub(super) fn ended(target: &str) -> String {
    if target.ends_with('/') { target.to_owned() } else { format!("{target}/") }
}
