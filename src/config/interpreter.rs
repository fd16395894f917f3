//! Where the interpreter and the library of a Python home are, and what a virtual environment says about itself.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The interpreter that was found when mod_wsgi was built; empty if there was none.
const DEFAULT: &str = env!("MOD_WSGI_PYTHON");
/// Its libpython; empty if there was none.
const LIBPYTHON: &str = env!("MOD_WSGI_LIBPYTHON");

/// Why there is no interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum InterpreterError {
    /// A home whose interpreter was a link.
    #[error(
        "the Python home {home} has lost its interpreter: {link} leads to {target}, and nothing is there",
        home = home.display(),
        link = link.display(),
        target = target.display()
    )]
    Dangling {
        /// The home.
        home: PathBuf,
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// No interpreter in a home.
    #[error("the Python home {} has no interpreter: neither bin/python3 nor bin/python is there", .0.display())]
    NoneInHome(PathBuf),
    /// No home, and no default either.
    #[error("no interpreter is known: there was no Python when mod_wsgi was built")]
    NoDefault,
}

impl InterpreterError {
    /// What to change.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Dangling { home, .. } => format!(
                "its Python was removed or upgraded: make the virtual environment anew (python3 -m venv --clear {}), \
                 and install its packages",
                home.display()
            ),
            Self::NoneInHome(_) => "name a virtual environment or a Python installation".to_owned(),
            Self::NoDefault => "set python-home or WSGIPythonHome".to_owned(),
        }
    }
}

/// The interpreter of `home`, else the default one: `bin/python3`, then `bin/python`, never what PATH finds.
pub(crate) fn find(home: Option<&Path>) -> Result<PathBuf, InterpreterError> {
    let Some(home) = home else {
        let default = PathBuf::from(DEFAULT);
        return if default.is_file() { Ok(default) } else { Err(InterpreterError::NoDefault) };
    };
    let candidates = ["bin/python3", "bin/python"].map(|name| home.join(name));
    if let Some(found) = candidates.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    let dangling = candidates.into_iter().find_map(|link| Some((fs::read_link(&link).ok()?, link)));
    Err(match dangling {
        Some((target, link)) => InterpreterError::Dangling { home: home.to_owned(), link, target },
        None => InterpreterError::NoneInHome(home.to_owned()),
    })
}

/// The libpython that embedded mode needs for `home`, else for the default interpreter, by the names of files: a system's
/// Python may be another one by now than when mod_wsgi was built, and a virtual environment may belong to any.
pub(crate) fn library(home: Option<&Path>) -> Option<PathBuf> {
    let built = Some(PathBuf::from(LIBPYTHON)).filter(|path| path.is_file());
    let Some(program) = find(home).ok().and_then(|found| fs::canonicalize(found).ok()) else { return built };
    let Some(name) = program.file_name().and_then(OsStr::to_str).filter(|name| minor(name).is_some()) else {
        return built;
    };
    let file = format!("lib{name}.so.1.0");
    if built.as_ref().is_some_and(|path| path.ends_with(&file)) {
        return built;
    }
    let prefix = program.parent()?.parent()?;
    let folders = ["lib".to_owned(), "lib64".to_owned(), format!("lib/{}-linux-gnu", std::env::consts::ARCH)];
    folders.into_iter().map(|folder| prefix.join(folder).join(&file)).find(|path| path.is_file()).or(built)
}

/// The version in the name of a libpython.
pub(crate) fn version(library: &Path) -> Option<(u32, u32)> {
    minor(library.file_name()?.to_str()?)
}

/// What `pyvenv.cfg` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct VirtualEnvironment {
    /// The folder with the interpreter that it was made from.
    pub(crate) base: Option<PathBuf>,
    /// The version that it was made for, as `3.11.2`.
    pub(crate) version: Option<String>,
}

impl VirtualEnvironment {
    /// That of `home`, if it is one.
    pub(crate) fn of(home: &Path) -> Option<Self> {
        fs::read_to_string(home.join("pyvenv.cfg")).ok().map(|text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let value = |names: &[&str]| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                names.contains(&key.trim().to_ascii_lowercase().as_str()).then(|| value.trim().to_owned())
            })
        };
        Self { base: value(&["home"]).map(PathBuf::from), version: value(&["version", "version_info"]) }
    }
}

/// The first two numbers of a version, or of what has it in its name: `python3.11`, `3.11.2`.
pub(crate) fn minor(version: &str) -> Option<(u32, u32)> {
    let digits = version.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let mut numbers = digits.split('.').map(|part| {
        let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        part.get(..end).unwrap_or_default().parse().ok()
    });
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_and_what_they_lack() {
        let folder = std::env::temp_dir().join(format!("mod_wsgi-interpreter-{}", std::process::id()));
        fs::create_dir_all(folder.join("bin")).unwrap();
        assert!(matches!(find(Some(&folder)), Err(InterpreterError::NoneInHome(_))));
        std::os::unix::fs::symlink("/nothing/here", folder.join("bin/python3")).unwrap();
        let error = find(Some(&folder)).unwrap_err();
        assert!(error.to_string().contains("leads to /nothing/here"), "{error}");
        assert!(error.remedy().contains("venv --clear"));
        fs::write(folder.join("bin/python"), "").unwrap();
        assert!(find(Some(&folder)).unwrap().ends_with("bin/python"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_library_of_a_home() {
        let base = std::env::temp_dir().join(format!("mod_wsgi-libpython-{}", std::process::id()));
        for folder in ["bin", "lib64", "venv/bin"] {
            fs::create_dir_all(base.join(folder)).unwrap();
        }
        fs::write(base.join("bin/python3.99"), "").unwrap();
        std::os::unix::fs::symlink(base.join("bin/python3.99"), base.join("venv/bin/python3")).unwrap();
        let home = base.join("venv");
        assert_eq!(library(Some(&home)), library(None), "there is none of its own");
        let file = base.join("lib64/libpython3.99.so.1.0");
        fs::write(&file, "").unwrap();
        assert_eq!(library(Some(&home)).as_deref(), Some(file.as_path()));
        assert_eq!(version(&file), Some((3, 99)));
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn virtual_environments() {
        let read = VirtualEnvironment::parse("home = /usr/bin\nVersion = 3.11.2\nprompt=x\n");
        assert_eq!((read.base, read.version.as_deref()), (Some("/usr/bin".into()), Some("3.11.2")));
        let made_by_others = VirtualEnvironment::parse("version_info=3.12.1.final.0");
        assert_eq!(made_by_others.version.and_then(|text| minor(&text)), Some((3, 12)));
        assert_eq!(VirtualEnvironment::parse(""), VirtualEnvironment::default());
    }

    #[test]
    fn versions_agree_in_two_numbers() {
        assert_eq!(minor("3.11.2"), Some((3, 11)));
        assert_eq!(minor("python3.12"), Some((3, 12)));
        assert_eq!(minor("3.14t"), Some((3, 14)));
        assert_eq!(minor("python"), None);
        assert_eq!(minor("3"), None);
    }
}
