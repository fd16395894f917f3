//! preload=on: when there is a template, a process that has loaded the application, and which start it is asked to fork.
//! Pure, as [`crate::supervise`] is, below which this stands: the supervisor wants workers and does not care how they begin.
//!
//! There is at most one template that forks and one that is coming up. The new one takes the old one's place once it has
//! loaded everything; starts that want its code wait for it. What cannot be forked is started plainly, until the code
//! changes: that is said once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use contract::launch::{Leader, Target};
use contract::limits::duration;
use tracing::Level;

use crate::backoff::Backoff;
use crate::limits::{LONG, waited_for};
use crate::supervise::NOT_LOADED;

/// A template that ends within this time has died early.
const EARLY: Duration = Duration::from_secs(10);
/// Why a template that has come up is of no use.
const UNLOADED: &str = "the application could not be loaded (its traceback is in the log above)";
/// How long a template may take to fork; functions of the application run before.
const PATIENCE: Duration = Duration::from_secs(30);

/// A start that the supervisor has asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) reload: Vec<Target>,
    pub(crate) why: String,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that forks.
    Ready,
    /// The one that comes up.
    Coming,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start a template.
    Make { reload: Vec<Target> },
    /// Start a worker from nothing.
    Spawn(Start),
    /// Let the template fork a worker.
    Fork(Start),
    /// A start has failed.
    Refuse { reason: String },
    /// A start has failed because what the serving workers have loaded cannot be loaded now.
    NotLoaded { reason: String },
    /// New code cannot be loaded, and workers are forked from the old one; so many starts have waited for the new.
    Keep { reason: String, starts: u32 },
    /// The one that was coming up forks from now on.
    Promote,
    /// End a template.
    End(Which),
    /// End a template that is stuck, and have its stack in the log.
    Abort { which: Which, reason: String },
    /// Write a line.
    Log(Level, String),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Templates {
    /// preload=on.
    wanted: bool,
    startup_timeout: Option<Duration>,
    deadlock_timeout: Option<Duration>,
    ready: Option<Ready>,
    coming: Option<Coming>,
    /// Since when the template is to fork.
    forking: Option<Instant>,
    /// Why workers are started plainly for now.
    is_plain: bool,
    waiting: VecDeque<Start>,
    /// The template has died, and another is to come up although nobody waits for it.
    lost: bool,
    /// What the last one was to load besides what is configured.
    reload: Vec<Target>,
    backoff: Backoff,
    steps: VecDeque<Step>,
}

/// The template that forks.
#[derive(Debug)]
struct Ready {
    since: Instant,
    /// The code has changed since.
    is_stale: bool,
}

/// The template that comes up.
#[derive(Debug)]
struct Coming {
    since: Instant,
    /// When it could take Python's lock last, if it looks for that.
    probed: Option<Instant>,
    /// It has been said that it takes long.
    is_late: bool,
    /// It has loaded everything, and forks once the other one does not.
    is_loaded: bool,
}

impl Templates {
    pub(crate) fn new(settings: &Leader) -> Self {
        Self {
            wanted: settings.python.preload,
            startup_timeout: duration(settings.limits.startup_timeout),
            deadlock_timeout: duration(settings.limits.deadlock_timeout),
            ready: None,
            coming: None,
            forking: None,
            is_plain: false,
            waiting: VecDeque::new(),
            lost: false,
            reload: Vec::new(),
            backoff: Backoff::default(),
            steps: VecDeque::new(),
        }
    }

    /// Whether there is anything to do here at all.
    pub(crate) fn are_wanted(&self) -> bool {
        self.wanted
    }

