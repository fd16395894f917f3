//! A shared area as it is shown. What is in it was written by the group's user: numbers are clamped to what the settings
//! say, texts have been made printable where they were read, and nothing is used as an index.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use contract::area::{Area, Exited, Group as Shared, Slot, State};
use contract::counters::{Distribution, Served, bound};
use contract::ending;
use contract::note::Written;
use contract::thread;

use super::model::{
    Application, Bucket, End, Group, Histogram, Processes, Queue, Requests, Running, Told, Worker,
};
use super::proc;
use crate::config::ProcessGroup;
use crate::daemon::Seen;

/// Ends of workers that are shown.
const ENDS: usize = 10;
/// Longest part of a request that is shown, in characters.
const LONGEST: usize = 200;
/// The classes of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// A process group at `now` ([`thread::clock`]).
pub(super) fn group(seen: &Seen<'_>, now: u64) -> Group {
    let settings = seen.settings;
    let mut group = empty(settings);
    match seen.area {
        Ok(area) => fill(&mut group, settings, area, now),
        Err(reason) => group.reason = Some(reason.to_owned()),
    }
    group
}

fn empty(settings: &ProcessGroup) -> Group {
    let (least, most) = settings.processes.map_or((1, 1), |processes| (processes.least, processes.most));
    Group {
        name: settings.name.to_string(),
        state: "unusable",
        reason: None,
        threads: settings.threads,
        processes: Processes { target: 0, least, most, grown: 0, shrunk: 0, last_change: None },
        queue: Queue { length: 0, limit: settings.listen_backlog, age: None },
        requests: requests(&[], Vec::new()),
        lost: BTreeMap::new(),
        workers: Vec::new(),
        starts: 0,
        ends: BTreeMap::new(),
        last_ends: Vec::new(),
        errors: 0,
        last_error: None,
    }
}

fn fill(group: &mut Group, settings: &ProcessGroup, area: &Area, now: u64) {
    let shared = area.group();
    (group.state, group.reason) = state(shared);
    let size = shared.size.shown();
    group.processes.target = size.target.min(group.processes.most);
    (group.processes.grown, group.processes.shrunk) = (size.grown, size.shrunk);
    group.processes.last_change = size.last.map(|(at, text)| Told { age: age(at, now), text });
    group.queue.length = shared.queued.load(SeqCst).min(settings.listen_backlog);
    let waits_since =
        Some(shared.queued_since.load(SeqCst)).filter(|since| *since != 0 && group.queue.length > 0);
    group.queue.age = waits_since.map(|since| age(since, now));
    group.requests = requests(area.slots(), shared.applications.read());
    group.lost = lost(shared);
    group.workers = (0..)
        .zip(area.slots())
        .filter(|(_, slot)| slot.pid.load(SeqCst) != 0)
        .map(|(number, slot)| worker((number, slot), area, settings, now))
        .collect();
    group.starts = shared.starts.load(Relaxed);
    group.ends = shared.ends.read().filter(|(_, count)| *count > 0).collect();
    group.last_ends = shared.exits().iter().take(ENDS).map(|exit| end(exit, now)).collect();
    (group.errors, group.last_error) = last_error(shared.last_error.read(), now);
}

fn state(shared: &Shared) -> (&'static str, Option<String>) {
    match shared.state() {
        State::Starting => ("starting", None),
        State::Running => ("running", None),
        State::Failing => ("failing", Some(shared.failure())),
        State::Outdated => ("outdated", Some(shared.failure())),
    }
}

fn worker((number, slot): (usize, &Slot), area: &Area, settings: &ProcessGroup, now: u64) -> Worker {
    let (pid, since) = (slot.pid.load(SeqCst), slot.since.load(SeqCst));
    let is_new = slot.requests.load(SeqCst) == 0 && slot.first.load(SeqCst) == 0;
    let state = match (since, slot.accepting.load(SeqCst) != 0) {
        (0, _) => "starting",
        (_, true) => "serving",
        (_, false) if settings.threads == 0 => "serving",
        (_, false) if is_new => "starting",
        (_, false) => "leaving",
    };
    let running = area.threads(number).iter().filter_map(|thread| thread.running(now));
    Worker {
        slot: number,
        pid,
        generation: slot.generation.load(SeqCst),
        state,
        age: (since != 0).then(|| age(since, now)),
        requests: slot.requests.load(SeqCst),
        busy: slot.busy.load(SeqCst).min(settings.threads),
        running: running.map(|running| of_worker(&running)).collect(),
        usage: proc::usage_of_worker(pid),
    }
}

/// A request as a worker's thread shows it: id, method and URL, with blanks between them.
fn of_worker(running: &thread::Running) -> Running {
    let mut words = running.text.splitn(3, ' ').map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    let (id, method, url) = (word(), word(), word());
    let id = if id == "-" { String::new() } else { id };
    Running { id, method, path: path(&url), age: seconds_of(running.age) }
}

/// A URL without its query string, which may hold what is for nobody else.
pub(super) fn path(url: &str) -> String {
    url.split('?').next().unwrap_or_default().chars().take(LONGEST).collect()
}

