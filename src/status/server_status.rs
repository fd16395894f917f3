//! Our part of mod_status's page, and our lines in its `?auto`: for monitors that ask it already. The page of `wsgi-status`
//! has more.

use std::fmt::Write;

use super::collect::collect;
use super::escape::Escaped;
use super::figures::{count, size, time};
use super::model::{Group, Report, Worker};
use crate::apache::Server;
use crate::apache::status::Form;

/// What mod_status adds to its answer.
pub(super) fn lines(form: Form) -> String {
    let Some(main) = Server::main() else { return String::new() };
    let report = collect(main);
    match form {
        Form::Lines => auto(&report),
        Form::Page => page(&report),
    }
}

fn auto(report: &Report) -> String {
    let mut out = String::new();
    for group in &report.groups {
        let (name, queue, requests) = (key(&group.name), &group.queue, &group.requests);
        let busy: u64 = group.workers.iter().map(|worker| u64::from(worker.busy)).sum();
        let _ = writeln!(
            out,
            "WSGIGroup[{name}]: state={} processes={} busy={busy} queue={} requests={} lost={} starts={} errors={}",
            group.state,
            group.workers.len(),
            queue.length,
            requests.total,
            lost(group),
            group.starts,
            group.errors
        );
        for worker in &group.workers {
            let _ = writeln!(
                out,
                "WSGIWorker[{name}/{}]: pid={} generation={} state={} age={:.0} busy={} threads={} requests={} oldest={:.3} \
                 memory={} cpu={:.2}",
                worker.slot,
                worker.pid,
                worker.generation,
                worker.state,
                worker.age.unwrap_or(0.0),
                worker.busy,
                group.threads,
                worker.requests,
                oldest(worker),
                worker.usage.memory.unwrap_or(0),
                worker.usage.cpu.unwrap_or(0.0)
            );
        }
        for (reason, number) in &group.ends {
            let _ = writeln!(out, "WSGIEnds[{name}/{reason}]: {number}");
        }
    }
    if let Some(embedded) = &report.embedded {
        let _ =
            writeln!(out, "WSGIEmbedded: requests={} errors={}", embedded.requests.total, embedded.errors);
    }
    out
}

/// A name of a group within the name of a line: what would end it is replaced.
fn key(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_whitespace() || c.is_control() || ":[]/".contains(c) { '_' } else { c })
        .collect()
}

fn lost(group: &Group) -> u64 {
    group.lost.values().fold(0, |sum, count| sum.saturating_add(*count))
}

fn oldest(worker: &Worker) -> f64 {
    worker.running.iter().map(|running| running.age).fold(0.0, f64::max)
}

fn page(report: &Report) -> String {
    let mut out = String::from("<hr />\n<h2>mod_wsgi</h2>\n");
    for group in &report.groups {
        let _ = writeln!(
            out,
            "<h3>Process group {}</h3>\n<dl>\n<dt>{}{}</dt>\n<dt>{} requests, {} without an answer, {} waiting; {} processes \
             started</dt>\n</dl>",
            Escaped(&group.name),
            group.state,
            group.reason.as_ref().map(|reason| format!(": {}", Escaped(reason))).unwrap_or_default(),
            count(group.requests.total),
            count(lost(group)),
            group.queue.length,
            count(group.starts)
        );
        workers(&mut out, group);
    }
    if let Some(embedded) = &report.embedded {
        let _ = writeln!(out, "<h3>Embedded mode</h3>\n<p>{} requests</p>", count(embedded.requests.total));
    }
    out
}

fn workers(out: &mut String, group: &Group) {
    out.push_str(
        "<table border=\"0\">\n<tr><th>Slot</th><th>PID</th><th>Gen</th><th>State</th><th>Age</th><th>Busy</th><th>Requests</th>\
         <th>Memory</th><th>CPU</th><th>Oldest request</th></tr>\n",
    );
    for worker in &group.workers {
        let oldest = worker.running.iter().max_by(|one, other| one.age.total_cmp(&other.age));
        let oldest = oldest.map(|running| {
            format!("{} {} {}", time(running.age), Escaped(&running.method), Escaped(&running.path))
        });
        let dash = |shown: Option<String>| shown.unwrap_or_else(|| "-".to_owned());
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{} of {}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{}</td></tr>",
            worker.slot,
            worker.pid,
            worker.generation,
            worker.state,
            dash(worker.age.map(time)),
            worker.busy,
            group.threads,
            count(worker.requests),
            dash(worker.usage.memory.map(size)),
            dash(worker.usage.cpu.map(time)),
            dash(oldest)
        );
    }
    out.push_str("</table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_no_line() {
        assert_eq!(key("a b:c/d]\n"), "a_b_c_d__");
    }
}
