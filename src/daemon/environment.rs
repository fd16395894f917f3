//! The variables that a process group's configuration gives to its workers: `env-file`, and then `env`.
//!
//! The file is read by whoever starts httpd, so that it can belong to root alone: with the configuration (also by
//! `httpd -t`), and again for each generation. Options that say more than a variable go before it: `lang` and `locale`.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use contract::variables::Variables;
use rustix::fs::OFlags;
use thiserror::Error;

use crate::config::ProcessGroup;
use crate::config::environment_file::{self, FileError};

/// More than fits into the environment of a process.
const LARGEST: u64 = 1 << 20;

/// Why `env-file` cannot be used. No message quotes the file.
#[derive(Debug, Error)]
pub(crate) enum EnvironmentError {
    #[error("env-file={0} is not a file; name a file with lines of NAME=value")]
    Kind(PathBuf),
    #[error("env-file={0} is larger than 1M; variables of that size reach no process")]
    Large(PathBuf),
    #[error("env-file={0}, {1}")]
    Text(PathBuf, #[source] FileError),
    #[error(
        "env-file={0} cannot be read: {1}; correct the path, or let the user who starts httpd read the file (root reads any)"
    )]
    Unreadable(PathBuf, #[source] io::Error),
}

/// What the workers of a group get, as far as its options say it.
pub(crate) fn environment(group: &ProcessGroup) -> Result<Variables, EnvironmentError> {
    let mut all = match &group.environment_file {
        Some(path) => {
            let text = read(path)?;
            environment_file::parse(&text).map_err(|error| EnvironmentError::Text(path.clone(), error))?
        }
        None => Variables::default(),
    };
    all.set_all(&group.environment);
    if group.lang.is_some() {
        all.remove("LANG");
    }
    if group.locale.is_some() {
        all.remove("LC_ALL");
    }
    Ok(all)
}

/// Whether others than its owner can do something to the file that they should not: what, and what to change.
pub(crate) fn exposed(group: &ProcessGroup) -> Option<(String, String)> {
    let path = group.environment_file.as_deref()?;
    let mode = std::fs::metadata(path).ok()?.mode();
    let (who, command) = match (mode & 0o022, mode & 0o004) {
        (0, 0) => return None,
        (0, _) => ("read", "chmod o-rwx"),
        _ => ("changed", "chmod go-w,o-rwx"),
    };
    let path = path.display();
    Some((
        format!("env-file={path} can be {who} by others than its owner"),
        format!("take that right away ({command} {path})"),
    ))
}

fn read(path: &Path) -> Result<Vec<u8>, EnvironmentError> {
    let unreadable = |error| EnvironmentError::Unreadable(path.to_owned(), error);
    // A pipe without a writer must not hold httpd up.
    let flags = OFlags::NONBLOCK.bits() as i32;
    let mut file = File::options().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(EnvironmentError::Kind(path.to_owned()));
    }
    if metadata.len() > LARGEST {
        return Err(EnvironmentError::Large(path.to_owned()));
    }
    let mut text = Vec::new();
    file.by_ref().take(LARGEST).read_to_end(&mut text).map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Words;
    use std::os::unix::fs::PermissionsExt;

    fn group(options: &str) -> ProcessGroup {
        ProcessGroup::read(&mut Words::new(format!("site {options}").as_bytes(), b"httpd.conf", 1)).unwrap()
    }

    fn values(group: &ProcessGroup) -> Vec<(String, String)> {
        let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
        environment(group).unwrap().iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn options_go_before_the_file() {
        let file = std::env::temp_dir().join(format!("mod_wsgi-env-{}", std::process::id()));
        std::fs::write(&file, "A=file\nB=file\nLANG=file\nLC_ALL=file\n").unwrap();
        let group = group(&format!("env=B=option env-file={} lang=C env=C=1 env=C=2", file.display()));
        let wanted = [("A", "file"), ("B", "option"), ("LC_ALL", "file"), ("C", "2")];
        assert_eq!(values(&group), wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));

        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o640);
        assert_eq!(exposed(&group), None);
        mode(0o644);
        assert!(exposed(&group).unwrap().0.contains("can be read by others"));
        mode(0o660);
        assert!(exposed(&group).unwrap().0.contains("can be changed by others"));

        std::fs::write(&file, "A=1\nhidden\n").unwrap();
        let error = environment(&group).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("env-file={}, line 2: there is no `=`", file.display())),
            "{error}"
        );
        std::fs::write(&file, vec![b'#'; 1 + (1 << 20)]).unwrap();
        assert!(matches!(environment(&group), Err(EnvironmentError::Large(_))));
        std::fs::remove_file(&file).unwrap();
        assert!(environment(&group).unwrap_err().to_string().contains("correct the path"));
    }

    #[test]
    fn only_files() {
        assert!(matches!(environment(&group("env-file=/dev")), Err(EnvironmentError::Kind(_))));
        assert!(matches!(environment(&group("env-file=/dev/null")), Err(EnvironmentError::Kind(_))));
    }
}