fn end(exit: &Exited, now: u64) -> End {
    let how = ending::describe(exit.status);
    let killed = how.starts_with("was killed");
    let reason = match exit.reason {
        Some(reason) => reason.as_str(),
        None if killed => "killed",
        None => "exited",
    };
    End { pid: exit.pid, reason, how, age: age(exit.at, now) }
}

/// The last error and how many there have been.
pub(super) fn last_error(written: Option<Written>, now: u64) -> (u64, Option<Told>) {
    let count = written.as_ref().map_or(0, |written| written.count);
    (count, written.map(|written| Told { age: age(written.at, now), text: written.text }))
}

/// Requests that got no answer; reasons that there were.
pub(super) fn lost(shared: &Shared) -> BTreeMap<&'static str, u64> {
    let all = shared.lost.read().filter(|(_, count)| *count > 0);
    all.map(|(loss, count)| (loss.as_str(), count)).collect()
}

/// What slots and application groups have counted, all together.
pub(super) fn requests(slots: &[Slot], applications: Vec<Served>) -> Requests {
    let (mut latency, mut queue_time) = (Distribution::default(), Distribution::default());
    let (mut bytes_in, mut bytes_out) = (0_u64, 0_u64);
    for counted in slots.iter().map(|slot| &slot.counted) {
        latency.add(&counted.latency.read());
        queue_time.add(&counted.queue.read());
        bytes_in = bytes_in.saturating_add(counted.input.load(Relaxed));
        bytes_out = bytes_out.saturating_add(counted.output.load(Relaxed));
    }
    let mut all = Served { name: None, statuses: [0; CLASSES.len()], time: 0 };
    applications.iter().for_each(|served| all.add(served));
    Requests {
        total: all.count(),
        statuses: classes(&all),
        applications: applications.into_iter().map(application).collect(),
        latency: histogram(&latency),
        queue_time: histogram(&queue_time),
        bytes_in,
        bytes_out,
    }
}

fn application(served: Served) -> Application {
    let (statuses, time) = (classes(&served), micros(served.time));
    let name = match served.name {
        None => "%{OTHERS}".to_owned(),
        Some(name) if name.is_empty() => "%{GLOBAL}".to_owned(),
        Some(name) => name,
    };
    Application { name, statuses, time }
}

fn classes(served: &Served) -> BTreeMap<&'static str, u64> {
    CLASSES.into_iter().zip(served.statuses).collect()
}

fn histogram(read: &Distribution) -> Histogram {
    let percentile = |share| read.percentile(share).map(micros);
    let bucket = |(at, count): (usize, &u64)| Bucket { to: bound(at).map(micros), count: *count };
    Histogram {
        count: read.count(),
        sum: micros(read.sum),
        p50: percentile(50),
        p95: percentile(95),
        p99: percentile(99),
        buckets: read.buckets.iter().enumerate().map(bucket).collect(),
    }
}

fn micros(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// How long ago that was, by the clock of the areas.
pub(super) fn age(at: u64, now: u64) -> f64 {
    seconds_of(now.saturating_sub(at))
}

fn seconds_of(millis: u64) -> f64 {
    millis as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::counters::Ended;
    use contract::reason::Reason;

    fn shown(text: &str) -> Running {
        of_worker(&thread::Running { number: 1, age: 1500, text: text.to_owned() })
    }

    #[test]
    fn requests_are_shown_without_their_query() {
        let running = shown("Zx1 GET /a/b?token=secret");
        assert_eq!(
            (&*running.id, &*running.method, &*running.path, running.age),
            ("Zx1", "GET", "/a/b", 1.5)
        );
        assert_eq!(shown("- POST /").id, "");
        assert_eq!((shown("").path, shown("x").method), (String::new(), String::new()));
        assert_eq!(shown(&format!("- GET /{}", "ä".repeat(900))).path.chars().count(), LONGEST);
    }

    #[test]
    fn slots_and_applications_are_added() {
        let (area, _file) = Area::create(2, 1).unwrap();
        let place = area.group().applications.place(b"");
        for (slot, status) in area.slots().iter().zip([200, 404]) {
            let ended = Ended {
                application: place,
                status,
                latency: 1000,
                queue: Some(10),
                time: 500_000,
                input: 1,
                output: 2,
            };
            slot.counted.add(&ended);
            area.group().applications.add(&ended);
        }
        let requests = requests(area.slots(), area.group().applications.read());
        assert_eq!((requests.total, requests.statuses["2xx"], requests.statuses["4xx"]), (2, 1, 1));
        assert_eq!((&*requests.applications[0].name, requests.applications[0].time), ("%{GLOBAL}", 1.0));
        assert_eq!(
            (requests.latency.count, requests.latency.p50, requests.bytes_out),
            (2, Some(0.001_024), 4)
        );
        assert!(requests.latency.buckets.last().is_some_and(|bucket| bucket.to.is_none()));
    }

    #[test]
    fn ends_have_words() {
        let end = |status, reason| end(&Exited { pid: 7, status, reason, at: 1000 }, 3000).reason;
        assert_eq!(
            (end(9, None), end(0, None), end(0, Some(Reason::Surplus))),
            ("killed", "exited", "surplus")
        );
    }
}
