//! Scenarios of changed scripts.

use contract::control::{FromWorker, ToLeader};

use super::*;
use crate::event::Event;
use crate::supervise::tests::{Group, drain, stop, target};

pub(super) const RELOAD: Reason = Reason::ScriptReload;

/// The replacement in `slot` has come up with `version`, which it could not load, or with all that there is.
pub(super) fn comes_up(group: &mut Group, slot: u32, version: i64, works: bool) -> Vec<Action> {
    group.script(slot, works.then_some(version), Some(version)).ready(slot, works).done()
}

fn outdated(actions: &[Action]) -> bool {
    actions
        .iter()
        .any(|action| matches!(action, Action::Publish(Health::Outdated, text) if text.contains("/a.wsgi")))
}

#[test]
fn one_after_the_other_is_replaced() {
    let mut group = Group::rolling(3);
    assert_eq!(group.script(1, Some(1), Some(2)).starts(), 1);
    assert_eq!(group.script(0, Some(1), Some(2)).starts(), 0, "known already");
    for (slot, replacement) in [(0, 3), (1, 0), (2, 1)] {
        group.script(replacement, Some(2), Some(2)).ready(replacement, true);
        assert_eq!(group.logged(Level::INFO, "all processes have the code"), usize::from(slot == 2));
        assert_eq!(group.done().last(), Some(&drain(slot, RELOAD)));
        assert_eq!(group.later(1000).starts(), 0);
        assert_eq!(group.exited(slot, 0, 9).starts(), usize::from(slot < 2));
    }
    assert_eq!(group.later(60_000).done(), []);
}

#[test]
fn what_cannot_be_loaded_calls_it_off_until_the_next_touch() {
    let mut group = Group::rolling(2);
    group.script(0, Some(1), Some(2)).script(1, Some(1), Some(2));
    let done = comes_up(&mut group, 2, 2, false);
    assert!(outdated(&done), "{done:?}");
    let tells = |action: &Action| matches!(action, Action::Tell { slot: 0 | 1, .. });
    assert!(!done.iter().any(tells), "both serve on: {done:?}");
    assert_eq!(group.exited(2, 0, 0).later(120_000).done().len(), 1, "only its slot is made free");

    assert_eq!(group.script(1, Some(1), Some(3)).starts(), 1, "the next touch is tried at once");
    let done = comes_up(&mut group, 2, 3, true);
    assert!(done.contains(&Action::Publish(Health::Running, String::new())), "{done:?}");
    assert_eq!(done.last(), Some(&drain(0, RELOAD)));
}

#[test]
fn it_is_said_in_one_line() {
    let mut group = Group::rolling(2);
    group.script(0, Some(1), Some(2)).script(2, None, Some(2)).ready(2, false).exited(2, 0, 0);
    assert_eq!(group.logged(Level::ERROR, "reload is called off: /a.wsgi cannot be loaded"), 1);
    assert_eq!(
        group.logged(Level::ERROR, "the processes serve on with the code that is there (100, 101)"),
        1
    );
    assert_eq!(group.logged(Level::ERROR, ""), 1);
}

#[test]
fn a_replacement_that_dies_calls_it_off_too() {
    let mut group = Group::rolling(1);
    group.script(0, Some(1), Some(2)).exited(1, 9, 0);
    assert_eq!(group.logged(Level::ERROR, "called off: process 101 was killed by signal 9"), 1);
    assert_eq!(group.done().iter().filter(|action| matches!(action, Action::Start { .. })).count(), 1);
    assert_eq!(group.later(60_000).starts(), 0);
    assert_eq!(group.script(0, Some(1), Some(3)).starts(), 1);
}

#[test]
fn the_latest_version_wins() {
    let mut group = Group::rolling(2);
    group.script(0, Some(1), Some(2)).done();
    group.script(2, Some(2), Some(2)).script(0, Some(1), Some(3));
    let done = group.ready(2, true).done();
    assert_eq!(done.last(), Some(&drain(0, RELOAD)), "the version between is newer than the first");
    assert_eq!(group.exited(0, 0, 1).starts(), 1);
    assert_eq!(comes_up(&mut group, 0, 3, true).last(), Some(&drain(1, RELOAD)));
    assert_eq!(group.exited(1, 0, 1).starts(), 1, "the one with the version between goes as well");
    assert_eq!(comes_up(&mut group, 1, 3, true).last(), Some(&drain(2, RELOAD)));
    assert_eq!(group.exited(2, 0, 1).starts(), 0);
}

