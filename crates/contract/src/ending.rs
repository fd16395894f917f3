//! How a process ended, from its wait status (wait(2)): in words, and what to look at.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// The exit status of a worker that did not end in time.
pub const LATE: i32 = 255;
/// The exit status of a worker whose descriptors the application has closed.
pub const ROBBED: i32 = 254;

/// `was killed by signal 9 (SIGKILL), no core dumped`, `exited with status 3`.
pub fn describe(status: i32) -> String {
    let status = ExitStatus::from_raw(status);
    match (status.signal(), status.code()) {
        (Some(signal), _) => {
            let core = if status.core_dumped() { "core dumped" } else { "no core dumped" };
            format!("was killed by signal {signal} ({}), {core}", name(signal))
        }
        (None, Some(code)) => format!("exited with status {code}"),
        (None, None) => format!("ended with wait status {}", status.into_raw()),
    }
}

/// What to look at after such an end, as the rest of a sentence; empty where there is nothing to say. `wanted`: the leader
/// made the process end, by asking and in the end by SIGABRT or SIGKILL.
pub fn advice(status: i32, wanted: bool) -> &'static str {
    let status = ExitStatus::from_raw(status);
    match (status.signal(), status.code()) {
        (Some(libc::SIGABRT | libc::SIGKILL), _) if wanted => "",
        (Some(signal), _) => signal_advice(signal),
        (None, Some(LATE)) => ": it had to end before its requests were over (shutdown-timeout)",
        (None, Some(ROBBED)) => {
            ": the application has closed file descriptors that are not its own; look for os.closerange, or a close() that \
             comes twice"
        }
        (None, Some(_)) if !wanted => ": the application, or something that it called, ended the process",
        (None, _) => "",
    }
}

fn signal_advice(signal: i32) -> &'static str {
    match signal {
        libc::SIGILL
        | libc::SIGTRAP
        | libc::SIGABRT
        | libc::SIGBUS
        | libc::SIGFPE
        | libc::SIGSEGV
        | libc::SIGSYS => {
            "; an extension module or Python itself is at fault: its Python stack is in the log above, and CoreDumpDirectory \
             gives a core"
        }
        libc::SIGKILL => {
            "; nothing here has sent that: the system ran out of memory, as a rule. Look at the kernel's log (dmesg), at the \
             memory limit of the service or container (cgroup), and at memory-limit"
        }
        libc::SIGXCPU => "; it used more processor time than its limit (cpu-time-limit)",
        libc::SIGXFSZ => "; it wrote a file beyond its limit (ulimit -f)",
        _ => "",
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        _ => "unnamed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_described() {
        assert_eq!(describe(9), "was killed by signal 9 (SIGKILL), no core dumped");
        assert_eq!(describe(11 | 0x80), "was killed by signal 11 (SIGSEGV), core dumped");
        assert_eq!(describe(3 << 8), "exited with status 3");
        assert!(["ended with", "was killed"].iter().any(|start| describe(-1).starts_with(start)));
    }

    #[test]
    fn there_is_advice_where_somebody_can_follow_it() {
        assert!(advice(9, false).contains("dmesg") && advice(11 | 0x80, true).contains("CoreDumpDirectory"));
        assert!(advice(3 << 8, false).contains("the application"));
        assert!(advice(LATE << 8, true).contains("shutdown-timeout"));
        assert!(advice(ROBBED << 8, false).contains("os.closerange"));
        let nothing = [(15, false), (9, true), (6, true), (0, true)];
        assert!(nothing.iter().all(|(status, wanted)| advice(*status, *wanted).is_empty()));
    }
}
