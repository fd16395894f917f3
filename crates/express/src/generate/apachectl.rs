//! The control script of the server root: what `apachectl` is for a system's httpd.

use std::ffi::{OsStr, OsString};

use crate::locate::program_in_path;
use crate::quote::shell;
use crate::site::Site;

/// The script.
pub(super) fn script(site: &Site) -> Vec<u8> {
    let shell_program =
        site.options.server.shell_executable.clone().or_else(|| program_in_path(&["bash", "sh"]));
    let mut script = b"#!".to_vec();
    script
        .extend_from_slice(shell_program.unwrap_or_else(|| "/bin/sh".into()).as_os_str().as_encoded_bytes());
    script.extend_from_slice(b"\n# Written by mod_wsgi-express, from this command line:\n#");
    for argument in &site.arguments {
        script.push(b' ');
        // A line break would end the comment.
        let written = shell(argument).into_iter().map(|byte| if byte == b'\n' { b' ' } else { byte });
        script.extend(written);
    }
    script.extend_from_slice(b"\n\n");
    for (name, value) in variables(site) {
        assign(&mut script, name, &value);
    }
    for (name, default) in [("MOD_WSGI_USER", &site.identity.user), ("MOD_WSGI_GROUP", &site.identity.group)]
    {
        let older = name.replace("MOD_WSGI_", "WSGI_RUN_");
        assign(&mut script, "default", OsStr::new(default));
        script
            .extend_from_slice(format!("export {name}=\"${{{name}:-${{{older}:-$default}}}}\"\n").as_bytes());
    }
    if let Some(wsgi) = &site.wsgi {
        for name in ["LANG", "LC_ALL"] {
            assign(&mut script, name, OsStr::new(&wsgi.locale));
        }
    }
    let title =
        site.options.server.process_name.clone().unwrap_or_else(|| "httpd (mod_wsgi-express)".to_owned());
    // Padded, so that children have room for a longer one of their own.
    assign(&mut script, "PROCESS_NAME", OsStr::new(&format!("{title:<60}")));
    assign(&mut script, "HTTPD", site.httpd.program.as_os_str());
    assign(&mut script, "CONF", site.root.join("httpd.conf").as_os_str());
    assign(&mut script, "STATUS_URL", OsStr::new(&crate::banner::status_url(site)));
    script.extend_from_slice(b"command=$1 # before httpd's arguments get more\n");
    script.extend_from_slice(more(site).as_bytes());
    script.extend_from_slice(BODY.as_bytes());
    script
}

const BODY: &str = r#"
[ ! -f "$MOD_WSGI_SERVER_ROOT/envvars" ] || . "$MOD_WSGI_SERVER_ROOT/envvars"

# Another identity than the configured one is told to httpd after its configuration.
if [ "$(id -u)" = 0 ]; then
    set -- "$@" -c "User \"$MOD_WSGI_USER\"" -c "Group \"$MOD_WSGI_GROUP\""
fi

cd "$MOD_WSGI_WORKING_DIRECTORY" || exit 1

run() {
    if [ -n "$BASH_VERSION" ]; then
        exec -a "$PROCESS_NAME" "$HTTPD" -f "$CONF" "$@"
    fi
    exec "$HTTPD" -f "$CONF" "$@"
}

case $command in
    start | stop | restart | graceful | graceful-stop) run -k "$@" ;;
    configtest) shift; run -t "$@" ;;
    status)
        for browser in curl wget lynx w3m; do
            command -v "$browser" >/dev/null || continue
            case $browser in
                curl) exec curl -s "$STATUS_URL?auto" ;;
                wget) exec wget -q -O - "$STATUS_URL?auto" ;;
                *) exec "$browser" -dump "$STATUS_URL" ;;
            esac
        done
        echo "See $STATUS_URL" ;;
    "") run -h ;;
    *) run "$@" ;;
esac
"#;

/// Arguments of httpd beside its configuration.
fn more(site: &Site) -> String {
    let mut lines = String::new();
    if site.options.debug.debug_mode {
        lines.push_str("set -- \"$@\" -DONE_PROCESS\n");
    }
    if site.options.logs.startup_log {
        let log = super::logs::startup_log(site);
        let log = String::from_utf8_lossy(&shell(log.as_os_str())).into_owned();
        lines.push_str(&format!("set -- \"$@\" -E {log}\n"));
    }
    lines
}

/// What scripts and configuration of the user may want to know.
fn variables(site: &Site) -> Vec<(&'static str, OsString)> {
    let listen = &site.options.listen;
    let https = site.options.https.https_port.map(|port| port.to_string()).unwrap_or_default();
    vec![
        ("MOD_WSGI_MODULES_DIRECTORY", site.httpd.modules.clone().into()),
        ("MOD_WSGI_SERVER_ROOT", site.root.clone().into()),
        ("MOD_WSGI_LISTENER_HOST", site.host().into()),
        ("MOD_WSGI_HTTP_PORT", listen.port.to_string().into()),
        ("MOD_WSGI_HTTPS_PORT", https.into()),
        ("MOD_WSGI_WORKING_DIRECTORY", site.working_directory.clone().into()),
    ]
}

fn assign(script: &mut Vec<u8>, name: &str, value: &OsStr) {
    let export = if name.starts_with("MOD_WSGI") || name.starts_with('L') { "export " } else { "" };
    script.extend_from_slice(format!("{export}{name}=").as_bytes());
    script.extend(shell(value));
    script.push(b'\n');
}