#[test]
fn a_version_that_was_mended_meanwhile_is_tried_at_once() {
    let mut group = Group::rolling(1);
    group.script(0, Some(1), Some(2)).script(1, None, Some(2)).script(0, Some(1), Some(3)).done();
    group.ready(1, false);
    assert_eq!(group.exited(1, 0, 0).starts(), 1);
    assert_eq!(comes_up(&mut group, 1, 3, true).last(), Some(&drain(0, RELOAD)));
}

#[test]
fn a_file_that_is_put_back_ends_it() {
    let mut group = Group::rolling(2);
    group.script(0, Some(1), Some(2));
    comes_up(&mut group, 2, 2, false);
    group.exited(2, 0, 0).done();
    let done = group.script(0, Some(1), Some(1)).done();
    assert_eq!(done, [Action::Publish(Health::Running, String::new())]);
    assert_eq!(group.later(60_000).done(), []);
}

#[test]
fn a_file_that_is_gone_makes_nobody_go() {
    let mut group = Group::rolling(2);
    group.script(0, Some(1), None).script(1, Some(1), None);
    assert_eq!(group.logged(Level::WARN, "/a.wsgi is gone"), 1);
    assert_eq!(group.starts(), 0);
    assert_eq!(group.script(0, Some(1), Some(4)).starts(), 1, "it is back");
}

#[test]
fn a_dead_process_is_replaced_with_patience_while_the_code_is_broken() {
    let mut group = Group::rolling(2);
    group.script(0, Some(1), Some(2));
    comes_up(&mut group, 2, 2, false);
    group.exited(2, 0, 0).done();
    assert_eq!(group.exited(1, 9, 50).starts(), 1);
    assert_eq!(comes_up(&mut group, 1, 2, false)[0], stop(1, Reason::ShutdownSignal));
    assert_eq!(group.exited(1, 0, 0).later(900).starts(), 0);
    assert_eq!(group.later(100).starts(), 1);
    comes_up(&mut group, 1, 2, false);
    assert_eq!(group.exited(1, 0, 0).later(1900).starts(), 0);
    assert_eq!(group.script(0, Some(1), Some(3)).starts(), 1, "a touch does not wait for that");
    let done = comes_up(&mut group, 1, 3, true);
    assert!(matches!(done.last(), Some(Action::Start { .. })), "then the other one: {done:?}");
}

#[test]
fn the_last_one_serves_errors_rather_than_nothing() {
    let mut group = Group::rolling(1);
    group.exited(0, 9, 50).script(0, None, Some(2));
    let done = group.ready(0, false).done();
    assert!(
        done.contains(&Action::Tell { slot: 0, message: contract::control::ToWorker::Accept }),
        "{done:?}"
    );
}

#[test]
fn code_that_heals_by_itself_is_rolled_out() {
    let mut group = Group::rolling(2);
    group.script(0, Some(1), Some(2));
    comes_up(&mut group, 2, 2, false);
    group.exited(2, 0, 0).exited(1, 9, 50).done();
    let done = comes_up(&mut group, 1, 2, true);
    assert!(done.contains(&Action::Publish(Health::Running, String::new())), "{done:?}");
    assert!(matches!(done.last(), Some(Action::Start { .. })), "the other one follows: {done:?}");
}

#[test]
fn other_reasons_survive_a_reload_that_is_called_off() {
    let mut group = Group::rolling(2);
    group.script(0, Some(1), Some(2));
    for slot in [0, 1] {
        group.on(Event::Said { slot, message: FromWorker::Retire { reason: Reason::MaximumRequests } });
    }
    comes_up(&mut group, 2, 2, false);
    assert_eq!(group.exited(2, 0, 0).supervisor.workers[&0].outgoing, Some(Reason::MaximumRequests));
    assert!(group.supervisor.workers[&1].waits.is_some());
    assert_eq!(
        group.script(0, Some(1), Some(3)).supervisor.workers[&1].waits.map(|(_, why)| why),
        Some(Reason::MaximumRequests)
    );
}

