//! Why a request got no answer from its process group, and what the client is told.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use contract::counters::Loss;
use contract::wire::WireError;
use rustix::io::Errno;
use thiserror::Error;

use super::ownership::OwnershipError;
use crate::apache::head::HeadError;

/// Why a request got no answer. `script` and `group` are names for the reader of the log.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The request's body could not be read; httpd's filter has said why.
    #[error("the request body could not be read to its end")]
    Body {
        /// What the filter says to the client.
        status: u16,
    },
    /// The client went while the request waited.
    #[error("the client is gone; the request was not run")]
    ClientGone,
    /// The worker died.
    #[error("the application {script} in process group `{group}` was lost: {cause}")]
    Died {
        /// The script.
        script: String,
        /// The group.
        group: String,
        /// How.
        cause: String,
    },
    /// No worker can be started.
    #[error("process group `{group}` cannot start its processes: {reason}")]
    Failing {
        /// The group.
        group: String,
        /// Why the last start failed.
        reason: String,
    },
    /// The group is for another virtual host.
    #[error(
        "process group `{group}` is defined in the virtual host {owner} and serves only servers with that ServerName; define it in the main server to share it"
    )]
    Foreign {
        /// The group.
        group: String,
        /// Whose it is.
        owner: String,
    },
    /// The queue stayed full.
    #[error("the queue of process group `{group}` stayed full for {} s (connect-timeout) with {queued} requests waiting: more processes or threads, or a larger listen-backlog, would help", waited.as_secs())]
    Full {
        /// The group.
        group: String,
        /// For how long.
        waited: Duration,
        /// How many wait.
        queued: u32,
    },
    /// A line of the response's head is too long.
    #[error(
        "{script} in process group `{group}` sent a header line of {length} bytes, and {limit} are allowed; raise header-buffer-size"
    )]
    HeaderTooLong {
        /// The group.
        group: String,
        /// The script.
        script: String,
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A worker said something that it must not say.
    #[error(
        "process {pid} of process group `{group}` broke the protocol while it served {script}: {what}; its connection was closed"
    )]
    Malformed {
        /// The group.
        group: String,
        /// The script.
        script: String,
        /// Its process id, or 0.
        pid: u32,
        /// What is wrong.
        what: Broken,
    },
    /// The request's body does not fit onto the disk.
    #[error(
        "a request body for process group `{group}` cannot be kept in {} beyond its first {length} bytes there (request-buffering=on): {source}; make room there, or name another folder with spool-directory=",
        folder.display()
    )]
    NotStored {
        /// The group.
        group: String,
        /// Where.
        folder: PathBuf,
        /// How much has been stored.
        length: u64,
        /// What the system says.
        source: std::io::Error,
    },
    /// The script does not belong to whom it must.
    #[error("process group `{group}` does not run the script: {path} {source}")]
    Ownership {
        /// The group.
        group: String,
        /// The script or its folder.
        path: String,
        /// What is wrong.
        source: OwnershipError,
    },
    /// The processes have another root directory, and the script is not in it.
    #[error(
        "the processes of group `{group}` cannot see the script {script}: it is not below their chroot={}",
        root.display()
    )]
    OutOfSight {
        /// The group.
        group: String,
        /// Their root directory.
        root: PathBuf,
        /// The script.
        script: String,
    },
    /// It waited longer than queue-timeout.
    #[error("the request for {script} waited {:.1} s for a thread of process group `{group}`, longer than queue-timeout: {busy} of its {threads} threads were busy", waited.as_secs_f64())]
    QueuedTooLong {
        /// The group.
        group: String,
        /// The script.
        script: String,
        /// Since httpd received it.
        waited: Duration,
        /// Busy threads of all processes.
        busy: u64,
        /// All threads.
        threads: u64,
    },
    /// The group takes no requests.
    #[error(
        "process group `{group}` has no request threads (threads=0), it only runs scripts; give it threads, or send the request to another group"
    )]
    Service {
        /// The group.
        group: String,
    },
    /// The worker said nothing for socket-timeout.
    #[error(
        "{script} in process {pid} of process group `{group}` sent nothing for {seconds} s (socket-timeout); its thread is still busy with the request"
    )]
    Slow {
        /// The group.
        group: String,
        /// The script.
        script: String,
        /// Its process id, or 0.
        pid: u32,
        /// The limit.
        seconds: u32,
    },
    /// A script says this and that, but comes to no verdict.
    #[error(
        "{script} in process {pid} of process group `{group}` has not decided within {seconds} s (socket-timeout); its thread is still busy with the question"
    )]
    Undecided {
        /// The group.
        group: String,
        /// The script.
        script: String,
        /// Its process id, or 0.
        pid: u32,
        /// The limit.
        seconds: u32,
    },
    /// The system refuses what a request needs.
    #[error(
        "process group `{group}` cannot be reached, since this child of httpd gets no connection or file from the system: {source}; raise its limit on open files (ulimit -n, or LimitNOFILE= of the service)"
    )]
    System {
        /// The group.
        group: String,
        /// What the system says.
        source: Errno,
    },
    /// The environment is too large for a frame.
    #[error("the request's environment of {length} bytes is over the limit of {limit} for process groups")]
    TooLarge {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// There is no such group.
    #[error(
        "there is no process group `{name}`{known}; define it with WSGIDaemonProcess, or correct WSGIProcessGroup or process-group="
    )]
    Unknown {
        /// The name.
        name: String,
        /// The groups that exist, as a clause.
        known: String,
    },
    /// It was sent back again and again.
    #[error("process group `{group}` sent the request back {rounds} times while its processes were replaced")]
    Unsettled {
        /// The group.
        group: String,
        /// How often.
        rounds: usize,
    },
}

