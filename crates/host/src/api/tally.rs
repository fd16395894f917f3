//! Where ended requests are counted for all to see: in the shared area, which outlives this process.
//!
//! A worker counts in its slot and its group, an httpd child in embedded mode in those that the module hands it. It costs a
//! request some relaxed additions after its answer is out, and no look at a clock.

use std::sync::OnceLock;

use contract::area::{Group, Slot};
use contract::counters::{APPLICATIONS, Ended};
use contract::thread::clock;

/// Of this process; set before it serves.
static TALLY: OnceLock<Tally> = OnceLock::new();

struct Tally {
    group: &'static Group,
    slot: &'static Slot,
}

/// Counts there from now on.
pub(crate) fn count_in(group: &'static Group, slot: &'static Slot) {
    let _ = TALLY.set(Tally { group, slot }); // once in a process
}

/// The place of an application group; to be remembered.
pub(crate) fn place(application_group: &str) -> usize {
    TALLY.get().map_or(APPLICATIONS, |tally| tally.group.applications.place(application_group.as_bytes()))
}

/// Counts a request.
pub(crate) fn count(ended: &Ended) {
    if let Some(tally) = TALLY.get() {
        tally.slot.counted.add(ended);
        tally.group.applications.add(ended);
    }
}

/// Keeps what an application has raised, until the next.
pub(crate) fn raised(text: &str) {
    if let Some(tally) = TALLY.get() {
        tally.group.last_error.write(text.as_bytes(), clock());
    }
}
