//! Which interpreter a process group is to run, and whether its user can.

use std::fmt::Write as _;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The interpreter that was found when mod_wsgi was built; empty if there was none.
const DEFAULT: &str = env!("MOD_WSGI_PYTHON");

/// Who will run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Runner {
    pub(crate) uid: u32,
    /// All groups, the primary one included.
    pub(crate) gids: Vec<u32>,
}

/// Why a process group cannot have its interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InterpreterError {
    /// It is there, but not for this user.
    #[error(
        "user {uid} may not run {interpreter}: {}; give that user access, or put python-home elsewhere",
        list(obstacles)
    )]
    Forbidden {
        /// The interpreter.
        interpreter: PathBuf,
        /// The user's number.
        uid: u32,
        /// What is in the way.
        obstacles: Vec<Obstacle>,
    },
    /// No interpreter in a home.
    #[error(
        "the Python home {home} has no interpreter: neither bin/python3 nor bin/python is there; name a virtual environment or a Python installation"
    )]
    NoneInHome {
        /// The home.
        home: PathBuf,
    },
    /// No home, and no default either.
    #[error(
        "no interpreter is known: there was no Python when mod_wsgi was built; set python-home or WSGIPythonHome"
    )]
    NoDefault,
}

/// A path component that keeps a user out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    path: PathBuf,
    owner: u32,
    group: u32,
    mode: u32,
}

fn list(obstacles: &[Obstacle]) -> String {
    let mut out = String::new();
    for (at, Obstacle { path, owner, group, mode }) in obstacles.iter().enumerate() {
        let comma = if at > 0 { ", " } else { "" };
        let _ = write!(out, "{comma}{} (owner {owner}, group {group}, mode {mode:04o})", path.display());
    }
    out
}

/// The interpreter of `home`, else the default one: `bin/python3`, then `bin/python`, never what PATH finds.
pub(crate) fn find(home: Option<&Path>) -> Result<PathBuf, InterpreterError> {
    let Some(home) = home else {
        let default = PathBuf::from(DEFAULT);
        return if default.is_file() { Ok(default) } else { Err(InterpreterError::NoDefault) };
    };
    let candidates = ["bin/python3", "bin/python"].map(|name| home.join(name));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| InterpreterError::NoneInHome { home: home.to_owned() })
}

/// Whether `runner` may execute `interpreter`: every folder on the way, also on the way to where links lead, must
/// let it through.
pub(crate) fn check(interpreter: &Path, runner: &Runner) -> Result<(), InterpreterError> {
    if runner.uid == 0 {
        return Ok(());
    }
    let target = fs::canonicalize(interpreter).unwrap_or_else(|_| interpreter.to_owned());
    let mut obstacles: Vec<Obstacle> = Vec::new();
    for path in [interpreter, &target]
        .into_iter()
        .flat_map(|path| path.ancestors().collect::<Vec<_>>().into_iter().rev())
    {
        let Ok(facts) = fs::metadata(path) else { continue };
        if !may_execute(&facts, runner) && !obstacles.iter().any(|known| known.path == path) {
            let mode = facts.permissions().mode() & 0o7777;
            obstacles.push(Obstacle { path: path.to_owned(), owner: facts.uid(), group: facts.gid(), mode });
        }
    }
    if obstacles.is_empty() {
        return Ok(());
    }
    Err(InterpreterError::Forbidden { interpreter: interpreter.to_owned(), uid: runner.uid, obstacles })
}

/// The kernel's rule: the owner's bit for the owner, else the group's for members, else that of others.
fn may_execute(facts: &Metadata, runner: &Runner) -> bool {
    let mode = facts.permissions().mode();
    if facts.uid() == runner.uid {
        mode & 0o100 != 0
    } else if runner.gids.contains(&facts.gid()) {
        mode & 0o010 != 0
    } else {
        mode & 0o001 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_in_the_way() {
        let folder = std::env::temp_dir().join(format!("mod_wsgi-interpreter-{}", std::process::id()));
        fs::create_dir_all(folder.join("bin")).unwrap();
        assert!(matches!(find(Some(&folder)), Err(InterpreterError::NoneInHome { .. })));
        fs::write(folder.join("bin/python"), "").unwrap();
        let python = find(Some(&folder)).unwrap();
        assert!(python.ends_with("bin/python"));

        let stranger = Runner { uid: 4_294_000, gids: vec![4_294_000] };
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(check(&python, &stranger), Ok(()));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let message = check(&python, &stranger).unwrap_err().to_string();
        assert!(
            message.contains(&folder.display().to_string()) && message.contains("mode 0700"),
            "{message}"
        );
        fs::remove_dir_all(&folder).unwrap();
    }
}
