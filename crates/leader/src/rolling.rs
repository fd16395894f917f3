//! reload=rolling: the old code serves until the new one does, and for as long as the new one cannot be loaded.
//!
//! Workers say which version of a script they have loaded, and which one they see in its file
//! ([`contract::control::ScriptState`]). A worker that has another version than the file is behind, and goes through the
//! gate ([`crate::gate`]) like one that has answered maximum-requests. Nothing else needs to be decided: a worker that
//! came up with a version between is behind too, and a file that is put back as it was makes nobody be behind.
//!
//! If the replacement cannot load what the others have loaded, the reload is called off: all versions that it met count
//! as refused, and nobody is behind for their sake. What was saved since it began is none of them. A new version of any
//! script of the group is tried again. So one script that is broken holds back the others of its group: a process has all
//! of them or is not let in, since each of them is served, as it was, by the processes that are there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use contract::area::State as Health;
use contract::control::{ScriptState, ToWorker};
use contract::launch::Target;
use contract::modified::Sighting;
use contract::reason::Reason;
use tracing::Level;

use crate::event::Action;
use crate::supervise::Supervisor;
use crate::worker::Worker;

/// How many scripts the leader looks after; what workers say of more than that is not remembered.
pub(crate) const MOST_SCRIPTS: usize = 4096;

/// The version in a script's file; `None`: there is no file.
type Versions = BTreeMap<PathBuf, Option<i64>>;

/// What is known of the scripts of a group.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// As a worker has seen them last. What others have seen before may be heard of later.
    seen: BTreeMap<PathBuf, Sighting>,
    /// What could not be loaded, or not without what could not be loaded.
    refused: Versions,
    /// What the template was to load that was started last.
    preloaded: Versions,
    /// Why the last reload was called off, until one succeeds.
    failure: Option<String>,
    /// Workers are being replaced.
    rolls: bool,
    /// A worker has just found another version.
    is_new: bool,
}

/// The scripts of one worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripts {
    loaded: BTreeMap<(PathBuf, String), i64>,
    /// The first that could not be loaded.
    failed: Option<PathBuf>,
    /// What it loaded or could not load, or was to load, when it came up.
    met: Versions,
    /// One of them wants to be loaded anew, whatever its file says.
    wanted: bool,
    /// How many of [`Supervisor::loaded`] it was told of.
    told: usize,
}

impl Scripts {
    /// Of a worker that starts now.
    pub(crate) fn new(files: &Files, told: usize) -> Self {
        Self { met: files.versions(), told, ..Self::default() }
    }

    /// Of the template that was started last.
    pub(crate) fn of_template(files: &Files) -> Self {
        Self { met: files.preloaded.clone(), ..Self::default() }
    }
}

impl Files {
    fn versions(&self) -> Versions {
        self.seen.iter().map(|(path, seen)| (path.clone(), seen.version)).collect()
    }

    /// The version that a script's file has now.
    fn version(&self, path: &Path) -> Option<Option<i64>> {
        self.seen.get(path).map(|seen| seen.version)
    }

    /// Takes in what a worker has seen. Whether that is news.
    fn see(&mut self, path: &Path, file: Sighting) -> bool {
        let known = self.seen.get(path).copied();
        if known.is_some_and(|known| !file.replaces(&known)) {
            return false;
        }
        self.seen.insert(path.to_owned(), file);
        known.is_none_or(|known| known.version != file.version)
    }

    /// Whether `worker` is to be replaced.
    fn is_behind(&self, worker: &Worker) -> bool {
        let behind = |(path, loaded): (&Path, i64)| {
            let seen = self.version(path).flatten();
            seen.is_some_and(|seen| seen != loaded && self.refused.get(path) != Some(&Some(seen)))
        };
        worker.scripts.wanted
            || worker.scripts.loaded.iter().map(|((path, _), loaded)| (path.as_path(), *loaded)).any(behind)
    }