    /// The next thing to do.
    pub(crate) fn next(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// A worker is to start.
    pub(crate) fn start(&mut self, now: Instant, start: Start) {
        if self.wanted && !self.is_plain {
            self.waiting.push_back(start);
            self.go_on(now);
        } else {
            self.act(Step::Spawn(start));
        }
    }

    /// The code may be another from now on.
    pub(crate) fn renew(&mut self, now: Instant) {
        self.is_plain = false;
        if let Some(ready) = &mut self.ready {
            ready.is_stale = true;
        }
        self.end(Which::Coming);
        self.go_on(now);
    }

    /// The template that was coming up has loaded everything, or not; `others_serve` as the supervisor sees it.
    pub(crate) fn loaded(&mut self, now: Instant, loaded: bool, others_serve: bool) {
        let Some(coming) = &mut self.coming else { return };
        if loaded {
            coming.is_loaded = true;
            return self.go_on(now);
        }
        self.end(Which::Coming);
        if others_serve {
            self.not_loaded(if self.ready.is_some() { UNLOADED } else { NOT_LOADED });
        } else {
            self.fall_back(&format!("{UNLOADED}. Mend it, and touch its script"));
        }
    }

    /// Nobody waits for this code any more: workers come from the old one, as long as that is there.
    fn not_loaded(&mut self, reason: &str) {
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(ready) = &mut self.ready {
            ready.is_stale = false;
            return self.act(Step::Keep { reason: reason.to_owned(), starts: waiting.len() as u32 });
        }
        for _ in waiting {
            self.act(Step::NotLoaded { reason: reason.to_owned() });
        }
    }

    /// The template that was coming up has died; `others_serve` as the supervisor sees it.
    pub(crate) fn died(&mut self, now: Instant, failure: &str, others_serve: bool) {
        if others_serve && !self.waiting.is_empty() {
            self.coming = None;
            return self.not_loaded(failure);
        }
        self.failed(now, Which::Coming, failure);
    }

    /// A template cannot be started, or the one that forks has died.
    pub(crate) fn failed(&mut self, now: Instant, which: Which, failure: &str) {
        match which {
            Which::Coming => {
                self.coming = None;
                let waited = !self.waiting.is_empty();
                for _ in std::mem::take(&mut self.waiting) {
                    self.act(Step::Refuse { reason: failure.to_owned() });
                }
                if !waited {
                    self.lose(now, failure, true);
                    self.act(Step::Keep { reason: failure.to_owned(), starts: 0 });
                }
            }
            Which::Ready => {
                let Some(ready) = self.ready.take() else { return };
                self.lose(now, failure, now < ready.since + EARLY);
            }
        }
        self.go_on(now);
    }

    /// The worker is there, or the fork has failed: the template is free for another.
    pub(crate) fn forked(&mut self, now: Instant) {
        self.forking = None;
        self.go_on(now);
    }

    /// The template must not be forked; `start` is the one that it was to do.
    pub(crate) fn unfit(&mut self, start: Start, found: &[String]) {
        self.forking = None;
        self.waiting.push_front(start);
        self.fall_back(&format!(
            "a copy of the process that has loaded the application would break {}. End that in a function of \
             mod_wsgi.subscribe_fork(before=...), or begin it in one of subscribe_fork(after=...)",
            found.join(", ")
        ));
    }

    /// No more workers are wanted.
    pub(crate) fn close(&mut self) {
        self.wanted = false;
        self.waiting.clear();
        self.end(Which::Ready);
        self.end(Which::Coming);
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        if self.lost && self.wanted && self.backoff.waits_until(now).is_none() {
            self.make(now, self.reload.clone());
        }
        let late = |since: Option<Instant>, limit: Duration| since.is_some_and(|since| since + limit <= now);
        if let Some(coming) = self.coming.as_mut().filter(|coming| !coming.is_loaded) {
            let overdue = self.startup_timeout.filter(|limit| late(Some(coming.since), *limit));
            let stuck = self.deadlock_timeout.filter(|limit| late(coming.probed, *limit));
            let reason = match (overdue, stuck) {
                (Some(limit), _) => {
                    format!("the application is not loaded after {} s (startup-timeout)", limit.as_secs())
                }
                (None, Some(limit)) => format!(
                    "the application has kept Python's lock (the GIL) for {} s while it is loaded (deadlock-timeout)",
                    limit.as_secs()
                ),
                (None, None) => String::new(),
            };
            if !reason.is_empty() {
                (coming.since, coming.probed) = (now, coming.probed.map(|_| now)); // its end is awaited
                let text = format!("{reason}; the process that loads it is ended, and its stack is below");
                self.abort(Which::Coming, reason, text);
            } else if self.startup_timeout.is_none() && late(Some(coming.since), LONG) && !coming.is_late {
                coming.is_late = true;
                let text = waited_for("the process that loads the application", now - coming.since);
                self.log(Level::WARN, text);
            }
        }
        if late(self.forking, PATIENCE) {
            let limit = PATIENCE.as_secs();
            let reason = format!("the process that has loaded the application has not forked for {limit} s");
            let text = format!(
                "{reason} and is ended; its stack is below. Look at functions of mod_wsgi.subscribe_fork(before=...) and \
                 os.register_at_fork"
            );
            self.forking = Some(now);
            self.abort(Which::Ready, reason, text);
        }
    }

    /// The template that loads the application could take Python's lock.
    pub(crate) fn probed(&mut self, now: Instant) {
        if let Some(coming) = &mut self.coming {
            coming.probed = Some(now);
        }
    }

    fn abort(&mut self, which: Which, reason: String, text: String) {
        self.log(Level::ERROR, text);
        self.act(Step::Abort { which, reason });
    }

    /// Lets the new template take the place of the old one, gives it something to do, or makes one, if a start waits.
    fn go_on(&mut self, now: Instant) {
        if self.forking.is_none() && self.coming.as_ref().is_some_and(|coming| coming.is_loaded) {
            self.end(Which::Ready);
            self.coming = None;
            self.ready = Some(Ready { since: now, is_stale: false });
            self.lost = false;
            self.backoff.came_up();
            self.act(Step::Promote);
        }
        let can_fork = self.ready.as_ref().is_some_and(|ready| !ready.is_stale);
        if can_fork && self.forking.is_none() {
            if let Some(start) = self.waiting.pop_front() {
                self.forking = Some(now);
                self.act(Step::Fork(start));
            }
        } else if let Some(first) = self.waiting.front().filter(|_| !can_fork) {
            self.make(now, first.reload.clone());
        }
    }

    fn make(&mut self, now: Instant, reload: Vec<Target>) {
        if self.coming.is_none() {
            self.coming = Some(Coming { since: now, probed: None, is_late: false, is_loaded: false });
            self.lost = false;
            self.reload.clone_from(&reload);
            self.act(Step::Make { reload });
        }
    }

    /// Another template is to come, later if this happens again and again.
    fn lose(&mut self, now: Instant, failure: &str, early: bool) {
        let wait = if early { self.backoff.died_early(now) } else { None };
        if !early {
            self.backoff.served();
        }
        self.lost = true;
        let next = wait.map_or("at once".to_owned(), |wait| format!("in {} s", wait.as_secs().max(1)));
        let text = format!(
            "preload=on: {failure}; the workers serve on, and another process loads the application {next}"
        );
        self.log(Level::ERROR, text);
    }

    fn fall_back(&mut self, why: &str) {
        self.is_plain = true;
        self.end(Which::Ready);
        self.end(Which::Coming);
        let text = format!(
            "preload=on has no effect until the next reload, and each worker loads the application for itself: {why}"
        );
        self.log(Level::WARN, text);
        for start in std::mem::take(&mut self.waiting) {
            self.act(Step::Spawn(start));
        }
    }

    fn end(&mut self, which: Which) {
        let was_there = match which {
            Which::Ready => self.ready.take().is_some(),
            Which::Coming => self.coming.take().is_some(),
        };
        if was_there {
            self.act(Step::End(which));
        }
    }

    fn act(&mut self, step: Step) {
        self.steps.push_back(step);
    }

    fn log(&mut self, level: Level, text: String) {
        self.act(Step::Log(level, text));
    }
}

#[cfg(test)]
mod tests;
