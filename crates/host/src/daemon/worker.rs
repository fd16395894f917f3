//! The main thread of a worker, which is Python's main thread: loads scripts, then waits, detached, for its leader
//! and for signals, and ends the process.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::Sender;
use std::thread::Builder;
use std::time::{Duration, Instant};

use contract::control::{self, FromWorker, ToWorker};
use contract::ending::{LATE, ROBBED};
use contract::launch::Target;
use contract::level;
use contract::limits::duration;
use contract::reason::Reason;
use libc::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::crashes;
use super::service;
use super::shared::{Mode, Shared, clear, signal, waits};
use super::shown::Shown;
use super::signals::Dispatcher;
use super::thread::RequestThread;
use super::watcher::{self, Order};
use crate::api::tally;
use crate::log::log;
use crate::python::posix::{catch, exit_now, take_signal_stack};
use crate::python::process::Process;
use crate::telemetry;

/// C recursion in Python 3.12 and later overflows anything smaller.
pub(super) const STACK: usize = 8 << 20;
/// How often a worker that is leaving looks whether it is done, and a serving one at a queue that nobody fetches.
const LOOK: Duration = Duration::from_millis(10);

pub(super) struct Main {
    shared: Arc<Shared>,
    signals: OwnedFd,
    dispatcher: Dispatcher,
    orders: Sender<Order>,
    /// Why the process ends; the first reason counts.
    reason: Option<Reason>,
    /// When requests that still run are given up, and how long the process then has to end.
    deadline: Option<Instant>,
    leader_gone: bool,
    /// The application has been told.
    announced: bool,
    /// The overflow is not looked at before this.
    queue_at: Instant,
}

/// The interpreters of a worker, for the reporter.
struct Reported(Arc<Shared>);

impl Deref for Reported {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0.process
    }
}

/// Lets requests be counted in the shared area.
fn count(shared: &Arc<Shared>) {
    let shared: &'static Arc<Shared> = Box::leak(Box::new(Arc::clone(shared))); // it lives as long as the process
    if let Some(slot) = shared.place() {
        tally::count_in(shared.area.group(), slot);
    }
}

/// Runs the worker to its end; `load` gets it ready to serve, and says whether all is there that is meant to be. Until
/// that is done a SIGTERM ends the process at once.
pub(super) fn run(shared: Shared, load: impl FnOnce(&Shared) -> bool) -> ! {
    if shared.settings.group.threads == 0 {
        service::run(&shared);
    }
    let shared = Arc::new(shared);
    count(&shared);
    watcher::start_prober(&shared); // what is loaded now may take Python's lock for ever
    telemetry::start(Reported(Arc::clone(&shared)), shared.settings.group.httpd_pid.unsigned_abs());
    let (signals, loaded) = match catch_signals(|| load(&shared)) {
        Ok(both) => both,
        Err(error) => fail(&shared, format!("it cannot catch signals: {error}")),
    };
    shared.tell(&FromWorker::Ready { loaded });
    let mut main = Main {
        orders: watcher::start(&shared),
        shared,
        signals,
        dispatcher: Dispatcher::default(),
        reason: None,
        deadline: None,
        leader_gone: false,
        announced: false,
        queue_at: Instant::now(),
    };
    while !main.is_done() {
        main.turn();
    }
    main.end()
}

/// Tells the leader why this worker cannot serve, and ends it.
fn fail(shared: &Shared, reason: String) -> ! {
    shared.tell(&FromWorker::Failed { reason });
    exit_now(1)
}

/// Loads what the configuration wants, then what the replaced workers had loaded. Returns whether the latter worked;
/// a script that is no more does not count.
pub(super) fn load(shared: &Shared) -> bool {
    let settings = &shared.settings;
    let mut failed = BTreeSet::new();
    let key = |target: &Target| (target.script.clone(), target.application_group.clone());
    for target in &settings.group.python.imports {
        if shared.load(target) {
            shared.tell(&FromWorker::Loaded(target.clone()));
        } else {
            failed.insert(key(target));
        }
    }
    let imported = |target: &&Target| settings.group.python.imports.contains(target);
    let reload = settings.reload.iter().filter(|target| target.script.exists());
    let (imports, others): (Vec<_>, Vec<_>) = reload.partition(imported);
    load_again(shared, others) && !imports.iter().any(|target| failed.contains(&key(target)))
}

/// Loads what the workers before, or the other ones, have loaded. Returns whether all of it worked.
pub(super) fn load_again<'t>(shared: &Shared, targets: impl IntoIterator<Item = &'t Target>) -> bool {
    targets.into_iter().filter(|target| !shared.load(target)).count() == 0
}

