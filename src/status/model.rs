//! What is shown, as plain data; its names are those of the JSON document. Times are in seconds, sizes in bytes.

use std::collections::BTreeMap;

use serde::Serialize;

/// The whole of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The layout of this document; it changes when something in it gets another meaning.
    pub(super) schema: u32,
    /// Of mod_wsgi.
    pub(super) version: String,
    /// When this was collected, in seconds since the epoch.
    pub(super) time: f64,
    pub(super) server: Httpd,
    pub(super) groups: Vec<Group>,
    /// Requests that httpd's own processes ran; absent if there are none, and there are groups.
    pub(super) embedded: Option<Embedded>,
}

/// httpd.
#[derive(Debug, Serialize)]
pub(super) struct Httpd {
    pub(super) version: String,
    pub(super) mpm: String,
    pub(super) generation: u32,
    /// Since it was started or restarted.
    pub(super) uptime: f64,
}

/// A process group.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    /// `starting`, `running`, `failing`, `outdated` or, without shared memory, `unusable`.
    pub(super) state: &'static str,
    /// Why it is failing, outdated or unusable.
    pub(super) reason: Option<String>,
    /// Request threads of each process.
    pub(super) threads: u32,
    pub(super) processes: Processes,
    pub(super) queue: Queue,
    pub(super) requests: Requests,
    /// Requests that got no answer, by reason.
    pub(super) lost: BTreeMap<&'static str, u64>,
    pub(super) workers: Vec<Worker>,
    /// Workers that were started.
    pub(super) starts: u64,
    /// Workers that have ended, by reason.
    pub(super) ends: BTreeMap<&'static str, u64>,
    /// The last of these.
    pub(super) last_ends: Vec<End>,
    pub(super) errors: u64,
    pub(super) last_error: Option<Told>,
}

/// How many processes there are to be.
#[derive(Debug, Serialize)]
pub(super) struct Processes {
    pub(super) target: u32,
    pub(super) least: u32,
    pub(super) most: u32,
    pub(super) grown: u32,
    pub(super) shrunk: u32,
    pub(super) last_change: Option<Told>,
}

/// Requests that wait for a thread.
#[derive(Debug, Serialize)]
pub(super) struct Queue {
    pub(super) length: u32,
    /// listen-backlog.
    pub(super) limit: u32,
    /// For how long the queue has not been empty.
    pub(super) age: Option<f64>,
}

/// Requests that have ended.
#[derive(Debug, Serialize)]
pub(super) struct Requests {
    pub(super) total: u64,
    /// By class of status.
    pub(super) statuses: BTreeMap<&'static str, u64>,
    pub(super) applications: Vec<Application>,
    /// From httpd's reception to the application's end.
    pub(super) latency: Histogram,
    /// From the search for a thread to the thread; nothing in embedded mode.
    pub(super) queue_time: Histogram,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// An application group.
#[derive(Debug, Serialize)]
pub(super) struct Application {
    /// `%{GLOBAL}` is the main interpreter, `%{OTHERS}` are all that are not counted apart.
    pub(super) name: String,
    pub(super) statuses: BTreeMap<&'static str, u64>,
    /// Time in the application, of all requests together.
    pub(super) time: f64,
}

/// How long things took.
#[derive(Debug, Serialize)]
pub(super) struct Histogram {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
    /// Not cumulated; the last one has no end.
    pub(super) buckets: Vec<Bucket>,
}

/// One bucket.
#[derive(Debug, Serialize)]
pub(super) struct Bucket {
    pub(super) to: Option<f64>,
    pub(super) count: u64,
}

/// A worker process.
#[derive(Debug, Serialize)]
pub(super) struct Worker {
    pub(super) slot: usize,
    pub(super) pid: u32,
    /// httpd's generation when it was started.
    pub(super) generation: u32,
    /// `starting`, `serving` or `leaving`.
    pub(super) state: &'static str,
    pub(super) age: Option<f64>,
    /// Requests that it has ended.
    pub(super) requests: u64,
    pub(super) busy: u32,
    pub(super) running: Vec<Running>,
    #[serde(flatten)]
    pub(super) usage: Usage,
}

/// What a process uses; absent where /proc does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Usage {
    /// Resident memory.
    pub(super) memory: Option<u64>,
    /// Processor time, in user and system mode together.
    pub(super) cpu: Option<f64>,
}

/// A request that is being run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Running {
    /// The id that the error log has; empty if it is not known.
    pub(super) id: String,
    pub(super) method: String,
    /// Without its query string.
    pub(super) path: String,
    pub(super) age: f64,
}

/// The end of a worker.
#[derive(Debug, Serialize)]
pub(super) struct End {
    pub(super) pid: u32,
    pub(super) reason: &'static str,
    /// What the system says about it.
    pub(super) how: String,
    pub(super) age: f64,
}

/// A text and how long ago it was written.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub(super) age: f64,
    pub(super) text: String,
}

/// Embedded mode.
#[derive(Debug, Serialize)]
pub(super) struct Embedded {
    pub(super) requests: Requests,
    pub(super) lost: BTreeMap<&'static str, u64>,
    pub(super) errors: u64,
    pub(super) last_error: Option<Told>,
    pub(super) children: Vec<Child>,
}

/// A child of httpd: what its threads do is for all modules, as mod_status shows it.
#[derive(Debug, Serialize)]
pub(super) struct Child {
    pub(super) pid: u32,
    pub(super) generation: u32,
    /// `serving` or `leaving`.
    pub(super) state: &'static str,
    /// Threads with a request.
    pub(super) busy: u32,
    pub(super) running: Vec<Running>,
    #[serde(flatten)]
    pub(super) usage: Usage,
}
