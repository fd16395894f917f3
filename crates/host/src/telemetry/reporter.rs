//! The threads that report, from the start of the process to its end. There is at most one reporter in a process.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use contract::launch::{Python as Settings, Telemetry};
use contract::level;
use pyo3::prelude::*;

use super::report::{End, Identity, Reports};
use super::sample::{self, Setting};
use super::socket::Sender;
use super::{gc, slow};
use crate::api::recorder::{RECORDER, SlowRequests};
use crate::log::log;
use crate::python::process::Process;
use crate::python::quiet;
use crate::python::usage;

/// Most running slow requests in one interval.
const MOST_RUNNING: usize = 16;
/// How long the end of the process waits for the last reports of the threads: an interpreter may be stuck.
const LAST_LOOK: Duration = Duration::from_millis(200);
/// For finalizers, which may run where the collector is asked.
const STACK: usize = 8 << 20;

/// The reporter of this process.
static REPORTER: OnceLock<Reporter> = OnceLock::new();

/// See the module.
struct Reporter {
    reports: Arc<Reports>,
    setting: Setting,
    /// Wakes both threads for their end.
    clock: Arc<Clock>,
    /// The end is announced; its reason.
    reason: OnceLock<String>,
    stopped: AtomicBool,
}

/// Ticks at each interval until the end.
struct Clock {
    interval: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ending: bool,
    /// Threads that run.
    threads: usize,
}

/// Starts to report, if that is configured. `httpd` is the pid of httpd's parent. Called detached, before the process
/// takes requests. A failure is logged, and the process serves on.
pub(crate) fn start<P>(process: P, httpd: u32)
where
    P: std::ops::Deref<Target = Process> + Send + 'static,
{
    let settings = process.settings().clone();
    let Some(telemetry) = settings.telemetry.clone() else { return };
    if let Err(reason) = try_start(process, &settings, &telemetry, httpd) {
        let text = format!("telemetry is off in this process (WSGITelemetryService): {reason}");
        log(level::ERROR, &text);
    }
}

fn try_start<P>(process: P, settings: &Settings, telemetry: &Telemetry, httpd: u32) -> Result<(), String>
where
    P: std::ops::Deref<Target = Process> + Send + 'static,
{
    let sender = Sender::new(&telemetry.socket)?;
    let reports = Arc::new(Reports::new(identity(&process, settings, httpd), sender));
    let after = Some(telemetry.slow_requests).filter(|seconds| *seconds > 0.0);
    let after = after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let user_agent = telemetry.capture_user_agent;
    RECORDER.record_for_reporter(after.map(|after| SlowRequests { after, user_agent }));
    let setting = Setting {
        interval: telemetry.interval,
        slow_requests: telemetry.slow_requests,
        threads: settings.threads_per_process,
        is_embedded: settings.process_group.is_empty(),
        resident: 0,
    };
    let interval = Duration::try_from_secs_f64(telemetry.interval).unwrap_or(Duration::from_secs(1));
    let clock = Arc::new(Clock { interval, state: Mutex::default(), changed: Condvar::new() });
    let (socket, seconds) = (telemetry.socket.display(), telemetry.interval);
    log(level::INFO, &format!("Telemetry reporter started; target='unix:{socket}', interval={seconds:.3}s."));
    reports.started();
    spawn(process, &reports, &clock, setting).map_err(|error| {
        format!("no thread can be started for it: {error}; look at the limits on processes and memory")
    })?;
    let (reason, stopped) = (OnceLock::new(), AtomicBool::new(false));
    let reporter = Reporter { reports, setting, clock, reason, stopped };
    let _ = REPORTER.set(reporter); // there is one start
    Ok(())
}

fn spawn<P>(process: P, reports: &Arc<Reports>, clock: &Arc<Clock>, setting: Setting) -> io::Result<()>
where
    P: std::ops::Deref<Target = Process> + Send + 'static,
{
    let (own, ticks) = (Arc::clone(reports), Arc::clone(clock));
    clock.begin();
    quiet::spawn("wsgi-telemetry", STACK, move || {
        while ticks.tick() {
            sample(&own, setting);
        }
        ticks.ended();
    })?;
    clock.begin();
    let (own, ticks) = (Arc::clone(reports), Arc::clone(clock));
    quiet::spawn("wsgi-telemetry-gc", STACK, move || {
        loop {
            let goes_on = ticks.tick();
            for interpreter in process.interpreters().iter().take(gc::MAX_INTERPRETERS) {
                gc::report(&own, interpreter);
            }
            if !goes_on {
                return ticks.ended();
            }
        }
    })?;
    Ok(())
}

/// The end of the process is decided, for `reason` (empty: not known); the first call counts.
pub(crate) fn stopping(reason: &str) {
    let Some(reporter) = REPORTER.get() else { return };
    if reporter.reason.set(reason.to_owned()).is_ok() {
        reporter.reports.stopping(reason, RECORDER.in_flight());
    }
}

/// Requests are over, or their time is: the last reports. Called detached; once is enough. The process may go on a
/// little, but nothing more is said about it.
pub(crate) fn stopped(reason: &str) {
    stopping(reason);
    let Some(reporter) = REPORTER.get() else { return };
    if reporter.stopped.swap(true, SeqCst) {
        return;
    }
    reporter.clock.end();
    sample(&reporter.reports, reporter.setting);
    let reason = reporter.reason.get().map(String::as_str).unwrap_or_default();
    let (requests, in_flight) = (RECORDER.lifetime().requests, RECORDER.in_flight());
    reporter.reports.stopped(End { reason, requests, in_flight });
}

/// Reports the interval that ends now, and slow requests.
fn sample(reports: &Reports, setting: Setting) {
    if let Some(sample) = RECORDER.drain() {
        sample::report(reports, Setting { resident: usage::resident(), ..setting }, &sample);
    }
    if setting.slow_requests > 0.0 {
        RECORDER.finished_slow().iter().for_each(|request| slow::report(reports, request));
        RECORDER.running_slow(MOST_RUNNING).iter().for_each(|request| slow::report(reports, request));
    }
}

/// What does not change.
fn identity(process: &Process, settings: &Settings, httpd: u32) -> Identity {
    let (python, switch_interval) = process.main().with(|py| {
        let version = Python::version_str().split_whitespace().next().unwrap_or_default().to_owned();
        let switch_interval = py.import("sys").and_then(|sys| sys.call_method0("getswitchinterval"));
        (version, switch_interval.and_then(|seconds| seconds.extract()).unwrap_or(0.0))
    });
    let (major, minor, patch) = settings.httpd_version;
    Identity {
        pid: std::process::id(),
        parent: httpd,
        python,
        httpd: format!("Apache/{major}.{minor}.{patch}"),
        mpm: settings.mpm_name.clone(),
        hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        process_group: settings.process_group.clone(),
        switch_interval,
    }
}

impl Clock {
    /// Waits for the next tick; false at the end.
    fn tick(&self) -> bool {
        let until = Instant::now() + self.interval;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.ending {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// A thread begins.
    fn begin(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).threads += 1;
    }

    /// A thread ends.
    fn ended(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).threads -= 1;
        self.changed.notify_all();
    }

    /// No more ticks; gives the threads a little time to end.
    fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ending = true;
        self.changed.notify_all();
        drop(self.changed.wait_timeout_while(state, LAST_LOOK, |state| state.threads > 0));
    }
}
