//! Where httpd, its modules and mod_wsgi.so are.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::options::{Mpm, Server};

/// What is missing, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "httpd has no module mod_{module}.so in {folder}, which {wanted_by} needs: install it, or name the folder with --modules-directory"
    )]
    HttpdModule { module: String, folder: PathBuf, wanted_by: &'static str },
    #[error("{0} does not exist or cannot be executed: name httpd's program with --httpd-executable")]
    HttpdProgram(PathBuf),
    #[error(
        "mod_wsgi.so is neither beside this command, nor in ../lib/mod_wsgi, nor in {0}: install it (make install), or name it with --module"
    )]
    Module(PathBuf),
    #[error("where httpd has its modules is not known: name the folder with --modules-directory")]
    ModulesFolder,
    #[error(
        "there is no {part} beside {module}: it is not this project's mod_wsgi.so, or a part of it is missing"
    )]
    ModulePart { module: PathBuf, part: &'static str },
    #[error(
        "httpd is not installed: install apache2 (Debian, Ubuntu) or httpd (Fedora, RHEL), or name its program with --httpd-executable"
    )]
    NoHttpd,
    #[error("{program} -l failed: {said}")]
    NotHttpd { program: PathBuf, said: String },
}

/// The parts that mod_wsgi.so needs beside it.
pub(crate) const PARTS: [&str; 2] = ["mod_wsgi_host.abi3.so", "mod_wsgi_leader"];

/// The httpd that is to run.
#[derive(Debug, Clone)]
pub(crate) struct Httpd {
    pub program: PathBuf,
    pub modules: PathBuf,
    built_in: BTreeSet<String>,
}

impl Httpd {
    /// The one that the options, the environment, apxs or PATH name.
    pub(crate) fn find(options: &Server) -> Result<Self, Error> {
        let program = Self::program(options)?;
        let built_in = built_in(&program)?;
        let modules = modules_folder(options.modules_directory.as_deref())?;
        Ok(Self { program, modules, built_in })
    }

    /// Its program.
    pub(crate) fn program(options: &Server) -> Result<PathBuf, Error> {
        program(options)
    }

    /// Whether a module is built in.
    pub(crate) fn has_built_in(&self, name: &str) -> bool {
        self.built_in.contains(name)
    }

    /// Whether a module can be had.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.has_built_in(name) || self.file(name).exists()
    }

    /// The file of a module.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.modules.join(format!("mod_{name}.so"))
    }

    /// Fails if a module cannot be had.
    pub(crate) fn require(&self, name: &str, wanted_by: &'static str) -> Result<(), Error> {
        if self.has(name) {
            return Ok(());
        }
        Err(Error::HttpdModule { module: name.to_owned(), folder: self.modules.clone(), wanted_by })
    }

    /// The first of the wanted MPMs that there is.
    pub(crate) fn mpm(&self, wanted: &[Mpm]) -> Result<Mpm, Error> {
        let find =
            |wanted: &[Mpm]| wanted.iter().copied().find(|mpm| self.has(&format!("mpm_{}", mpm.name())));
        // One that is built in leaves no choice.
        let built_in = Mpm::ALL.into_iter().find(|mpm| self.has_built_in(mpm.name()));
        built_in.or_else(|| find(wanted)).ok_or_else(|| Error::HttpdModule {
            module: wanted
                .iter()
                .map(|mpm| format!("mpm_{}", mpm.name()))
                .collect::<Vec<_>>()
                .join(".so or mod_"),
            folder: self.modules.clone(),
            wanted_by: "every server",
        })
    }
}

impl Mpm {
    /// In the order of preference.
    pub(crate) const ALL: [Self; 3] = [Self::Event, Self::Worker, Self::Prefork];

    /// The name as in that of its module.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Worker => "worker",
            Self::Prefork => "prefork",
        }
    }
}

/// mod_wsgi.so: the given one, the one that came with this command, or the installed one; with all its parts.
pub(crate) fn module(
    given: Option<&Path>,
    modules: impl FnOnce() -> Result<PathBuf, Error>,
) -> Result<PathBuf, Error> {
    let module = match given {
        Some(given) => absolute(given),
        None => match std::env::current_exe().ok().and_then(|own| brought_along(&own)) {
            Some(file) => file,
            None => modules()?.join("mod_wsgi.so"),
        },
    };
    if !module.exists() {
        return Err(Error::Module(module.parent().map(Path::to_path_buf).unwrap_or_default()));
    }
    match PARTS.into_iter().find(|part| !self::part(&module, part).exists()) {
        Some(part) => Err(Error::ModulePart { module, part }),
        None => Ok(module),
    }
}

/// A part of a module: beside it, or with the programs of packages, where RPM systems have the leader (SELinux).
pub(crate) fn part(module: &Path, name: impl AsRef<Path>) -> PathBuf {
    let beside = module.with_file_name(name.as_ref());
    let apart = Path::new("/usr/libexec").join(name);
    if !beside.exists() && apart.exists() { apart } else { beside }
}

