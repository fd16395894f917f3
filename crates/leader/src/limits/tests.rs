//! Limits of workers: looks in, actions out.

use contract::control::{FromWorker, ToLeader};
use contract::limits::Limits;

use super::*;
use crate::event::Event;
use crate::signals::Request;
use crate::supervise::tests::{Group, drain, stop, target, tell};

/// A group of `processes` that serve, of `threads` threads each.
fn group(processes: u32, threads: u32, limits: Limits) -> Group {
    let mut group = Group::running(processes);
    group.supervisor.threads = threads;
    group.supervisor.limits = Limits { shutdown_timeout: 5, graceful_timeout: 15, ..limits };
    group
}

fn running(thread: u32, seconds: u64) -> Running {
    let request = RequestOf { thread, number: 1 };
    Running { request, age: Duration::from_secs(seconds), text: "id GET /slow".to_owned() }
}

fn with(requests: Vec<Running>) -> Seen {
    Seen { requests, loaded: true, ..Seen::default() }
}

/// A look at slot 0 a second later.
fn look(group: &mut Group, seen: Seen) -> Vec<Action> {
    group.later(1000).on(Event::Seen { slot: 0, seen }).done()
}

fn first() -> RequestOf {
    RequestOf { thread: 1, number: 1 }
}

fn is_start(action: &Action) -> bool {
    matches!(action, Action::Start { .. })
}

#[test]
fn a_stuck_request_shows_its_stack_and_then_its_worker_is_replaced() {
    let mut group = group(1, 3, Limits { request_timeout: 10, ..Limits::default() });
    assert_eq!(look(&mut group, with(vec![running(1, 9)])), []);
    assert_eq!(look(&mut group, with(vec![running(1, 10)])), [tell(0, ToWorker::ShowStack(first()))]);
    assert_eq!(look(&mut group, with(vec![running(1, 20)])), [], "shown once; three threads have 20.99 s");
    assert_eq!(group.logged(Level::ERROR, "is replaced"), 0);
    let both = || with(vec![running(1, 21), running(2, 5)]);
    group.later(1000).on(Event::Seen { slot: 0, seen: both() });
    assert_eq!(group.logged(Level::ERROR, "GET /slow has run for 21.0 s in thread 1"), 1);
    assert_eq!(group.starts(), 1);
    group.ready(1, true);
    assert_eq!(group.done().last(), Some(&drain(0, Reason::RequestTimeout)));
    assert_eq!(look(&mut group, both()), [], "thread 2 has a live request");
    assert_eq!(look(&mut group, with(vec![running(1, 22)])), [stop(0, Reason::RequestTimeout)]);
}

#[test]
fn a_request_is_interrupted_first_if_that_is_wanted() {
    let limits = Limits { request_timeout: 10, interrupt_timeout: 4, ..Limits::default() };
    let mut group = group(1, 1, limits);
    let done = look(&mut group, with(vec![running(1, 10)]));
    assert_eq!(done, [tell(0, ToWorker::ShowStack(first())), tell(0, ToWorker::Interrupt(first()))]);
    assert_eq!(look(&mut group, with(vec![running(1, 11)])), []);
    let other = Running { request: RequestOf { thread: 1, number: 2 }, ..running(1, 1) };
    assert_eq!(look(&mut group, with(vec![other])), [], "it was interrupted, the next one is innocent");
    assert_eq!(look(&mut group, with(vec![running(1, 10)])).len(), 2, "and the same number again is news");
    assert_eq!(look(&mut group, with(vec![running(1, 11)])), []);
    group.later(3000);
    assert!(look(&mut group, with(vec![running(1, 14)])).iter().any(is_start));
}

#[test]
fn a_drain_waits_for_live_requests_only() {
    let mut group = group(1, 1, Limits { request_timeout: 10, ..Limits::default() });
    group.on(Event::Signal(Request::Replace)).ready(1, true);
    assert_eq!(group.done().last(), Some(&drain(0, Reason::GracefulSignal)));
    assert_eq!(look(&mut group, with(vec![running(1, 5)])), []);
    assert_eq!(look(&mut group, with(Vec::new())), [], "it ends by itself");
    let done = look(&mut group, with(vec![running(1, 10)]));
    assert_eq!(done.last(), Some(&stop(0, Reason::GracefulSignal)), "the first reason counts");
}

#[test]
fn without_a_limit_requests_may_run_for_ever() {
    let mut group = group(1, 1, Limits { interrupt_timeout: 1, ..Limits::default() });
    assert_eq!(look(&mut group, with(vec![running(1, 100_000)])), []);
    group.on(Event::Signal(Request::Replace)).ready(1, true).done();
    assert_eq!(look(&mut group, with(vec![running(1, 100_000)])), [], "the drain has a limit of its own");
}

