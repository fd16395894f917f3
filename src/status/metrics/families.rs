//! The table of all metrics: name, kind, help, labels, and where the values come from. docs/status.md lists it.

use super::super::model::Report;
use super::samples::{
    Samples, Value, applications, by_word, each_group, embedded, lost, of, per_group, per_requests,
    per_worker,
};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    /// For the documentation.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the documentation's test reads it"))]
    pub(super) labels: &'static [&'static str],
    pub(super) samples: for<'r> fn(&'r Report) -> Samples<'r>,
}

const GROUP: &[&str] = &["process_group"];
const REASON: &[&str] = &["process_group", "reason"];
const SLOT: &[&str] = &["process_group", "slot"];

const STATES: [&str; 5] = ["starting", "running", "failing", "outdated", "unusable"];

/// All metrics, by name.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "mod_wsgi_application_seconds_total",
        kind: Kind::Counter,
        help: "Time that requests spent in applications.",
        labels: &["process_group", "application_group"],
        samples: |report| {
            applications(report, |name, application| {
                vec![(vec![("application_group", name)], Value::Number(application.time))]
            })
        },
    },
    Family {
        name: "mod_wsgi_build_info",
        kind: Kind::Gauge,
        help: "The versions of mod_wsgi and httpd, as labels of the number 1.",
        labels: &["version", "httpd", "mpm"],
        samples: |report| {
            let (version, httpd) = (report.version.clone(), &report.server);
            let labels =
                vec![("version", version), ("httpd", httpd.version.clone()), ("mpm", httpd.mpm.clone())];
            vec![(labels, Value::Count(1))]
        },
    },
    Family {
        name: "mod_wsgi_errors_total",
        kind: Kind::Counter,
        help: "Exceptions that applications raised, and requests that were lost on the server's side.",
        labels: GROUP,
        samples: |report| {
            let embedded = embedded(report, |embedded| vec![of(Value::Count(embedded.errors))]);
            per_group(report, |group| Value::Count(group.errors)).into_iter().chain(embedded).collect()
        },
    },
    Family {
        name: "mod_wsgi_group_state",
        kind: Kind::Gauge,
        help: "1 for the state that the process group is in, 0 for the others.",
        labels: &["process_group", "state"],
        samples: |report| {
            each_group(report, |group| {
                let state = |state: &'static str| {
                    (vec![("state", state.to_owned())], Value::Count((group.state == state).into()))
                };
                STATES.into_iter().map(state).collect()
            })
        },
    },
    Family {
        name: "mod_wsgi_oldest_request_seconds",
        kind: Kind::Gauge,
        help: "For how long the oldest request has been running; 0 if none runs.",
        labels: GROUP,
        samples: |report| {
            per_group(report, |group| {
                let ages = group.workers.iter().flat_map(|worker| &worker.running).map(|running| running.age);
                Value::Number(ages.fold(0.0, f64::max))
            })
        },
    },
    Family {
        name: "mod_wsgi_processes",
        kind: Kind::Gauge,
        help: "Worker processes, with those that start or leave.",
        labels: GROUP,
        samples: |report| per_group(report, |group| Value::Count(group.workers.len() as u64)),
    },
    Family {
        name: "mod_wsgi_processes_max",
        kind: Kind::Gauge,
        help: "The most processes that the group may have (processes=).",
        labels: GROUP,
        samples: |report| per_group(report, |group| Value::Count(group.processes.most.into())),
    },
    Family {
        name: "mod_wsgi_processes_target",
        kind: Kind::Gauge,
        help: "Processes that the group is meant to have now.",
        labels: GROUP,
        samples: |report| per_group(report, |group| Value::Count(group.processes.target.into())),
    },
    Family {
        name: "mod_wsgi_queue_length",
        kind: Kind::Gauge,
        help: "Requests that wait for a free thread.",
        labels: GROUP,
        samples: |report| per_group(report, |group| Value::Count(group.queue.length.into())),
    },
    Family {
        name: "mod_wsgi_queue_limit",
        kind: Kind::Gauge,
        help: "The most requests that may wait (listen-backlog).",
        labels: GROUP,
        samples: |report| per_group(report, |group| Value::Count(group.queue.limit.into())),
    },
    Family {
        name: "mod_wsgi_queue_nonempty_seconds",
        kind: Kind::Gauge,
        help: "For how long there has always been a request that waits; 0 if none does.",
        labels: GROUP,
        samples: |report| per_group(report, |group| Value::Number(group.queue.age.unwrap_or(0.0))),
    },
    Family {
        name: "mod_wsgi_request_body_bytes_total",
        kind: Kind::Counter,
        help: "Bytes of request bodies that applications read.",
        labels: GROUP,
        samples: |report| per_requests(report, |requests| Value::Count(requests.bytes_in)),
    },
    Family {
        name: "mod_wsgi_request_duration_seconds",
        kind: Kind::Histogram,
        help: "From httpd's reception of a request to the application's end.",
        labels: GROUP,
        samples: |report| per_requests(report, |requests| Value::Histogram(&requests.latency)),
    },
    Family {
        name: "mod_wsgi_request_queue_seconds",
        kind: Kind::Histogram,
        help: "From the search for a thread to the thread (process groups only).",
        labels: GROUP,
        samples: |report| per_group(report, |group| Value::Histogram(&group.requests.queue_time)),
    },
    Family {
        name: "mod_wsgi_requests_lost_total",
        kind: Kind::Counter,
        help: "Requests that got no answer of an application.",
        labels: REASON,
        samples: |report| {
            let embedded = embedded(report, |embedded| by_word("reason", lost(&embedded.lost)));
            each_group(report, |group| by_word("reason", lost(&group.lost)))
                .into_iter()
                .chain(embedded)
                .collect()
        },
    },
    Family {
        name: "mod_wsgi_requests_total",
        kind: Kind::Counter,
        help: "Requests that applications ended, by the class of their status.",
        labels: &["process_group", "application_group", "code"],
        samples: |report| {
            applications(report, |name, application| {
                let sample = |(class, count): (&&'static str, &u64)| {
                    let labels = vec![("application_group", name.clone()), ("code", (*class).to_owned())];
                    (labels, Value::Count(*count))
                };
                application.statuses.iter().map(sample).collect()
            })
        },
    },
    Family {
        name: "mod_wsgi_resizes_total",
        kind: Kind::Counter,
        help: "How often an elastic group has grown or shrunk.",
        labels: &["process_group", "direction"],
        samples: |report| {
            each_group(report, |group| {
                let (grown, shrunk) = (group.processes.grown, group.processes.shrunk);
                by_word("direction", [("grow", grown.into()), ("shrink", shrunk.into())])
            })
        },
    },
    Family {
        name: "mod_wsgi_response_body_bytes_total",
        kind: Kind::Counter,
        help: "Bytes of response bodies that applications produced.",
        labels: GROUP,
        samples: |report| per_requests(report, |requests| Value::Count(requests.bytes_out)),
    },
    Family {
        name: "mod_wsgi_threads",
        kind: Kind::Gauge,
        help: "Request threads of the processes that serve.",
        labels: GROUP,
        samples: |report| {
            per_group(report, |group| {
                let serving = group.workers.iter().filter(|worker| worker.state == "serving").count() as u64;
                Value::Count(serving * u64::from(group.threads))
            })
        },
    },
    Family {
        name: "mod_wsgi_threads_busy",
        kind: Kind::Gauge,
        help: "Threads that run a request.",
        labels: GROUP,
        samples: |report| {
            per_group(report, |group| {
                Value::Count(group.workers.iter().map(|worker| u64::from(worker.busy)).sum())
            })
        },
    },
    Family {
        name: "mod_wsgi_worker_age_seconds",
        kind: Kind::Gauge,
        help: "How long ago the worker was started.",
        labels: SLOT,
        samples: |report| per_worker(report, |worker| worker.age.map(Value::Number)),
    },
    Family {
        name: "mod_wsgi_worker_cpu_seconds_total",
        kind: Kind::Counter,
        help: "Processor time of the worker; begins anew with each worker.",
        labels: SLOT,
        samples: |report| per_worker(report, |worker| worker.usage.cpu.map(Value::Number)),
    },
    Family {
        name: "mod_wsgi_worker_ends_total",
        kind: Kind::Counter,
        help: "Workers that have ended, by reason.",
        labels: REASON,
        samples: |report| {
            each_group(report, |group| {
                by_word("reason", group.ends.iter().map(|(word, count)| (*word, *count)))
            })
        },
    },
    Family {
        name: "mod_wsgi_worker_resident_memory_bytes",
        kind: Kind::Gauge,
        help: "Resident memory of the worker, shared pages included.",
        labels: SLOT,
        samples: |report| per_worker(report, |worker| worker.usage.memory.map(Value::Count)),
    },
    Family {
        name: "mod_wsgi_worker_starts_total",
        kind: Kind::Counter,
        help: "Workers that were started.",
        labels: GROUP,
        samples: |report| per_group(report, |group| Value::Count(group.starts)),
    },
    Family {
        name: "mod_wsgi_worker_threads_busy",
        kind: Kind::Gauge,
        help: "Threads of the worker that run a request.",
        labels: SLOT,
        samples: |report| per_worker(report, |worker| Some(Value::Count(worker.busy.into()))),
    },
];
