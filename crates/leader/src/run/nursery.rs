//! Templates as processes: [`crate::template`] decides, this does it and reports.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use contract::control::FromWorker;
use contract::ending::describe;
use contract::launch::{Leader, Target};
use rustix::process::{Signal, WaitOptions, getpid, set_child_subreaper, wait};

use super::start::Forked;
use super::{Loop, said_by};
use crate::control::Control;
use crate::event::Event;
use crate::log;
use crate::printed::Printed;
use crate::process::Process;
use crate::supervise::Phase;
use crate::template::{Start, Step, Templates, Which};

/// The templates of a group, and the worker that is being forked.
pub(super) struct Nursery {
    pub(super) templates: Templates,
    ready: Option<Template>,
    coming: Option<Template>,
    pub(super) forked: Option<Forked>,
    /// Those that were told to end.
    ending: Vec<Process>,
}

/// A template's process.
struct Template {
    process: Process,
    printed: Printed,
    /// What it said before it gave up.
    failure: Option<String>,
    /// Its interpreter cannot be executed.
    unborn: bool,
    /// It was told to end with SIGABRT, which the application may have caught.
    aborted: bool,
}

impl Template {
    fn new(process: Process) -> Self {
        Self { process, printed: Printed::default(), failure: None, unborn: false, aborted: false }
    }
}

/// What the loop waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crib {
    Said(Which),
    Printed(Which),
    Ended(Which),
    Forked,
    Ending,
}

impl Nursery {
    pub(super) fn new(settings: &Leader) -> Self {
        if settings.python.preload {
            // What a template forks becomes a child of this process, and so do orphans of the application.
            if let Err(error) = set_child_subreaper(Some(getpid())) {
                tracing::error!("preload=on: forked workers cannot be waited for: {error}");
            }
        }
        let templates = Templates::new(settings);
        Self { templates, ready: None, coming: None, forked: None, ending: Vec::new() }
    }

    pub(super) fn sources(&self) -> Vec<(Crib, BorrowedFd<'_>)> {
        let mut sources = Vec::new();
        for (which, template) in [(Which::Ready, &self.ready), (Which::Coming, &self.coming)] {
            let Some(Template { process, .. }) = template else { continue };
            sources.extend(process.printed.as_ref().map(|printed| (Crib::Printed(which), printed.as_fd())));
            sources.extend(process.control.as_ref().map(|control| (Crib::Said(which), control.as_fd())));
            sources.push((Crib::Ended(which), process.pidfd.as_fd()));
        }
        sources.extend(self.forked.as_ref().map(|forked| (Crib::Forked, forked.control.as_fd())));
        sources.extend(self.ending.iter().map(|process| (Crib::Ending, process.pidfd.as_fd())));
        sources
    }

    /// Nothing comes and nothing goes.
    pub(super) fn is_at_rest(&self) -> bool {
        let settled = !self.templates.are_wanted() || self.ready.is_some();
        settled && self.coming.is_none() && self.forked.is_none() && self.ending.is_empty()
    }

    /// The template that forks: its process id and the socket to it.
    pub(super) fn forker(&self) -> Option<(u32, &Control)> {
        let process = &self.ready.as_ref()?.process;
        Some((process.id(), process.control.as_ref()?))
    }

    fn place(&mut self, which: Which) -> &mut Option<Template> {
        match which {
            Which::Ready => &mut self.ready,
            Which::Coming => &mut self.coming,
        }
    }
}

impl Loop {
    /// A worker is wanted.
    pub(super) fn start(&mut self, start: Start) -> Vec<Event> {
        self.nursery.templates.start(Instant::now(), start);
        self.do_steps()
    }

    /// The code has changed.
    pub(super) fn renew(&mut self) -> Vec<Event> {
        self.nursery.templates.renew(Instant::now());
        self.do_steps()
    }

    /// Something is ready.
    pub(super) fn visit(&mut self, crib: Crib) {
        match crib {
            Crib::Said(which) => self.hear_template(which),
            Crib::Printed(which) => self.print_of_template(which),
            Crib::Ended(which) => self.template_ended(which),
            Crib::Forked => self.hear_forked(),
            Crib::Ending => self.nursery.ending.retain(|process| process.reap().is_none()),
        }
        self.report();
    }

    /// After every turn: limits, the end of the group, and what is left of the application's own processes.
    pub(super) fn tend(&mut self, now: Instant) {
        if !self.nursery.templates.are_wanted() {
            return;
        }
        if matches!(self.supervisor.phase, Phase::Leaving | Phase::Stopping { .. }) {
            self.nursery.templates.close();
        }
        self.nursery.templates.tick(now);
        self.report();
    }

