//! Scenarios of a group's life, without a process: events in, actions out.

use std::path::PathBuf;

use contract::control::{ScriptState, ToLeader};
use contract::modified::Sighting;

use super::*;

/// A supervisor at second 0, driven by hand. Starts are answered at once, slots are given out in order.
pub(crate) struct Group {
    pub(crate) supervisor: Supervisor,
    start: Instant,
    at: u64,
    actions: Vec<Action>,
    slots: Vec<bool>,
    looks: i64,
}

impl Group {
    pub(crate) fn new(processes: u32, takes_over: bool) -> Self {
        let start = Instant::now();
        let mut settings = settings();
        (settings.processes, settings.takes_over) = (processes, takes_over);
        let slots = vec![false; processes as usize * 2];
        let supervisor = Supervisor::new(&settings, start);
        let mut group = Self { supervisor, start, at: 0, actions: Vec::new(), slots, looks: 0 };
        group.settle();
        group
    }

    /// Behind a leader that starts its processes first, and before another one.
    pub(crate) fn behind_another(processes: u32) -> Self {
        let start = Instant::now();
        let settings = Leader { processes, waits_for_turn: true, passes_turn: true, ..settings() };
        let slots = vec![false; processes as usize * 2];
        let supervisor = Supervisor::new(&settings, start);
        let mut group = Self { supervisor, start, at: 0, actions: Vec::new(), slots, looks: 0 };
        group.settle();
        group
    }

    /// With reload=rolling; each worker has loaded version 1 of a script.
    pub(crate) fn rolling(processes: u32) -> Self {
        let mut group = Self::running(processes);
        group.supervisor.rolling = true;
        group.on(Event::Said { slot: 0, message: FromWorker::Loaded(target("/a.wsgi")) });
        for slot in 0..processes {
            group.script(slot, Some(1), Some(1));
        }
        group.done();
        group
    }

    /// Worker `slot` has a version of /a.wsgi, and sees another one, or the same, in its file.
    pub(crate) fn script(&mut self, slot: u32, loaded: Option<i64>, file: Option<i64>) -> &mut Self {
        let file = self.sees(file);
        let state = ScriptState { target: target("/a.wsgi"), loaded, file, noticed: true, wanted: false };
        self.on(Event::Said { slot, message: FromWorker::Script(state) })
    }

    /// Somebody looks at a file now.
    pub(crate) fn sees(&mut self, version: Option<i64>) -> Sighting {
        self.looks += 1;
        Sighting::at(version, self.looks)
    }

    /// With so many slots.
    pub(crate) fn with_slots(mut self, slots: usize) -> Self {
        self.slots.resize(slots, false);
        self
    }

    /// A service that takes over.
    pub(crate) fn service() -> Self {
        let start = Instant::now();
        let settings = Leader { takes_over: true, threads: 0, ..settings() };
        let supervisor = Supervisor::new(&settings, start);
        let mut group =
            Self { supervisor, start, at: 0, actions: Vec::new(), slots: vec![false; 2], looks: 0 };
        group.settle();
        group
    }

    pub(crate) fn on(&mut self, event: Event) -> &mut Self {
        if let Event::Exited { slot, .. } = event {
            self.slots[slot as usize] = false;
        }
        let now = self.now();
        self.supervisor.on(now, event);
        self.settle();
        self
    }

