//! Ends of workers, and starts that failed: what they mean for the group, and the line in the log.

use std::time::{Duration, Instant};

use contract::area::State as Health;
use contract::ending::{advice, describe};
use tracing::Level;

use crate::event::Action;
use crate::supervise::{Phase, Supervisor};
use crate::worker::{State, Worker};

/// A worker that ends within this time after it began to serve, without an answered request, died early.
const EARLY: Duration = Duration::from_secs(1);

/// The same for one that had no request at all: something in it goes wrong by itself.
const EARLY_IDLE: Duration = Duration::from_secs(10);

/// Requests wait for the next start after an early death, if it comes within this time.
const WORTH_WAITING: Duration = Duration::from_secs(2);

/// A service that lives for less than this is started ever later.
const BRIEF: Duration = Duration::from_secs(10);

impl Supervisor {
    pub(crate) fn exited(&mut self, now: Instant, slot: u32, status: i32, requests: u64, busy: u32) {
        let Some(worker) = self.workers.remove(&slot) else { return };
        let pid = worker.pid;
        let reason = worker.reason.or(worker.outgoing).or(worker.waits.map(|(_, reason)| reason));
        self.act(Action::Free { slot, pid, status, reason });
        self.slot_at = None;
        let end = describe(status);
        match worker.state {
            State::Starting | State::Ready => {
                let failure = worker.failure.unwrap_or_else(|| worker.printed.failure(pid, &end));
                if !self.call_off(&worker.scripts, &failure) {
                    self.start_failed(now, &failure);
                }
            }
            State::Serving { since } if self.is_service() => self.service_ended(now, since, pid, &end),
            State::Serving { since } => {
                let failure = worker.failure.as_deref().map(|failure| format!(" ({failure})"));
                let retired = worker.outgoing.is_some() || worker.waits.is_some();
                let end = format!("{end}{}", failure.unwrap_or_default());
                let early = !retired && now < since + if busy == 0 { EARLY_IDLE } else { EARLY };
                let wait =
                    self.has_died(now, (early && requests == 0, busy), &format!("process {pid} {end}"));
                let next = wait.map_or("another starts".to_owned(), |wait| {
                    format!("this happens again and again: another starts in {} s", wait.as_secs())
                });
                if status == 0 {
                    self.log(Level::INFO, format!("process {pid} in slot {slot} ended by itself; {next}"));
                    self.why = format!("process {pid} ended by itself");
                } else {
                    // Where requests were lost, their lines say what to look at.
                    let advice = if busy == 0 { advice(status, reason.is_some()) } else { "" };
                    self.log(
                        Level::ERROR,
                        format!(
                            "process {pid} in slot {slot} {end}, after {requests} requests, with {busy} running{advice}; {next}"
                        ),
                    );
                    self.why = format!("process {pid} {end}");
                }
            }
            State::Draining { .. } | State::Stopping { .. } => {
                const TERMINATED: i32 = 15; // by us, while it was loading
                let expected = status == 0 || status == TERMINATED;
                let level = if expected { Level::DEBUG } else { Level::WARN };
                self.log(
                    level,
                    format!(
                        "process {pid} in slot {slot} {end} while stopping{}, with {busy} requests running",
                        reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
                    ),
                );
            }
        }
        self.leave_if_done();
    }

    /// A serving worker has ended by itself. How long to wait for the next start, if it was too early for it; clients
    /// that would wait in vain are told why.
    fn has_died(&mut self, now: Instant, (early, busy): (bool, u32), how: &str) -> Option<Duration> {
        if !early {
            self.backoff.served();
            return None;
        }
        let wait = self.backoff.died_early(now)?;
        let in_vain = busy == 0 || wait > WORTH_WAITING;
        if in_vain && !self.workers.values().any(Worker::is_serving) {
            self.act(Action::Publish(Health::Failing, format!("{how} soon after its start")));
        }
        Some(wait)
    }

    /// The script of a service is over.
    fn service_ended(&mut self, now: Instant, since: Instant, pid: u32, end: &str) {
        let wait = if now < since + BRIEF {
            self.backoff.died_early(now)
        } else {
            self.backoff.served();
            None
        };
        let next = wait.map_or("again".to_owned(), |wait| format!("again in {} s", wait.as_secs().max(1)));
        self.why = format!("process {pid} {end}");
        self.log(Level::INFO, format!("process {pid} has run its script and {end}; it is run {next}"));
    }

    /// Reports a start that failed, once, and says when the next one is.
    pub(crate) fn start_failed(&mut self, now: Instant, reason: &str) {
        if !matches!(self.phase, Phase::TakingOver | Phase::Running) {
            return;
        }
        let counted = self.backoff.waits_until(now).is_some();
        let wait = self.backoff.failed(now);
        self.why = "the start before failed".to_owned();
        let level = if counted { Level::DEBUG } else { Level::ERROR };
        self.log(
            level,
            format!("cannot start a process: {reason}; the next attempt is in {} s", wait.as_secs().max(1)),
        );
        if !self.workers.values().any(Worker::is_serving) {
            self.act(Action::Publish(Health::Failing, reason.to_owned()));
        }
    }
}
