//! From "Python has imported the host" to "a worker that can load scripts": settings, descriptors, the process's own
//! properties, the interpreter.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use contract::Mismatch;
use contract::area::Area;
use contract::inherited::take;
use contract::launch::{
    AREA_FD, CONTROL_FD, ERROR_LOG_FD, OVERFLOW_FD, QUESTION_FD, SETTINGS_FD, SLOT_FD, Worker,
};
use contract::limits::Limits;
use contract::question;
use pyo3::types::PyAnyMethods;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use serde::Deserialize;
use thiserror::Error;

use super::crashes;
use super::shared::Shared;
use crate::api::server_metrics;
use crate::python::argv;
use crate::python::error::PythonError;
use crate::python::own_file::own_file;
use crate::python::posix::{guard_forks, keep_out_of_forks};
use crate::python::process::Process;

/// Why a worker cannot begin.
#[derive(Debug, Error)]
pub(super) enum BootstrapError {
    #[error("it cannot map the statistics area: {0}; all parts of mod_wsgi must be of one build")]
    Area(#[source] io::Error),
    #[error(transparent)]
    Contract(#[from] Mismatch),
    #[error("descriptor {number} is missing ({source}); the host is started by mod_wsgi_leader, not by hand")]
    Descriptor { number: i32, source: io::Error },
    #[error("it cannot read its settings: {0}; all parts of mod_wsgi must be of one build")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Python(#[from] PythonError),
    #[error("the system refuses what it needs: {0}; look at the limits on open files and memory")]
    System(#[from] io::Error),
}

/// The fields that every version of the settings has.
#[derive(Deserialize)]
struct Origin {
    group: Group,
}

#[derive(Deserialize)]
struct Group {
    contract: u32,
    module: PathBuf,
    host: PathBuf,
}

/// The control socket, first, so that whatever fails can be reported over it.
pub(super) fn control() -> Result<OwnedFd, BootstrapError> {
    descriptor(CONTROL_FD)
}

/// Makes this process a worker. Called attached, on Python's main thread.
pub(super) fn start(control: OwnedFd) -> Result<Shared, BootstrapError> {
    let settings = settings()?;
    let group = &settings.group;
    if let Ok(log) = take(ERROR_LOG_FD) {
        rustix::stdio::dup2_stderr(&log).map_err(io::Error::from)?;
    }
    crate::log::to_stderr(group.python.log_level, group.syslog.clone());
    // From now on the worker ends with its leader. One that ended before this has closed the control socket.
    let _ = set_parent_process_death_signal(Some(Signal::TERM));
    if !group.core_dumps {
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    let title =
        group.display_name.clone().unwrap_or_else(|| format!("(wsgi:{})", group.python.process_group));
    argv::set_title(title.as_bytes());
    let area_file = descriptor(AREA_FD)?;
    let area = Area::map(&area_file, settings.slots as usize, group.threads as usize)
        .map_err(BootstrapError::Area)?;
    let queues = [control, descriptor(OVERFLOW_FD)?, descriptor(SLOT_FD)?];
    for (index, queue) in queues.iter().enumerate() {
        keep_out_of_forks(index, Some(queue.as_fd()));
    }
    let question = descriptor(QUESTION_FD)?;
    if group.python.server_metrics {
        keep_out_of_forks(queues.len(), Some(question.as_fd()));
        server_metrics::open(move || question::ask(question.as_fd(), question::PATIENCE));
    }
    guard_forks();

    let process = Process::adopt(group.python.clone())?;
    if let Some(locale) = &group.locale {
        set_locale(&process, locale)?;
    }
    Process::detached(|| crashes::catch(&process));
    limit_cpu(&group.limits);
    Ok(Shared::new(process, settings, area, queues)?)
}

/// cpu-time-limit: of the worker alone. At the first limit the kernel sends SIGXCPU and the worker is replaced, at the
/// second it kills.
fn limit_cpu(limits: &Limits) {
    if limits.cpu_time == 0 {
        return;
    }
    let soft = u64::from(limits.cpu_time);
    let hard = soft + 1 + u64::from(limits.shutdown_timeout);
    if let Err(error) = setrlimit(Resource::Cpu, Rlimit { current: Some(soft), maximum: Some(hard) }) {
        let there = getrlimit(Resource::Cpu).maximum;
        tracing::warn!(
            "cpu-time-limit={soft} of the process group cannot be set: {error}; the limit that the process was given is {there:?}"
        );
    }
}

fn settings() -> Result<Worker, BootstrapError> {
    let mut text = String::new();
    let mut file = File::from(descriptor(SETTINGS_FD)?);
    file.rewind()?;
    file.read_to_string(&mut text)?;
    let Origin { group } = serde_json::from_str(&text)?;
    let own = own_file().unwrap_or(group.host);
    Mismatch::check(&group.module, group.contract, &own)?;
    Ok(serde_json::from_str(&text)?)
}

fn descriptor(number: i32) -> Result<OwnedFd, BootstrapError> {
    take(number).map_err(|source| BootstrapError::Descriptor { number, source })
}

/// `locale=`: through Python, whose own idea of the locale then agrees with C's.
fn set_locale(process: &Process, name: &str) -> Result<(), BootstrapError> {
    let main = process.interpreter("")?;
    let failed = Process::detached(|| {
        main.with(|py| {
            let set = || {
                let locale = py.import("locale")?;
                locale.call_method1("setlocale", (locale.getattr("LC_ALL")?, name)).map(drop)
            };
            set().err().map(|error| error.to_string())
        })
    });
    if let Some(error) = failed {
        tracing::warn!(
            "locale={name} of the process group cannot be set ({error}); `locale -a` lists what there is"
        );
    }
    Ok(())
}