    pub(crate) fn later(&mut self, milliseconds: u64) -> &mut Self {
        self.at += milliseconds;
        self.on(Event::Tick)
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.at)
    }

    fn settle(&mut self) {
        while let Some(action) = self.supervisor.next() {
            if matches!(action, Action::Start { .. }) {
                let event = match self.slots.iter().position(|used| !used) {
                    Some(slot) => {
                        self.slots[slot] = true;
                        Event::Spawned { slot: slot as u32, pid: 100 + slot as u32 }
                    }
                    None => Event::NoSlot,
                };
                let now = self.now();
                self.supervisor.on(now, event);
            }
            self.actions.push(action);
        }
    }

    pub(crate) fn ready(&mut self, slot: u32, loaded: bool) -> &mut Self {
        self.on(Event::Said { slot, message: FromWorker::Ready { loaded } })
    }

    pub(crate) fn exited(&mut self, slot: u32, status: i32, requests: u64) -> &mut Self {
        self.on(Event::Exited { slot, status, requests, busy: 0 })
    }

    /// The actions since the last call, without log lines.
    pub(crate) fn done(&mut self) -> Vec<Action> {
        let log = |action: &Action| !matches!(action, Action::Log(..));
        std::mem::take(&mut self.actions).into_iter().filter(log).collect()
    }

    pub(crate) fn logged(&self, level: Level, words: &str) -> usize {
        let line = |action: &&Action| matches!(action, Action::Log(at, text) if *at == level && text.contains(words));
        self.actions.iter().filter(line).count()
    }

    pub(crate) fn starts(&mut self) -> usize {
        self.done().iter().filter(|action| matches!(action, Action::Start { .. })).count()
    }

    /// A leader that takes over from one with as many workers, which have loaded a script.
    pub(crate) fn taking_over(processes: u32) -> Self {
        let mut group = Self::new(processes, true);
        assert_eq!(group.done(), [Action::TellPrevious(ToLeader::WhatIsLoaded)]);
        group.on(Event::Previous(FromLeader::Keeps(processes)));
        group.on(Event::Previous(FromLeader::Loaded(vec![target("/a.wsgi")])));
        group
    }

    pub(crate) fn running(processes: u32) -> Self {
        let mut group = Self::new(processes, false);
        for slot in 0..processes {
            group.ready(slot, true);
        }
        group.later(5000).done();
        group
    }
}

pub(crate) fn settings() -> Leader {
    let limits = Limits { shutdown_timeout: 5, graceful_timeout: 15, ..Limits::default() };
    let python = serde_json::json!({
        "process_group": "g", "home": null, "layers": [], "working_directory": null, "eggs": null,
        "optimize": 0, "warnings": [], "dont_write_bytecode": false, "hash_seed": null,
        "case_sensitive": true, "free_threading": false, "server_metrics": false, "telemetry": null, "debug_mode": false,
        "destroy_interpreter": true, "multithread": true, "multiprocess": false, "maximum_processes": 1,
        "threads_per_process": 15, "log_level": 6, "httpd_version": [2, 4, 0], "httpd_description": "",
        "httpd_built": "", "mpm_name": "", "mpm_processes": 1, "mpm_threads": 15, "imports": []
    });
    let leader = serde_json::json!({
        "contract": 1, "module": "m", "host": "h", "interpreter": "i", "generation": 1, "processes": 1,
        "threads": 15, "takes_over": false, "httpd_pid": 1, "display_name": null, "stack_size": null,
        "limits": limits, "socket_timeout": 60,
        "core_dumps": false, "locale": null, "python": python
    });
    serde_json::from_value(leader).expect("the contract's fields")
}

pub(crate) fn tell(slot: u32, message: ToWorker) -> Action {
    Action::Tell { slot, message }
}

pub(crate) fn drain(slot: u32, reason: Reason) -> Action {
    tell(slot, ToWorker::Drain { reason })
}

pub(crate) fn stop(slot: u32, reason: Reason) -> Action {
    tell(slot, ToWorker::Stop { reason })
}

pub(crate) fn target(script: &str) -> Target {
    Target { script: PathBuf::from(script), application_group: String::new() }
}

#[test]
fn starts_its_processes_and_lets_each_accept_when_it_is_ready() {
    let mut group = Group::new(2, false);
    assert_eq!(group.starts(), 2);
    group.ready(1, true);
    let running = Action::Publish(Health::Running, String::new());
    assert_eq!(group.done(), [tell(1, ToWorker::Accept), running]);
}

