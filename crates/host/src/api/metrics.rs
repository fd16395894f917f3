//! `mod_wsgi.request_metrics()` and `mod_wsgi.process_metrics()`: the recorder's numbers under the names that
//! applications know.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::age;
use super::histogram::Distribution;
use super::interval::Phase;
use super::recorder::RECORDER;
use super::sample::{Lifetime, Sample, ThreadSample};
use crate::python::usage::{Usage, resident};

/// The phases by the names of their keys. The second and the third are of daemon mode only.
const PHASES: [(&str, Phase); 8] = [
    ("server_time", Phase::Server),
    ("queue_time", Phase::Queue),
    ("daemon_time", Phase::Daemon),
    ("application_time", Phase::Application),
    ("request_time", Phase::Request),
    ("input_read_time", Phase::InputRead),
    ("output_write_time", Phase::OutputWrite),
    ("gil_wait_time", Phase::GilWait),
];

/// Of the interval since the last call; `None` unless the application is the consumer of intervals. `threads` are
/// those that the process is configured with.
pub(crate) fn request_metrics(
    py: Python<'_>,
    threads: u32,
    is_embedded: bool,
) -> PyResult<Option<Bound<'_, PyDict>>> {
    let sample = py.detach(|| if is_ours() { RECORDER.drain() } else { None });
    let Some(sample) = sample else { return Ok(None) };
    let metrics = PyDict::new(py);
    interval(&metrics, &sample, threads)?;
    for (name, phase) in PHASES {
        let is_missing = is_embedded && matches!(phase, Phase::Queue | Phase::Daemon);
        distribution(&metrics, name, sample.total.phase(phase), is_missing)?;
    }
    let threads = threads.max(u32::try_from(sample.threads.len()).unwrap_or(u32::MAX));
    thread_lists(&metrics, &sample.threads, threads as usize)?;
    Ok(Some(metrics))
}

