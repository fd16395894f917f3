//! Gathers the [`Report`]: process groups, what httpd's children have counted, httpd itself.

use contract::scoreboard::{Process, Scoreboard, Status};
use contract::thread::clock;

use super::groups::{group, last_error, lost, path, requests};
use super::model::{Child, Embedded, Httpd, Report, Running};
use super::proc;
use crate::apache::{Server, process, scoreboard};
use crate::{daemon, embedded};

/// The layout of the JSON document.
const SCHEMA: u32 = 1;

/// All there is to see now.
pub(super) fn collect(main: Server<'_>) -> Report {
    let scoreboard = scoreboard::scoreboard().unwrap_or_default();
    let now = clock();
    let (major, minor, patch) = contract::MOD_WSGI_VERSION;
    let facts = process::environment();
    let (a, b, c) = facts.httpd_version;
    let groups: Vec<_> = daemon::seen(main).map(|seen| group(&seen, now)).collect();
    Report {
        schema: SCHEMA,
        version: format!("{major}.{minor}.{patch}"),
        time: seconds(scoreboard.current_time),
        server: Httpd {
            version: format!("{a}.{b}.{c}"),
            mpm: facts.mpm_name,
            generation: scoreboard.generation,
            uptime: seconds(scoreboard.current_time.saturating_sub(scoreboard.restart_time)),
        },
        embedded: embedded(&scoreboard, !groups.is_empty(), now),
        groups,
    }
}

fn embedded(scoreboard: &Scoreboard, has_groups: bool, now: u64) -> Option<Embedded> {
    let area = embedded::counted()?;
    let shared = area.group();
    let requests = requests(area.slots(), shared.applications.read());
    let lost = lost(shared);
    if has_groups && requests.total == 0 && lost.is_empty() {
        return None; // it is not used
    }
    let (errors, last_error) = last_error(shared.last_error.read(), now);
    Some(Embedded {
        requests,
        lost,
        errors,
        last_error,
        children: scoreboard
            .processes
            .iter()
            .filter_map(|process| child(process, scoreboard.current_time))
            .collect(),
    })
}

/// A child that lives: a slot of the scoreboard keeps the last one's number.
fn child(process: &Process, now: u64) -> Option<Child> {
    let is_alive = |status: Status| !matches!(status.letter(), '.');
    if process.pid == 0 || !process.workers.iter().any(|worker| is_alive(worker.status)) {
        return None;
    }
    let busy = process.workers.iter().filter(|worker| matches!(worker.status.letter(), 'R' | 'W'));
    let running = busy.clone().filter(|worker| worker.status.letter() == 'W').map(|worker| {
        let line = String::from_utf8_lossy(&worker.request);
        let mut words = line.split(' ').map(str::to_owned);
        let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        Running {
            id: String::new(),
            method,
            path: path(&url),
            age: seconds(now.saturating_sub(worker.start_time)),
        }
    });
    Some(Child {
        pid: process.pid,
        generation: process.generation,
        state: if process.quiescing { "leaving" } else { "serving" },
        running: running.collect(),
        busy: u32::try_from(busy.count()).unwrap_or(u32::MAX),
        usage: proc::usage(process.pid),
    })
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::scoreboard::Worker;

    #[test]
    fn children_show_what_they_answer() {
        let line = b"GET /slow?secret=1 HTTP/1.1".to_vec();
        let busy = Worker { status: Status(4), start_time: 1_000_000, request: line, ..Worker::default() };
        let process = Process {
            pid: 5,
            workers: vec![busy, Worker { status: Status(2), ..Worker::default() }],
            ..Process::default()
        };
        let shown = child(&process, 3_000_000).unwrap();
        assert_eq!((shown.busy, &*shown.running[0].path, shown.running[0].age), (1, "/slow", 2.0));
        assert!(
            child(&Process { pid: 5, workers: vec![Worker::default()], ..Process::default() }, 0).is_none()
        );
        assert!(child(&Process::default(), 0).is_none());
    }
}
