//! The modification time of a file, by which versions of a script are told from each other.

use std::path::Path;

use rustix::fs::stat;

/// The modification time of a file in microseconds; `None` if it cannot be seen.
pub fn modified(path: &Path) -> Option<i64> {
    let status = stat(path).ok()?;
    Some((status.st_mtime as i64).saturating_mul(1_000_000) + status.st_mtime_nsec as i64 / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_and_nothing_has_none() {
        let path = std::env::temp_dir().join(format!("mod_wsgi-modified-{}", std::process::id()));
        assert_eq!(modified(&path), None);
        let file = std::fs::File::create(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_micros(1_500_007)).unwrap();
        assert_eq!(modified(&path), Some(1_500_007));
        std::fs::remove_file(&path).unwrap();
    }
}
