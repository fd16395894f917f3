//! Scripts that run for ever, each in a process group without request threads.

use std::ffi::{OsStr, OsString};

use super::application::place_options;
use crate::conf::{Conf, joined};
use crate::locate::absolute;
use crate::options::pairs;
use crate::site::{Site, Wsgi};

/// Writes the directives.
pub(super) fn write(conf: &mut Conf, site: &Site) {
    let Some(wsgi) = &site.wsgi else { return };
    let options = &site.options.services;
    for (name, script) in pairs(&options.service_script) {
        let log = value(&options.service_log_file, name);
        conf.comment("A service");
        match log {
            // A group logs to the ErrorLog of the server that defines it. Nothing listens on this port.
            Some(log) => conf.section("VirtualHost", &[&"*:1"], |conf| {
                let folder =
                    site.options.logs.log_directory.as_deref().map_or_else(|| site.root.clone(), absolute);
                conf.line("ErrorLog", &[&folder.join(log)]);
                service(conf, site, wsgi, (name, script));
            }),
            None => service(conf, site, wsgi, (name, script)),
        }
    }
}

fn service(conf: &mut Conf, site: &Site, wsgi: &Wsgi, (name, script): (&OsStr, &OsString)) {
    let options = &site.options.services;
    let group = joined(&[&"service:", &name.to_os_string()]);
    let mut settings: Vec<(&str, OsString)> =
        vec![("threads", "0".into()), ("display-name", joined(&[&"(wsgi:", &group, &")"]))];
    if site.identity.is_root() {
        let owners = [("user", &options.service_user), ("group", &options.service_group)];
        settings.extend(
            owners.into_iter().filter_map(|(option, values)| Some((option, value(values, name)?.clone()))),
        );
    }
    settings.extend(place_options(site, wsgi));
    conf.line_with_options("WSGIDaemonProcess", &[&group], &settings);
    let place = [("process-group", group), ("application-group", "%{GLOBAL}".into())];
    conf.line_with_options("WSGIImportScript", &[&absolute(script.as_ref())], &place);
}

/// What was given for a service.
fn value<'v>(values: &'v [OsString], name: &OsStr) -> Option<&'v OsString> {
    pairs(values).filter(|(given, _)| *given == name).map(|(_, value)| value).last()
}
