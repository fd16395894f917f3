//! A copy of httpd's scoreboard, the shared memory in which its processes say what they do.
//!
//! Other processes write to it without any lock: each slot is copied by httpd's own function, which ends its texts
//! with NUL, and numbers are taken as they are. It is mapped as long as the process runs, until its last pool goes.

use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::scoreboard::{Process, Scoreboard, Status, Worker};

use crate::sys;

/// All slots, used or not; `None` where httpd has no scoreboard.
pub(crate) fn scoreboard() -> Option<Scoreboard> {
    // SAFETY: a query without conditions.
    let exists = unsafe { sys::ap_exists_scoreboard_image() };
    if exists == 0 {
        return None;
    }
    // SAFETY: the scoreboard is there.
    let global = unsafe { sys::ap_get_scoreboard_global() };
    if global.is_null() {
        return None;
    }
    // SAFETY: it stays mapped while the process runs; the parent writes to it only at restarts.
    let global = unsafe { global.read_volatile() };
    let processes = (0..global.server_limit).filter_map(|number| process(number, global.thread_limit));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(Scoreboard {
        server_limit: number(global.server_limit),
        thread_limit: number(global.thread_limit),
        generation: number(global.running_generation),
        restart_time: number(global.restart_time),
        current_time: number(now.as_micros()),
        processes: processes.collect(),
    })
}

fn process(slot: c_int, threads: c_int) -> Option<Process> {
    // SAFETY: any number may be asked for; null is answered for one that is out of range.
    let score = unsafe { sys::ap_get_scoreboard_process(slot) };
    if score.is_null() {
        return None;
    }
    // SAFETY: as for the global part; other processes may write meanwhile, and any bytes are a value.
    let score = unsafe { score.read_volatile() };
    Some(Process {
        pid: number(score.pid),
        generation: number(score.generation),
        quiescing: score.quiescing != 0,
        workers: (0..threads).filter_map(|thread| worker(slot, thread)).collect(),
    })
}

fn worker(slot: c_int, thread: c_int) -> Option<Worker> {
    // SAFETY: any numbers may be asked for; null is answered for those that are out of range.
    let place = unsafe { sys::ap_get_scoreboard_worker_from_indexes(slot, thread) };
    if place.is_null() {
        return None;
    }
    let mut copy = MaybeUninit::<sys::worker_score>::zeroed();
    // SAFETY: the slot is there, and the place is writable.
    unsafe { sys::ap_copy_scoreboard_worker(copy.as_mut_ptr(), slot, thread) };
    // SAFETY: numbers and characters: any bytes are a value, and all have been written.
    let score = unsafe { copy.assume_init() };
    let client = text(&score.client64);
    Some(Worker {
        generation: number(score.generation),
        status: Status(score.status),
        access_count: number(score.access_count),
        bytes_served: number(score.bytes_served),
        start_time: number(score.start_time),
        stop_time: number(score.stop_time),
        last_used: number(score.last_used),
        client: if client.is_empty() { text(&score.client) } else { client },
        request: text(&score.request),
        vhost: text(&score.vhost),
    })
}

/// What is negative for a moment, or by a clock that was set back, is shown as 0.
fn number<N: TryFrom<M> + Default, M>(value: M) -> N {
    N::try_from(value).unwrap_or_default()
}

/// Up to the first NUL; not beyond the field, whatever is in it.
fn text(field: &[c_char]) -> Vec<u8> {
    field.iter().flat_map(|byte| byte.to_ne_bytes()).take_while(|byte| *byte != 0).collect()
}
