//! How a worker asks httpd for the scoreboard: `server-metrics=On` of WSGIDaemonProcess.
//!
//! Each group has a `SOCK_SEQPACKET` pair for it. A worker sends a byte and, as a descriptor, the socket on which it
//! wants the answer; whichever httpd child takes it sends back a memfd with the bytes of a [`Scoreboard`]. So
//! neither waits for the other: the child writes no stream that a worker could leave unread, and a worker waits for a
//! bounded time only. No request of the application is needed, and nobody polls.
//!
//! The child does not trust the worker: it sends once, without waiting, to whatever it was given, and closes that at once.

use std::fs::File;
use std::io::{self, IoSlice, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::scoreboard::Scoreboard;
use crate::ticket::{queue, receive_with, send_with};

/// How long a worker waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// How many children may end with a question in their hands before a worker gives up.
const CHILDREN: usize = 8;
/// Most bytes of an answer that are read.
const LIMIT: u64 = 64 << 20;
/// What a question looks like; what comes with it says everything.
const QUESTION: &[u8] = b"?";
/// What an answer looks like; without a descriptor it says that there is none.
const ANSWER: &[u8] = b"!";

/// Asks, and waits up to `patience`. `None`: no httpd child has answered (all of them may be busy starting or ending).
pub fn ask(socket: BorrowedFd<'_>, patience: Duration) -> Option<Scoreboard> {
    let until = Instant::now() + patience;
    for _ in 0..CHILDREN {
        match answer_to_one(socket, until) {
            Ok(scoreboard) => return Some(scoreboard),
            Err(Errno::CONNRESET) => {} // the child that took the question has ended: the next one may answer
            Err(_) => return None,
        }
    }
    None
}

fn answer_to_one(socket: BorrowedFd<'_>, until: Instant) -> Result<Scoreboard, Errno> {
    let (ours, theirs) = queue()?;
    send_with(socket, &[IoSlice::new(QUESTION)], &[theirs.as_fd()], SendFlags::DONTWAIT)?;
    drop(theirs); // then the end of the child that has it is an end-of-file
    wait(&ours, until)?;
    let received = receive_with(ours.as_fd(), &mut [0; 1], RecvFlags::DONTWAIT)?;
    match (received.length, received.descriptor) {
        (0, _) => Err(Errno::CONNRESET),
        (_, Some(answer)) => read(answer),
        (_, None) => Err(Errno::BADMSG),
    }
}

fn wait(socket: &OwnedFd, until: Instant) -> Result<(), Errno> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Err(Errno::TIMEDOUT),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn read(answer: OwnedFd) -> Result<Scoreboard, Errno> {
    let mut file = File::from(answer);
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.take(LIMIT).read_to_end(&mut bytes)).map_err(|_| Errno::IO)?;
    Scoreboard::decode(&bytes).map_err(|_| Errno::BADMSG)
}

