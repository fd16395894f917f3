//! Decisions of a group without a group: single looks, and loads over hours of time that does not pass.

use super::*;

const SETTINGS: Settings = Settings { least: 1, grow_after: 300, shrink_after: 60 };

/// A group without processes.
struct Group {
    elastic: Elastic,
    start: Instant,
    /// Milliseconds since.
    at: u64,
    staff: Staff,
    answered: u64,
}

impl Group {
    fn new(settings: Settings, most: u32, threads: u32) -> Self {
        let (start, bounds) = (Instant::now(), Bounds { settings, most, threads });
        let staff = Staff { target: settings.least, serving: settings.least, settled: true };
        Self { elastic: Elastic::new(bounds, start), start, at: 0, staff, answered: 0 }
    }

    /// A look after `milliseconds`; a change comes true at once.
    fn look(&mut self, milliseconds: u64, load: Load) -> Option<u32> {
        self.at += milliseconds;
        let now = self.start + Duration::from_millis(self.at);
        let load = Load { answered: self.answered, ..load };
        let change = self.elastic.judge(now, self.staff, &load)?;
        let bounds = self.elastic.bounds();
        assert!((bounds.settings.least..=bounds.most).contains(&change.target), "{change:?}");
        assert_ne!(change.target, self.staff.target, "{change:?}");
        (self.staff.target, self.staff.serving) = (change.target, change.target);
        Some(change.target)
    }

    /// Looks once a second for `seconds` until something changes; says when.
    fn until_change(&mut self, seconds: u64, load: Load) -> Option<(u64, u32)> {
        (1..=seconds).find_map(|second| Some((second, self.look(1000, load)?)))
    }
}

fn busy(busy: u32) -> Load {
    Load { busy, ..Load::default() }
}

fn queue(waited: u64, queued: u32, busy: u32) -> Load {
    Load { waited: Some(Duration::from_millis(waited)), queued, busy, answered: 0 }
}

#[test]
fn grows_once_requests_have_waited_and_nobody_is_free() {
    let mut group = Group::new(SETTINGS, 4, 5);
    assert_eq!(group.look(1000, busy(5)), None, "no queue");
    assert_eq!(group.look(1000, queue(299, 9, 5)), None, "not for long");
    assert_eq!(group.look(100, queue(400, 9, 4)), None, "a thread is free");
    assert_eq!(group.look(100, queue(400, 9, 5)), Some(2));
}

#[test]
fn the_next_step_waits_for_the_one_before_and_is_twice_as_large() {
    let mut group = Group::new(SETTINGS, 20, 5);
    group.look(0, busy(5));
    assert_eq!(group.look(1000, queue(500, 90, 5)), Some(2));
    group.staff.serving = 1;
    assert_eq!(group.look(5000, queue(5500, 90, 5)), None, "it does not serve yet");
    group.staff.serving = 2;
    assert_eq!(group.look(100, queue(5600, 90, 10)), None, "it serves since now");
    assert_eq!(group.look(300, queue(5900, 90, 10)), Some(4), "two");
    assert_eq!(group.look(100, queue(600, 90, 20)), None);
    assert_eq!(group.look(300, queue(900, 11, 20)), Some(7), "four, but three are enough");
    assert_eq!(group.look(100, busy(20)), None);
    assert_eq!(group.look(100, queue(100, 90, 35)), None);
    assert_eq!(group.look(300, queue(400, 90, 35)), Some(8), "the queue was empty meanwhile: one");
}

#[test]
fn never_more_than_the_most() {
    let mut group = Group::new(SETTINGS, 3, 1);
    for _ in 0..100 {
        group.look(400, queue(9000, 500, group.staff.target));
    }
    assert_eq!(group.staff.target, 3);
}

#[test]
fn at_nothing_any_request_is_reason_enough_and_idleness_ends_there() {
    let mut group = Group::new(Settings { least: 0, ..SETTINGS }, 2, 5);
    assert_eq!(group.until_change(600, Load::default()), None);
    assert_eq!(group.look(1, queue(0, 1, 0)), Some(1));
    for _ in 0..40 {
        assert_eq!(group.look(15_000, Load::default()), None, "it answers now and then");
        group.answered += 1;
    }
    group.look(1000, Load::default());
    assert_eq!(group.until_change(600, Load::default()), Some((60, 0)));
    assert_eq!(group.look(1, queue(0, 1, 0)), Some(1));
    group.answered += 1;
    group.look(1000, Load::default());
    assert_eq!(group.until_change(600, Load::default()), Some((60, 0)), "that was no mistake");
}

#[test]
fn shrinks_once_the_load_fits_into_less() {
    let mut group = Group::new(SETTINGS, 4, 6);
    (group.staff.target, group.staff.serving) = (4, 4);
    assert_eq!(group.until_change(600, busy(13)), None, "more than two thirds of 18");
    assert_eq!(group.until_change(600, busy(8)), Some((60, 3)));
    assert_eq!(group.until_change(600, busy(8)), Some((60, 2)), "each step on its own");
    assert_eq!(group.until_change(600, busy(8)), None);
    group.look(1000, busy(0));
    assert!(group.until_change(600, busy(3)).is_some_and(|(second, target)| second > 50 && target == 1));
    assert_eq!(group.until_change(9000, busy(0)), None, "the least");
}

#[test]
fn one_burst_keeps_the_processes_for_as_long_again() {
    let mut group = Group::new(SETTINGS, 4, 1);
    (group.staff.target, group.staff.serving) = (3, 3);
    assert_eq!(group.until_change(59, busy(1)), None);
    assert_eq!(group.look(1000, busy(3)), None);
    assert_eq!(group.until_change(600, busy(1)), Some((60, 2)));
}

