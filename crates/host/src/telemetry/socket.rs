//! Where reports go: a datagram socket that somebody else has bound to a path, or has not.
//!
//! Nothing here fails: a report that cannot be delivered is dropped, and the gap in the sequence numbers shows it. What
//! the administrator can change is logged, once for each reason. The system keeps only some ten reports for a service
//! (`net.unix.max_dgram_qlen`), fewer than one interval may have, so a report waits a moment for a service that reads;
//! for one that does not, only the first does. No request is ever behind it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::level;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with};

use super::datagram::{Datagram, LIMIT};
use crate::log::log;

/// How long a report waits for a service that is behind.
const PATIENCE: Duration = Duration::from_millis(50);

/// The way to the service. Threads may share it; reports go out in the order of their numbers.
#[derive(Debug)]
pub(super) struct Sender {
    path: PathBuf,
    socket: OwnedFd,
    address: SocketAddrUnix,
    state: Mutex<State>,
    /// The troubles that have been logged.
    known: Mutex<Vec<Errno>>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last report.
    sequence: u32,
    /// The service did not read it.
    is_deaf: bool,
    /// The process has said its last.
    is_closed: bool,
}

impl Sender {
    /// Towards the socket at `path`, which need not be there yet. `Err`: why there is no way, and what to change.
    pub(super) fn new(path: &Path) -> Result<Self, String> {
        let address = SocketAddrUnix::new(path).map_err(|_| {
            let length = path.as_os_str().len();
            format!(
                "{} is {length} bytes long, but a socket's path has at most 107: choose a shorter one",
                path.display()
            )
        })?;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
            .map_err(|error| format!("no socket can be made: {error}; look at the limit on open files"))?;
        set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))
            .map_err(|error| format!("a socket cannot be set up: {error}"))?;
        let (state, known) = (Mutex::default(), Mutex::default());
        Ok(Self { path: path.to_owned(), socket, address, state, known })
    }

    /// Sends a report, or drops it.
    pub(super) fn send(&self, datagram: Datagram) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            return;
        }
        state.sequence = state.sequence.wrapping_add(1);
        let bytes = datagram.finish(state.sequence);
        debug_assert!(bytes.len() <= LIMIT, "{} bytes", bytes.len());
        let patience = if state.is_deaf { SendFlags::DONTWAIT } else { SendFlags::empty() };
        let sent = sendto(&self.socket, &bytes, patience | SendFlags::NOSIGNAL, &self.address);
        state.is_deaf = sent == Err(Errno::AGAIN);
        drop(state);
        if let Err(error) = sent {
            self.failed(error);
        }
    }

    /// Sends nothing more.
    pub(super) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
    }

    fn failed(&self, error: Errno) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&error) {
            return;
        }
        known.push(error);
        drop(known);
        let Some((level, remedy)) = judge(error) else { return };
        let path = self.path.display();
        log(level, &format!("telemetry cannot be sent to {path}: {error}; {remedy} (this is said once)"));
    }
}

/// How bad it is that a report could not be sent, and what to change; `None`: it is as it should be.
fn judge(error: Errno) -> Option<(u8, &'static str)> {
    match error {
        // The service is slow or the system is short of memory: that is what sequence numbers are for.
        Errno::AGAIN | Errno::NOBUFS | Errno::INTR => None,
        Errno::NOENT => Some((
            level::NOTICE,
            "reports are dropped until a service makes this socket: start it, or correct WSGITelemetryService",
        )),
        Errno::CONNREFUSED => Some((level::INFO, "reports are dropped until a service listens there again")),
        Errno::ACCESS | Errno::PERM => Some((
            level::WARN,
            "the user of this process must be able to write to the socket and to search every directory above it",
        )),
        _ => Some((level::WARN, "correct WSGITelemetryService")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::datagram::Kind;
    use super::*;
    use std::os::unix::net::UnixDatagram;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("mod_wsgi-telemetry-{}-{name}", std::process::id()))
    }

    fn report() -> Datagram {
        Datagram::new(Kind::Started, 1, 0.0)
    }

    #[test]
    fn reports_arrive_in_order_and_losses_show() {
        let path = scratch("order");
        let _ = std::fs::remove_file(&path);
        let sender = Sender::new(&path).unwrap();
        sender.send(report());
        let service = UnixDatagram::bind(&path).unwrap();
        sender.send(report());
        sender.send(report());
        let mut buffer = [0; 100];
        sender.close();
        sender.send(report());
        service.set_nonblocking(true).unwrap();
        for sequence in [2, 3] {
            assert_eq!(service.recv(&mut buffer).unwrap(), 24);
            assert_eq!(buffer[12..16], [sequence, 0, 0, 0]);
        }
        assert!(service.recv(&mut buffer).is_err(), "it has said its last");
        assert_eq!(*sender.known.lock().unwrap(), [Errno::NOENT]);
        drop(service);
        let other = Sender::new(&path).unwrap();
        other.send(report());
        assert_eq!(*other.known.lock().unwrap(), [Errno::CONNREFUSED]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_service_that_does_not_read_is_not_waited_for() {
        let path = scratch("full");
        let _ = std::fs::remove_file(&path);
        let _service = UnixDatagram::bind(&path).unwrap();
        let sender = Sender::new(&path).unwrap();
        let begun = std::time::Instant::now();
        (0..10_000).for_each(|_| sender.send(report()));
        assert!(begun.elapsed() < Duration::from_secs(30), "one wait and not ten thousand");
        assert_eq!(*sender.known.lock().unwrap(), [Errno::AGAIN]);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_path_that_is_too_long_is_explained() {
        let path = PathBuf::from(format!("/{}", "x".repeat(200)));
        let reason = Sender::new(&path).unwrap_err();
        assert!(reason.contains("is 201 bytes long") && reason.contains("at most 107"), "{reason}");
    }
}
