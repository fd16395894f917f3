//! The life of templates, without a process.

use super::*;

/// A group with preload=on, driven by hand.
struct Group {
    templates: Templates,
    start: Instant,
    at: u64,
}

fn start(why: &str) -> Start {
    Start { reload: Vec::new(), why: why.to_owned() }
}

impl Group {
    fn new(settings: &Leader) -> Self {
        Self { templates: Templates::new(settings), start: Instant::now(), at: 0 }
    }

    fn preloading() -> Self {
        let mut settings = crate::supervise::tests::settings();
        settings.python.preload = true;
        settings.limits.startup_timeout = 20;
        Self::new(&settings)
    }

    /// With a template that forks.
    fn ready() -> Self {
        let mut group = Self::preloading();
        group.wants("first");
        assert_eq!(group.steps(), [make()]);
        group.loads(true, false);
        assert_eq!(group.steps(), [Step::Promote, Step::Fork(start("first"))]);
        group.templates.forked(group.now());
        group
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_secs(self.at)
    }

    fn wants(&mut self, why: &str) {
        self.templates.start(self.now(), start(why));
    }

    fn loads(&mut self, loaded: bool, others_serve: bool) {
        self.templates.loaded(self.now(), loaded, others_serve);
    }

    fn fails(&mut self, which: Which) {
        self.templates.failed(self.now(), which, "it died");
    }

    /// What is to be done, without what is said.
    fn steps(&mut self) -> Vec<Step> {
        let steps = std::iter::from_fn(|| self.templates.next());
        steps.filter(|step| !matches!(step, Step::Log(..))).collect()
    }

    fn said(&mut self) -> Vec<String> {
        let steps = std::iter::from_fn(|| self.templates.next());
        let text = |step| if let Step::Log(_, text) = step { Some(text) } else { None };
        steps.filter_map(text).collect()
    }

    fn later(&mut self, seconds: u64) -> Vec<Step> {
        self.at += seconds;
        self.templates.tick(self.now());
        self.steps()
    }
}

fn make() -> Step {
    Step::Make { reload: Vec::new() }
}

fn keep(reason: &str, starts: u32) -> Step {
    Step::Keep { reason: reason.to_owned(), starts }
}

/// With those limits, and a template that comes up.
fn coming(startup_timeout: u32, deadlock_timeout: u32) -> Group {
    let mut settings = crate::supervise::tests::settings();
    settings.python.preload = true;
    (settings.limits.startup_timeout, settings.limits.deadlock_timeout) = (startup_timeout, deadlock_timeout);
    let mut group = Group::new(&settings);
    group.wants("a");
    assert_eq!(group.steps(), [make()]);
    group
}

fn is_abort(steps: &[Step], wanted: Which, words: &str) -> bool {
    matches!(steps, [Step::Abort { which, reason }] if *which == wanted && reason.contains(words))
}

#[test]
fn without_preload_everything_is_started_plainly() {
    let mut group = Group::new(&crate::supervise::tests::settings());
    group.wants("a");
    group.templates.renew(group.now());
    assert_eq!(group.steps(), [Step::Spawn(start("a"))]);
    assert_eq!(group.later(100), []);
}

#[test]
fn starts_wait_for_the_template_and_are_forked_one_by_one() {
    let mut group = Group::preloading();
    group.wants("a");
    group.wants("b");
    assert_eq!(group.steps(), [make()]);
    group.loads(true, false);
    assert_eq!(group.steps(), [Step::Promote, Step::Fork(start("a"))]);
    group.wants("c");
    assert_eq!(group.steps(), []);
    group.templates.forked(group.now());
    assert_eq!(group.steps(), [Step::Fork(start("b"))]);
    group.templates.forked(group.now());
    assert_eq!(group.steps(), [Step::Fork(start("c"))]);
}

