//! What /proc says about a process: memory and processor time. It is read by whoever serves the request, asks nobody and
//! waits for nobody.
//!
//! Only `stat` is read: everybody may, whoever the process belongs to (`smaps_rollup`, with the memory that a process
//! shares, is for its own user, and waits for its lock).

use rustix::process::{Pid, getpid, getppid};

use super::model::Usage;

/// Of process `pid`; nothing where there is none, or where /proc hides it.
pub(super) fn usage(pid: u32) -> Usage {
    usage_in(&stat(pid))
}

/// Of a worker. A shared area names it, where the group's user may write any number; so it is shown only if it is a child
/// of a leader, which is a child of httpd.
pub(super) fn usage_of_worker(pid: u32) -> Usage {
    let worker = stat(pid);
    let httpd = parent(&worker).and_then(|leader| parent(&stat(leader)));
    // With `httpd -X` the process that answers is the one that has started the leader.
    let ours = [getppid(), Some(getpid())].into_iter().flatten().map(|pid| Pid::as_raw_nonzero(pid).get());
    let is_ours = httpd.is_some_and(|httpd| ours.into_iter().any(|pid| pid.unsigned_abs() == httpd));
    if is_ours { usage_in(&worker) } else { Usage::default() }
}

fn stat(pid: u32) -> Vec<u8> {
    std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default()
}

fn usage_in(stat: &[u8]) -> Usage {
    of(stat, rustix::param::page_size() as u64, rustix::param::clock_ticks_per_second())
}

fn parent(stat: &[u8]) -> Option<u32> {
    field(stat, 4).and_then(|pid| u32::try_from(pid).ok())
}

/// Reads the text of `stat` (proc(5)).
fn of(stat: &[u8], page: u64, tick: u64) -> Usage {
    let memory = field(stat, 24).map(|pages| pages.saturating_mul(page));
    let times = field(stat, 14).zip(field(stat, 15));
    let cpu = times.map(|(user, system)| user.saturating_add(system) as f64 / tick as f64);
    Usage { memory: memory.filter(|bytes| *bytes > 0), cpu }
}

/// A number in it, from the fourth on: a process may call itself anything, so fields count from the last parenthesis.
fn field(stat: &[u8], number: usize) -> Option<u64> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    rest.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok() // the third is the first here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_count_from_the_name_whatever_it_is() {
        let stat = b"42 (a) b) 7) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 12345 1000000 25 18446744073709551615";
        assert_eq!(of(stat, 4096, 100), Usage { memory: Some(25 * 4096), cpu: Some(2.0) });
    }

    #[test]
    fn nonsense_is_nothing() {
        for stat in [&b""[..], b"42 (x) S", b"42 (x", b")))", b"1 (x) S a b c d e f g h i j k l m n"] {
            assert_eq!(of(stat, 4096, 100), Usage::default());
        }
        assert_eq!(usage(0), Usage::default());
        assert!(usage(std::process::id()).memory.is_some());
    }

    #[test]
    fn workers_are_grandchildren() {
        let own = std::process::id();
        assert_eq!(usage_of_worker(own), Usage::default(), "nobody of ours");
        let mut leader = std::process::Command::new("/bin/sh")
            .args(["-c", "sleep 60 & echo $!; read line; kill $!"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut printed = std::io::BufReader::new(leader.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut printed, &mut line).unwrap();
        let worker: u32 = line.trim().parse().unwrap();
        let shown = usage_of_worker(worker);
        drop(leader.stdin.take());
        leader.wait().unwrap();
        assert!(shown.cpu.is_some());
    }
}
