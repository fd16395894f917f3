//! Scenarios of what is saved while broken code is still being loaded: it is none of what counts as refused.

use super::tests::{RELOAD, comes_up, preloading, renewals};
use super::*;
use crate::event::Event;
use crate::supervise::tests::{Group, drain, stop, target};
use contract::control::FromWorker;

/// What a process says that comes up. If it could not load the script it has looked at the file before.
fn says(group: &mut Group, slot: u32, script: &str, loaded: Option<i64>, file: Sighting) {
    let state = ScriptState { target: target(script), loaded, file, noticed: false, wanted: false };
    group.on(Event::Said { slot, message: FromWorker::Script(state) });
}

/// With preload=on: /a.wsgi has a new version, and a template begins to load it. Its start stays unanswered meanwhile.
fn a_template_loads(version: i64) -> Group {
    let mut group = preloading(2);
    let done = group.script(0, Some(1), Some(version)).done();
    assert_eq!(renewals(&done), 1, "{done:?}");
    group.supervisor.workers.remove(&2);
    group.supervisor.asked = 1;
    group.on(Event::Preloads);
    group
}

/// The template is of no use, and the workers come from the old one, or, `lost`, there is none.
fn template_fails(group: &mut Group, lost: bool) -> Vec<Action> {
    let reason = "it died".to_owned();
    group.on(if lost { Event::NotLoaded { reason } } else { Event::Kept { reason, starts: 1 } });
    assert_eq!(group.logged(Level::ERROR, "reload is called off: it died"), 1);
    group.done()
}

#[test]
fn what_is_saved_while_a_process_loads_is_tried_at_once() {
    for is_noticed_first in [true, false] {
        let mut group = Group::rolling(2);
        assert_eq!(group.script(0, Some(1), Some(2)).script(1, Some(1), Some(2)).starts(), 1);
        let before = group.sees(Some(2));
        if is_noticed_first {
            group.script(0, Some(1), Some(3));
        }
        says(&mut group, 2, "/a.wsgi", None, before);
        group.ready(2, false).exited(2, 0, 0);
        assert_eq!(group.logged(Level::ERROR, "reload is called off"), 1);
        group.script(1, Some(1), Some(3));
        assert_eq!(group.starts(), 1, "noticed first: {is_noticed_first}");
        assert_eq!(comes_up(&mut group, 2, 3, true).last(), Some(&drain(0, RELOAD)));
    }
}

#[test]
fn a_process_that_dies_has_met_what_was_there_when_it_began() {
    let mut group = Group::rolling(1);
    group.script(0, Some(1), Some(2)).script(0, Some(1), Some(3)).done();
    assert_eq!(group.exited(1, 9, 0).starts(), 1, "version 3");
    assert_eq!(group.exited(1, 9, 0).later(60_000).starts(), 0, "which is met now");
}

#[test]
fn a_process_that_comes_up_beside_one_that_has_loaded_it_is_not_let_in() {
    let mut group = Group::new(2, false);
    group.supervisor.rolling = true;
    group.script(0, Some(1), Some(1)).ready(0, true).done();
    let broken = group.sees(Some(2));
    says(&mut group, 1, "/a.wsgi", None, broken);
    assert_eq!(
        group.ready(1, true).done()[0],
        stop(1, Reason::ShutdownSignal),
        "all that it was told to load"
    );
    assert_eq!(group.exited(1, 0, 0).later(1000).starts(), 1);
}

#[test]
fn what_was_loaded_before_another_script_failed_is_what_is_refused() {
    let mut group = Group::rolling(1);
    group.script(0, Some(1), Some(2)).done();
    let (mended, broken) = (group.sees(Some(3)), group.sees(Some(1)));
    says(&mut group, 1, "/a.wsgi", Some(2), mended);
    says(&mut group, 1, "/b.wsgi", None, broken);
    assert_eq!(group.ready(1, false).exited(1, 0, 0).starts(), 1, "version 3 of a.wsgi was not tried");
}

#[test]
fn what_is_saved_while_a_template_loads_is_tried_at_once() {
    for lost in [false, true] {
        let mut group = a_template_loads(2);
        let mended = group.sees(Some(3));
        says(&mut group, 0, "/a.wsgi", Some(1), mended);
        assert_eq!(renewals(&group.done()), 1, "a worker has noticed");
        let done = template_fails(&mut group, lost);
        assert_eq!(renewals(&done), 1, "the one before said so before it was ended: {done:?}");
    }
}

#[test]
fn a_template_that_fails_is_not_tried_again_by_itself() {
    for lost in [false, true] {
        let mut group = a_template_loads(2);
        assert_eq!(renewals(&template_fails(&mut group, lost)), 0);
        assert_eq!(group.later(60_000).done(), []);
    }
}

#[test]
fn a_copy_of_the_old_code_makes_nobody_try_again() {
    let mut group = a_template_loads(2);
    template_fails(&mut group, false);
    assert_eq!(group.exited(1, 9, 5).starts(), 1);
    let done = group.script(1, Some(1), Some(2)).ready(1, true).done();
    assert_eq!(renewals(&done), 0, "{done:?}");
    assert!(done.iter().any(|action| matches!(action, Action::Publish(Health::Outdated, _))), "{done:?}");
}

#[test]
fn an_interpreter_that_cannot_be_executed_is_no_fault_of_the_code() {
    let mut group = Group::rolling(1);
    group.script(0, Some(1), Some(2)).done();
    let reason = "the interpreter cannot be executed".to_owned();
    group.on(Event::Said { slot: 1, message: FromWorker::NotExecuted { reason } }).exited(1, 1 << 8, 0);
    assert_eq!(
        group.logged(Level::ERROR, "cannot start a process: the interpreter cannot be executed; the next"),
        1
    );
    assert_eq!(group.later(1000).starts(), 1, "version 2 is not refused");
}
