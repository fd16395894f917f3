//! Signals to the leader, as sockets that become readable.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// TERM, INT: stop everything.
    Stop,
    /// USR1: replace all workers.
    Replace,
}

/// One readable socket per request.
pub(crate) struct Signals {
    pairs: [(Request, UnixStream); 2],
}

impl Signals {
    /// Catches the signals from now on. HUP and USR2, whose default would end the leader, are taken and forgotten.
    pub(crate) fn install() -> io::Result<Self> {
        for ignored in [SIGHUP, SIGUSR2] {
            signal_hook::flag::register(ignored, Arc::new(AtomicBool::new(false)))?;
        }
        Ok(Self {
            pairs: [(Request::Stop, catch(&[SIGTERM, SIGINT])?), (Request::Replace, catch(&[SIGUSR1])?)],
        })
    }

    /// The sockets to poll.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (Request, BorrowedFd<'_>)> {
        self.pairs.iter().map(|(request, socket)| (*request, socket.as_fd()))
    }

    /// Empties the socket of `request`.
    pub(crate) fn clear(&self, request: Request) {
        for (_, socket) in self.pairs.iter().filter(|(known, _)| *known == request) {
            let mut socket = socket;
            while matches!(socket.read(&mut [0; 64]), Ok(1..)) {}
        }
    }
}

fn catch(signals: &[i32]) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    for signal in signals {
        signal_hook::low_level::pipe::register(*signal, theirs.try_clone()?)?;
    }
    Ok(ours)
}
