//! How a worker died, in words for the log line of the request that it took along.
//!
//! The leader sees the end of a worker a moment after its connections break, and writes the wait status into the
//! shared area; it is looked up there for a while.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use contract::area::Group;
use contract::reason::Reason;

/// How often the area is looked at, and for how long.
const STEP: Duration = Duration::from_millis(5);
const STEPS: u32 = 100;

/// How worker `pid` ended: words, and what to do about it.
pub(super) fn cause(group: &Group, pid: Option<u32>) -> String {
    let Some(pid) = pid else { return "its process ended".to_owned() };
    for _ in 0..STEPS {
        if let Some((status, reason)) = group.exit_of(pid) {
            let end = describe(status, reason.is_some());
            return format!("its process {pid} {end}{}", reason.map(why).unwrap_or_default());
        }
        thread::sleep(STEP);
    }
    format!("its process {pid} closed the connection, and nothing is known about its end")
}

/// A wait status (wait(2)) in words, with what to look at; `wanted`: its leader made the process end.
fn describe(status: i32, wanted: bool) -> String {
    let status = ExitStatus::from_raw(status);
    if let Some(signal) = status.signal() {
        let (name, advice) = signal_words(signal);
        let core = if status.core_dumped() { "core dumped" } else { "no core dumped" };
        return format!("was killed by signal {signal} ({name}), {core}{advice}");
    }
    match status.code() {
        Some(255) => {
            "exited with status 255: it had to end before its requests were over (shutdown-timeout)".into()
        }
        Some(code) if wanted => format!("exited with status {code}"),
        Some(code) => {
            format!(
                "exited with status {code}: the application, or something that it called, ended the process"
            )
        }
        None => format!("ended with wait status {}", status.into_raw()),
    }
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
        Reason::Surplus => "; it was stopped because the group goes on with fewer processes",
    }
}

fn signal_words(signal: i32) -> (&'static str, &'static str) {
    const MEMORY: &str =
        "; if nobody sent it, the system ran out of memory: see the kernel's log, and memory-limit";
    const FAULT: &str =
        "; an extension module or Python itself is at fault: set CoreDumpDirectory for a core";
    match signal {
        libc::SIGHUP => ("SIGHUP", ""),
        libc::SIGINT => ("SIGINT", ""),
        libc::SIGQUIT => ("SIGQUIT", ""),
        libc::SIGILL => ("SIGILL", FAULT),
        libc::SIGTRAP => ("SIGTRAP", FAULT),
        libc::SIGABRT => ("SIGABRT", FAULT),
        libc::SIGBUS => ("SIGBUS", FAULT),
        libc::SIGFPE => ("SIGFPE", FAULT),
        libc::SIGKILL => ("SIGKILL", MEMORY),
        libc::SIGUSR1 => ("SIGUSR1", ""),
        libc::SIGSEGV => ("SIGSEGV", FAULT),
        libc::SIGUSR2 => ("SIGUSR2", ""),
        libc::SIGPIPE => ("SIGPIPE", ""),
        libc::SIGALRM => ("SIGALRM", ""),
        libc::SIGTERM => ("SIGTERM", ""),
        libc::SIGXCPU => ("SIGXCPU", "; it used more processor time than its limit (cpu-time-limit)"),
        libc::SIGXFSZ => ("SIGXFSZ", "; it wrote a file beyond its limit (ulimit -f)"),
        libc::SIGSYS => ("SIGSYS", FAULT),
        _ => ("unnamed", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::area::Area;

    #[test]
    fn ends_are_described() {
        assert!(
            describe(9, false).starts_with("was killed by signal 9 (SIGKILL), no core dumped; if nobody")
        );
        assert!(
            describe(11 | 0x80, false)
                .starts_with("was killed by signal 11 (SIGSEGV), core dumped; an extension")
        );
        assert!(describe(3 << 8, false).starts_with("exited with status 3:"));
        assert_eq!(describe(0, true), "exited with status 0");
        assert!(describe(255 << 8, true).contains("shutdown-timeout"));
        assert!(
            describe(-1, false).starts_with("ended with") || describe(-1, false).starts_with("was killed")
        );
    }

    #[test]
    fn the_area_says_how() {
        let (area, _file) = Area::create(2, 1).unwrap();
        area.group().record_exit(77, 9, None);
        assert!(cause(area.group(), Some(77)).starts_with("its process 77 was killed by signal 9 (SIGKILL)"));
        assert_eq!(cause(area.group(), None), "its process ended");
    }
}