/// Of the whole life of the process; `None` unless the application is the consumer of intervals.
pub(crate) fn process_metrics(py: Python<'_>) -> PyResult<Option<Bound<'_, PyDict>>> {
    let found = py
        .detach(|| is_ours().then(|| (RECORDER.lifetime(), Usage::of_process(), resident(), age::started())));
    let Some((Lifetime { requests, running, busy, threads }, usage, memory_now, started)) = found else {
        return Ok(None);
    };
    let now = SystemTime::now();
    let metrics = PyDict::new(py);
    metrics.set_item("pid", std::process::id())?;
    metrics.set_item("request_count", requests)?;
    metrics.set_item("request_busy_time", busy.as_secs_f64())?;
    memory(&metrics, memory_now, usage.peak)?;
    metrics.set_item("cpu_user_time", usage.user.as_secs_f64())?;
    metrics.set_item("cpu_system_time", usage.system.as_secs_f64())?;
    metrics.set_item("cpu_time", usage.cpu().as_secs_f64())?;
    metrics.set_item("restart_time", epoch(started))?;
    metrics.set_item("current_time", epoch(now))?;
    metrics.set_item("running_time", now.duration_since(started).unwrap_or_default().as_secs())?;
    metrics.set_item("request_threads", threads.len())?;
    metrics.set_item("active_requests", running)?;
    let entries = PyList::empty(py);
    for (number, requests) in (1_u32..).zip(threads) {
        let entry = PyDict::new(py);
        entry.set_item("thread_id", number)?;
        entry.set_item("request_count", requests)?;
        entries.append(entry)?;
    }
    metrics.set_item("threads", entries)?;
    Ok(Some(metrics))
}

/// Whether the numbers are the application's to take. A forked copy has none: what it holds is its parent's.
fn is_ours() -> bool {
    RECORDER.is_for_application() && !crate::python::posix::is_copy()
}

fn interval(metrics: &Bound<'_, PyDict>, sample: &Sample, threads: u32) -> PyResult<()> {
    let (total, period) = (&sample.total, sample.period.as_secs_f64());
    let per_second = |amount: f64| if period > 0.0 { amount / period } else { 0.0 };
    metrics.set_item("pid", std::process::id())?;
    metrics.set_item("start_time", epoch(sample.started))?;
    metrics.set_item("stop_time", epoch(sample.ended))?;
    metrics.set_item("sample_period", period)?;
    metrics.set_item("request_count", total.requests)?;
    metrics.set_item("request_throughput", per_second(total.requests as f64))?;
    metrics.set_item("request_threads_maximum", threads)?;
    metrics.set_item("request_threads_started", sample.threads.len())?;
    metrics.set_item("request_threads_active", sample.active())?;
    metrics.set_item("capacity_utilization", sample.utilization(threads))?;
    for (name, time) in
        [("user_", sample.usage.user), ("system_", sample.usage.system), ("", sample.usage.cpu())]
    {
        let cores = per_second(time.as_secs_f64());
        metrics.set_item(format!("cpu_{name}utilization"), cores)?;
        metrics.set_item(format!("cpu_{name}time"), cores)?; // an old name, which says something else than it is
    }
    memory(metrics, resident(), sample.usage.peak)?;
    for (class, count) in (1..).zip(total.statuses) {
        metrics.set_item(format!("status_{class}xx"), count)?;
    }
    metrics.set_item("input_bytes", total.input_bytes)?;
    metrics.set_item("input_reads", total.input_reads)?;
    metrics.set_item("output_bytes", total.output_bytes)?;
    metrics.set_item("output_writes", total.output_writes)?;
    metrics.set_item("gil_wait_count", total.gil_waits)
}

/// `current` may be above `peak`, which the kernel counts in another way.
fn memory(metrics: &Bound<'_, PyDict>, current: u64, peak: u64) -> PyResult<()> {
    metrics.set_item("memory_rss", current)?;
    metrics.set_item("memory_max_rss", peak.max(current))
}

/// Mean, extremes and histogram of a phase.
fn distribution(
    metrics: &Bound<'_, PyDict>,
    name: &str,
    distribution: &Distribution,
    is_missing: bool,
) -> PyResult<()> {
    let mean = (!is_missing).then(|| distribution.mean().as_secs_f64());
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let extremes = distribution.extremes();
    metrics.set_item(name, mean)?;
    metrics.set_item(format!("{name}_min_us"), extremes.map(|(min, _)| micros(min)))?;
    metrics.set_item(format!("{name}_max_us"), extremes.map(|(_, max)| micros(max)))?;
    metrics.set_item(format!("{name}_buckets"), PyList::new(metrics.py(), distribution.buckets)?)
}

/// One entry for each thread, configured or seen.
fn thread_lists(metrics: &Bound<'_, PyDict>, threads: &[ThreadSample], length: usize) -> PyResult<()> {
    let py = metrics.py();
    let all: Vec<ThreadSample> =
        threads.iter().copied().chain(std::iter::repeat(ThreadSample::default())).take(length).collect();
    let completed: Vec<u64> = all.iter().map(|thread| thread.completed).collect();
    metrics.set_item("request_threads_completed", PyList::new(py, &completed)?)?;
    metrics.set_item("request_threads_buckets", PyList::new(py, &completed)?)?; // its old name
    let seconds = |of: fn(&ThreadSample) -> Duration| {
        let seconds: Vec<f64> = all.iter().map(|thread| of(thread).as_secs_f64()).collect();
        PyList::new(py, seconds)
    };
    metrics.set_item("request_threads_busy_time", seconds(|thread| thread.busy)?)?;
    metrics.set_item("request_threads_cpu_time", seconds(|thread| thread.cpu)?)?;
    metrics.set_item("request_threads_current_elapsed", seconds(|thread| thread.current)?)?;
    metrics.set_item("request_threads_max_duration", seconds(|thread| thread.longest)?)
}

fn epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