/// Signals as bytes in a pipe. Python's own handlers, which would wait for this thread to run Python, go. While `load`
/// runs those that end the process keep doing that; the others wait in the pipe.
fn catch_signals<T>(load: impl FnOnce() -> T) -> std::io::Result<(OwnedFd, T)> {
    let (ours, handlers) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    catch(&[SIGUSR1, SIGUSR2, SIGHUP, SIGXCPU], Some(handlers.as_fd()))?;
    let loaded = load();
    catch(&[SIGUSR1, SIGUSR2, SIGHUP, SIGXCPU, SIGTERM, SIGINT], Some(handlers.as_fd()))?;
    #[expect(clippy::mem_forget, reason = "the handlers write to it until the process ends")]
    std::mem::forget(handlers);
    Ok((ours, loaded))
}

impl Main {
    fn turn(&mut self) {
        let ready = self.wait();
        if ready.contains(&Source::Signals) {
            self.signals();
        }
        if ready.contains(&Source::Control) {
            self.messages();
        }
        if ready.contains(&Source::Threads) {
            clear(&self.shared.main);
        }
        if ready.contains(&Source::Overflow) {
            self.share_queue();
        }
    }

    fn wait(&self) -> Vec<Source> {
        let (shared, now) = (&self.shared, Instant::now());
        let serving = shared.mode() == Mode::Serving;
        let watch_queue = serving && now >= self.queue_at;
        let mut sources = vec![(Source::Signals, &self.signals), (Source::Threads, &shared.main)];
        if !self.leader_gone {
            sources.push((Source::Control, &shared.control));
        }
        if watch_queue {
            sources.push((Source::Overflow, &shared.overflow));
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
        let timeout = (!watch_queue).then_some(&timeout);
        let mut polled: Vec<_> = sources.iter().map(|(_, fd)| PollFd::new(*fd, PollFlags::IN)).collect();
        match poll(&mut polled, timeout) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => {
                tracing::error!("the main thread cannot wait for its leader: {error}");
                exit_now(1)
            }
        }
        if polled.iter().any(|polled| polled.revents().contains(PollFlags::NVAL)) {
            exit_now(ROBBED) // it is not ours any more
        }
        let ready = sources.iter().zip(&polled).filter(|(_, polled)| !polled.revents().is_empty());
        ready.map(|((source, _), _)| *source).collect()
    }

    fn signals(&mut self) {
        let mut numbers = [0; 64];
        let count = rustix::io::read(&self.signals, &mut numbers).unwrap_or(0);
        for number in numbers.iter().take(count).copied().map(i32::from) {
            match number {
                SIGTERM | SIGINT => self.stop(Reason::ShutdownSignal, self.shutdown_timeout()),
                SIGUSR1 => self.shared.tell(&FromWorker::Retire { reason: Reason::GracefulSignal }),
                SIGXCPU => self.shared.tell(&FromWorker::Retire { reason: Reason::CpuTimeLimit }),
                _ => self.dispatcher.deliver(&self.shared, number),
            }
        }
    }

    fn messages(&mut self) {
        loop {
            match control::receive(&self.shared.control) {
                Ok(Some(message)) => self.obey(&message),
                Ok(None) => return,
                Err(Errno::BADMSG) => {
                    tracing::warn!("a message of the leader was not understood and is ignored");
                }
                Err(_) => {
                    self.leader_gone = true;
                    self.stop(Reason::ShutdownSignal, self.shutdown_timeout());
                    return;
                }
            }
        }
    }

    fn obey(&mut self, message: &ToWorker) {
        match message {
            ToWorker::Accept => self.accept(),
            ToWorker::Load(target) => self.load(target),
            ToWorker::Drain { reason } => {
                self.reason.get_or_insert(*reason);
                self.shared.enter(Mode::Draining);
                telemetry::stopping(self.reason());
            }
            ToWorker::Reload => {
                self.reason.get_or_insert(Reason::ScriptReload);
                self.shared.enter(Mode::Reloading);
                telemetry::stopping(self.reason());
            }
            ToWorker::Stop { reason } => self.stop(*reason, self.shutdown_timeout()),
            ToWorker::StopWithin { milliseconds } => {
                let limit = Duration::from_millis(u64::from(*milliseconds));
                self.stop(Reason::ShutdownSignal, Some(limit));
            }
            ToWorker::ShowStack(request) => drop(self.orders.send(Order::ShowStack(*request))),
            ToWorker::Interrupt(request) => drop(self.orders.send(Order::Interrupt(*request))),
            ToWorker::DumpStacks => crashes::dump_stacks(&self.shared),
        }
    }