    /// Whether all that `worker` has loaded is what the files hold.
    fn are_loaded_by(&self, worker: &Worker) -> bool {
        let same = |((path, _), loaded): (&(PathBuf, String), &i64)| {
            self.version(path).flatten().is_none_or(|seen| seen == *loaded)
        };
        worker.scripts.failed.is_none() && worker.scripts.loaded.iter().all(same)
    }

    /// What the group's state is while workers serve.
    pub(crate) fn health(&self) -> (Health, String) {
        match &self.failure {
            Some(failure) => (Health::Outdated, failure.clone()),
            None => (Health::Running, String::new()),
        }
    }
}

impl Supervisor {
    /// A worker says what it has of a script, and what it sees of its file.
    pub(crate) fn heard_of_script(&mut self, slot: u32, state: ScriptState) {
        let Some(worker) = self.workers.get_mut(&slot).filter(|_| self.rolling) else { return };
        let ScriptState { target: Target { script, application_group }, loaded, file, noticed, wanted } =
            state;
        let Scripts { loaded: own, met, .. } = &worker.scripts;
        let known = self.files.seen.len().max(own.len()).max(met.len());
        if known >= MOST_SCRIPTS && !self.files.seen.contains_key(&script) {
            return;
        }
        match loaded {
            Some(version) => drop(worker.scripts.loaded.insert((script.clone(), application_group), version)),
            None => drop(worker.scripts.failed.get_or_insert_with(|| script.clone())),
        }
        worker.scripts.wanted |= wanted;
        let (came_up, pid) = (worker.is_serving(), worker.pid);
        if !came_up {
            worker.scripts.met.insert(script.clone(), loaded.or(file.version));
        }
        // Where changes are not to be noticed (WSGIScriptReloading Off), what a worker loads makes nobody be behind.
        let counts = noticed || self.files.seen.contains_key(&script);
        let news = counts && self.files.see(&script, file);
        let path = script.display();
        if came_up && file.version.is_none() && news {
            let text = format!(
                "{path} is gone; the processes serve on with the code that they have. Put it back, or restart httpd \
                 gracefully to be rid of it"
            );
            self.log(Level::WARN, text);
        } else if came_up && file.version != loaded && news {
            self.files.is_new = true;
            self.backoff.served(); // what could not be loaded is not what is there now
            self.log(
                Level::INFO,
                format!("{path} has changed: process {pid} noticed, one process at a time is replaced"),
            );
        } else if wanted {
            self.log(
                Level::INFO,
                format!("{path} is to be loaded anew: its function reload_required says so"),
            );
        }
    }

    /// Lets workers go that are behind, and lets those stay that are not any more. Called after each event.
    pub(crate) fn roll(&mut self, now: Instant) {
        if !self.rolling || self.handover.gives_way {
            return;
        }
        let mut news = false;
        for (slot, _, behind) in self.list(|worker| worker.is_serving().then(|| self.files.is_behind(worker)))
        {
            match behind {
                Some(true) => news |= self.retire(now, slot, Reason::ScriptReload),
                Some(false) => self.stay(slot),
                None => {}
            }
        }
        let goes = |worker: &Worker| worker.is_serving() && self.files.is_behind(worker);
        let somebody_goes = self.workers.values().any(goes);
        let is_new = std::mem::take(&mut self.files.is_new) && somebody_goes;
        self.files.rolls |= news;
        if news || is_new {
            self.renew();
        }
        if self.files.rolls && !somebody_goes && self.serving() > 0 {
            self.files.rolls = false;
            self.log(Level::INFO, "all processes have the code that the scripts hold now");
        }
        let mut serving = self.workers.values().filter(|worker| worker.is_serving()).peekable();
        let mended = serving.peek().is_some() && serving.all(|worker| self.files.are_loaded_by(worker));
        if mended && self.files.failure.take().is_some() {
            self.files.refused.clear();
            let (health, failure) = self.health();
            self.act(Action::Publish(health, failure));
        }
    }