/// Takes a question without waiting: the socket on which it wants its answer. `Ok(None)`: there is none (any more).
/// `Err(Errno::CONNRESET)`: nobody is left who could ask.
pub fn receive(socket: BorrowedFd<'_>) -> Result<Option<OwnedFd>, Errno> {
    loop {
        match receive_with(socket, &mut [0; 1], RecvFlags::DONTWAIT) {
            Ok(received) => match (received.length, received.descriptor) {
                (_, Some(reply)) => return Ok(Some(reply)),
                (0, None) => return Err(Errno::CONNRESET),
                (_, None) => {} // no question: dropped
            },
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::BADMSG | Errno::MFILE | Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Answers a question; `None` says that there is no scoreboard.
pub fn answer(reply: BorrowedFd<'_>, scoreboard: Option<&Scoreboard>) -> io::Result<()> {
    let Some(scoreboard) = scoreboard else {
        send_with(reply, &[IoSlice::new(ANSWER)], &[], SendFlags::DONTWAIT)?;
        return Ok(());
    };
    let mut file = File::from(memfd_create("mod_wsgi scoreboard", MemfdFlags::CLOEXEC)?);
    file.write_all(&scoreboard.encode())?;
    send_with(reply, &[IoSlice::new(ANSWER)], &[file.as_fd()], SendFlags::DONTWAIT)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(50);

    fn take(httpd: &OwnedFd) -> OwnedFd {
        wait(httpd, Instant::now() + LONG).unwrap();
        receive(httpd.as_fd()).unwrap().unwrap()
    }

    #[test]
    fn a_question_is_answered() {
        let (httpd, worker) = queue().unwrap();
        let scoreboard = Scoreboard { server_limit: 7, ..Scoreboard::default() };
        std::thread::scope(|scope| {
            scope.spawn(|| answer(take(&httpd).as_fd(), Some(&scoreboard)).unwrap());
            assert_eq!(ask(worker.as_fd(), LONG).as_ref(), Some(&scoreboard));
        });
        assert!(receive(httpd.as_fd()).unwrap().is_none());
    }

    #[test]
    fn another_child_answers_for_one_that_ends() {
        let (httpd, worker) = queue().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                drop(take(&httpd)); // as the end of a process does
                answer(take(&httpd).as_fd(), Some(&Scoreboard::default())).unwrap();
            });
            assert_eq!(ask(worker.as_fd(), LONG), Some(Scoreboard::default()));
        });
    }

    /// A TCP socket with unsent bytes whose last close takes an hour, and its other end.
    fn lingering() -> (std::net::TcpStream, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (other, _) = listener.accept().unwrap();
        ours.set_nonblocking(true).unwrap();
        while ours.write(&[0; 1 << 16]).is_ok() {}
        rustix::net::sockopt::set_socket_linger(&ours, Some(Duration::from_secs(3600))).unwrap();
        (ours, other)
    }

    #[test]
    fn a_socket_that_lingers_holds_nobody_up() {
        for count in [1, 2, 4] {
            let (httpd, worker) = queue().unwrap();
            let (sockets, _others): (Vec<_>, Vec<_>) = (0..count).map(|_| lingering()).unzip();
            let descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
            send_with(worker.as_fd(), &[IoSlice::new(QUESTION)], &descriptors, SendFlags::DONTWAIT).unwrap();
            drop(sockets);
            let (done, is_done) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                if let Ok(Some(reply)) = receive(httpd.as_fd()) {
                    let _ = answer(reply.as_fd(), Some(&Scoreboard::default()));
                }
                done.send(()).unwrap();
            });
            assert_eq!(is_done.recv_timeout(LONG), Ok(()), "with {count} sockets");
        }
    }

    #[test]
    fn nobody_answers() {
        let (httpd, worker) = queue().unwrap();
        assert_eq!(ask(worker.as_fd(), SHORT), None, "nobody takes it");
        let late = take(&httpd);
        assert!(answer(late.as_fd(), Some(&Scoreboard::default())).is_err(), "the worker waits no longer");
        drop(httpd);
        assert_eq!(ask(worker.as_fd(), LONG), None, "nobody can take it");
    }

    #[test]
    fn what_is_no_question_is_dropped() {
        let (httpd, worker) = queue().unwrap();
        send_with(worker.as_fd(), &[IoSlice::new(b"x")], &[], SendFlags::empty()).unwrap();
        let both = [worker.as_fd(), httpd.as_fd()];
        send_with(worker.as_fd(), &[IoSlice::new(b"x")], &both, SendFlags::empty()).unwrap();
        assert!(receive(httpd.as_fd()).unwrap().is_none());
        drop(worker);
        assert_eq!(receive(httpd.as_fd()).unwrap_err(), Errno::CONNRESET);
    }

    #[test]
    fn an_answer_to_no_socket_is_an_error_and_no_wait() {
        let (_, full) = queue().unwrap();
        assert!(answer(File::open("/dev/null").unwrap().as_fd(), Some(&Scoreboard::default())).is_err());
        assert!(answer(full.as_fd(), Some(&Scoreboard::default())).is_err());
    }

    #[test]
    fn without_a_scoreboard_the_answer_is_none() {
        let (httpd, worker) = queue().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| answer(take(&httpd).as_fd(), None).unwrap());
            assert_eq!(ask(worker.as_fd(), LONG), None);
        });
    }
}