#[test]
fn old_workers_are_replaced_one_at_a_time() {
    let mut group = group(2, 1, Limits { restart_interval: 60, ..Limits::default() });
    let seen = || with(Vec::new());
    group.later(50_000);
    assert_eq!(look(&mut group, seen()), []);
    group.later(10_000);
    assert!(look(&mut group, seen()).iter().any(is_start));
    assert_eq!(group.on(Event::Seen { slot: 1, seen: seen() }).done(), [], "the other waits its turn");
    group.ready(2, true);
    assert_eq!(group.done().last(), Some(&drain(0, Reason::RestartInterval)));
    group.exited(0, 0, 1).done();
    assert_eq!(group.on(Event::Seen { slot: 1, seen: seen() }).starts(), 1);
}

#[test]
fn an_idle_worker_makes_room_for_one_that_has_loaded_nothing() {
    let mut group = group(1, 2, Limits { inactivity_timeout: 30, ..Limits::default() });
    group.on(Event::Said { slot: 0, message: FromWorker::Loaded(target("/a.wsgi")) }).done();
    let quiet = |seconds, requests| Seen { quiet: Some(Duration::from_secs(seconds)), ..with(requests) };
    assert_eq!(look(&mut group, with(Vec::new())), [], "it has never served");
    assert_eq!(look(&mut group, quiet(29, Vec::new())), []);
    assert_eq!(look(&mut group, quiet(31, vec![running(1, 31)])), [], "a request runs");
    let done = look(&mut group, quiet(32, Vec::new()));
    assert!(matches!(done.first(), Some(Action::Start { reload, .. }) if reload.is_empty()), "{done:?}");
    group.ready(1, true);
    assert_eq!(group.done().last(), Some(&drain(0, Reason::InactivityTimeout)));
    group.exited(0, 0, 5).exited(1, 9, 5);
    let done = group.done();
    let loads = |action: &Action| matches!(action, Action::Start { reload, .. } if !reload.is_empty());
    assert!(done.iter().any(loads), "another reason, another start: {done:?}");
}

#[test]
fn a_script_that_never_loads_ends_its_worker() {
    let limits = || Limits { startup_timeout: 20, ..Limits::default() };
    let mut serving = group(1, 1, limits());
    let waits = |seconds| Seen {
        first: Some(Duration::from_secs(seconds)),
        loaded: false,
        ..with(vec![running(1, seconds)])
    };
    assert_eq!(look(&mut serving, waits(19)), []);
    assert_eq!(look(&mut serving, Seen { loaded: true, ..waits(90) }), []);
    let done = look(&mut serving, waits(20));
    assert_eq!(done[..2], [tell(0, ToWorker::ShowStack(first())), stop(0, Reason::StartupTimeout)]);
    assert!(is_start(&done[2]));

    let mut loading = Group::new(1, false);
    loading.supervisor.limits = limits();
    loading.done();
    loading.later(18_000);
    assert_eq!(look(&mut loading, Seen::default()), []);
    let done = look(&mut loading, Seen::default());
    assert!(done.contains(&Action::Abort { slot: 0 }), "{done:?}");
    assert!(matches!(done.last(), Some(Action::Publish(_, reason)) if reason.contains("startup-timeout")));
    assert_eq!(loading.exited(0, 6, 0).later(1000).starts(), 1);
}

#[test]
fn a_deadlock_is_seen_by_a_stamp_that_stands_still() {
    let limits = Limits { deadlock_timeout: 3, shutdown_timeout: 0, ..Limits::default() };
    let mut group = group(1, 1, limits);
    group.supervisor.limits.shutdown_timeout = 0;
    let stamp = |probed| Seen { probed, ..with(Vec::new()) };
    for second in 1..10 {
        assert_eq!(look(&mut group, stamp(second)), []);
    }
    group.later(100_000);
    assert_eq!(look(&mut group, stamp(9)), [], "the leader was held up, too");
    assert_eq!(look(&mut group, stamp(9)), []);
    assert_eq!(look(&mut group, stamp(9)), []);
    let done = look(&mut group, stamp(9));
    let close = Action::Close { slot: 0 };
    assert_eq!(done[..3], [close, tell(0, ToWorker::DumpStacks), stop(0, Reason::DeadlockTimeout)]);
    assert!(is_start(&done[3]));
    assert_eq!(group.later(5000).done(), [Action::Kill { slot: 0 }], "even without shutdown-timeout");
    let mut off = self::group(1, 1, Limits::default());
    for _ in 0..1000 {
        assert_eq!(look(&mut off, stamp(1)), []);
    }
}

