//! Which interpreter a process group is to run, and whether its user can; likewise whether a script can be read.

use std::fmt::Write as _;
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The interpreter that was found when mod_wsgi was built; empty if there was none.
const DEFAULT: &str = env!("MOD_WSGI_PYTHON");

/// Permissions of a file, as the bits for others.
const EXECUTE: u32 = 1;
const READ: u32 = 4;

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

/// Why a script cannot be read.
#[derive(Debug, Error)]
pub(crate) enum ScriptError {
    /// A folder stands there.
    #[error("it is a folder")]
    Folder,
    /// There is none, or the system says no.
    #[error(transparent)]
    Missing(#[from] std::io::Error),
    /// It is there, but not for this user.
    #[error("user {uid} may not read it: {}", list(obstacles))]
    Unreadable {
        /// The user's number.
        uid: u32,
        /// What is in the way.
        obstacles: Vec<Obstacle>,
    },
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
    let obstacles = obstacles(interpreter, EXECUTE, runner);
    if obstacles.is_empty() {
        return Ok(());
    }
    Err(InterpreterError::Forbidden { interpreter: interpreter.to_owned(), uid: runner.uid, obstacles })
}

/// What is wrong with a script that `runner` shall read; `None` is whoever asks.
pub(crate) fn check_script(script: &Path, runner: Option<&Runner>) -> Result<(), ScriptError> {
    if fs::metadata(script)?.is_dir() {
        return Err(ScriptError::Folder);
    }
    let Some(runner) = runner.filter(|runner| runner.uid != 0) else {
        return fs::File::open(script).map(drop).map_err(ScriptError::from);
    };
    let obstacles = obstacles(script, READ, runner);
    if obstacles.is_empty() { Ok(()) } else { Err(ScriptError::Unreadable { uid: runner.uid, obstacles }) }
}

/// What keeps `runner` from `file`: every folder on the way, also on the way to where links lead, must let it through,
/// and the file must give the permission `last`.
fn obstacles(file: &Path, last: u32, runner: &Runner) -> Vec<Obstacle> {
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut obstacles: Vec<Obstacle> = Vec::new();
    for end in [file, &target] {
        for path in end.ancestors().collect::<Vec<_>>().into_iter().rev() {
            let Ok(facts) = fs::metadata(path) else { continue };
            let permission = if path == end { last } else { EXECUTE };
            if !may(&facts, permission, runner) && !obstacles.iter().any(|known| known.path == path) {
                let mode = facts.permissions().mode() & 0o7777;
                let (owner, group) = (facts.uid(), facts.gid());
                obstacles.push(Obstacle { path: path.to_owned(), owner, group, mode });
            }
        }
    }
    obstacles
}

/// The kernel's rule: the owner's bit for the owner, else the group's for members, else that of others.
fn may(facts: &Metadata, permission: u32, runner: &Runner) -> bool {
    let shift = if facts.uid() == runner.uid {
        6
    } else if runner.gids.contains(&facts.gid()) {
        3
    } else {
        0
    };
    facts.permissions().mode() >> shift & permission != 0
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

    #[test]
    fn scripts_must_be_there_for_their_user() {
        let folder = std::env::temp_dir().join(format!("mod_wsgi-script-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let script = folder.join("access.py");
        let stranger = Runner { uid: 4_294_000, gids: vec![4_294_000] };
        assert!(matches!(check_script(&script, Some(&stranger)), Err(ScriptError::Missing(_))));
        assert!(matches!(check_script(&folder, None), Err(ScriptError::Folder)));
        fs::write(&script, "").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(check_script(&script, Some(&stranger)).is_ok() && check_script(&script, None).is_ok());
        fs::set_permissions(&script, fs::Permissions::from_mode(0o600)).unwrap();
        let message = check_script(&script, Some(&stranger)).unwrap_err().to_string();
        assert!(message.contains("access.py") && message.contains("mode 0600"), "{message}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
