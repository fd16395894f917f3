//! The Python that runs the application: which one, and what it says about itself and the entry point.
//!
//! It is asked once, in a process of its own; nothing of the application is imported there. Root asks as the user of the
//! application: what an interpreter runs when it starts (`.pth` files, sitecustomize) is that user's.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::identity::Identity;
use crate::locate;

/// Why there is no Python.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{program} could not be asked about itself: {said}")]
    Failed { program: PathBuf, said: String },
    #[error(
        "there is no module `{name}` for {program}: looked in {folder}, --python-path and what Python knows"
    )]
    NoModule { name: String, program: PathBuf, folder: PathBuf },
    #[error(
        "{user} cannot execute {program}: {folder} is closed to that user; open it (chmod o+x), or name another Python with --python-home"
    )]
    Closed { user: String, program: PathBuf, folder: PathBuf },
    #[error("there is no python3 in {0}/bin: name a virtual environment or an installation of Python")]
    NoPython(PathBuf),
    #[error("python3 is not in PATH: install it, or name an installation with --python-home")]
    NotInPath,
    #[error("{program} is Python {version}; 3.10 is the oldest that works")]
    TooOld { program: PathBuf, version: String },
    #[error("{0} has a global lock: --free-threading needs a Python that was built without (3.13t or later)")]
    WithLock(PathBuf),
}

/// What is known about it.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    /// sys.prefix.
    pub home: PathBuf,
    /// The locale to use unless one is given.
    pub locale: String,
}

/// What has to be asked.
#[derive(Debug)]
pub(crate) struct Question<'q> {
    pub home: Option<&'q Path>,
    pub working_directory: &'q Path,
    pub python_path: &'q [PathBuf],
    /// The module that is the entry point.
    pub module: Option<&'q OsStr>,
    pub free_threading: bool,
    /// Whom root asks as; nobody else can choose.
    pub user: Option<&'q Identity>,
}

#[derive(serde::Deserialize)]
struct Answer {
    prefix: PathBuf,
    version: (u32, u32),
    has_lock: bool,
    has_module: bool,
    locale: String,
}

const PROBE: &str = include_str!("probe.py");

impl Python {
    /// Finds and asks it.
    pub(crate) fn find(question: &Question<'_>) -> Result<Self, Error> {
        let program = program(question.home)?;
        let failed = |said: String| Error::Failed { program: program.clone(), said };
        if let Some((user, folder)) = question.user.and_then(|user| Some((user, in_the_way(&program, user)?)))
        {
            return Err(Error::Closed { user: user.user.clone(), program, folder });
        }
        let output = command(&program, question.user)
            .arg("-c")
            .arg(PROBE)
            .arg(question.module.unwrap_or_default())
            .args(question.python_path)
            .current_dir(question.working_directory)
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let answer: Answer =
            serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
        if answer.version < (3, 10) {
            let (major, minor) = answer.version;
            return Err(Error::TooOld { program, version: format!("{major}.{minor}") });
        }
        if question.free_threading && answer.has_lock {
            return Err(Error::WithLock(program));
        }
        if let Some(name) = question.module.filter(|_| !answer.has_module) {
            let name = name.to_string_lossy().into_owned();
            return Err(Error::NoModule { name, program, folder: question.working_directory.to_path_buf() });
        }
        Ok(Self { home: answer.prefix, locale: answer.locale })
    }
}

/// The interpreter of the given place, else of the active virtual environment, else of the one that this command is
/// installed in, else the one in PATH.
fn program(given: Option<&Path>) -> Result<PathBuf, Error> {
    let of = |home: &Path| {
        ["python3", "python"]
            .map(|name| home.join("bin").join(name))
            .into_iter()
            .find(|file| locate::is_executable(file))
    };
    if let Some(home) = given {
        return of(home).ok_or_else(|| Error::NoPython(home.to_path_buf()));
    }
    let active = std::env::var_os("VIRTUAL_ENV").filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.parent()?.to_path_buf()));
    let own = own.filter(|home| home.join("pyvenv.cfg").exists());
    [active, own]
        .into_iter()
        .flatten()
        .find_map(|home| of(&home))
        .or_else(|| locate::program_in_path(&["python3"]))
        .ok_or(Error::NotInPath)
}

/// A command that root runs as somebody else, with all groups of that user where setpriv is (util-linux).
fn command(program: &Path, user: Option<&Identity>) -> Command {
    let Some(user) = user.filter(|user| user.is_root()) else { return Command::new(program) };
    let Some(setpriv) = locate::program_in_path(&["setpriv"]) else {
        let mut command = Command::new(program);
        command.uid(user.user_id).gid(user.gid);
        return command;
    };
    let mut command = Command::new(setpriv);
    command.args(["--reuid", &user.user_id.to_string(), "--regid", &user.gid.to_string()]);
    command.arg(if user.has_account { "--init-groups" } else { "--clear-groups" }).arg(program);
    command
}

/// The folder that keeps the user from a program.
fn in_the_way(program: &Path, user: &Identity) -> Option<PathBuf> {
    if !user.is_root() {
        return None;
    }
    let target = program.canonicalize().unwrap_or_else(|_| program.to_path_buf());
    let mut folders: Vec<&Path> = program
        .ancestors()
        .skip(1)
        .chain(target.ancestors().skip(1))
        .filter(|folder| folder.is_dir())
        .collect();
    folders.sort_by_key(|folder| folder.components().count());
    folders.dedup();
    let test = locate::program_in_path(&["test"])?;
    let may_execute = |path: &Path| {
        let answer = command(&test, Some(user)).arg("-x").arg(path).output();
        answer.is_ok_and(|output| output.status.success())
    };
    if may_execute(program) {
        return None;
    }
    folders.into_iter().find(|folder| !may_execute(folder)).map(Path::to_path_buf)
}
