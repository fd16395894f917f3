//! What all reports of a process have in common, and those about its life: started, stopping, stopped.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::datagram::{Datagram, Kind};
use super::socket::Sender;

/// The id of an interpreter's name; the main one has none.
pub(super) const INTERPRETER: u16 = 8;
/// Longest text about the process.
const LONGEST: usize = 255;

/// Who reports.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    pub(super) pid: u32,
    /// httpd's parent process.
    pub(super) parent: u32,
    pub(super) python: String,
    pub(super) httpd: String,
    pub(super) mpm: String,
    pub(super) hostname: String,
    /// Empty in an httpd child.
    pub(super) process_group: String,
    /// Of the GIL, in seconds.
    pub(super) switch_interval: f64,
}

/// The reports of this process.
#[derive(Debug)]
pub(super) struct Reports {
    identity: Identity,
    sender: Sender,
    since: Instant,
}

/// How a process ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'r> {
    /// In the words of `process_stopping`; empty in an httpd child, which is not told.
    pub(super) reason: &'r str,
    /// Requests of its whole life.
    pub(super) requests: u64,
    /// Requests that still run.
    pub(super) in_flight: u32,
}

impl Reports {
    pub(super) fn new(identity: Identity, sender: Sender) -> Self {
        Self { identity, sender, since: Instant::now() }
    }

    /// A report that begins now.
    pub(super) fn begin(&self, kind: Kind) -> Datagram {
        let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Datagram::new(kind, self.identity.pid, stamp.as_secs_f64())
    }

    pub(super) fn send(&self, datagram: Datagram) {
        self.sender.send(datagram);
    }

    /// Everything that is known of the process.
    pub(super) fn identify(&self, datagram: &mut Datagram) {
        let identity = &self.identity;
        let (major, minor, patch) = contract::MOD_WSGI_VERSION;
        datagram.text(1, format!("{major}.{minor}.{patch}").as_bytes(), LONGEST);
        datagram.text(2, identity.python.as_bytes(), LONGEST);
        datagram.text(3, identity.httpd.as_bytes(), LONGEST);
        datagram.text(4, identity.mpm.as_bytes(), LONGEST);
        self.name(datagram);
        datagram.count(7, identity.parent.into());
    }

    /// The GIL's switch interval, which is read once.
    pub(super) fn switch_interval(&self, datagram: &mut Datagram) {
        datagram.number(13, self.identity.switch_interval);
    }

    /// The process has started.
    pub(super) fn started(&self) {
        let mut datagram = self.begin(Kind::Started);
        self.identify(&mut datagram);
        self.switch_interval(&mut datagram);
        self.send(datagram);
    }

    /// Its end is decided.
    pub(super) fn stopping(&self, reason: &str, in_flight: u32) {
        let mut datagram = self.begin(Kind::Stopping);
        self.name(&mut datagram);
        datagram.text(130, reason.as_bytes(), LONGEST);
        datagram.count(133, in_flight.into());
        self.send(datagram);
    }

    /// Its requests are over, or their time is. It is the last report.
    pub(super) fn stopped(&self, end: End<'_>) {
        let mut datagram = self.begin(Kind::Stopped);
        self.name(&mut datagram);
        datagram.text(130, end.reason.as_bytes(), LONGEST);
        datagram.number(131, self.since.elapsed().as_secs_f64());
        datagram.count(132, end.requests);
        datagram.count(134, end.in_flight.into());
        datagram.count(135, (end.in_flight == 0).into());
        self.send(datagram);
        self.sender.close();
    }

    /// Host and process group.
    fn name(&self, datagram: &mut Datagram) {
        datagram.text(5, self.identity.hostname.as_bytes(), LONGEST);
        datagram.text(6, self.identity.process_group.as_bytes(), LONGEST);
    }
}
