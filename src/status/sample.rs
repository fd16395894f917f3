//! A report for tests, with hostile texts wherever a text can come from outside.

use std::collections::BTreeMap;

use contract::area::Area;
use contract::counters::Ended;

use super::groups::requests;
use super::model::{
    Child, Embedded, End, Group, Httpd, Processes, Queue, Report, Requests, Running, Told, Usage, Worker,
};

/// What must never be in a page, or in a line of metrics, as it is.
pub(super) const HOSTILE: &str = "\"'><script>alert(1)</script>\\\n{x=\"";

fn told() -> Option<Told> {
    Some(Told { age: 5.0, text: HOSTILE.to_owned() })
}

fn running() -> Vec<Running> {
    vec![Running { id: HOSTILE.to_owned(), method: HOSTILE.to_owned(), path: HOSTILE.to_owned(), age: 2.0 }]
}

fn counted() -> Requests {
    let (area, _file) = Area::create(1, 1).unwrap();
    let application = area.group().applications.place(HOSTILE.as_bytes());
    let ended =
        Ended { application, status: 200, latency: 900, queue: Some(70), time: 800, input: 1, output: 2 };
    area.group().applications.add(&ended);
    area.slots().iter().for_each(|slot| slot.counted.add(&ended));
    requests(area.slots(), area.group().applications.read())
}

fn group() -> Group {
    Group {
        name: HOSTILE.to_owned(),
        state: "failing",
        reason: Some(HOSTILE.to_owned()),
        threads: 4,
        processes: Processes { target: 2, least: 1, most: 3, grown: 4, shrunk: 5, last_change: told() },
        queue: Queue { length: 6, limit: 100, age: Some(7.5) },
        requests: counted(),
        lost: BTreeMap::from([("queue_full", 8)]),
        workers: vec![Worker {
            slot: 0,
            pid: 42,
            generation: 1,
            state: "serving",
            age: Some(10.0),
            requests: 9,
            busy: 1,
            running: running(),
            usage: Usage { memory: Some(1 << 20), cpu: Some(0.5) },
        }],
        starts: 3,
        ends: BTreeMap::from([("killed", 2)]),
        last_ends: vec![End { pid: 41, reason: "killed", how: HOSTILE.to_owned(), age: 3.0 }],
        errors: 1,
        last_error: told(),
    }
}

/// One group and embedded mode, with something of everything.
pub(super) fn report() -> Report {
    let usage = Usage::default();
    let child = Child { pid: 7, generation: 0, state: "serving", busy: 1, running: running(), usage };
    Report {
        schema: 1,
        version: "6".to_owned(),
        time: 1.0,
        server: Httpd { version: "2".to_owned(), mpm: "event".to_owned(), generation: 0, uptime: 4000.0 },
        groups: vec![group(), group()],
        embedded: Some(Embedded {
            requests: counted(),
            lost: BTreeMap::new(),
            errors: 1,
            last_error: told(),
            children: vec![child],
        }),
    }
}
