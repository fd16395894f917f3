//! The leader's end of a control socket. It never waits for the other side: what that cannot take yet is kept here, in
//! order, until its socket has room. A process that is stopped (SIGSTOP), or that does not listen, holds nobody up.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use contract::control::{encode, post};
use rustix::io::Errno;
use serde::Serialize;

/// Messages that are kept beyond what the socket holds. Who lets so many gather is about to be killed by a limit, or has
/// been stopped by hand: the rest is not for him any more.
const MOST: usize = 1024;

/// A control socket, and the messages that it has no room for.
#[derive(Debug)]
pub(crate) struct Control {
    socket: OwnedFd,
    /// Who is at its other end, for the log.
    whose: String,
    waiting: VecDeque<Vec<u8>>,
}

impl Control {
    pub(crate) fn new(socket: OwnedFd, whose: String) -> Self {
        Self { socket, whose, waiting: VecDeque::new() }
    }

    /// Who is at its other end.
    pub(crate) fn whose(&self) -> &str {
        &self.whose
    }

    /// Sends `message`, now or when there is room. That the other side is gone is reported by poll.
    pub(crate) fn send(&mut self, message: &impl Serialize) {
        let Ok(bytes) = encode(message) else { return };
        match self.waiting.len() {
            0 if post(&self.socket, &bytes) != Err(Errno::AGAIN) => {}
            0..MOST => self.waiting.push_back(bytes),
            MOST => {
                let whose = &self.whose;
                tracing::warn!("{whose} does not hear this leader any more: {MOST} messages wait for it");
                self.waiting.push_back(bytes);
            }
            _ => {}
        }
    }

    /// Whether something waits for room.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends what there is room for by now.
    pub(crate) fn flush(&mut self) {
        while let Some(bytes) = self.waiting.front() {
            if post(&self.socket, bytes) == Err(Errno::AGAIN) {
                return;
            }
            self.waiting.pop_front();
        }
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::control::receive;
    use contract::ticket::queue;

    fn received(socket: &OwnedFd) -> Vec<u32> {
        std::iter::from_fn(|| receive::<u32>(socket).unwrap()).collect()
    }

    #[test]
    fn a_full_socket_holds_nobody_up() {
        let (ours, theirs) = queue().unwrap();
        let mut control = Control::new(ours, "process 1".to_owned());
        let mut sent = 0;
        while !control.is_waiting() {
            control.send(&sent);
            sent += 1;
        }
        control.send(&sent);
        let first = received(&theirs);
        assert_eq!(first, (0..sent - 1).collect::<Vec<_>>());
        control.flush();
        assert!(!control.is_waiting());
        assert_eq!(received(&theirs), [sent - 1, sent]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let (ours, _theirs) = queue().unwrap();
        let mut control = Control::new(ours, "process 1".to_owned());
        for number in 0..10 * MOST {
            control.send(&number);
        }
        assert_eq!(control.waiting.len(), MOST + 1);
    }

    #[test]
    fn a_closed_socket_takes_everything() {
        let (ours, theirs) = queue().unwrap();
        let mut control = Control::new(ours, "process 1".to_owned());
        while !control.is_waiting() {
            control.send(&0);
        }
        drop(theirs);
        control.flush();
        control.send(&1);
        assert!(!control.is_waiting());
    }
}