#[test]
fn nothing_shrinks_while_processes_come_or_go() {
    let mut group = Group::new(SETTINGS, 4, 1);
    group.staff = Staff { target: 2, serving: 2, settled: false };
    assert_eq!(group.until_change(300, busy(0)), None);
    group.staff.settled = true;
    assert_eq!(group.until_change(300, busy(0)), Some((1, 1)));
}

#[test]
fn a_step_that_was_wrong_is_not_repeated() {
    let mut group = Group::new(SETTINGS, 2, 5);
    let serve = |group: &mut Group, seconds, rate, load| {
        (1..=seconds).find_map(|second| {
            group.answered += rate;
            Some((second, group.look(1000, load)?))
        })
    };
    group.look(0, busy(5));
    assert_eq!(serve(&mut group, 9, 100, queue(900, 3, 5)), Some((1, 2)));
    assert_eq!(serve(&mut group, 600, 100, busy(3)), Some((60, 1)), "the threads of one would do");
    assert_eq!(serve(&mut group, 5, 100, busy(5)), None);
    assert_eq!(serve(&mut group, 9, 100, queue(900, 3, 5)), Some((1, 2)), "but they do not");
    assert_eq!(serve(&mut group, 20 * 3600, 100, busy(3)), None);
    assert_eq!(serve(&mut group, 600, 79, busy(3)), Some((60, 1)), "clearly fewer");
    assert_eq!(
        serve(&mut group, 9, 1000, queue(900, 3, 5)),
        Some((1, 2)),
        "many more come: nothing is learnt"
    );
    assert_eq!(serve(&mut group, 600, 70, busy(3)), Some((60, 1)));
    group.until_change(600, busy(3));
    serve(&mut group, 9, 100, queue(900, 3, 5));
    assert_eq!(serve(&mut group, 3 * 3600, 100, busy(3)), None);
    assert!(serve(&mut group, 3600, 100, busy(3)).is_some(), "the next day");
}

/// A site with processors for `cores` requests at a time: more of them at a time only take longer.
struct Site {
    group: Group,
    cores: f64,
    /// Seconds of processor time that are left of each request, those that run first.
    requests: Vec<f64>,
    coming: f64,
    /// Until when the process that was started last loads.
    loads_until: u64,
    changes: Vec<(u64, u32)>,
}

impl Site {
    fn new(settings: Settings, most: u32, threads: u32, cores: f64) -> Self {
        let group = Group::new(settings, most, threads);
        Self { group, cores, requests: Vec::new(), coming: 0.0, loads_until: 0, changes: Vec::new() }
    }

    /// Lets `seconds` pass, with `rate` requests a second that each take `cost` seconds of a processor.
    fn run(&mut self, seconds: u64, rate: f64, cost: f64) -> &mut Self {
        const STEP: u64 = 20;
        let mut waits_since = None;
        for _ in 0..seconds * 1000 / STEP {
            let now = self.group.at + STEP;
            self.coming += rate * STEP as f64 / 1000.0;
            while self.coming >= 1.0 {
                self.coming -= 1.0;
                self.requests.push(cost);
            }
            let target = self.group.staff.target;
            self.group.staff.serving = if now < self.loads_until { target - 1 } else { target };
            let threads = self.group.staff.serving * self.group.elastic.bounds().threads;
            let running = self.requests.len().min(threads as usize);
            // Python runs in one thread of each process at a time.
            let power = self.cores.min(f64::from(self.group.staff.serving)).min(running as f64);
            for left in self.requests.iter_mut().take(running) {
                *left -= power / running as f64 * STEP as f64 / 1000.0;
            }
            let before = self.requests.len();
            self.requests.retain(|left| *left > 0.0);
            self.group.answered += (before - self.requests.len()) as u64;
            let queued = self.requests.len().saturating_sub(threads as usize) as u32;
            waits_since = (queued > 0).then(|| waits_since.unwrap_or(now));
            let interval = if queued > 0 { 100 } else { 1000 };
            if now % interval != 0 {
                self.group.at = now;
                continue;
            }
            let waited = waits_since.map(|since: u64| Duration::from_millis(now - since));
            let load = Load { waited, queued, busy: running as u32, answered: 0 };
            if let Some(other) = self.group.look(STEP, load) {
                self.changes.push((now / 1000, other));
                self.loads_until = if other > target { now + 2000 } else { now };
            }
        }
        self
    }
}

#[test]
fn a_day_of_load() {
    let mut site = Site::new(SETTINGS, 8, 4, 16.0);
    site.run(600, 2.0, 0.2);
    assert_eq!(site.changes, [], "one process is enough for 0.4 processors");
    site.run(1500, 27.0, 0.2);
    let changes = &site.changes;
    assert!(changes.iter().filter(|(at, _)| *at < 630).any(|(_, target)| *target >= 6), "{changes:?}");
    assert_eq!((site.group.staff.target, site.requests.len() < 24), (6, true), "5.4 are busy: {changes:?}");
    assert!(changes.len() < 12, "{changes:?}");
    site.changes.clear();
    site.run(900, 2.0, 0.2);
    let down: Vec<_> = site.changes.iter().map(|(_, target)| *target).collect();
    assert_eq!(down, [5, 4, 3, 2, 1]);
}

#[test]
fn steady_loads_settle() {
    for (rate, cost) in
        [(4.0, 0.1), (9.5, 0.1), (11.0, 0.1), (19.0, 0.1), (26.0, 0.1), (70.0, 0.02), (3.0, 1.5)]
    {
        let mut site = Site::new(SETTINGS, 8, 4, 16.0);
        site.run(1800, rate, cost).changes.clear();
        site.run(3600, rate, cost);
        assert_eq!(site.changes, [], "{rate} requests a second of {cost} s each");
    }
}
