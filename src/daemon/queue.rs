//! The overflow: where a request waits when no worker has a free thread.
//!
//! It is the group's queue, first in first out, and outlives any worker. The request stands in it as a ticket; the
//! child keeps its end of the connection, so giving up is closing it, and the worker that finds it closed does not run
//! the request.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use contract::area::State;
use contract::thread::clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Group;
use super::connection::{Connection, TICK, send_ticket};
use super::error::Error;
use super::sockets::Sockets;
use crate::apache::Request;

/// The first and the longest pause before a full queue is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// What becomes of a waiting request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It waits on, but looks around after this time.
    Wait(Duration),
    ClientGone,
    /// No worker is there, and none can be started.
    Failing,
    TooLong,
}

/// Judges a request that has waited for `waited`.
fn judge(waited: Duration, limit: Option<Duration>, client_gone: bool, failing: bool) -> Verdict {
    if client_gone {
        return Verdict::ClientGone;
    }
    if failing {
        return Verdict::Failing;
    }
    match limit {
        Some(limit) if waited >= limit => Verdict::TooLong,
        Some(limit) => Verdict::Wait(TICK.min(limit - waited).max(FIRST_PAUSE)),
        None => Verdict::Wait(TICK),
    }
}

/// A request that waits for a thread of a group.
pub(super) struct Waiting<'w, 'r> {
    pub(super) request: Request<'r>,
    pub(super) group: &'w Group,
    pub(super) sockets: &'w Sockets,
    /// When httpd received the request.
    pub(super) received: Instant,
    /// The script, for messages.
    pub(super) script: &'w [u8],
}

