//! The application: its process group, its handler, and what Python is told.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::conf::Conf;
use crate::locate::{absolute, colons};
use crate::options::{MapHead, pairs};
use crate::site::{Site, Wsgi};

/// Writes the directives.
pub(super) fn write(conf: &mut Conf, site: &Site) {
    let Some(wsgi) = &site.wsgi else { return };
    conf.comment("Python");
    python(conf, site, wsgi);
    conf.comment("The application");
    if site.is_daemon() {
        let mut options = group_options(site);
        options.extend(place_options(site, wsgi));
        conf.line_with_options("WSGIDaemonProcess", &[&site.process_group()], &options);
    }
    requests(conf, site);
    handler(conf, site);
}

fn python(conf: &mut Conf, site: &Site, wsgi: &Wsgi) {
    let options = &site.options;
    let processes = &options.processes;
    conf.line("WSGIPythonHome", &[&wsgi.python.home]);
    if !site.is_daemon() {
        let mut folders = vec![site.working_directory.clone()];
        folders.extend(options.application.python_path.iter().map(|folder| absolute(folder)));
        conf.line("WSGIPythonPath", &[&colons(folders.iter())]);
        if let Some(seconds) = processes.switch_interval {
            conf.line("WSGISwitchInterval", &[&seconds]);
        }
    }
    for filter in &options.application.python_warnings {
        conf.line("WSGIPythonWarnings", &[filter]);
    }
    conf.line("WSGIDestroyInterpreter", &[&super::on(!processes.orphan_interpreter)]);
    conf.line("WSGIRestrictEmbedded", &[&super::on(site.is_daemon())]);
    if processes.free_threading {
        conf.fixed("WSGIFreeThreading On");
    }
    let observe = &options.observe;
    conf.line("WSGIServerMetrics", &[&super::on(observe.server_metrics)]);
    if let Some(target) = &observe.telemetry_service {
        let interval = [("interval", observe.telemetry_interval.to_string().into())];
        conf.line_with_options("WSGITelemetryService", &[target], &interval);
        if let Some(seconds) = observe.slow_requests {
            conf.line("WSGISlowRequests", &[&seconds]);
        }
    }
    for words in &observe.telemetry_options {
        conf.split("WSGITelemetryOptions", words);
    }
}

/// Where Python runs and looks for modules: the same for the application and for services.
pub(super) fn place_options(site: &Site, wsgi: &Wsgi) -> Vec<(&'static str, OsString)> {
    let mut options = vec![("home", site.working_directory.clone().into_os_string())];
    let folders: Vec<PathBuf> =
        site.options.application.python_path.iter().map(|folder| absolute(folder)).collect();
    if !folders.is_empty() {
        options.push(("python-path", colons(folders.iter())));
    }
    options.extend([("lang", wsgi.locale.clone().into()), ("locale", wsgi.locale.clone().into())]);
    options
}

fn group_options(site: &Site) -> Vec<(&'static str, OsString)> {
    let (processes, times, limits) = (&site.options.processes, &site.options.timeouts, &site.options.limits);
    let title = match &site.options.application.process_group {
        Some(name) => format!("(wsgi:{name})"),
        None => format!("(wsgi:{}:{})", site.process_group(), site.identity.uid),
    };
    let number = |number: u32| Some(OsString::from(number.to_string()));
    // 0 has a meaning of its own, and is what holds without the option.
    let unless_zero = |value: u32| number(value).filter(|_| value > 0);
    let rows = [
        ("display-name", Some(title.into())),
        ("processes", processes.processes.and_then(number)),
        ("threads", number(processes.threads)),
        ("maximum-requests", number(limits.maximum_requests)),
        ("startup-timeout", number(times.startup_timeout)),
        ("request-timeout", number(times.request_timeout)),
        ("interrupt-timeout", unless_zero(times.interrupt_timeout)),
        ("deadlock-timeout", number(times.deadlock_timeout)),
        ("inactivity-timeout", unless_zero(times.inactivity_timeout)),
        ("restart-interval", unless_zero(times.restart_interval)),
        ("cpu-time-limit", unless_zero(times.cpu_time_limit)),
        ("graceful-timeout", number(times.graceful_timeout)),
        ("eviction-timeout", unless_zero(times.eviction_timeout)),
        ("shutdown-timeout", number(times.shutdown_timeout)),
        ("queue-timeout", number(times.queue_timeout)),
        ("connect-timeout", number(times.connect_timeout)),
        ("socket-timeout", unless_zero(times.socket_timeout)),
        ("response-socket-timeout", unless_zero(times.response_socket_timeout)),
        ("listen-backlog", number(limits.daemon_backlog)),
        ("send-buffer-size", unless_zero(limits.send_buffer_size)),
        ("receive-buffer-size", unless_zero(limits.receive_buffer_size)),
        ("header-buffer-size", unless_zero(limits.header_buffer_size)),
        ("response-flush-delay", number(limits.response_flush_delay)),
        ("switch-interval", processes.switch_interval.map(|seconds| seconds.to_string().into())),
        ("server-metrics", site.options.observe.server_metrics.then(|| "On".into())),
    ];
    rows.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}

/// What requests are like.
fn requests(conf: &mut Conf, site: &Site) {
    let options = &site.options;
    conf.fixed("WSGIPassAuthorization On");
    conf.line("WSGIScriptReloading", &[&super::on(reloads(site))]);
    conf.line("WSGIChunkedRequest", &[&super::on(options.limits.chunked_request)]);
    conf.line("WSGIErrorOverride", &[&super::on(options.files.error_override)]);
    let map = match options.limits.map_head_to_get {
        MapHead::Auto => "Auto",
        MapHead::On => "On",
        MapHead::Off => "Off",
    };
    conf.line("WSGIMapHEADToGET", &[&map]);
    for header in &options.proxy.trust_proxy_header {
        conf.line("WSGITrustedProxyHeaders", &[header]);
    }
    for proxy in &options.proxy.trust_proxy {
        conf.line("WSGITrustedProxies", &[proxy]);
    }
    for (name, value) in pairs(&options.application.setenv) {
        conf.line("SetEnv", &[name, value]);
    }
    for name in &options.application.passenv {
        conf.line("PassEnv", &[name]);
    }
    for url in &options.timeouts.ignore_activity {
        conf.section("Location", &[url], |conf| conf.fixed("WSGIIgnoreActivity On"));
    }
}

/// Whether a changed script is loaded again: by a new process, so not in httpd's own ones.
pub(super) fn reloads(site: &Site) -> bool {
    !site.options.server.disable_reloading && site.is_daemon()
}

/// The script behind the fallback of the document root, loaded before the first request.
fn handler(conf: &mut Conf, site: &Site) {
    let script = site.root.join("handler.wsgi");
    let application = site.options.application.application_group.clone();
    let group =
        [("process-group", site.process_group().into()), ("application-group", application.clone().into())];
    for (place, _) in pairs(&site.options.application.add_handler).enumerate() {
        let own = site.root.join(format!("resource-{place}.wsgi"));
        conf.line_with_options("WSGIHandlerScript", &[&format!("wsgi-resource-{place}"), &own], &group);
    }
    if !site.has_application() {
        return;
    }
    conf.line_with_options("WSGIHandlerScript", &[&"wsgi-handler", &script], &group);
    // A group that each request chooses cannot be filled before.
    if application == "%{GLOBAL}" || !application.contains("%{") {
        conf.line_with_options("WSGIImportScript", &[&script], &group);
    }
}