/// What a worker said and must not say.
#[derive(Debug, Error)]
pub(crate) enum Broken {
    /// A file that is not what FILE promises.
    #[error("it sent a file that cannot be sent: {0}")]
    File(&'static str),
    /// Not a frame.
    #[error("{0}")]
    Frame(#[from] WireError),
    /// A head that httpd cannot send.
    #[error("{0}")]
    Head(#[from] HeadError),
    /// A frame out of turn.
    #[error("it sent {0} out of turn")]
    Order(&'static str),
}

impl Error {
    /// What the client gets while the head is not out. A broken body keeps the status that its filter chose.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Body { status } => *status,
            Self::ClientGone => 408,
            Self::Ownership { .. } => 403,
            Self::NotStored { source, .. } if is_full(source) => 507,
            Self::NotStored { .. } => 500,
            Self::HeaderTooLong { .. } | Self::Foreign { .. } | Self::OutOfSight { .. } => 500,
            Self::Service { .. } | Self::TooLarge { .. } | Self::Unknown { .. } => 500,
            Self::Died { .. } | Self::Malformed { .. } => 502,
            Self::Failing { .. } | Self::Full { .. } | Self::System { .. } | Self::Unsettled { .. } => 503,
            Self::QueuedTooLong { .. } | Self::Slow { .. } | Self::Undecided { .. } => 504,
        }
    }

    /// After how many seconds trying again may help (Retry-After).
    pub(crate) fn retry(&self) -> Option<u32> {
        match self {
            Self::Failing { .. } => Some(10),
            Self::Full { .. } | Self::System { .. } | Self::Unsettled { .. } => Some(2),
            _ => None,
        }
    }

    /// As what it is counted.
    pub(super) fn loss(&self) -> Loss {
        match self {
            Self::Body { .. } | Self::ClientGone => Loss::ClientGone,
            Self::Died { .. } => Loss::WorkerDied,
            Self::Failing { .. } => Loss::Failing,
            Self::Full { .. } => Loss::QueueFull,
            Self::HeaderTooLong { .. } | Self::Malformed { .. } => Loss::WorkerBroken,
            Self::NotStored { .. } | Self::System { .. } | Self::Unsettled { .. } => Loss::System,
            Self::QueuedTooLong { .. } => Loss::QueueTimeout,
            Self::Slow { .. } | Self::Undecided { .. } => Loss::WorkerSilent,
            Self::Foreign { .. } | Self::OutOfSight { .. } | Self::Ownership { .. } => Loss::Refused,
            Self::Service { .. } | Self::TooLarge { .. } | Self::Unknown { .. } => Loss::Refused,
        }
    }

    /// httpd's log level for it.
    pub(super) fn level(&self) -> u8 {
        match self {
            Self::Body { .. } | Self::ClientGone => contract::level::INFO,
            _ => contract::level::ERROR,
        }
    }
}

/// Whether the disk is full, or what the user may have of it used up.
fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_retries() {
        let group = || "site".to_owned();
        let failing = Error::Failing { group: group(), reason: "no interpreter".into() };
        assert_eq!((failing.status(), failing.retry()), (503, Some(10)));
        let died = Error::Died { group: group(), script: "/a.wsgi".into(), cause: "x".into() };
        assert_eq!((died.status(), died.retry()), (502, None));
        let slow = Error::Slow { group: group(), script: "/a.wsgi".into(), pid: 7, seconds: 60 };
        assert_eq!(slow.status(), 504);
        assert!(
            slow.to_string().contains("/a.wsgi in process 7 of process group `site` sent nothing for 60 s")
        );
        let waited = Duration::from_millis(2500);
        let late = Error::QueuedTooLong { group: group(), script: "/a".into(), waited, busy: 4, threads: 5 };
        assert!(late.to_string().contains("waited 2.5 s") && late.to_string().contains("4 of its 5 threads"));
    }
}