impl Waiting<'_, '_> {
    /// Fails at once if nobody can serve the group.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_failing() { Err(self.failing()) } else { Ok(()) }
    }

    /// Puts the worker's end into the queue. `Ok(false)`: a slot has become free before the queue had room.
    pub(super) fn enter(&self, theirs: &OwnedFd) -> Result<bool, Error> {
        if self.group.line.is_empty() {
            if let Some(entered) = self.try_to_enter(theirs)? {
                return Ok(entered);
            }
        }
        let place = self.group.line.join();
        let (start, limit) = (Instant::now(), self.group.settings.connect_timeout.duration());
        let mut pause = FIRST_PAUSE;
        loop {
            let is_first = place.is_first();
            if is_first {
                if let Some(entered) = self.try_to_enter(theirs)? {
                    return Ok(entered);
                }
            }
            let waited = start.elapsed();
            if waited >= limit {
                let queued = self.sockets.area.group().queued.load(SeqCst);
                return Err(Error::Full { group: self.group.name(), waited, queued });
            }
            if is_first {
                self.look_around(None, pause)?;
                pause = (pause * 2).min(LONGEST_PAUSE);
            } else {
                place.sleep(TICK.min(limit - waited).min(self.left()));
                self.look_around(None, Duration::ZERO)?;
            }
        }
    }

    /// Puts the worker's end into the queue if that has room. `Some(false)` as in [`Self::enter`].
    fn try_to_enter(&self, theirs: &OwnedFd) -> Result<Option<bool>, Error> {
        let group = self.sockets.area.group();
        // Counted before it is sent, so that nobody overtakes it; the worker that takes it counts down.
        let before = group.queued.fetch_add(1, SeqCst);
        let sent = if before < self.group.settings.listen_backlog.max(1) {
            send_ticket(self.sockets.overflow.as_fd(), theirs)
        } else {
            Err(Errno::AGAIN)
        };
        let Err(source) = sent else {
            if before == 0 {
                group.queued_since.store(clock(), SeqCst);
            }
            return Ok(Some(true));
        };
        let _ = group.queued.fetch_update(SeqCst, SeqCst, |count| count.checked_sub(1));
        match source {
            // The queue is empty and its socket is not: the slots are to be tried again.
            Errno::AGAIN | Errno::TOOMANYREFS | Errno::NOBUFS => Ok((before == 0).then_some(false)),
            source => Err(Error::System { group: self.group.name(), source }),
        }
    }

    /// Waits until a worker has taken the request: it speaks, or begins to read what did not fit into the socket.
    pub(super) fn wait(&self, connection: &Connection, is_delivered: bool) -> Result<(), Error> {
        let events = if is_delivered { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        while !self.look_around(Some((connection, events)), TICK)? {}
        Ok(())
    }

    /// Waits for the connection, the client or `pause`, and judges. True when the connection has something.
    fn look_around(
        &self,
        connection: Option<(&Connection, PollFlags)>,
        pause: Duration,
    ) -> Result<bool, Error> {
        let client = self.request.client_fd();
        let waited = self.waited();
        let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        match judge(waited, self.limit(), self.request.is_aborted(), self.is_failing()) {
            Verdict::Wait(time) => {
                let mut sockets = Vec::with_capacity(2);
                sockets.extend(client.as_ref().map(|fd| PollFd::new(fd, PollFlags::RDHUP)));
                sockets.extend(connection.map(|(fd, events)| PollFd::new(fd, events)));
                let _ = poll(&mut sockets, Some(&timespec(time.min(pause)))); // EINTR: looked at again
                let mut events = sockets.iter().map(PollFd::revents);
                let client_gone =
                    client.is_some() && events.next().is_some_and(|flags| flags.intersects(gone));
                let answered = events.next().is_some_and(|flags| !flags.is_empty());
                if client_gone && !answered { Err(Error::ClientGone) } else { Ok(answered) }
            }
            Verdict::ClientGone => Err(Error::ClientGone),
            Verdict::Failing => Err(self.failing()),
            Verdict::TooLong => Err(self.too_long()),
        }
    }

    /// queue-timeout, if there is one.
    fn limit(&self) -> Option<Duration> {
        Some(self.group.settings.queue_timeout.duration()).filter(|limit| !limit.is_zero())
    }

    /// How much of it is left.
    fn left(&self) -> Duration {
        self.limit().map_or(Duration::MAX, |limit| limit.saturating_sub(self.waited()))
    }

    /// Since httpd received the request.
    fn waited(&self) -> Duration {
        self.received.elapsed()
    }

    fn is_failing(&self) -> bool {
        let area = &self.sockets.area;
        area.group().state() == State::Failing
            && area.slots().iter().all(|slot| slot.accepting.load(SeqCst) == 0)
    }

    fn failing(&self) -> Error {
        Error::Failing { group: self.group.name(), reason: self.sockets.area.group().failure() }
    }

    /// 504: longer than queue-timeout.
    pub(super) fn too_long(&self) -> Error {
        let waited = self.waited();
        let threads = self.group.settings.threads;
        let slots = self.sockets.area.slots().iter().filter(|slot| slot.pid.load(SeqCst) != 0);
        let busy = slots.clone().map(|slot| u64::from(slot.busy.load(SeqCst).min(threads))).sum();
        let processes = (slots.count() as u64).min(self.group.settings.processes().into()); // one may be replaced
        Error::QueuedTooLong {
            group: self.group.name(),
            script: String::from_utf8_lossy(self.script).into_owned(),
            waited,
            busy,
            threads: processes * u64::from(threads),
        }
    }
}

/// A length of time for `poll`.
pub(super) fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_waiting_request_is_judged() {
        assert_eq!(judge(ms(0), None, false, false), Verdict::Wait(TICK));
        assert_eq!(judge(ms(4700), Some(ms(5000)), false, false), Verdict::Wait(ms(300)));
        assert_eq!(judge(ms(5000), Some(ms(5000)), false, false), Verdict::TooLong);
        assert_eq!(judge(ms(4999), Some(ms(5000)), false, true), Verdict::Failing);
        assert_eq!(judge(ms(9000), Some(ms(5000)), true, true), Verdict::ClientGone);
        assert_eq!(judge(Duration::MAX, None, false, false), Verdict::Wait(TICK));
    }
}