    /// Waits for orphans that the application has left to us. Not while it is unknown who a forked worker is.
    pub(super) fn bury_strangers(&mut self) {
        while self.nursery.templates.are_wanted() && self.nursery.forked.is_none() {
            let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) else { return };
            let known = self.processes.values_mut().chain(&mut self.nursery.ending);
            let templates = self.nursery.ready.iter_mut().chain(&mut self.nursery.coming);
            let mut known = known.chain(templates.map(|template| &mut template.process));
            if let Some(process) = known.find(|process| process.pid == pid) {
                process.status = Some(status.as_raw());
            }
        }
    }

    fn report(&mut self) {
        self.do_steps().into_iter().for_each(|event| self.happened(event));
    }

    fn do_steps(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(step) = self.nursery.templates.next() {
            match step {
                Step::Make { reload } => {
                    events.push(Event::Preloads);
                    self.make(reload);
                }
                Step::Spawn(start) => events.push(self.spawn_worker(start)),
                Step::Fork(start) => events.extend(self.fork(start)),
                Step::Refuse { reason } => events.push(Event::NotSpawned { reason }),
                Step::NotLoaded { reason } => events.push(Event::NotLoaded { reason }),
                Step::Keep { reason, starts } => events.push(Event::Kept { reason, starts }),
                Step::Promote => events.push(self.promote()),
                Step::End(which) => {
                    if let Some(Template { process, .. }) = self.nursery.place(which).take() {
                        process.signal(Signal::KILL); // it has nothing to finish
                        self.nursery.ending.push(process);
                    }
                }
                Step::Abort { which, reason } => {
                    if let Some(template) = self.nursery.place(which) {
                        template.failure.get_or_insert(reason);
                        let again = std::mem::replace(&mut template.aborted, true);
                        template.process.signal(if again { Signal::KILL } else { Signal::ABORT });
                    }
                }
                Step::Log(level, text) => log::write(level, &text),
            }
        }
        events
    }

    fn make(&mut self, reload: Vec<Target>) {
        match self.spawn_template(reload) {
            Ok(process) => {
                tracing::info!(
                    "Starting process {} with {}: it loads the application, and workers are forked from it (preload)",
                    process.id(),
                    self.settings.interpreter.display()
                );
                self.nursery.coming = Some(Template::new(process));
            }
            Err(error) => {
                self.nursery.templates.failed(Instant::now(), Which::Coming, &error.to_string());
            }
        }
    }

    fn promote(&mut self) -> Event {
        self.nursery.ready = self.nursery.coming.take();
        if let Some(template) = &self.nursery.ready {
            tracing::info!(
                "process {} has loaded the application: workers are forked from it",
                template.process.id()
            );
        }
        Event::Renewed
    }

    fn hear_template(&mut self, which: Which) {
        let Some(template) = self.nursery.place(which) else { return };
        let (messages, open) = said_by::<FromWorker>(template.process.control.as_ref());
        if !open {
            template.process.control = None;
        }
        let now = Instant::now();
        for message in messages {
            match message {
                FromWorker::Ready { loaded } if which == Which::Coming => {
                    let others_serve = self.supervisor.others_serve();
                    self.nursery.templates.loaded(now, loaded, others_serve);
                }
                FromWorker::Probed if which == Which::Coming => self.nursery.templates.probed(now),
                FromWorker::Failed { reason } => {
                    if let Some(template) = self.nursery.place(which) {
                        template.failure = Some(reason);
                    }
                }
                FromWorker::NotExecuted { reason } => {
                    if let Some(template) = self.nursery.place(which) {
                        (template.failure, template.unborn) = (Some(reason), true);
                    }
                }
                FromWorker::Unfit { found } => {
                    if let Some(Forked { slot, start, .. }) = self.nursery.forked.take() {
                        self.not_spawned(slot, String::new());
                        self.nursery.templates.unfit(start, &found);
                    }
                }
                FromWorker::NotForked { reason } => self.not_forked(reason),
                _ => {} // what only workers say
            }
        }
    }

    fn print_of_template(&mut self, which: Which) {
        let Some(template) = self.nursery.place(which) else { return };
        if let Some(text) = template.process.read_printed() {
            let _ = io::stderr().write_all(&text);
            template.printed.add(&String::from_utf8_lossy(&text));
        }
    }

    fn template_ended(&mut self, which: Which) {
        self.hear_template(which); // what it said last
        self.report(); // so that it is in its place
        self.print_of_template(which);
        let Some(template) = self.nursery.place(which) else { return };
        let Some(status) = template.process.reap() else { return };
        let (pid, end, unborn) = (template.process.id(), describe(status), template.unborn);
        let failure = template.failure.take().unwrap_or_else(|| match which {
            Which::Coming => template.printed.failure(pid, &end),
            Which::Ready => format!("process {pid}, which had loaded the application, {end}"),
        });
        *self.nursery.place(which) = None;
        let (now, others_serve) = (Instant::now(), self.supervisor.others_serve());
        match which {
            Which::Coming if !unborn => self.nursery.templates.died(now, &failure, others_serve),
            Which::Coming | Which::Ready => self.nursery.templates.failed(now, which, &failure),
        }
    }
}
