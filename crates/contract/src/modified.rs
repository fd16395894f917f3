//! The modification time of a file, by which versions of a script are told from each other, and who has looked later.

use std::path::Path;

use rustix::fs::stat;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The modification time of a file in microseconds; `None` if it cannot be seen.
pub fn modified(path: &Path) -> Option<i64> {
    let status = stat(path).ok()?;
    Some((status.st_mtime as i64).saturating_mul(1_000_000) + status.st_mtime_nsec as i64 / 1000)
}

/// What a look at a file has shown, and when that was. What several processes have seen can arrive in any order; the
/// one who is told need not look itself, which takes for ever where a network file system hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The version in the file; `None`: there is none.
    pub version: Option<i64>,
    /// When the look began and was over, in nanoseconds of the monotonic clock.
    began: i64,
    over: i64,
}

impl Sighting {
    /// Looks at a file.
    pub fn of(path: &Path) -> Self {
        let began = now();
        Self { version: modified(path), began, over: now() }
    }

    /// What would be seen at this time, for tests of those who are told.
    pub fn at(version: Option<i64>, time: i64) -> Self {
        Self { version, began: time, over: time }
    }

    /// Whether this counts, and not what `known` says: it is of a later look, or a newer file where both looked at once.
    pub fn replaces(&self, known: &Self) -> bool {
        let at_once = self.began <= known.over && known.began <= self.over;
        if at_once { self.version > known.version } else { self.began > known.over }
    }
}

/// All processes of a machine share this clock.
fn now() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_and_nothing_has_none() {
        let path = std::env::temp_dir().join(format!("mod_wsgi-modified-{}", std::process::id()));
        let before = Sighting::of(&path);
        assert_eq!((modified(&path), before.version), (None, None));
        let file = std::fs::File::create(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_micros(1_500_007)).unwrap();
        let after = Sighting::of(&path);
        assert_eq!((modified(&path), after.version), (Some(1_500_007), Some(1_500_007)));
        assert!(after.replaces(&before) && !before.replaces(&after));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn the_later_look_counts_whatever_the_file_says() {
        let (newer, put_back) = (Sighting::at(Some(9), 1), Sighting::at(Some(3), 2));
        assert!(put_back.replaces(&newer) && !newer.replaces(&put_back));
        let gone = Sighting::at(None, 3);
        assert!(gone.replaces(&put_back) && !put_back.replaces(&gone));
    }

    #[test]
    fn of_two_looks_at_once_the_newer_file_counts() {
        let long = Sighting { version: Some(2), began: 1, over: 9 };
        let within = Sighting { version: Some(1), began: 4, over: 5 };
        assert!(long.replaces(&within) && !within.replaces(&long));
        assert!(!long.replaces(&long), "that is no news");
    }
}
