//! One process group on the page.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::escape::Escaped;
use super::super::figures::{count, size, time};
use super::super::model::{Group, Requests, Worker};
use super::{error, histogram, or_dash, running};

/// The group with this number on the page.
pub(super) fn section(out: &mut String, number: usize, group: &Group) {
    let (name, state) = (Escaped(&group.name), group.state);
    let _ = writeln!(
        out,
        "<section id=\"group-{number}\">\n<h2>{name} <span class=\"state {state}\">{state}</span></h2>"
    );
    if let Some(reason) = &group.reason {
        let _ = writeln!(out, "<pre class=\"reason\">{}</pre>", Escaped(reason));
    }
    out.push_str("<dl class=\"facts\">\n");
    load(out, group);
    requests(out, &group.requests);
    lost(out, &group.lost);
    out.push_str("</dl>\n");
    workers(out, group);
    if group.requests.total > 0 {
        histogram::draw(out, "Latency", &format!("latency-{number}"), &group.requests.latency);
        histogram::draw(out, "Time in the queue", &format!("queue-{number}"), &group.requests.queue_time);
    }
    applications(out, &format!("applications-{number}"), &group.requests);
    ends(out, number, group);
    error(out, &format!("error-{number}"), group.errors, group.last_error.as_ref());
    out.push_str("</section>\n");
}

fn fact(out: &mut String, name: &str, value: &str, more: &str) {
    let _ = write!(out, "<div><dt>{name}</dt><dd>{value}");
    if !more.is_empty() {
        let _ = write!(out, " <small>{more}</small>");
    }
    out.push_str("</dd></div>\n");
}

/// Processes, threads and the queue.
fn load(out: &mut String, group: &Group) {
    let processes = &group.processes;
    let range = match (processes.least, processes.most) {
        (least, most) if least == most => format!("of {most}"),
        (least, most) => format!("of {}, {least} to {most}", processes.target),
    };
    fact(out, "Processes", &group.workers.len().to_string(), &range);
    if group.threads == 0 {
        return fact(out, "Threads", "none", "a script without requests");
    }
    let serving = group.workers.iter().filter(|worker| worker.state == "serving").count() as u64;
    let (busy, all) =
        (group.workers.iter().map(|worker| u64::from(worker.busy)).sum(), serving * u64::from(group.threads));
    let meter = meter(busy, all);
    fact(out, "Threads busy", &format!("{busy}{meter}"), &format!("of {all}"));
    let waits = group.queue.age.map_or_else(
        || format!("of {}", group.queue.limit),
        |age| format!("of {}, not empty for {}", group.queue.limit, time(age)),
    );
    fact(
        out,
        "Requests waiting",
        &format!(
            "{}{}",
            group.queue.length,
            self::meter(group.queue.length.into(), group.queue.limit.into())
        ),
        &waits,
    );
    let resident: u64 =
        group.workers.iter().filter_map(|worker| worker.usage.memory).fold(0, u64::saturating_add);
    fact(out, "Memory", &size(resident), "resident");
}

fn meter(value: u64, most: u64) -> String {
    let most = most.max(1);
    let (low, high, value) = (most as f64 * 0.7, most as f64 * 0.9, value.min(most));
    format!(
        " <meter max=\"{most}\" low=\"{low:.1}\" high=\"{high:.1}\" optimum=\"0\" value=\"{value}\"></meter>"
    )
}

/// Requests that have ended.
pub(super) fn requests(out: &mut String, requests: &Requests) {
    let failed = requests.statuses.get("5xx").copied().unwrap_or(0);
    let share = if requests.total == 0 { 0.0 } else { failed as f64 * 100.0 / requests.total as f64 };
    fact(out, "Requests", &count(requests.total), &format!("{} with 5xx ({share:.1} %)", count(failed)));
    let shown = |percentile: Option<f64>| percentile.map_or_else(|| "–".to_owned(), time);
    let latency = &requests.latency;
    let more = format!("half; 95 %: {}, 99 %: {}", shown(latency.p95), shown(latency.p99));
    fact(out, "Latency", &shown(latency.p50), &more);
    if requests.queue_time.count > 0 {
        let queue = &requests.queue_time;
        let more = format!("half; 95 %: {}, 99 %: {}", shown(queue.p95), shown(queue.p99));
        fact(out, "Time in the queue", &shown(queue.p50), &more);
    }
    fact(out, "Bodies", &size(requests.bytes_in), &format!("in, {} out", size(requests.bytes_out)));
}

