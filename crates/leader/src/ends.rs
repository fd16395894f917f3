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

/// How a worker ended, and what it had done until then.
struct End {
    slot: u32,
    status: i32,
    requests: u64,
    busy: u32,
}

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
                if worker.unborn || !self.call_off(&worker.scripts, &failure) {
                    self.start_failed(now, &failure);
                }
            }
            State::Serving { since } if self.is_service() => self.service_ended(now, since, pid, &end),
            State::Serving { since } => self.died(now, since, &worker, &End { slot, status, requests, busy }),
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

    /// A serving worker has ended by itself.
    fn died(&mut self, now: Instant, since: Instant, worker: &Worker, end: &End) {
        let (pid, slot, busy, requests) = (worker.pid, end.slot, end.busy, end.requests);
        let said = worker.failure.as_deref().map(|failure| format!(" ({failure})")).unwrap_or_default();
        let how = format!("process {pid} {}{said}", describe(end.status));
        let retired = worker.outgoing.or(worker.waits.map(|(_, reason)| reason)).is_some();
        let early = now < since + if busy == 0 { EARLY_IDLE } else { EARLY };
        let wait = if requests == 0 && early && !retired {
            self.backoff.died_early(now)
        } else {
            self.backoff.served();
            None
        };
        let next = match wait {
            Some(wait) => format!("this happens again and again: another starts in {} s", wait.as_secs()),
            None => "another starts".to_owned(),
        };
        let in_vain = wait.is_some_and(|wait| busy == 0 || wait > WORTH_WAITING);
        if in_vain && !self.workers.values().any(Worker::is_serving) {
            self.act(Action::Publish(Health::Failing, format!("{how} soon after its start")));
        }
        if end.status == 0 {
            self.why = format!("process {pid} ended by itself");
            self.log(Level::INFO, format!("process {pid} in slot {slot} ended by itself; {next}"));
            return;
        }
        self.why.clone_from(&how);
        // Where requests were lost, their lines say what to look at.
        let advice = if busy == 0 { advice(end.status, retired) } else { "" };
        let how = format!("process {pid} in slot {slot} {}{said}", describe(end.status));
        self.log(
            Level::ERROR,
            format!("{how}, after {requests} requests, with {busy} running{advice}; {next}"),
        );
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::supervise::tests::Group;
    use contract::control::FromWorker;
    use contract::reason::Reason;

    fn failing(group: &mut Group) -> bool {
        let publishes = |action: &Action| matches!(action, Action::Publish(Health::Failing, _));
        group.done().iter().any(publishes)
    }

    #[test]
    fn whatever_dies_with_nothing_to_do_is_started_ever_later() {
        for status in [0, 9, 3 << 8] {
            let mut group = Group::new(1, false);
            group.ready(0, true).exited(0, status, 0);
            assert!(!failing(&mut group), "the first is replaced at once");
            for wait in [1000, 2000, 4000] {
                group.ready(0, true).later(5000).exited(0, status, 0);
                assert!(failing(&mut group), "status {status}");
                assert_eq!(group.later(wait - 100).starts(), 0, "status {status}");
                assert_eq!(group.later(100).starts(), 1, "status {status}");
            }
        }
    }

    #[test]
    fn a_first_request_that_kills_keeps_others_waiting_for_a_while_only() {
        let mut group = Group::new(1, false);
        let dies = |group: &mut Group| {
            group.ready(0, true).on(Event::Exited { slot: 0, status: 11, requests: 0, busy: 1 });
            assert_eq!(group.logged(Level::ERROR, "CoreDumpDirectory"), 0, "the request's line has that");
            let vain = failing(group);
            group.later(30_000);
            vain
        };
        let told: Vec<_> = std::iter::repeat_with(|| dies(&mut group)).take(4).collect();
        assert_eq!(told, [false, false, false, true], "at once, after 1, 2 and 4 s");
    }

    #[test]
    fn who_has_said_that_something_is_used_up_may_end_soon() {
        let mut group = Group::running(1);
        let reason = Reason::DescriptorLimit;
        group.on(Event::Said { slot: 0, message: FromWorker::Retire { reason } }).done();
        group.exited(0, 0, 0);
        assert_eq!(group.logged(Level::INFO, "ended by itself; another starts"), 1);
        let freed = Action::Free { slot: 0, pid: 100, status: 0, reason: Some(reason) };
        assert!(group.done().contains(&freed));
    }

    #[test]
    fn a_line_without_a_lost_request_says_what_to_look_at() {
        let mut group = Group::running(1);
        group.exited(0, 9, 7);
        assert_eq!(group.logged(Level::ERROR, "with 0 running; nothing here has sent that"), 1);
    }
}