#[test]
fn a_killed_worker_is_replaced_at_once() {
    let mut group = Group::running(2);
    group.exited(0, 9, 100);
    assert_eq!(group.logged(Level::ERROR, "killed by signal 9 (SIGKILL)"), 1);
    let done = group.done();
    assert_eq!(done[0], Action::Free { slot: 0, pid: 100, status: 9, reason: None });
    assert!(matches!(done[1], Action::Start { .. }) && done.len() == 2, "{done:?}");
}

#[test]
fn failing_starts_are_tried_one_at_a_time_and_ever_later() {
    let mut group = Group::new(2, false);
    assert_eq!(group.starts(), 2);
    group.on(Event::Said { slot: 0, message: FromWorker::Failed { reason: "no such module".to_owned() } });
    group.exited(0, 256, 0).exited(1, 256, 0);
    assert_eq!(group.logged(Level::ERROR, "no such module; the next attempt is in 1 s"), 1);
    assert_eq!(group.logged(Level::ERROR, ""), 1, "companions are not reported again");
    let done = group.done();
    assert!(done.contains(&Action::Publish(Health::Failing, "no such module".to_owned())), "{done:?}");
    assert_eq!(group.later(900).starts(), 0);
    assert_eq!(group.later(100).starts(), 1);
    group.exited(0, 256, 0);
    assert_eq!(group.logged(Level::ERROR, "exited with status 1"), 1);
    assert_eq!(group.later(1900).starts(), 0);
    assert_eq!(group.later(100).starts(), 1);
    assert_eq!(group.ready(0, true).starts(), 1, "the others follow when one came up");
}

#[test]
fn a_changed_script_replaces_all_at_once() {
    let mut group = Group::running(2);
    group.on(Event::Said { slot: 0, message: FromWorker::Loaded(target("/a.wsgi")) });
    let changed = || FromWorker::Changed { script: "/a.wsgi".to_owned() };
    group.on(Event::Said { slot: 1, message: changed() }).on(Event::Said { slot: 0, message: changed() });
    let done = group.done();
    assert_eq!(done[..2], [tell(0, ToWorker::Reload), tell(1, ToWorker::Reload)]);
    let start =
        |action: &&Action| matches!(action, Action::Start { reload, .. } if *reload == [target("/a.wsgi")]);
    assert_eq!(done.iter().filter(start).count(), 2, "{done:?}");
    assert_eq!(group.exited(0, 0, 10).exited(1, 0, 10).starts(), 0);
}

#[test]
fn a_worn_worker_serves_until_its_replacement_does() {
    let mut group = Group::running(1);
    group.on(Event::Said { slot: 0, message: FromWorker::Retire { reason: Reason::MaximumRequests } });
    assert_eq!(group.starts(), 1);
    group.ready(1, true);
    assert_eq!(group.done().last(), Some(&drain(0, Reason::MaximumRequests)));
    assert_eq!(group.later(14_000).done(), []);
    assert_eq!(group.later(1000).done(), [stop(0, Reason::MaximumRequests)]);
    assert_eq!(group.later(5300).done(), [Action::Kill { slot: 0 }]);
}

#[test]
fn a_replacement_that_cannot_load_leaves_the_old_one_serving() {
    let mut group = Group::running(1);
    group.on(Event::Signal(Request::Replace));
    assert_eq!(group.starts(), 1);
    group.ready(1, false);
    assert_eq!(group.logged(Level::ERROR, "they serve on"), 1);
    let done = group.done();
    assert_eq!(done[0], stop(1, Reason::ShutdownSignal));
    assert!(matches!(done[1..], [Action::Publish(Health::Outdated, _)]), "{done:?}");
    assert_eq!(group.exited(1, 0, 0).later(1000).starts(), 1);
    group.ready(1, true);
    assert_eq!(group.done().last(), Some(&drain(0, Reason::GracefulSignal)));
}

#[test]
fn a_stop_ends_workers_before_httpd_kills_the_leader() {
    let mut group = Group::new(2, false);
    group.ready(0, true).done();
    group.on(Event::Signal(Request::Stop));
    let stop = || ToWorker::StopWithin { milliseconds: 1800 };
    assert_eq!(group.done(), [tell(0, stop()), tell(1, stop()), Action::Terminate { slot: 1 }]);
    group.exited(1, 15, 0);
    assert_eq!(group.later(2100).done()[1..], [Action::Kill { slot: 0 }]);
    assert_eq!(group.exited(0, 9, 0).done().last(), Some(&Action::Exit));
}

