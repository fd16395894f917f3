//! From "Python has imported the host" to a process that can load scripts: settings, descriptors, the process's own
//! properties, the interpreter. It is a worker, or a template that forks workers.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use contract::Mismatch;
use contract::area::Area;
use contract::inherited::take;
use contract::launch::{
    AREA_FD, CONTROL_FD, ERROR_LOG_FD, Leader, OVERFLOW_FD, QUESTION_FD, SETTINGS_FD, SLOT_FD, Worker,
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
    #[error("its leader has not said which slot is its place; all parts of mod_wsgi must be of one build")]
    NoPlace,
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

/// A process that can load scripts, and has no slot yet.
pub(super) struct Begun {
    pub(super) process: Process,
    pub(super) settings: Worker,
    pub(super) control: OwnedFd,
    area: Area,
    overflow: OwnedFd,
}

/// What this process is to be.
pub(super) enum Role {
    Worker(Shared),
    Template(Begun),
}

/// Places in the list of descriptors that forked processes close; those of the request threads follow.
enum Listed {
    Control,
    Overflow,
    Slot,
    Question,
}

/// The control socket, first, so that whatever fails can be reported over it.
pub(super) fn control() -> Result<OwnedFd, BootstrapError> {
    descriptor(CONTROL_FD)
}

/// Makes this process what its settings say. Called attached, on Python's main thread.
pub(super) fn start(control: OwnedFd) -> Result<Role, BootstrapError> {
    let settings = settings()?;
    let group = &settings.group;
    if let Ok(log) = take(ERROR_LOG_FD) {
        rustix::stdio::dup2_stderr(&log).map_err(io::Error::from)?;
    }
    crate::log::to_stderr(group.python.log_level, group.syslog.clone());
    if !group.core_dumps {
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    own_process(group);
    if settings.is_template {
        argv::set_title(format!("{} template", title(group)).as_bytes());
    }
    let area_file = descriptor(AREA_FD)?;
    let area = Area::map(&area_file, settings.slots as usize, group.threads as usize)
        .map_err(BootstrapError::Area)?;
    let overflow = descriptor(OVERFLOW_FD)?;
    keep_out_of_forks(Listed::Control as usize, Some(control.as_fd()));
    keep_out_of_forks(Listed::Overflow as usize, Some(overflow.as_fd()));
    let slot = if settings.is_template { None } else { Some(descriptor(SLOT_FD)?) };
    let question = descriptor(QUESTION_FD)?;
    if group.python.server_metrics {
        keep_out_of_forks(Listed::Question as usize, Some(question.as_fd()));
        server_metrics::open(move || question::ask(question.as_fd(), question::PATIENCE));
    }
    guard_forks();

    let process = Process::adopt(group.python.clone())?;
    if let Some(locale) = &group.locale {
        set_locale(&process, locale)?;
    }
    Process::detached(|| crashes::catch(&process));
    let begun = Begun { process, settings, control, area, overflow };
    match slot {
        Some(slot) => begun.into_worker(slot).map(Role::Worker),
        None => Ok(Role::Template(begun)),
    }
}

impl Begun {
    /// Lists the control socket of the worker that is forked next, in the place of the slot that a template has not got.
    pub(super) fn list_next(&self, control: Option<BorrowedFd<'_>>) {
        keep_out_of_forks(Listed::Slot as usize, control);
    }

    /// A worker, whose slot has this socket.
    pub(super) fn into_worker(self, slot: OwnedFd) -> Result<Shared, BootstrapError> {
        keep_out_of_forks(Listed::Slot as usize, Some(slot.as_fd()));
        limit_cpu(&self.settings.group.limits);
        Ok(Shared::new(self.process, self.settings, self.area, [self.control, self.overflow, slot])?)
    }
}

/// What a fork does not leave to a copy: that it ends with the leader, and its name.
pub(super) fn own_process(group: &Leader) {
    // One that ended before this has closed the control socket.
    let _ = set_parent_process_death_signal(Some(Signal::TERM));
    argv::set_title(title(group).as_bytes());
}

fn title(group: &Leader) -> String {
    group.display_name.clone().unwrap_or_else(|| format!("(wsgi:{})", group.python.process_group))
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
