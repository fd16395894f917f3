//! Folders for what slow clients send and take (`spool-directory`, or that for temporary files): httpd's own processes write
//! there, and find out only when a client is slow.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::fs::{StatVfs, StatVfsMountFlags, statfs, statvfs};

use super::access::{self, Obstacle, SEARCH, WRITE};
use super::{Case, paths};
use crate::apache::process;
use crate::config::ProcessGroup;
use crate::config::finding::{Finding, Severity};

/// What statfs says of file systems that are in memory: tmpfs and ramfs.
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// What is to be said of them. A folder of several groups is told once.
pub(super) fn look(case: &Case<'_>) -> Vec<Finding> {
    let (mut findings, mut told) = (Vec::new(), BTreeSet::new());
    for member in case.groups.iter().filter(|member| writes(member.group)) {
        let group = member.group;
        let folder = group.spool_directory.clone().unwrap_or_else(std::env::temp_dir);
        if told.contains(&folder) {
            continue;
        }
        if let Some((severity, what, remedy)) = judge(case, group, &folder) {
            findings.push(Finding::of_group(severity, group, what, remedy).at(&folder));
            told.insert(folder);
        }
    }
    findings
}

/// Whether something of the group's requests ever comes to a file.
fn writes(group: &ProcessGroup) -> bool {
    group.threads > 0 && (group.response_spool_limit > 0 || group.request_buffering)
}

/// What is the matter with a folder, and what to change.
fn judge(case: &Case<'_>, group: &ProcessGroup, folder: &Path) -> Option<(Severity, String, String)> {
    let name = match group.spool_directory {
        Some(_) => format!("spool-directory={}", folder.display()),
        None => format!("the folder for temporary files, {}", folder.display()),
    };
    let useless = |what: String, remedy: String| {
        let what =
            format!("{name}: {what}, so that slow clients hold threads, and uploads that it is to keep fail");
        Some((Severity::Warning, what, remedy))
    };
    let other = "name another with spool-directory=";
    if let Some(obstacle) = access::obstacle(folder, WRITE | SEARCH, &case.httpd) {
        let user = paths::who(process::identity().uid);
        let what = match &obstacle {
            Obstacle::Forbidden { .. } => format!("httpd's user {user} {}", obstacle.words()),
            _ => obstacle.words(),
        };
        let remedy = obstacle.remedy(&case.httpd, &user);
        return useless(what, remedy.unwrap_or_else(|| format!("make it, or {other}")));
    }
    if !folder.is_dir() {
        return useless("it is no folder".to_owned(), other.to_owned());
    }
    let space = statvfs(folder).ok()?;
    if space.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return useless("its file system cannot be written to".to_owned(), other.to_owned());
    }
    let (left, wanted) = (left(&space), group.response_spool_limit.max(1));
    if left < wanted {
        let what = format!(
            "{name} has {} left, and one slow client may need {} (response-spool-limit); where it is full, slow clients \
             hold threads, and uploads that it is to keep fail",
            in_words(left),
            in_words(wanted)
        );
        return Some((Severity::Warning, what, format!("make room there, or {other}")));
    }
    // Where nobody has named it, a little memory for responses is what one gets.
    let chosen = group.spool_directory.is_some() || group.request_buffering;
    let in_memory = statfs(folder).is_ok_and(|facts| IN_MEMORY.contains(&(facts.f_type as u32)));
    (chosen && in_memory).then(|| {
        let what = format!("{name} is in memory (tmpfs), and what slow clients send and take counts as such");
        (Severity::Hint, what, format!("{other} on a disk"))
    })
}

/// What others than root may still write.
fn left(space: &StatVfs) -> u64 {
    space.f_bavail.saturating_mul(space.f_frsize)
}

fn in_words(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::words::Words;

    fn group(options: &str) -> ProcessGroup {
        ProcessGroup::read(&mut Words::new(format!("a {options}").as_bytes(), b"", 1)).unwrap()
    }

    #[test]
    fn who_never_writes_needs_no_folder() {
        assert!(writes(&group("")));
        assert!(!writes(&group("response-spool-limit=0")));
        assert!(writes(&group("response-spool-limit=0 request-buffering=On")));
        assert!(!writes(&group("threads=0")));
    }

    #[test]
    fn sizes_are_said_as_one_thinks_of_them() {
        assert_eq!(
            [0, 1, 700 << 10, 64 << 20, 3 << 30].map(in_words),
            ["0 KiB", "1 KiB", "700 KiB", "64 MiB", "3072 MiB"]
        );
    }
}
