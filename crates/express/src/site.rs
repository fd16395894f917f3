//! What is to be served, with nothing left open: options, defaults and what was found on this machine.
//!
//! [`Site::resolve`] looks at files but writes none; [`crate::generate`] turns a site into files.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::checks::{self, existing};
use crate::identity::{self, Identity};
use crate::locate::{self, Httpd, absolute};
use crate::options::{Kind, Mpm, Options};
use crate::python::{self, Python};

/// Why a site cannot be made from the options.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{option} is {path}, which does not exist")]
    Absent { option: &'static str, path: PathBuf },
    #[error("{option} is {path}: a folder in a list must not have a colon in its name")]
    Colon { option: &'static str, path: PathBuf },
    #[error("{option} needs {needed}")]
    Goes { option: &'static str, needed: &'static str },
    #[error(transparent)]
    Identity(#[from] identity::Error),
    #[error(transparent)]
    Locate(#[from] locate::Error),
    #[error("{option}: {problem}")]
    Meaning { option: &'static str, problem: String },
    #[error(
        "the WSGI script {0} does not exist: name it, or with --application-type module the module to import"
    )]
    NoScript(PathBuf),
    #[error(transparent)]
    Python(#[from] python::Error),
    #[error("{option} is not here: {instead}")]
    Refused { option: &'static str, instead: &'static str },
}

/// Everything that configuration is made from.
#[derive(Debug)]
pub(crate) struct Site {
    pub options: Options,
    /// The server root.
    pub root: PathBuf,
    pub working_directory: PathBuf,
    pub entry: Entry,
    /// Begins with a slash and does not end with one; empty for the root.
    pub mount: String,
    pub httpd: Httpd,
    pub mpm: Mpm,
    /// mod_wsgi.so and its Python, unless only files are served.
    pub wsgi: Option<Wsgi>,
    pub identity: Identity,
    /// The command line, for the record.
    pub arguments: Vec<OsString>,
}

/// What runs the application.
#[derive(Debug)]
pub(crate) struct Wsgi {
    pub module: PathBuf,
    pub python: Python,
    pub locale: String,
}

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Script(PathBuf),
    Module(OsString),
    Paste(PathBuf),
    /// Files only, in this folder.
    Static(PathBuf),
    /// The page that says that the server works.
    Welcome,
}

impl Site {
    /// Looks for everything that the options name or need.
    pub(crate) fn resolve(options: Options, arguments: Vec<OsString>) -> Result<Self, Error> {
        checks::consistent(&options)?;
        let identity = Identity::find(&options.identity)?;
        let current = absolute(Path::new("."));
        let working_directory = match &options.application.working_directory {
            Some(folder) => existing("--working-directory", folder)?,
            None => current.clone(),
        };
        let entry = Entry::find(&options, &current)?;
        checks::files_exist(&options)?;
        let httpd = Httpd::find(&options.server)?;
        let mpm = httpd.mpm(&wanted_mpms(&options))?;
        let wsgi = match needs_python(&options, &entry) {
            true => Some(Wsgi::find(&options, &httpd, &entry, &working_directory, &identity)?),
            false => None,
        };
        let root = root(&options, identity.uid);
        let mount = mount(&options.application.mount_point)?;
        Ok(Self { root, working_directory, entry, mount, httpd, mpm, wsgi, identity, arguments, options })
    }

    /// Whether there is an application, and not only files.
    pub(crate) fn has_application(&self) -> bool {
        !matches!(self.entry, Entry::Static(_))
    }

    /// Whether Python runs in daemon processes.
    pub(crate) fn is_daemon(&self) -> bool {
        self.wsgi.is_some() && !self.options.processes.embedded_mode && !self.options.debug.debug_mode
    }

    /// The name of the process group; that of embedded mode where there is none.
    pub(crate) fn process_group(&self) -> String {
        if !self.is_daemon() {
            return "%{GLOBAL}".to_owned();
        }
        let default = || format!("{}:{}", self.host(), self.options.listen.port);
        self.options.application.process_group.clone().unwrap_or_else(default)
    }

    /// The name of this machine in URLs.
    pub(crate) fn host(&self) -> &str {
        self.options.listen.host.as_deref().unwrap_or("localhost")
    }

    /// The same as a name that httpd takes: an IPv6 address is none.
    pub(crate) fn server_name(&self) -> &str {
        let host = self.options.listen.host.as_deref().filter(|host| !host.contains(':'));
        self.options.listen.server_name.as_deref().or(host).unwrap_or("localhost")
    }

    /// The folder with files that come before the application.
    pub(crate) fn document_root(&self) -> PathBuf {
        match (&self.entry, &self.options.files.document_root) {
            (Entry::Static(folder), _) => folder.clone(),
            (_, Some(folder)) => absolute(folder),
            (_, None) => self.root.join("htdocs"),
        }
    }

    /// A file in the server root, unless an option names another.
    pub(crate) fn file(&self, option: Option<&PathBuf>, name: impl AsRef<Path>) -> PathBuf {
        option.map_or_else(|| self.root.join(name), |path| absolute(path))
    }
}

impl Entry {
    fn find(options: &Options, current: &Path) -> Result<Self, Error> {
        let given = options.application.entry();
        let path = |given: &OsString| absolute(Path::new(given));
        Ok(match (options.application.application_type, given) {
            (Kind::Script, Some(given)) => {
                let script = path(given);
                if !script.is_file() {
                    return Err(Error::NoScript(script));
                }
                Self::Script(script)
            }
            (Kind::Paste, Some(given)) => Self::Paste(existing("the entry point", &path(given))?),
            (Kind::Module, Some(given)) => Self::Module(given.clone()),
            (Kind::Static, given) => {
                let folder = given.map(path).or_else(|| options.files.document_root.as_deref().map(absolute));
                Self::Static(existing("the document root", &folder.unwrap_or_else(|| current.to_path_buf()))?)
            }
            (Kind::Script, None) => Self::Welcome,
            (Kind::Module | Kind::Paste, None) => {
                return Err(Error::Goes { option: "--application-type", needed: "an entry point" });
            }
        })
    }

    /// Its name for Python.
    pub(crate) fn name(&self) -> &OsStr {
        match self {
            Self::Script(path) | Self::Paste(path) | Self::Static(path) => path.as_os_str(),
            Self::Module(name) => name,
            Self::Welcome => OsStr::new(""),
        }
    }
}

impl Wsgi {
    fn find(
        options: &Options,
        httpd: &Httpd,
        entry: &Entry,
        working_directory: &Path,
        identity: &Identity,
    ) -> Result<Self, Error> {
        let folders: Vec<PathBuf> =
            options.application.python_path.iter().map(|path| absolute(path)).collect();
        let home = options.application.python_home.as_deref().map(absolute);
        let python = Python::find(&python::Question {
            home: home.as_deref(),
            working_directory,
            python_path: &folders,
            module: if let Entry::Module(name) = entry { Some(name) } else { None },
            free_threading: options.processes.free_threading,
            user: Some(identity),
        })?;
        let module = locate::module(options.server.module.as_deref(), || Ok(httpd.modules.clone()))?;
        let locale = options.application.locale.clone().unwrap_or_else(|| python.locale.clone());
        Ok(Self { module, python, locale })
    }
}

/// Files alone need none; services and scripts beside them do.
fn needs_python(options: &Options, entry: &Entry) -> bool {
    !matches!(entry, Entry::Static(_))
        || !options.services.service_script.is_empty()
        || !options.application.add_handler.is_empty()
        || options.access.host_access_script.is_some()
        || options.access.auth_user_script.is_some()
}

/// The MPMs in question. In embedded mode the event MPM gives nothing, and for debugging one thread is wanted.
fn wanted_mpms(options: &Options) -> Vec<Mpm> {
    let debug = options.debug.debug_mode;
    match options.processes.server_mpm.as_slice() {
        [] if debug => vec![Mpm::Prefork, Mpm::Worker, Mpm::Event],
        [] if options.processes.embedded_mode => vec![Mpm::Worker, Mpm::Prefork, Mpm::Event],
        [] => Mpm::ALL.to_vec(),
        wanted => wanted.to_vec(),
    }
}

fn root(options: &Options, uid: u32) -> PathBuf {
    if let Some(root) = &options.server.server_root {
        return absolute(root);
    }
    let temporary = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
    let host = options.listen.host.as_deref().unwrap_or("localhost");
    let name = format!("mod_wsgi-{host}:{}:{uid}", options.listen.port);
    absolute(Path::new(&temporary.unwrap_or_else(|| "/tmp".into()))).join(name)
}

fn mount(given: &str) -> Result<String, Error> {
    let mount = given.trim_matches('/');
    if mount.contains(['?', '#']) {
        let problem = format!("`{given}` is no path of a URL");
        return Err(Error::Meaning { option: "--mount-point", problem });
    }
    Ok(if mount.is_empty() { String::new() } else { format!("/{mount}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points() {
        for (given, expected) in [("/", ""), ("", ""), ("app", "/app"), ("/a/b/", "/a/b")] {
            assert_eq!(mount(given).unwrap(), expected);
        }
        assert!(mount("/a?b").is_err());
    }
}
