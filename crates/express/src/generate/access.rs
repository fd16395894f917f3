//! Scripts that decide who may come in. In daemon mode they run in the application's processes.

use std::ffi::OsString;

use crate::conf::{Conf, joined};
use crate::locate::absolute;
use crate::options::AuthType;
use crate::site::Site;

/// Writes the directives.
pub(super) fn write(conf: &mut Conf, site: &Site) {
    let options = &site.options.access;
    let group: Vec<(&str, OsString)> = match site.is_daemon() {
        true => {
            vec![("process-group", site.process_group().into()), ("application-group", "%{GLOBAL}".into())]
        }
        false => vec![("application-group", "%{GLOBAL}".into())],
    };
    if options.host_access_script.is_none() && options.auth_user_script.is_none() {
        return;
    }
    conf.comment("Access");
    conf.section("Location", &[&"/"], |conf| {
        if let Some(script) = &options.host_access_script {
            conf.line_with_options("WSGIAccessScript", &[&absolute(script)], &group);
        }
        let Some(script) = &options.auth_user_script else { return };
        let kind = match options.auth_type {
            AuthType::Basic => "Basic",
            AuthType::Digest => "Digest",
        };
        conf.line("AuthType", &[&kind]);
        conf.line("AuthName", &[&joined(&[&site.host(), &":", &site.options.listen.port])]);
        conf.line(&format!("Auth{kind}Provider"), &[&"wsgi"]);
        conf.line_with_options("WSGIAuthUserScript", &[&absolute(script)], &group);
        conf.section("RequireAll", &[], |conf| {
            conf.fixed("Require valid-user");
            if options.auth_group_script.is_some() {
                conf.line("Require", &[&"wsgi-group", &options.auth_group]);
            }
        });
        if let Some(script) = &options.auth_group_script {
            conf.line_with_options("WSGIAuthGroupScript", &[&absolute(script)], &group);
        }
    });
}