#[test]
fn a_drained_leader_leaves_with_its_last_worker() {
    let mut group = Group::running(2);
    group.on(Event::Asked(ToLeader::Drain));
    assert_eq!(group.done(), [drain(0, Reason::GracefulSignal), drain(1, Reason::GracefulSignal)]);
    group.exited(0, 0, 1).later(100_000).exited(1, 0, 1);
    let done = group.done();
    assert_eq!(done.last(), Some(&Action::Exit));
    assert!(
        !done.iter().any(|action| matches!(action, Action::Start { .. } | Action::Kill { .. })),
        "{done:?}"
    );
}

#[test]
fn a_released_leader_waits_a_minute_for_its_adoption() {
    let mut group = Group::running(1);
    group.on(Event::Asked(ToLeader::Release)).later(59_000).on(Event::Asked(ToLeader::Adopt)).later(5000);
    assert_eq!(group.done(), []);
    group.on(Event::Asked(ToLeader::Release)).later(60_000);
    assert_eq!(group.done(), [drain(0, Reason::GracefulSignal)]);
}

#[test]
fn a_worker_that_does_not_end_after_draining_is_killed() {
    let mut group = Group::running(1);
    group.on(Event::Asked(ToLeader::Drain)).on(Event::Idle { slot: 0 }).later(5000);
    assert_eq!(group.done().last(), Some(&stop(0, Reason::GracefulSignal)));
    assert_eq!(group.later(5300).done(), [Action::Kill { slot: 0 }]);
}

#[test]
fn a_reload_with_all_slots_taken_waits_and_then_presses() {
    let mut group = Group::running(1);
    let changed = || FromWorker::Changed { script: "/a.wsgi".to_owned() };
    group.on(Event::Said { slot: 0, message: changed() }).ready(1, true);
    group.on(Event::Said { slot: 1, message: changed() });
    group.later(10_000);
    assert!(!group.done().contains(&stop(0, Reason::ScriptReload)));
    group.later(5000).later(500);
    assert!(group.done().contains(&stop(0, Reason::ScriptReload)));
    assert_eq!(group.exited(0, 0, 1).starts(), 1);
}

#[test]
fn a_template_that_cannot_load_is_a_failed_start() {
    let mut group = Group::running(2);
    let done = group.on(Event::NotLoaded { reason: NOT_LOADED.to_owned() }).done();
    let outdated = |action: &Action| matches!(action, Action::Publish(Health::Outdated, _));
    assert!(done.iter().any(outdated), "{done:?}");
    let stopped = |action: &Action| matches!(action, Action::Tell { .. } | Action::Kill { .. });
    assert!(!done.iter().any(stopped), "those that serve go on: {done:?}");
}

#[test]
fn new_code_renews_what_workers_are_forked_from() {
    let mut group = Group::running(2);
    group.supervisor.preload = true;
    let renews = |actions: Vec<Action>| actions.iter().filter(|action| **action == Action::Renew).count();
    let said = |message| Event::Said { slot: 0, message };
    let retire = |reason| said(FromWorker::Retire { reason });
    assert_eq!(renews(group.on(retire(Reason::MaximumRequests)).done()), 0);
    assert_eq!(renews(group.on(retire(Reason::GracefulSignal)).done()), 1);
    assert_eq!(renews(group.on(Event::Signal(Request::Replace)).done()), 1);
    let changed = FromWorker::Changed { script: "/a.wsgi".to_owned() };
    let done = group.on(said(changed)).done();
    let at = |wanted: fn(&Action) -> bool| done.iter().position(wanted);
    let (renewed, started) = (at(|one| *one == Action::Renew), at(|one| matches!(one, Action::Start { .. })));
    assert!(renewed.is_some() && renewed < started, "{done:?}");
}