    /// A worker need not go for a reload any more.
    fn stay(&mut self, slot: u32) {
        if let Some(worker) = self.workers.get_mut(&slot).filter(|worker| worker.outgoing.is_none()) {
            worker.waits = worker.waits.filter(|(_, reason)| *reason != Reason::ScriptReload);
        }
    }

    /// What one worker has loaded for its requests the others load as well: whoever has not got a script would load what
    /// is in its file when a request comes, be it broken.
    pub(crate) fn share_scripts(&mut self) {
        if !self.rolling {
            return;
        }
        let mut actions = Vec::new();
        for (slot, worker) in self.workers.iter_mut().filter(|(_, worker)| worker.is_serving()) {
            for target in
                self.loaded.iter().skip(std::mem::replace(&mut worker.scripts.told, self.loaded.len()))
            {
                let key = (target.script.clone(), target.application_group.clone());
                if !worker.scripts.loaded.contains_key(&key) {
                    actions.push(Action::Tell { slot: *slot, message: ToWorker::Load(target.clone()) });
                }
            }
        }
        actions.into_iter().for_each(|action| self.act(action));
    }

    /// With preload=on: a process begins to load what the files hold.
    pub(crate) fn preloads(&mut self) {
        self.files.preloaded = self.files.versions();
    }

    /// Whether a worker could not load what another one has loaded, maybe since it was started.
    pub(crate) fn lacks_a_script(&self, slot: u32) -> bool {
        let failed = self.workers.get(&slot).and_then(|worker| worker.scripts.failed.as_deref());
        failed.is_some_and(|failed| self.loaded.iter().any(|target| target.script == failed))
    }

    /// A worker begins to serve. If it has all that others have loaded, as the files hold it, what was refused before can
    /// be loaded now. (A copy of a template that has the old code shows nothing.)
    pub(crate) fn admit(&mut self, slot: u32) {
        let Some(worker) = self.workers.get(&slot).filter(|_| self.rolling) else { return };
        let has = |Target { script, application_group }: &Target| {
            let gone = self.files.version(script) == Some(None);
            gone || worker.scripts.loaded.contains_key(&(script.clone(), application_group.clone()))
        };
        if self.files.are_loaded_by(worker) && self.loaded.iter().all(has) {
            self.files.refused.clear();
            self.files.failure = None;
        }
    }

    /// A process could not load what those that serve have loaded. Who was to go for the sake of the new code serves on;
    /// false if nobody was.
    pub(crate) fn call_off(&mut self, scripts: &Scripts, reason: &str) -> bool {
        if !self.rolling || !self.workers.values().any(Worker::is_serving) {
            return false;
        }
        self.files.refused.extend(scripts.met.clone());
        let goes = |worker: &Worker| worker.outgoing == Some(Reason::ScriptReload) && worker.is_serving();
        if !self.workers.values().any(goes) {
            return false;
        }
        let mut serve = Vec::new();
        for worker in self.workers.values_mut() {
            if worker.outgoing == Some(Reason::ScriptReload) && worker.is_serving() {
                worker.outgoing = None;
            }
            worker.waits = worker.waits.filter(|(_, reason)| *reason != Reason::ScriptReload);
            worker.scripts.wanted = false;
            serve.extend(worker.is_serving().then(|| worker.pid.to_string()));
        }
        self.files.rolls = false;
        let what = match &scripts.failed {
            Some(script) => format!(
                "{} cannot be loaded as it is now (its traceback is in the log above)",
                script.display()
            ),
            None => reason.to_owned(),
        };
        let text = format!(
            "the reload is called off: {what}; {} with the code that is there ({}). Mend the script: its next change is \
             tried at once",
            if serve.len() == 1 { "one process serves on" } else { "the processes serve on" },
            serve.join(", ")
        );
        self.log(Level::ERROR, text.clone());
        self.files.failure = Some(text.clone());
        self.act(Action::Publish(Health::Outdated, text));
        true
    }
}

#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;
