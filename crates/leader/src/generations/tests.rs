//! Two leaders and what they say to each other, each on its own.

use contract::control::FromWorker;

use super::*;
use crate::event::Event;
use crate::supervise::tests::{Group, drain, stop, target};

const YIELD: Action = Action::TellPrevious(ToLeader::Yield);
const LEAVE: Action = Action::TellPrevious(ToLeader::Drain);

fn keeps(processes: u32) -> Event {
    Event::Previous(FromLeader::Keeps(processes))
}

fn yields(group: &mut Group) -> Vec<Action> {
    group.on(Event::Asked(ToLeader::Yield)).done()
}

fn answer(processes: u32) -> Action {
    Action::Answer(FromLeader::Keeps(processes))
}

#[test]
fn one_comes_then_one_goes_then_the_next() {
    let mut group = Group::taking_over(2);
    assert_eq!(group.starts(), 1);
    let done = group.ready(0, true).done();
    assert!(matches!(done[0], Action::Tell { slot: 0, .. }), "it accepts at once: {done:?}");
    assert_eq!(done.last(), Some(&YIELD));
    assert_eq!(group.later(10_000).starts(), 0, "the next waits until the old one has gone");
    assert_eq!(group.on(keeps(1)).starts(), 1);
    assert_eq!(group.ready(1, true).done().last(), Some(&LEAVE));
    assert_eq!(group.supervisor.phase, Phase::Running);
}

#[test]
fn a_leader_that_cannot_yield_serves_until_all_do() {
    let mut group = Group::new(2, true);
    group.on(Event::Previous(FromLeader::Loaded(vec![])));
    assert_eq!(group.starts(), 2);
    assert!(!group.ready(0, true).done().contains(&LEAVE));
    assert_eq!(group.ready(1, true).done().last(), Some(&LEAVE));

    let mut silent = Group::new(1, true);
    assert_eq!(silent.later(2000).starts(), 1, "it has not said anything");
    assert_eq!(silent.ready(0, true).done().last(), Some(&LEAVE));
}

#[test]
fn what_cannot_load_makes_nobody_go() {
    let mut group = Group::taking_over(2);
    group.ready(0, false).exited(0, 0, 0);
    assert_eq!(group.logged(Level::ERROR, "they serve on"), 1);
    let done = group.done();
    assert!(!done.contains(&YIELD) && !done.contains(&LEAVE), "{done:?}");
    assert!(done.iter().any(|action| matches!(action, Action::Publish(contract::area::State::Outdated, _))));
    assert_eq!(group.later(1000).starts(), 1, "it is tried again");
    assert_eq!(group.ready(0, true).done().last(), Some(&YIELD));
    group.on(keeps(1)).ready(1, false).exited(1, 0, 0);
    assert!(!group.done().contains(&YIELD), "the second could not: the rest of the old ones stay");
}

#[test]
fn the_rest_comes_at_once_when_the_leader_before_ends() {
    let mut group = Group::taking_over(3);
    group.ready(0, true).done();
    assert_eq!(group.on(Event::PreviousGone).starts(), 2);
    assert!(!group.ready(1, true).ready(2, true).done().contains(&LEAVE));

    let mut first = Group::taking_over(1);
    first.on(Event::PreviousGone).ready(0, false);
    let accepts = |action: &Action| matches!(action, Action::Tell { slot: 0, .. });
    assert!(first.done().iter().any(accepts), "nobody else serves");
}

#[test]
fn as_many_come_at_once_as_are_missing() {
    let mut group = Group::new(3, true);
    group.on(keeps(1)).on(Event::Previous(FromLeader::Loaded(vec![])));
    assert_eq!(group.starts(), 3, "two for those that are missing, one that is more");
    assert!(!group.ready(0, true).ready(1, true).done().contains(&YIELD));
    assert_eq!(group.ready(2, true).done().last(), Some(&LEAVE));
}

#[test]
fn yields_one_and_says_so_when_it_has_gone() {
    let mut group = Group::running(2);
    assert_eq!(yields(&mut group), [drain(1, Reason::GracefulSignal)]);
    assert_eq!(group.later(10_000).done(), []);
    assert_eq!(group.exited(1, 0, 5).done().last(), Some(&answer(1)));
    assert_eq!(yields(&mut group), [drain(0, Reason::GracefulSignal)]);
    assert_eq!(group.later(14_999).done(), []);
    assert_eq!(
        group.later(1).done(),
        [answer(0)],
        "a graceful restart cuts nothing, and waits for nobody for ever"
    );
    group.on(Event::Asked(ToLeader::Drain)).exited(0, 0, 1);
    assert_eq!(group.done().last(), Some(&Action::Exit));
}

#[test]
fn one_that_died_needs_no_yield() {
    let mut group = Group::running(2);
    group.exited(0, 9, 5).done();
    assert_eq!(yields(&mut group), [stop(0, Reason::GracefulSignal), Action::Terminate { slot: 0 }]);
    assert_eq!(group.exited(0, 15, 0).done().last(), Some(&answer(1)));
}

