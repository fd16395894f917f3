//! The status as a page: plain HTML that says everything by itself. The script only fetches the page again and puts
//! what has changed in its place; style and script are files of their own, so that strict policies (CSP) allow them.
//!
//! Plain functions over one [`Escaped`] type, and no template engine: there is one page, and what is shown is mostly
//! numbers. Every text from outside goes through [`Escaped`].

mod group;
mod histogram;

use std::fmt::Write;

use super::escape::Escaped;
use super::figures::{count, size, time};
use super::model::{Child, Embedded, Report, Running, Told};

/// What `?format=script` and `?format=style` answer.
pub(super) const SCRIPT: &str = include_str!("page/page.js");
pub(super) const STYLE: &str = include_str!("page/page.css");

/// Seconds between two looks of a browser without scripts that has asked for none in particular.
const USUAL: u32 = 5;

/// The whole page.
pub(super) fn render(report: &Report, refresh: Option<u32>) -> String {
    let mut out = String::with_capacity(16 << 10);
    out.push_str(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>mod_wsgi status</title>\n\
         <link rel=\"stylesheet\" href=\"?format=style\">\n<script src=\"?format=script\" defer></script>\n</head>\n<body>\n",
    );
    header(&mut out, refresh);
    out.push_str("<main id=\"live\">\n");
    server(&mut out, report);
    overview(&mut out, report);
    for (number, shown) in report.groups.iter().enumerate() {
        group::section(&mut out, number, shown);
    }
    if let Some(embedded) = &report.embedded {
        self::embedded(&mut out, embedded);
    }
    out.push_str("</main>\n<footer><a href=\"?format=json\">JSON</a></footer>\n</body>\n</html>\n");
    out
}

fn header(out: &mut String, refresh: Option<u32>) {
    out.push_str("<header>\n<h1>mod_wsgi status</h1>\n<p id=\"control\" hidden><button id=\"pause\" type=\"button\">Pause</button> <span id=\"told\" role=\"status\"></span></p>\n<noscript><p>");
    let _ = match refresh {
        Some(seconds) => write!(out, "Loaded again every {seconds} s. <a href=\"?\">Stop</a>"),
        None => write!(out, "<a href=\"?refresh={USUAL}\">Load again every {USUAL} s</a>"),
    };
    out.push_str("</p></noscript>\n</header>\n");
}

fn server(out: &mut String, report: &Report) {
    let httpd = &report.server;
    let _ = writeln!(
        out,
        "<p class=\"server\">mod_wsgi {} in httpd {} ({}), generation {}, up for {}</p>",
        Escaped(&report.version),
        Escaped(&httpd.version),
        Escaped(&httpd.mpm),
        httpd.generation,
        time(httpd.uptime)
    );
}

/// Links to the groups, where there are several.
fn overview(out: &mut String, report: &Report) {
    if report.groups.len() < 2 {
        return;
    }
    out.push_str("<nav><ul>\n");
    for (number, group) in report.groups.iter().enumerate() {
        let (name, state) = (Escaped(&group.name), group.state);
        let _ = writeln!(
            out,
            "<li><a href=\"#group-{number}\">{name}</a> <span class=\"state {state}\">{state}</span></li>"
        );
    }
    out.push_str("</ul></nav>\n");
}

/// Requests in httpd's own processes.
fn embedded(out: &mut String, embedded: &Embedded) {
    out.push_str("<section id=\"embedded\">\n<h2>Embedded mode</h2>\n<dl class=\"facts\">\n");
    group::requests(out, &embedded.requests);
    group::lost(out, &embedded.lost);
    out.push_str("</dl>\n");
    if embedded.requests.total > 0 {
        histogram::draw(out, "Latency", "embedded-latency", &embedded.requests.latency);
    }
    group::applications(out, "embedded-applications", &embedded.requests);
    error(out, "embedded-error", embedded.errors, embedded.last_error.as_ref());
    out.push_str(
        "<h3>httpd's processes</h3>\n<table class=\"processes\">\n<thead><tr><th>Process</th><th>Generation</th>\
         <th>State</th><th>Busy</th><th>Memory</th><th>CPU</th><th>Requests of all modules</th></tr></thead>\n<tbody>\n",
    );
    embedded.children.iter().for_each(|shown| child(out, shown));
    out.push_str("</tbody>\n</table>\n</section>\n");
}

fn child(out: &mut String, child: &Child) {
    let _ = write!(
        out,
        "<tr><td data-label=\"Process\">{}</td><td data-label=\"Generation\">{}</td><td data-label=\"State\">\
         <span class=\"state {}\">{}</span></td><td data-label=\"Busy\">{}</td><td data-label=\"Memory\">{}</td>\
         <td data-label=\"CPU\">{}</td><td data-label=\"Requests\">",
        child.pid,
        child.generation,
        child.state,
        child.state,
        child.busy,
        or_dash(child.usage.memory.map(size)),
        or_dash(child.usage.cpu.map(time))
    );
    running(out, &child.running);
    out.push_str("</td></tr>\n");
}

/// Requests that are being run, the oldest first.
fn running(out: &mut String, running: &[Running]) {
    if running.is_empty() {
        return;
    }
    let mut oldest: Vec<_> = running.iter().collect();
    oldest.sort_by(|one, other| other.age.total_cmp(&one.age));
    out.push_str("<ul class=\"running\">");
    for request in oldest {
        let (method, path) = (Escaped(&request.method), Escaped(&request.path));
        let _ = write!(out, "<li><b>{}</b> <code>{method} {path}</code>", time(request.age));
        if !request.id.is_empty() {
            let _ = write!(out, " <small>{}</small>", Escaped(&request.id));
        }
        out.push_str("</li>");
    }
    out.push_str("</ul>");
}

/// The last error, folded.
fn error(out: &mut String, id: &str, errors: u64, last: Option<&Told>) {
    let Some(told) = last else { return };
    let (ago, number, text) = (time(told.age), count(errors), Escaped(told.text.trim_end()));
    let _ = writeln!(
        out,
        "<details id=\"{id}\"><summary>Last error, {ago} ago ({number} in all)</summary><pre>{text}</pre></details>"
    );
}

fn or_dash(shown: Option<String>) -> String {
    shown.unwrap_or_else(|| "–".to_owned())
}

#[cfg(test)]
mod tests;
