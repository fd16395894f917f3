//! What is printed when a server has been made: where it is and how much it can do.

use std::fmt::Write;

use crate::generate::{self, Sizes};
use crate::options::Mpm;
use crate::site::Site;

/// The address for a browser.
fn url(site: &Site) -> String {
    format!("{}{}/", address(site, "http", site.options.listen.port, 80), site.mount)
}

/// The address of the status page, which is of the whole server.
pub(crate) fn status_url(site: &Site) -> String {
    format!("{}/server-status", address(site, "http", site.options.listen.port, 80))
}

fn address(site: &Site, scheme: &str, port: u16, usual: u16) -> String {
    let host = site.options.listen.server_name.as_deref().unwrap_or(site.host());
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let port = if port == usual { String::new() } else { format!(":{port}") };
    format!("{scheme}://{host}{port}")
}

/// The lines. Names and their order are those that people know.
pub(crate) fn text(site: &Site, is_setup: bool) -> String {
    let options = &site.options;
    let mut lines: Vec<(&str, String)> = vec![("Server URL", url(site))];
    if let Some(port) = options.https.https_port {
        let server = address(site, "https", port, 443);
        lines.push(("Server URL (HTTPS)", format!("{server}{}/", site.mount)));
    }
    if options.observe.server_status {
        lines.push(("Server Status", status_url(site)));
    }
    let place = |path: std::path::PathBuf| path.display().to_string();
    lines.extend([
        ("Server Root", place(site.root.clone())),
        ("Server Conf", place(site.root.join("httpd.conf"))),
        (
            "Error Log File",
            format!("{} ({})", generate::error_log(site).to_string_lossy(), options.logs.log_level),
        ),
    ]);
    if options.logs.access_log {
        lines.push(("Access Log File", generate::access_log(site).to_string_lossy().into_owned()));
    }
    if options.logs.startup_log {
        lines.push(("Startup Log File", place(generate::startup_log(site))));
    }
    lines.push(("Rewrite Rules", place(site.file(options.files.rewrite_rules.as_ref(), "rewrite.conf"))));
    lines.push(("Environ Variables", place(site.file(options.server.envvars_script.as_ref(), "envvars"))));
    if is_setup {
        lines.push(("Control Script", place(site.root.join("apachectl"))));
    }
    lines.extend(capacity(site));
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<19}: {value}");
    }
    text
}

/// How much it can do.
fn capacity(site: &Site) -> Vec<(&'static str, String)> {
    let (options, times) = (&site.options, &site.options.timeouts);
    let mode = match (&site.wsgi, options.debug.debug_mode, options.processes.embedded_mode) {
        (None, ..) => "static",
        (_, true, _) => "debug",
        (_, _, true) => "embedded",
        _ => "daemon",
    };
    let (processes, threads) = (options.processes.processes.unwrap_or(1), options.processes.threads);
    let count =
        |number: u32, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let (all, of) = (processes.saturating_mul(threads), count(processes, "process", "processes"));
    let mut lines = vec![
        ("Operating Mode", mode.to_owned()),
        ("Request Capacity", format!("{all} ({of} * {})", count(threads, "thread", "threads"))),
    ];
    if site.is_daemon() {
        lines.push(("Request Timeout", format!("{} (seconds)", times.request_timeout)));
        if times.interrupt_timeout > 0 {
            lines.push(("Interrupt Timeout", format!("{} (seconds)", times.interrupt_timeout)));
        }
        let clients = |mpm| Sizes::of(&options.processes, mpm, false).clients;
        lines.extend([
            ("Startup Timeout", format!("{} (seconds)", times.startup_timeout)),
            ("Queue Backlog", format!("{} (connections)", options.limits.daemon_backlog)),
            ("Queue Timeout", format!("{} (seconds)", times.queue_timeout)),
            (
                "Server Capacity",
                format!("{} (event/worker), {} (prefork)", clients(Mpm::Event), clients(Mpm::Prefork)),
            ),
        ]);
    }
    lines.push(("Server Backlog", format!("{} (connections)", options.limits.server_backlog)));
    if let Some(wsgi) = &site.wsgi {
        lines.push(("Locale Setting", wsgi.locale.clone()));
    }
    lines
}
