//! What is to be served, with nothing left open: options, defaults and what was found on this machine.
//!
//! [`Site::resolve`] looks at files but writes none; [`crate::generate`] turns a site into files.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::identity::{self, Identity};
use crate::locate::{self, Httpd, absolute};
use crate::options::{Kind, Mpm, Options, pairs};
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
        consistent(&options)?;
        let identity = Identity::find(&options.identity)?;
        let current = absolute(Path::new("."));
        let working_directory = match &options.application.working_directory {
            Some(folder) => existing("--working-directory", folder)?,
            None => current.clone(),
        };
        let entry = Entry::find(&options, &current)?;
        files_exist(&options)?;
        let httpd = Httpd::find(&options.server)?;
        let mpm = httpd.mpm(&wanted_mpms(&options))?;
        let wsgi = match entry {
            Entry::Static(_) => None,
            _ => Some(Wsgi::find(&options, &httpd, &entry, &working_directory)?),
        };
        let root = root(&options, identity.uid);
        let mount = mount(&options.application.mount_point)?;
        Ok(Self { root, working_directory, entry, mount, httpd, mpm, wsgi, identity, arguments, options })
    }

    /// Whether the application runs in daemon processes.
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
        })?;
        let module = locate::module(options.server.module.as_deref(), || Ok(httpd.modules.clone()))?;
        let locale = options.application.locale.clone().unwrap_or_else(|| python.locale.clone());
        Ok(Self { module, python, locale })
    }
}

/// What options ask of each other.
fn consistent(options: &Options) -> Result<(), Error> {
    if let Some((option, instead)) = options.legacy.refusals().into_iter().next() {
        return Err(Error::Refused { option, instead });
    }
    let https = &options.https;
    if let Some(option) = https.wish().filter(|_| https.https_port.is_none()) {
        return Err(Error::Goes { option, needed: "--https-port" });
    }
    let goes = |given: bool, option, has_needed: bool, needed| match given && !has_needed {
        true => Err(Error::Goes { option, needed }),
        false => Ok(()),
    };
    let certificate =
        "a certificate: --ssl-certificate, or --ssl-certificate-file and --ssl-certificate-key-file";
    goes(https.https_port.is_some(), "--https-port", https.certificate().is_some(), certificate)?;
    goes(
        !https.ssl_verify_client.is_empty(),
        "--ssl-verify-client",
        https.ssl_ca_certificate_file.is_some(),
        "--ssl-ca-certificate-file",
    )?;
    goes(https.hsts_policy.is_some(), "--hsts-policy", https.https_only, "--https-only")?;
    goes(
        !options.listen.server_alias.is_empty(),
        "--server-alias",
        options.listen.server_name.is_some(),
        "--server-name",
    )?;
    goes(
        options.listen.allow_localhost,
        "--allow-localhost",
        options.listen.server_name.is_some(),
        "--server-name",
    )?;
    goes(options.debug.enable_debugger, "--enable-debugger", options.debug.debug_mode, "--debug-mode")?;
    if https.https_port == Some(options.listen.port) {
        let problem = "it is the same as --port; HTTP and HTTPS need a port each".to_owned();
        return Err(Error::Meaning { option: "--https-port", problem });
    }
    services_are_named(options)
}

/// A user, a group or a log of a service that there is not would have no effect.
fn services_are_named(options: &Options) -> Result<(), Error> {
    let services = &options.services;
    let names: Vec<_> = pairs(&services.service_script).map(|(name, _)| name).collect();
    for (option, values) in [
        ("--service-user", &services.service_user),
        ("--service-group", &services.service_group),
        ("--service-log-file", &services.service_log_file),
    ] {
        if let Some((name, _)) = pairs(values).find(|(name, _)| !names.contains(name)) {
            let problem = format!("there is no --service-script {}", name.to_string_lossy());
            return Err(Error::Meaning { option, problem });
        }
    }
    Ok(())
}

/// Files that options name, and without which something would fail only later.
fn files_exist(options: &Options) -> Result<(), Error> {
    let (https, access, server) = (&options.https, &options.access, &options.server);
    let certificate = https.certificate();
    let single = [
        ("--document-root", options.files.document_root.as_ref()),
        ("--rewrite-rules", options.files.rewrite_rules.as_ref()),
        ("--mime-types", options.files.mime_types.as_ref()),
        ("--envvars-script", server.envvars_script.as_ref()),
        ("--host-access-script", access.host_access_script.as_ref()),
        ("--auth-user-script", access.auth_user_script.as_ref()),
        ("--auth-group-script", access.auth_group_script.as_ref()),
        ("the certificate", certificate.as_ref().map(|(file, _)| file)),
        ("the certificate's key", certificate.as_ref().map(|(_, key)| key)),
        ("--ssl-certificate-chain-file", https.ssl_certificate_chain_file.as_ref()),
        ("--ssl-ca-certificate-file", https.ssl_ca_certificate_file.as_ref()),
        ("--log-directory", options.logs.log_directory.as_ref()),
    ];
    let second = |values: &[OsString]| pairs(values).map(|(_, path)| PathBuf::from(path)).collect::<Vec<_>>();
    let several = [
        ("--include-file", server.include_file.clone()),
        ("--service-script", second(&options.services.service_script)),
        ("--add-handler", second(&options.application.add_handler)),
    ];
    for (option, path) in single.into_iter().filter_map(|(option, path)| path.map(|path| (option, path))) {
        existing(option, path)?;
    }
    for (option, path) in
        several.iter().flat_map(|(option, paths)| paths.iter().map(move |path| (*option, path)))
    {
        existing(option, path)?;
    }
    match options.application.python_path.iter().find(|path| crate::conf::has_colon(path)) {
        Some(path) => Err(Error::Colon { option: "--python-path", path: path.clone() }),
        None => Ok(()),
    }
}

fn existing(option: &'static str, path: &Path) -> Result<PathBuf, Error> {
    let path = absolute(path);
    if path.exists() { Ok(path) } else { Err(Error::Absent { option, path }) }
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