#[test]
fn two_never_leave_together() {
    let mut group = Group::running(2);
    let retire = FromWorker::Retire { reason: Reason::MaximumRequests };
    group.on(Event::Said { slot: 0, message: retire.clone() }).ready(2, true);
    assert_eq!(group.done().last(), Some(&drain(0, Reason::MaximumRequests)));
    assert_eq!(yields(&mut group), [], "process 0 is leaving");
    let done = group.exited(0, 0, 5).done();
    assert_eq!(done.last(), Some(&drain(2, Reason::GracefulSignal)), "then the youngest");
    assert_eq!(group.exited(2, 0, 1).done().last(), Some(&answer(1)));

    let mut coming = Group::running(2);
    assert_eq!(coming.on(Event::Said { slot: 1, message: retire }).starts(), 1);
    let done = yields(&mut coming);
    let expected =
        [stop(2, Reason::GracefulSignal), Action::Terminate { slot: 2 }, drain(1, Reason::MaximumRequests)];
    assert_eq!(done, expected, "a worn one goes, its replacement need not come");
    assert_eq!(coming.exited(2, 15, 0).exited(1, 0, 5).done().last(), Some(&answer(1)));
}

#[test]
fn a_leader_that_takes_over_passes_yields_on() {
    let mut group = Group::taking_over(3);
    group.ready(0, true).done();
    group.on(Event::Asked(ToLeader::WhatIsLoaded));
    assert_eq!(group.done(), [answer(4), Action::Answer(FromLeader::Loaded(vec![target("/a.wsgi")]))]);
    assert_eq!(yields(&mut group), [], "its own yield comes first");
    assert_eq!(group.on(keeps(2)).done(), [YIELD]);
    assert_eq!(group.on(keeps(1)).done(), [answer(2)], "one there, one here");
    yields(&mut group);
    assert_eq!(group.on(keeps(0)).done(), [answer(1), LEAVE]);
    assert_eq!(yields(&mut group), [drain(0, Reason::GracefulSignal)]);
    assert_eq!(group.exited(0, 0, 5).done().last(), Some(&answer(0)));
}

#[test]
fn the_end_of_the_leader_before_is_yield_enough() {
    let mut group = Group::taking_over(3);
    group.ready(0, true).on(keeps(2)).done();
    assert_eq!(yields(&mut group).last(), Some(&YIELD));
    group.exited(1, 15, 0).done();
    assert_eq!(group.on(Event::PreviousGone).done(), [answer(1)]);
}

#[test]
fn a_leader_that_leaves_keeps_nobody() {
    let mut group = Group::running(2);
    group.on(Event::Asked(ToLeader::Drain)).done();
    assert_eq!(yields(&mut group), [answer(0)]);
    group.on(Event::Asked(ToLeader::WhatIsLoaded));
    assert_eq!(group.done()[0], answer(0));
}

#[test]
fn what_is_loaded_is_told_when_it_is_known() {
    let mut group = Group::new(1, true);
    group.done();
    assert_eq!(group.on(Event::Asked(ToLeader::WhatIsLoaded)).done(), []);
    group.on(keeps(1)).on(Event::Previous(FromLeader::Loaded(vec![target("/a.wsgi")])));
    let done = group.done();
    assert_eq!(done[..2], [answer(1), Action::Answer(FromLeader::Loaded(vec![target("/a.wsgi")]))]);
}

#[test]
fn a_leader_that_never_took_over_passes_the_end_on() {
    let mut group = Group::taking_over(1);
    group.done();
    group.on(Event::Asked(ToLeader::Drain));
    assert_eq!(group.done()[0], LEAVE);
    assert_eq!(group.exited(0, 15, 0).done().last(), Some(&Action::Exit));
}

#[test]
fn a_leader_that_has_a_next_one_takes_nothing_over_any_more() {
    let mut group = Group::taking_over(2);
    group.ready(0, true).on(keeps(1)).done();
    let done = group.on(Event::Asked(ToLeader::WhatIsLoaded)).done();
    assert_eq!(done[..2], [stop(1, Reason::GracefulSignal), Action::Terminate { slot: 1 }]);
    assert_eq!(done[2], answer(2), "and that stays so");
    assert_eq!(group.exited(1, 15, 0).later(1000).starts(), 0);
    group.on(Event::Asked(ToLeader::Drain));
    assert_eq!(group.done()[0], LEAVE, "the one before has not heard it");
}

#[test]
fn the_end_is_passed_on_to_a_leader_that_does_not_speak() {
    let mut group = Group::new(1, true);
    group.later(2000).on(Event::Asked(ToLeader::WhatIsLoaded)).exited(0, 15, 0).done();
    assert_eq!(yields(&mut group), [answer(0)]);
    assert_eq!(group.on(Event::Asked(ToLeader::Drain)).done()[0], LEAVE);
}

#[test]
fn without_room_the_leader_before_has_to_yield() {
    let mut group = Group::new(2, true);
    group.on(keeps(1)).on(Event::Previous(FromLeader::Loaded(vec![]))).ready(0, true).done();
    assert_eq!(group.on(Event::NoSlot).done(), [YIELD]);
    assert_eq!(group.on(Event::NoSlot).done(), []);
}

#[test]
fn a_release_does_not_wake_a_leader_that_leaves_for_ever() {
    let mut group = Group::running(1);
    group.on(Event::Asked(ToLeader::Drain)).on(Event::Asked(ToLeader::Release)).later(60_000);
    assert_eq!(group.supervisor.deadline(group.now()), None);
}