    /// Loads a script beside the requests.
    fn load(&self, target: &Target) {
        let (shared, target) = (Arc::clone(&self.shared), target.clone());
        let load = move || shared.load(&target);
        let started = Builder::new().name("wsgi-load".to_owned()).stack_size(STACK).spawn(load);
        if let Err(error) = started {
            tracing::warn!(
                "a script is not loaded before a request needs it: no thread can be started: {error}"
            );
        }
    }

    /// Starts the request threads and lets requests in.
    fn accept(&self) {
        let stack = self.shared.settings.group.stack_size.unwrap_or(0).max(STACK);
        for number in 1..=self.shared.threads() {
            let shared = Arc::clone(&self.shared);
            let run = move || {
                take_signal_stack();
                shared.introduce(number);
                let shown = Shown::new(&shared, number);
                match RequestThread::new(&shared, &shown, number) {
                    Ok(thread) => thread.run(),
                    Err(error) => {
                        fail(&shared, format!("request thread {number} cannot wait for requests: {error}"))
                    }
                }
            };
            let started = Builder::new().name(format!("wsgi-{number}")).stack_size(stack).spawn(run);
            if let Err(error) = started {
                let threads = self.shared.threads();
                let reason = format!(
                    "it cannot start {threads} threads with a stack of {stack} bytes each: {error}; look at threads=, \
                     stack-size=, memory-limit= and virtual-memory-limit= of WSGIDaemonProcess, and at the user's limits"
                );
                fail(&self.shared, reason);
            }
        }
        self.shared.accept();
    }

    /// Ends the process within `limit`, most of which running requests get.
    fn stop(&mut self, reason: Reason, limit: Option<Duration>) {
        let reason = self.own_reason().unwrap_or(reason);
        self.reason.get_or_insert(reason);
        let before = self.deadline;
        let requests = limit.map(|limit| limit - (limit / 4).min(Duration::from_millis(500)));
        let deadline = requests.map(|requests| Instant::now() + requests);
        self.deadline = [before, deadline].into_iter().flatten().min();
        self.shared.enter(Mode::Stopping);
        telemetry::stopping(self.reason());
        if let Some(limit) = limit {
            end_after(limit);
        }
        self.announce_end();
    }

    /// Tells the application, once, before requests that still run are waited for.
    fn announce_end(&mut self) {
        if !std::mem::replace(&mut self.announced, true) {
            self.shared.process.stopping(self.reason());
        }
    }

    /// Why the process ends, in the words of `process_stopping`.
    fn reason(&self) -> &'static str {
        self.reason.or_else(|| self.own_reason()).unwrap_or(Reason::ShutdownSignal).as_str()
    }

    /// Why it leaves before anybody has told it to: a request has found that its script has changed, or that something
    /// is used up.
    fn own_reason(&self) -> Option<Reason> {
        let changed = (self.shared.mode() == Mode::Reloading).then_some(Reason::ScriptReload);
        changed.or_else(|| self.shared.shortage.get().copied())
    }

    fn shutdown_timeout(&self) -> Option<Duration> {
        duration(self.shared.settings.group.limits.shutdown_timeout)
    }

    fn is_done(&self) -> bool {
        match self.shared.mode() {
            Mode::Serving => false,
            Mode::Draining | Mode::Reloading => self.shared.is_drained(),
            Mode::Stopping => {
                self.shared.active() == 0 || self.deadline.is_some_and(|deadline| deadline <= Instant::now())
            }
        }
    }

    /// A ticket may lie in the overflow although a thread here is idle: the thread that was woken for it, maybe of
    /// another process, got another request in the same moment. Looked at now and then, while there are tickets.
    fn share_queue(&mut self) {
        self.queue_at = Instant::now() + LOOK;
        let free = |slot: &contract::area::Slot| slot.reserved.load(SeqCst) < self.shared.threads();
        if self.shared.place().is_some_and(free) && waits(&self.shared.overflow) {
            signal(&self.shared.nudge);
        }
    }

    fn end(mut self) -> ! {
        let active = self.shared.active();
        if active > 0 {
            tracing::warn!("the process ends although {active} requests are running: their time is over");
        } else if self.deadline.is_none() {
            if let Some(limit) = self.shutdown_timeout() {
                end_after(limit);
            }
        }
        self.announce_end();
        telemetry::stopped(self.reason());
        self.shared.process.stop();
        exit_now(0)
    }
}

/// Ends the process after `limit`, whatever its other threads do.
pub(super) fn end_after(limit: Duration) {
    let end = move || {
        std::thread::sleep(limit);
        log(
            level::ERROR,
            "the process did not end in time: functions of atexit, or threads of the application, hang",
        );
        telemetry::stopped("");
        exit_now(LATE)
    };
    let _ = Builder::new().name("wsgi-end".to_owned()).spawn(end);
}

/// What the main thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Control,
    Overflow,
    Signals,
    Threads,
}
