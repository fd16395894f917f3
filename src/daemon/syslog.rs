//! `ErrorLog syslog` for daemons: what they write outside of requests goes to the system's log, as what httpd writes does.

use std::os::unix::net::UnixDatagram;

use contract::level;
use contract::syslog::Syslog;

use crate::apache::{Server, process};

/// Where syslogd listens.
const SOCKET: &str = "/dev/log";

/// How lines of the server's daemons look if its error log is syslog.
pub(super) fn of(main: Server<'_>, home: Server<'_>) -> Option<Syslog> {
    let name = home.error_log_name().or_else(|| main.error_log_name())?;
    Syslog::parse(name.to_str().ok()?, &process::program_name())
}

/// A socket of which each write is a message. `None`: there is nobody, and the daemons write where httpd itself does.
pub(super) fn connect(main: Server<'_>) -> Option<UnixDatagram> {
    let connected = UnixDatagram::unbound().and_then(|socket| socket.connect(SOCKET).map(|()| socket));
    connected
        .map_err(|error| {
            let text = "lines of process groups that belong to no request go to standard error";
            main.log(level::WARN, &format!("{text}: syslog cannot be reached at {SOCKET}: {error}"));
        })
        .ok()
}
