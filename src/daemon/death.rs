//! How a worker died, in words for the log line of the request that it took along.
//!
//! The leader sees the end of a worker a moment after its connections break, and writes the wait status into the
//! shared area; it is looked up there for a while.

use std::thread;
use std::time::Duration;

use contract::area::Group;
use contract::ending::{advice, describe};
use contract::reason::Reason;

/// How often the area is looked at, and for how long.
const STEP: Duration = Duration::from_millis(5);
const STEPS: u32 = 100;

/// How worker `pid` ended: words, and what to do about it.
pub(super) fn cause(group: &Group, pid: Option<u32>) -> String {
    let Some(pid) = pid else { return "its process ended".to_owned() };
    for _ in 0..STEPS {
        if let Some((status, reason)) = group.exit_of(pid) {
            let (end, advice) = (describe(status), advice(status, reason.is_some()));
            return format!("its process {pid} {end}{advice}{}", reason.map(why).unwrap_or_default());
        }
        thread::sleep(STEP);
    }
    format!("its process {pid} closed the connection, and nothing is known about its end")
}

/// Why the leader ended the process, or was about to.
fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::RequestTimeout => {
            "; it was replaced because a request ran longer than request-timeout allows"
        }
        Reason::DeadlockTimeout => {
            "; it was replaced because nobody could take Python's lock (deadlock-timeout): the stacks are in the log"
        }
        Reason::StartupTimeout => "; it was replaced because it had loaded no script within startup-timeout",
        Reason::CpuTimeLimit => {
            "; it was replaced because it had used up its processor time (cpu-time-limit)"
        }
        Reason::InactivityTimeout => {
            "; it was replaced because nothing had happened in it for inactivity-timeout"
        }
        Reason::RestartInterval => "; it was replaced because it was as old as restart-interval",
        Reason::MaximumRequests => "; it was replaced after maximum-requests",
        Reason::EvictionSignal | Reason::GracefulSignal => "; it was replaced gracefully",
        Reason::ScriptReload => "; it was replaced because a script had changed",
        Reason::ShutdownSignal => "; it was told to stop",
        Reason::MemoryLimit => {
            "; it had no memory left: raise memory-limit or virtual-memory-limit, or find out what keeps so much of it"
        }
        Reason::DescriptorLimit => {
            "; it had no file descriptors left: find out what leaves files or sockets open, or raise the limit (ulimit -n)"
        }
        Reason::Surplus => "; it was stopped because the group goes on with fewer processes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::area::Area;

    #[test]
    fn the_area_says_how() {
        let (area, _file) = Area::create(2, 1).unwrap();
        area.group().record_exit(77, 9, None);
        let killed = cause(area.group(), Some(77));
        assert!(killed.starts_with("its process 77 was killed by signal 9 (SIGKILL)"), "{killed}");
        assert!(killed.contains("dmesg"), "{killed}");
        area.group().record_exit(78, 6, Some(Reason::MemoryLimit));
        let aborted = cause(area.group(), Some(78));
        assert!(aborted.contains("memory-limit") && !aborted.contains("at fault"), "{aborted}");
        assert_eq!(cause(area.group(), None), "its process ended");
    }
}
