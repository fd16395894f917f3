//! The two threads that look after request threads from within: one shows stacks and interrupts requests when the
//! leader says so, the other proves now and then that Python's lock can be had.
//!
//! Both need that lock, which a stuck thread may hold for ever; so neither is the main thread, which must hear the
//! leader, and neither is asked for anything that has to happen.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use contract::control::RequestOf;
use contract::level;
use contract::limits::duration;
use contract::line::of_request;
use contract::thread::clock;

use super::shared::Shared;
use super::worker::STACK;
use crate::log::log;
use crate::wsgi::watched::Whereabouts;

/// How often the lock is taken, as a part of deadlock-timeout; and at least and at most.
const PROBES: u32 = 20;
const PROBE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];

/// What the leader wants.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    ShowStack(RequestOf),
    Interrupt(RequestOf),
}

/// Starts the watcher. If it cannot be started nobody hears its orders, and the leader's next step follows.
pub(super) fn start(shared: &Arc<Shared>) -> Sender<Order> {
    let (orders, received) = channel();
    let watched = Arc::clone(shared);
    let builder = Builder::new().name("wsgi-watcher".to_owned()).stack_size(STACK);
    let _ = builder.spawn(move || watch(&watched, &received));
    orders
}

/// Starts the prober, if the group has deadlock-timeout.
pub(super) fn start_prober(shared: &Arc<Shared>) {
    let Some(limit) = duration(shared.settings.group.limits.deadlock_timeout) else { return };
    let pause = pause(limit);
    // The clock runs from here: the first request may take the lock for ever before the first probe had it.
    if let Some(slot) = shared.place() {
        slot.probed.store(clock(), SeqCst);
    }
    let shared = Arc::clone(shared);
    let probe = move || {
        while let Some(slot) = shared.place() {
            shared.process.main().with(|_| ());
            slot.probed.store(clock(), SeqCst);
            std::thread::sleep(pause);
        }
    };
    let _ = Builder::new().name("wsgi-prober".to_owned()).spawn(probe);
}

/// How long to wait between two probes.
pub(super) fn pause(limit: Duration) -> Duration {
    (limit / PROBES).clamp(PROBE[0], PROBE[1])
}

fn watch(shared: &Shared, orders: &Receiver<Order>) {
    for order in orders {
        match order {
            Order::ShowStack(request) => show_stack(shared, request),
            Order::Interrupt(request) => interrupt(shared, request),
        }
    }
}

fn whereabouts(shared: &Shared, request: RequestOf) -> Option<Whereabouts> {
    shared.watched(request.thread)?.whereabouts(request.number)
}

fn show_stack(shared: &Shared, request: RequestOf) {
    let thread = request.thread;
    let Some(place) = whereabouts(shared, request) else {
        return tell(shared, request, &format!("thread {thread} runs no Python code for its request"));
    };
    let stack = place.interpreter.with(|py| place.thread.stack(py).ok().flatten());
    let stack = stack.unwrap_or_else(|| "(it has ended, or runs no Python code)".to_owned());
    let group = place.interpreter.name();
    tell(shared, request, &format!("stack of thread {thread} in application group '{group}':\n{stack}"));
}

fn interrupt(shared: &Shared, request: RequestOf) {
    let (Some(place), Some(watched)) = (whereabouts(shared, request), shared.watched(request.thread)) else {
        return;
    };
    if place.interpreter.with(|py| watched.interrupt(py, request.number)) {
        let text = format!("Injected RequestTimeout into thread {} (request-timeout)", request.thread);
        tell(shared, request, &text);
    }
}

/// A warning about a request, which names its id as long as the thread has it.
fn tell(shared: &Shared, request: RequestOf, text: &str) {
    let threads = shared.area.threads(shared.settings.slot as usize);
    let record = threads.get((request.thread as usize).saturating_sub(1));
    let running =
        record.and_then(|record| record.running(clock())).filter(|now| now.number == request.number);
    let id = running.as_ref().and_then(|running| running.text.split(' ').next());
    log(level::WARN, &of_request(id, text));
}