#[test]
fn one_broken_script_holds_back_the_others() {
    let mut group = Group::rolling(1);
    let mut other = |slot, loaded, file| {
        let (target, file) = (target("/b.wsgi"), group.sees(file));
        let state = ScriptState { target, loaded, file, noticed: true, wanted: false };
        group.on(Event::Said { slot, message: FromWorker::Script(state) }).starts()
    };
    other(0, Some(1), Some(1));
    assert_eq!(other(0, Some(1), Some(2)), 1);
    other(1, Some(2), Some(2));
    assert!(outdated(&comes_up(&mut group, 1, 1, false)), "the script that fails is named");
    assert_eq!(group.exited(1, 0, 0).later(60_000).starts(), 0);
    assert_eq!(group.script(0, Some(1), Some(2)).starts(), 1, "whichever is touched, all are tried");
}

#[test]
fn a_script_may_want_it_itself() {
    let mut group = Group::rolling(2);
    let wants = |slot| {
        let state = ScriptState {
            target: target("/a.wsgi"),
            loaded: Some(1),
            file: Sighting::at(Some(1), 9),
            noticed: true,
            wanted: true,
        };
        Event::Said { slot, message: FromWorker::Script(state) }
    };
    assert_eq!(group.on(wants(0)).starts(), 1);
    comes_up(&mut group, 2, 1, false);
    assert_eq!(group.exited(2, 0, 0).later(60_000).starts(), 0, "called off");
    assert_eq!(group.on(wants(1)).starts(), 1);
    assert_eq!(comes_up(&mut group, 2, 1, true).last(), Some(&drain(1, RELOAD)));
}

#[test]
fn a_leader_that_gives_way_starts_nobody_for_a_reload() {
    let mut group = Group::rolling(2);
    group.on(Event::Asked(ToLeader::Yield)).done();
    group.exited(1, 0, 1).done();
    assert_eq!(group.script(0, Some(1), Some(2)).starts(), 0);
}

#[test]
fn a_change_may_be_heard_of_before_what_is_loaded() {
    let mut group = Group::running(1);
    group.supervisor.rolling = true;
    let done = group.script(0, Some(1), Some(2)).done();
    assert!(
        matches!(&done[..], [Action::Start { reload, .. }] if *reload == [target("/a.wsgi")]),
        "the replacement loads it: {done:?}"
    );
}

#[test]
fn what_one_has_loaded_all_load() {
    let mut group = Group::rolling(2);
    let state = ScriptState {
        target: target("/b.wsgi"),
        loaded: Some(1),
        file: group.sees(Some(1)),
        noticed: true,
        wanted: false,
    };
    group.on(Event::Said { slot: 1, message: FromWorker::Script(state) });
    let done = group.on(Event::Said { slot: 1, message: FromWorker::Loaded(target("/b.wsgi")) }).done();
    let load = |slot| Action::Tell { slot, message: ToWorker::Load(target("/b.wsgi")) };
    assert_eq!(done, [load(0)]);

    let mut late = Group::rolling(2);
    late.exited(1, 9, 5).done();
    late.on(Event::Said { slot: 0, message: FromWorker::Loaded(target("/b.wsgi")) }).done();
    late.script(1, Some(1), Some(1)).ready(1, true);
    assert!(late.done().contains(&load(1)), "it was on its way");
}

#[test]
fn what_is_loaded_makes_nobody_be_behind_where_changes_do_not_count() {
    let mut group = Group::running(2);
    group.supervisor.rolling = true;
    for (slot, version) in [(0, 1), (1, 2)] {
        let state = ScriptState {
            target: target("/a.wsgi"),
            loaded: Some(version),
            file: group.sees(Some(2)),
            noticed: false,
            wanted: false,
        };
        group.on(Event::Said { slot, message: FromWorker::Script(state) });
    }
    assert_eq!(group.later(1000).starts(), 0);
    assert_eq!(group.script(0, Some(1), Some(2)).starts(), 1, "a request has noticed");
}