#[test]
fn new_code_gets_a_new_template_when_a_worker_is_wanted() {
    let mut group = Group::ready();
    group.templates.renew(group.now());
    assert_eq!(group.steps(), []);
    group.wants("new");
    assert_eq!(group.steps(), [make()]);
    group.templates.renew(group.now());
    assert_eq!(group.steps(), [Step::End(Which::Coming), make()], "what comes up is out of date, too");
    group.loads(true, true);
    assert_eq!(group.steps(), [Step::End(Which::Ready), Step::Promote, Step::Fork(start("new"))]);
}

#[test]
fn code_that_does_not_load_leaves_the_old_template_to_those_who_serve() {
    let mut group = Group::ready();
    group.templates.renew(group.now());
    group.wants("new");
    group.loads(false, true);
    assert_eq!(group.steps(), [make(), Step::End(Which::Coming), keep(UNLOADED, 1)]);
    group.wants("a worker has died");
    assert_eq!(group.steps(), [Step::Fork(start("a worker has died"))]);
}

#[test]
fn code_that_does_not_load_is_each_workers_own_if_nobody_serves() {
    let mut group = Group::ready();
    group.templates.renew(group.now());
    group.wants("new");
    assert_eq!(group.steps(), [make()]);
    group.loads(false, false);
    let ends = [Step::End(Which::Coming), Step::End(Which::Ready), Step::Spawn(start("new"))];
    assert_eq!(group.steps(), ends);
    group.wants("plain");
    assert_eq!(group.steps(), [Step::Spawn(start("plain"))]);
    group.templates.renew(group.now());
    group.wants("mended");
    assert_eq!(group.steps(), [make()]);
}

#[test]
fn what_must_not_be_forked_is_started_plainly_until_the_next_reload() {
    let mut group = Group::ready();
    group.wants("a");
    group.wants("b");
    assert_eq!(group.steps(), [Step::Fork(start("a"))]);
    group.templates.unfit(start("a"), &["thread 'x'".to_owned()]);
    let plain = [Step::End(Which::Ready), Step::Spawn(start("a")), Step::Spawn(start("b"))];
    assert_eq!(group.steps(), plain);
    group.wants("c");
    assert_eq!(group.steps(), [Step::Spawn(start("c"))]);
    group.templates.unfit(start("d"), &["thread 'x'".to_owned(), "socket 9".to_owned()]);
    let said = group.said();
    assert!(said.len() == 1 && said[0].contains("thread 'x', socket 9"), "{said:?}");
}

#[test]
fn a_template_that_dies_comes_again_and_ever_later() {
    let mut group = Group::ready();
    let mut waits = Vec::new();
    for _ in 0..4 {
        group.fails(Which::Ready);
        assert_eq!(group.steps(), []);
        let wait = (0..60).find(|wait| !group.later(u64::from(*wait > 0)).is_empty());
        waits.push(wait.expect("it comes again"));
        group.loads(true, true);
        assert_eq!(group.steps(), [Step::Promote]);
    }
    assert_eq!(waits, [0, 1, 2, 4]);
    group.at += 60;
    group.fails(Which::Ready);
    assert_eq!(group.later(0), [make()], "it has lived for long");
}

#[test]
fn who_waits_for_a_template_that_dies_is_told() {
    let mut group = Group::preloading();
    group.wants("a");
    group.wants("b");
    group.fails(Which::Coming);
    let refused = || Step::Refuse { reason: "it died".to_owned() };
    assert_eq!(group.steps(), [make(), refused(), refused()]);
    assert_eq!(group.later(100), [], "the supervisor tries again");
    group.wants("a");
    assert_eq!(group.steps(), [make()]);
}

#[test]
fn a_template_that_is_stuck_is_ended() {
    let mut group = Group::preloading();
    group.wants("a");
    assert_eq!(group.steps(), [make()]);
    assert_eq!(group.later(19), []);
    assert!(is_abort(&group.later(1), Which::Coming, "after 20 s (startup-timeout)"));
    assert_eq!(group.later(1), [], "once");
    group.loads(true, false);
    group.steps();
    assert_eq!(group.later(29), []);
    assert!(is_abort(&group.later(1), Which::Ready, "has not forked for 30 s"));
}

