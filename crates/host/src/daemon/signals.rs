//! Signals that only the application may want, SIGHUP and SIGUSR2: one thread hands them to the subscribers of all
//! interpreters, in the order in which they came.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::Builder;

use rustix::process::Signal;

use super::shared::{Mode, Shared};
use super::worker::STACK;

/// Signals that may wait while a subscriber takes its time; more are dropped.
const MOST_WAITING: usize = 16;

/// See the module. The thread is there from the first signal on.
#[derive(Debug, Default)]
pub(super) struct Dispatcher {
    sender: Option<SyncSender<i32>>,
}

impl Dispatcher {
    /// Hands `number` over. Never waits.
    pub(super) fn deliver(&mut self, shared: &Arc<Shared>, number: i32) {
        let sender = self.sender.get_or_insert_with(|| {
            let (sender, receiver) = sync_channel(MOST_WAITING);
            let shared = Arc::clone(shared);
            let run = move || dispatch(&shared, &receiver);
            if let Err(error) = Builder::new().name("wsgi-signals".to_owned()).stack_size(STACK).spawn(run) {
                tracing::error!("signals for the application are lost: there is no thread for them: {error}");
            }
            sender
        });
        if let Err(TrySendError::Full(number)) = sender.try_send(number) {
            let name = name(number);
            tracing::warn!(
                "{name} is not delivered: {MOST_WAITING} signals wait for a subscriber that takes long"
            );
        }
    }
}

/// Until the process stops: subscribers must not be called while their interpreter ends.
fn dispatch(shared: &Shared, signals: &Receiver<i32>) {
    while let Ok(number) = signals.recv() {
        if shared.mode() == Mode::Stopping {
            return;
        }
        shared.process.signal(name(number), number);
    }
}

fn name(number: i32) -> &'static str {
    if number == Signal::HUP.as_raw() { "SIGHUP" } else { "SIGUSR2" }
}