#[test]
fn a_deadlock_at_rest_is_seen_as_well() {
    let mut group = group(1, 1, Limits { deadlock_timeout: 300, ..Limits::default() });
    let seen = || Seen { probed: 9, ..with(Vec::new()) };
    for _ in 0..30 {
        assert_eq!(look(group.later(9000), seen()), []);
    }
    let done = look(group.later(29_000), seen());
    assert_eq!(done, [], "the leader was held up");
    for _ in 0..29 {
        assert_eq!(look(group.later(9000), seen()), []);
    }
    assert!(look(group.later(9000), seen()).contains(&stop(0, Reason::DeadlockTimeout)));
}

#[test]
fn looks_at_rest_keep_limits_that_count_without_requests() {
    let looks = |restart_interval, inactivity_timeout, deadlock_timeout| {
        between_looks(&Limits { restart_interval, inactivity_timeout, deadlock_timeout, ..Limits::default() })
    };
    assert_eq!(looks(0, 0, 0), Duration::from_secs(10));
    assert_eq!(looks(3600, 0, 300), Duration::from_secs(10));
    assert_eq!(looks(3600, 30, 300), Duration::from_secs(3));
    assert_eq!(looks(0, 0, 45), Duration::from_millis(4500));
    assert_eq!(looks(2, 0, 0), Duration::from_secs(1));
}

#[test]
fn an_eviction_has_its_own_time() {
    let mut group = group(1, 1, Limits { eviction_timeout: 60, ..Limits::default() });
    group.on(Event::Said { slot: 0, message: FromWorker::Retire { reason: Reason::GracefulSignal } });
    group.ready(1, true);
    assert_eq!(group.done().last(), Some(&drain(0, Reason::EvictionSignal)));
    assert_eq!(group.later(59_000).done(), []);
    assert_eq!(group.later(1000).done(), [stop(0, Reason::EvictionSignal)]);
}

#[test]
fn without_graceful_timeout_a_replaced_worker_stops_at_once() {
    let mut group = group(1, 1, Limits::default());
    group.supervisor.limits.graceful_timeout = 0;
    group.on(Event::Signal(Request::Replace)).ready(1, true);
    assert_eq!(group.done().last(), Some(&stop(0, Reason::GracefulSignal)));
}

#[test]
fn a_service_runs_once_at_a_time_and_is_ended_by_a_signal() {
    let mut service = group(1, 0, Limits { restart_interval: 1, ..Limits::default() });
    assert_eq!(look(&mut service, with(Vec::new())), [], "no limit concerns it");
    service.on(Event::Signal(Request::Replace));
    assert_eq!(service.done(), [stop(0, Reason::GracefulSignal), Action::Terminate { slot: 0 }]);
    assert_eq!(service.exited(0, 0, 0).starts(), 1, "not before the old one has ended");
    service.ready(0, true).done();
    service.exited(0, 0, 0);
    assert_eq!(
        service.logged(Level::INFO, "has run its script and exited with status 0; it is run again"),
        1
    );
    assert_eq!(service.starts(), 1, "the first time at once");
    service.ready(0, true).exited(0, 256, 0);
    assert_eq!(service.starts(), 0);
    assert_eq!(service.later(1000).starts(), 1);
    service.on(Event::Signal(Request::Stop)).done();
}

#[test]
fn the_next_generation_of_a_service_waits_for_the_end_of_the_last() {
    let mut service = Group::service();
    assert_eq!(service.done(), [Action::TellPrevious(ToLeader::Drain)]);
    assert_eq!(service.later(60_000).starts(), 0);
    assert_eq!(service.on(Event::PreviousGone).starts(), 1);
    let mut last = group(1, 0, Limits::default());
    last.on(Event::Asked(ToLeader::Drain));
    assert_eq!(last.done(), [stop(0, Reason::GracefulSignal), Action::Terminate { slot: 0 }]);
    assert_eq!(last.exited(0, 0, 0).done().last(), Some(&Action::Exit));
}

#[test]
fn who_takes_long_to_come_up_is_told_of_once() {
    let mut group = Group::new(1, false);
    assert_eq!(group.later(59_000).on(Event::Seen { slot: 0, seen: Seen::default() }).starts(), 1);
    group.later(1000).on(Event::Seen { slot: 0, seen: Seen::default() });
    let words = "process 100 in slot 0 has not come up for 60 s, and is waited for";
    assert_eq!(group.logged(Level::WARN, words), 1);
    assert_eq!(group.later(60_000).on(Event::Seen { slot: 0, seen: Seen::default() }).done(), []);
    assert_eq!(group.logged(Level::WARN, ""), 0, "done() has taken what was logged");

    let mut limited = Group::new(1, false);
    limited.supervisor.limits.startup_timeout = 90;
    limited.later(70_000).on(Event::Seen { slot: 0, seen: Seen::default() });
    assert_eq!(limited.logged(Level::WARN, ""), 0, "the limit will end it");
}