/// The module beside this command, as `make` leaves it, or in lib/mod_wsgi beside bin, as in a virtual environment.
fn brought_along(command: &Path) -> Option<PathBuf> {
    let folder = command.parent()?;
    let below_prefix = folder.parent().map(|prefix| prefix.join("lib/mod_wsgi"));
    [Some(folder.to_path_buf()), below_prefix]
        .into_iter()
        .flatten()
        .map(|folder| folder.join("mod_wsgi.so"))
        .find(|file| file.exists())
}

/// The folder with httpd's modules.
pub(crate) fn modules_folder(given: Option<&Path>) -> Result<PathBuf, Error> {
    const USUAL: [&str; 6] = [
        "/usr/lib/apache2/modules",
        "/usr/lib64/httpd/modules",
        "/usr/lib/httpd/modules",
        "/usr/lib64/apache2",
        "/usr/local/apache2/modules",
        "/usr/local/libexec/apache24",
    ];
    if let Some(given) = given {
        return Ok(absolute(given));
    }
    let asked = apxs("LIBEXECDIR").map(PathBuf::from);
    asked
        .into_iter()
        .chain(USUAL.map(PathBuf::from))
        .find(|folder| folder.join("mod_mime.so").exists() || folder.join("mod_authz_core.so").exists())
        .ok_or(Error::ModulesFolder)
}

/// A path that does not depend on the working directory; symbolic links stay.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The first of some programs in PATH or where administrators' programs are.
pub(crate) fn program_in_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(
        ["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/local/apache2/bin", "/usr/bin", "/bin"]
            .map(PathBuf::from),
    );
    let folders: Vec<PathBuf> = folders.filter(|folder| folder.is_absolute()).collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| is_executable(file))
}

/// Whether this user may execute a file.
pub(crate) fn is_executable(file: &Path) -> bool {
    file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}

/// The program rotatelogs, which comes with httpd.
pub(crate) fn rotatelogs(httpd: &Httpd) -> Option<PathBuf> {
    let beside = httpd.program.with_file_name("rotatelogs");
    let asked = apxs("BINDIR").map(|folder| Path::new(&folder).join("rotatelogs"));
    [Some(beside), asked, program_in_path(&["rotatelogs"])]
        .into_iter()
        .flatten()
        .find(|file| is_executable(file))
}

fn program(options: &Server) -> Result<PathBuf, Error> {
    let given = options
        .httpd_executable
        .clone()
        .or_else(|| std::env::var_os("HTTPD").filter(|value| !value.is_empty()).map(PathBuf::from));
    if let Some(given) = given {
        let program = if given.components().count() > 1 { Some(absolute(&given)) } else { in_path(&given) };
        return program.filter(|file| is_executable(file)).ok_or(Error::HttpdProgram(given));
    }
    let asked = apxs("SBINDIR").zip(apxs("PROGNAME")).map(|(folder, name)| Path::new(&folder).join(name));
    asked
        .filter(|file| is_executable(file))
        .or_else(|| program_in_path(&["apache2", "httpd"]))
        .ok_or(Error::NoHttpd)
}

fn in_path(name: &Path) -> Option<PathBuf> {
    name.to_str().and_then(|name| program_in_path(&[name]))
}

/// What `apxs -q NAME` answers, if there is an apxs.
fn apxs(name: &str) -> Option<String> {
    let given = std::env::var_os("APXS").filter(|value| !value.is_empty()).map(PathBuf::from);
    let program = given.or_else(|| program_in_path(&["apxs", "apxs2"]))?;
    let output = Command::new(program).args(["-q", name]).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}

/// The modules that httpd lists as its own: `mod_so.c` is `so`, `event.c` is an MPM.
fn built_in(program: &Path) -> Result<BTreeSet<String>, Error> {
    let failed = |said: String| Error::NotHttpd { program: program.to_path_buf(), said };
    let output = Command::new(program).arg("-l").output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let files = text.lines().map(str::trim).filter_map(|line| line.strip_suffix(".c"));
    Ok(files.map(|file| file.strip_prefix("mod_").unwrap_or(file).to_owned()).collect())
}

/// A list of paths as one word, separated by colons.
pub(crate) fn colons<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> OsString {
    let mut list = OsString::new();
    for path in paths {
        if !list.is_empty() {
            list.push(":");
        }
        list.push(path);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_that_came_along() {
        let place = std::env::temp_dir().join(format!("mod_wsgi-locate-{}", std::process::id()));
        let command = place.join("bin/mod_wsgi-express");
        for folder in ["bin", "lib/mod_wsgi"] {
            std::fs::create_dir_all(place.join(folder)).unwrap();
        }
        assert_eq!(brought_along(&command), None);
        for folder in ["lib/mod_wsgi", "bin"] {
            let module = place.join(folder).join("mod_wsgi.so");
            std::fs::write(&module, "").unwrap();
            assert_eq!(brought_along(&command), Some(module));
        }
        std::fs::remove_dir_all(&place).unwrap();
    }
}