#[test]
fn what_was_seen_before_counts_for_nothing_when_it_is_heard_of_later() {
    let mut group = Group::rolling(2);
    let early = group.sees(Some(1));
    assert_eq!(group.script(0, Some(1), Some(2)).starts(), 1);
    assert_eq!(comes_up(&mut group, 2, 2, true).last(), Some(&drain(0, RELOAD)));
    let late =
        ScriptState { target: target("/a.wsgi"), loaded: Some(1), file: early, noticed: true, wanted: false };
    group.on(Event::Said { slot: 1, message: FromWorker::Script(late) });
    assert_eq!(group.exited(0, 0, 9).starts(), 1, "the other one still goes for version 2");
}

#[test]
fn strict_groups_hear_nothing_of_this() {
    let mut group = Group::running(1);
    assert_eq!(group.script(0, Some(1), Some(2)).later(1000).done(), []);
}

/// With preload=on.
pub(super) fn preloading(processes: u32) -> Group {
    let mut group = Group::rolling(processes);
    group.supervisor.preload = true;
    group
}

pub(super) fn renewals(actions: &[Action]) -> usize {
    actions.iter().filter(|action| matches!(action, Action::Renew)).count()
}

#[test]
fn each_change_makes_a_new_template() {
    let mut group = preloading(2);
    assert_eq!(renewals(&group.script(0, Some(1), Some(2)).done()), 1);
    assert_eq!(renewals(&group.script(1, Some(1), Some(2)).done()), 0, "that is known");
    let done = group.script(0, Some(1), Some(3)).done();
    assert_eq!(renewals(&done), 1, "who loads version 2 now fails maybe, and 3 would count as refused");
}

#[test]
fn code_that_cannot_be_loaded_anew_is_kept_until_it_can() {
    let mut group = preloading(2);
    let signal = Event::Signal(crate::signals::Request::Replace);
    assert_eq!(group.on(signal).starts(), 1);
    group.exited(2, 0, 0).done();
    group.supervisor.asked = 1; // the template has been asked, not the worker
    group.on(Event::Kept { reason: "it died".to_owned(), starts: 1 });
    let outdated = |action: &Action| matches!(action, Action::Publish(Health::Outdated, text) if text.contains("it died"));
    assert!(group.done().iter().any(outdated));
    assert_eq!(group.later(60_000).done(), [], "both serve on");

    group.exited(1, 9, 5).done();
    let done = comes_up(&mut group, 1, 1, true);
    assert!(done.iter().any(outdated), "a copy of the old code changes nothing: {done:?}");
    group.on(Event::Renewed);
    assert_eq!(group.done(), [Action::Publish(Health::Running, String::new())]);
    assert_eq!(group.on(Event::Renewed).done(), [], "once");
}

#[test]
fn a_change_counts_for_those_that_wait_to_be_replaced_anyway() {
    let mut group = preloading(1);
    group.on(Event::Said { slot: 0, message: FromWorker::Retire { reason: Reason::MaximumRequests } }).done();
    assert_eq!(renewals(&group.script(0, Some(1), Some(2)).done()), 1);
}

#[test]
fn a_worker_that_makes_scripts_up_does_not_fill_the_leader() {
    let mut group = Group::rolling(1);
    let path = |number: usize| PathBuf::from(format!("/{number}.wsgi"));
    group
        .supervisor
        .files
        .seen
        .extend((1..MOST_SCRIPTS - 5).map(|number| (path(number), Sighting::at(Some(1), 0))));
    group.supervisor.loaded.resize(MOST_SCRIPTS - 5, target("/a.wsgi"));
    for number in MOST_SCRIPTS..MOST_SCRIPTS + 20 {
        let target = Target { script: path(number), application_group: String::new() };
        let file = group.sees(Some(1));
        let state = ScriptState { target, loaded: Some(1), file, noticed: true, wanted: false };
        group.on(Event::Said { slot: 0, message: FromWorker::Script(state) });
    }
    let (loaded, files) = (group.supervisor.loaded.len(), group.supervisor.files.seen.len());
    assert_eq!([loaded, files], [MOST_SCRIPTS; 2]);
    assert_eq!(
        group.script(0, Some(1), Some(2)).starts(),
        1,
        "those that were known before are looked after"
    );
}
