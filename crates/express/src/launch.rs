//! Starts httpd with what was written, and stays in front of it where there is a terminal.
//!
//! Without a terminal (a container, systemd) this process becomes httpd itself. With one it stays the parent, since the
//! terminal sends signals of its own: a window that is resized would make httpd stop (WINCH).

use std::io::IsTerminal;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGWINCH};
use signal_hook::iterator::Signals;

use crate::site::Site;

/// Why httpd was not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("port {0} cannot be listened on by an ordinary user: choose one from 1024 on with {1}")]
    Forbidden(u16, &'static str),
    #[error("{address} is no address of this machine: choose another one with --host")]
    NoSuchAddress { address: String },
    #[error("port {0} is in use: stop what listens there, or choose another one with {1}")]
    PortInUse(u16, &'static str),
    #[error("httpd refuses its configuration in {conf}:\n{said}")]
    Refused { conf: String, said: String },
    #[error("{0} could not be run: {1}")]
    Run(String, std::io::Error),
}

/// Fails with a plain word where httpd would fail with a number.
pub(crate) fn check_ports(site: &Site) -> Result<(), Error> {
    let listen = &site.options.listen;
    let host = listen.host.as_deref().unwrap_or("0.0.0.0");
    let https = site.options.https.https_port.map(|port| (port, "--https-port"));
    for (port, option) in std::iter::once((listen.port, "--port")).chain(https) {
        let bound = (host, port)
            .to_socket_addrs()
            .and_then(|addresses| TcpListener::bind(addresses.collect::<Vec<_>>().as_slice()));
        match bound.err().map(|error| error.kind()) {
            Some(std::io::ErrorKind::AddrInUse) => return Err(Error::PortInUse(port, option)),
            Some(std::io::ErrorKind::PermissionDenied) => return Err(Error::Forbidden(port, option)),
            Some(_) => return Err(Error::NoSuchAddress { address: host.to_owned() }),
            None => {}
        }
    }
    Ok(())
}

/// httpd's own opinion about what was written.
pub(crate) fn check_configuration(site: &Site) -> Result<(), Error> {
    let output = control(site).arg("configtest").output().map_err(|error| failed(site, error))?;
    if output.status.success() {
        return Ok(());
    }
    let conf = site.root.join("httpd.conf").display().to_string();
    Err(Error::Refused { conf, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

/// Runs httpd in the foreground. The status is what this command ends with.
pub(crate) fn run(site: &Site) -> Result<u8, Error> {
    let mut command = control(site);
    command.args(["start", "-DFOREGROUND"]);
    let terminal = std::io::stdin().is_terminal() || std::io::stdout().is_terminal();
    if !terminal || site.options.debug.debug_mode {
        return Err(failed(site, command.exec()));
    }
    supervise(command).map_err(|error| failed(site, error))
}

/// A child in a process group of its own, so that only what is passed on reaches it.
fn supervise(mut command: Command) -> Result<u8, std::io::Error> {
    let mut signals = Signals::new([SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGWINCH])?;
    let mut child = command.process_group(0).spawn()?;
    let pid = Pid::from_child(&child);
    for signal in signals.forever() {
        match signal {
            SIGCHLD => {
                if let Some(status) = child.try_wait()? {
                    return Ok(code(status));
                }
            }
            SIGWINCH => {}
            other => {
                if let Some(signal) = Signal::from_named_raw(other) {
                    // A child that is gone is noticed by the next SIGCHLD.
                    let _ = kill_process(pid, signal);
                }
            }
        }
    }
    Ok(0)
}

/// As shells say it: 128 and the number of the signal.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;

    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

fn control(site: &Site) -> Command {
    Command::new(site.root.join("apachectl"))
}

fn failed(site: &Site, error: std::io::Error) -> Error {
    Error::Run(site.root.join("apachectl").display().to_string(), error)
}
