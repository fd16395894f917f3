//! The version of the contract, and what is said when two parts of different builds meet.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// The version of everything in this crate. Parts with different versions refuse to work together.
pub const VERSION: u32 = 6;

/// Two parts of different versions have met.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{} speaks contract version {theirs} and {} speaks {VERSION}; install both from one build, then stop and start httpd",
    other.display(), own.display()
)]
pub struct Mismatch {
    /// The other part's file.
    other: PathBuf,
    /// Its version.
    theirs: u32,
    /// The file of the part that refuses.
    own: PathBuf,
}

impl Mismatch {
    /// The part `other` must speak our version; `own` is the file of the part that asks.
    pub fn check(other: &Path, theirs: u32, own: &Path) -> Result<(), Self> {
        if theirs == VERSION {
            return Ok(());
        }
        Err(Self { other: other.to_owned(), theirs, own: own.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_both_files() {
        let check = |theirs| Mismatch::check(Path::new("/m/mod_wsgi.so"), theirs, Path::new("/m/leader"));
        assert_eq!(check(VERSION), Ok(()));
        let message = check(99).unwrap_err().to_string();
        assert!(message.starts_with("/m/mod_wsgi.so speaks contract version 99 and /m/leader speaks "));
    }
}