/// Requests without an answer, if there were any.
pub(super) fn lost(out: &mut String, lost: &BTreeMap<&'static str, u64>) {
    if !lost.is_empty() {
        let all: u64 = lost.values().fold(0, |sum, count| sum.saturating_add(*count));
        let reasons: Vec<_> =
            lost.iter().map(|(reason, number)| format!("{reason} {}", count(*number))).collect();
        fact(out, "Without an answer", &count(all), &reasons.join(", "));
    }
}

fn workers(out: &mut String, group: &Group) {
    if group.workers.is_empty() {
        out.push_str("<p class=\"none\">No process.</p>\n");
        return;
    }
    out.push_str(
        "<table class=\"processes\">\n<thead><tr><th>Slot</th><th>Process</th><th>Generation</th><th>State</th><th>Age</th>\
         <th>Requests</th><th>Busy</th><th>Memory</th><th>CPU</th><th>Running</th></tr></thead>\n<tbody>\n",
    );
    group.workers.iter().for_each(|shown| worker(out, shown, group.threads));
    out.push_str("</tbody>\n</table>\n");
}

fn worker(out: &mut String, worker: &Worker, threads: u32) {
    let state = worker.state;
    let cells = [
        ("Slot", worker.slot.to_string()),
        ("Process", worker.pid.to_string()),
        ("Generation", worker.generation.to_string()),
        ("State", format!("<span class=\"state {state}\">{state}</span>")),
        ("Age", or_dash(worker.age.map(time))),
        ("Requests", count(worker.requests)),
        ("Busy", format!("{} of {threads}", worker.busy)),
        ("Memory", or_dash(worker.usage.memory.map(size))),
        ("CPU", or_dash(worker.usage.cpu.map(time))),
    ];
    out.push_str("<tr>");
    for (label, value) in cells {
        let _ = write!(out, "<td data-label=\"{label}\">{value}</td>");
    }
    out.push_str("<td data-label=\"Running\">");
    running(out, &worker.running);
    out.push_str("</td></tr>\n");
}

/// Requests by application group, folded.
pub(super) fn applications(out: &mut String, id: &str, requests: &Requests) {
    if requests.applications.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<details id=\"{id}\"><summary>Application groups ({})</summary>\n<table>\n<thead><tr><th>Name</th><th>1xx</th>\
         <th>2xx</th><th>3xx</th><th>4xx</th><th>5xx</th><th>Mean time</th></tr></thead>\n<tbody>",
        requests.applications.len()
    );
    for application in &requests.applications {
        let _ = write!(out, "<tr><td>{}</td>", Escaped(&application.name));
        for number in application.statuses.values() {
            let _ = write!(out, "<td>{}</td>", count(*number));
        }
        let all: u64 = application.statuses.values().fold(0, |sum, count| sum.saturating_add(*count));
        let _ = writeln!(out, "<td>{}</td></tr>", time(application.time / all.max(1) as f64));
    }
    out.push_str("</tbody>\n</table>\n</details>\n");
}

/// How workers have ended, folded.
fn ends(out: &mut String, number: usize, group: &Group) {
    let all: u64 = group.ends.values().fold(0, |sum, count| sum.saturating_add(*count));
    let _ = writeln!(
        out,
        "<details id=\"ends-{number}\"><summary>{} started, {} ended</summary>",
        count(group.starts),
        count(all)
    );
    if let Some(change) = &group.processes.last_change {
        let (ago, text) = (time(change.age), Escaped(&change.text));
        let _ = writeln!(
            out,
            "<p>The group has grown {} times and shrunk {} times, the last time {ago} ago: {text}</p>",
            group.processes.grown, group.processes.shrunk
        );
    }
    if !group.ends.is_empty() {
        let reasons: Vec<_> =
            group.ends.iter().map(|(reason, number)| format!("{reason} {}", count(*number))).collect();
        let _ = writeln!(out, "<p>{}</p>", reasons.join(", "));
        out.push_str("<table>\n<thead><tr><th>Process</th><th>Ended</th><th>Reason</th><th>How</th></tr></thead>\n<tbody>\n");
        for end in &group.last_ends {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td>{} ago</td><td>{}</td><td>{}</td></tr>",
                end.pid,
                time(end.age),
                end.reason,
                Escaped(&end.how)
            );
        }
        out.push_str("</tbody>\n</table>\n");
    }
    out.push_str("</details>\n");
}