#[test]
fn a_template_that_keeps_the_lock_is_ended() {
    let mut group = coming(0, 10);
    assert_eq!(group.later(3600), [], "where the prober could not start nothing is known");
    for _ in 0..5 {
        group.templates.probed(group.now());
        assert_eq!(group.later(9), [], "it takes its time, and the lock can be had");
    }
    assert!(is_abort(&group.later(1), Which::Coming, "for 10 s while it is loaded (deadlock-timeout)"));
    assert_eq!(group.later(9), [], "it gets the time to end");
    assert!(is_abort(&group.later(1), Which::Coming, "deadlock-timeout"), "which it has not used");
}

#[test]
fn without_limits_loading_may_take_for_ever() {
    let mut group = coming(0, 0);
    group.templates.probed(group.now());
    assert_eq!(group.later(100_000), []);
}

#[test]
fn a_code_that_cannot_be_had_again_is_told_although_nobody_waits() {
    let mut group = Group::ready();
    group.fails(Which::Ready);
    assert_eq!(group.later(0), [make()]);
    group.fails(Which::Coming);
    assert_eq!(group.steps(), [keep("it died", 0)]);
}

#[test]
fn nothing_is_left_behind() {
    let mut group = Group::ready();
    group.templates.renew(group.now());
    group.wants("new");
    group.steps();
    group.templates.close();
    assert_eq!(group.steps(), [Step::End(Which::Ready), Step::End(Which::Coming)]);
    assert_eq!(group.later(100), []);
}

#[test]
fn a_template_that_dies_while_it_loads_leaves_the_old_one_to_those_who_serve() {
    let mut group = Group::ready();
    group.templates.renew(group.now());
    group.wants("new");
    group.templates.died(group.now(), "it died", true);
    assert_eq!(group.steps(), [make(), keep("it died", 1)]);
    group.wants("a worker has died");
    assert_eq!(group.steps(), [Step::Fork(start("a worker has died"))]);
}

#[test]
fn a_template_that_forks_is_not_ended_for_the_next() {
    let mut group = Group::ready();
    group.wants("a");
    group.templates.renew(group.now());
    group.wants("b");
    group.loads(true, true);
    assert_eq!(group.steps(), [Step::Fork(start("a")), make()]);
    assert_eq!(group.later(25), [], "it has loaded in time");
    group.templates.forked(group.now());
    assert_eq!(group.steps(), [Step::End(Which::Ready), Step::Promote, Step::Fork(start("b"))]);
}

#[test]
fn who_falls_back_keeps_no_template() {
    let mut group = Group::ready();
    group.wants("a");
    group.templates.renew(group.now());
    group.wants("b");
    group.steps();
    group.templates.unfit(start("a"), &["thread 'x'".to_owned()]);
    let plain = [Step::Spawn(start("a")), Step::Spawn(start("b"))];
    let steps = group.steps();
    assert_eq!(steps[..2], [Step::End(Which::Ready), Step::End(Which::Coming)]);
    assert_eq!(steps[2..], plain);
}

#[test]
fn who_loads_for_long_is_told_of_once_where_nothing_ends_it() {
    for (limit, expected) in [(0, 1), (100, 0)] {
        let mut settings = crate::supervise::tests::settings();
        (settings.python.preload, settings.limits.startup_timeout) = (true, limit);
        let mut group = Group::new(&settings);
        group.wants("first");
        let mut told = 0;
        for at in [59, 60, 61, 90] {
            group.at = at;
            group.templates.tick(group.now());
            let steps = std::iter::from_fn(|| group.templates.next());
            told += steps
                .filter(|step| matches!(step, Step::Log(_, text) if text.contains("not come up for 60 s")))
                .count();
        }
        assert_eq!(told, expected, "startup-timeout={limit}");
    }
}
