//! `module-config`, `install-module` and `module-location`: this module for a system's own httpd.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::conf::Conf;
use crate::locate::{self, PARTS, modules_folder};
use crate::python::{self, Python, Question};
use crate::quote::Unwritable;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{to} could not be written: {source}")]
    Copy { to: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Locate(#[from] locate::Error),
    #[error(transparent)]
    Python(#[from] python::Error),
    #[error(transparent)]
    Value(#[from] Unwritable),
}

/// The module that this command belongs to.
pub(crate) fn location() -> Result<PathBuf, Error> {
    Ok(locate::module(None, || modules_folder(None))?)
}

/// The lines for httpd's configuration.
pub(crate) fn lines(module: &Path) -> Result<String, Error> {
    let question = Question {
        home: None,
        working_directory: Path::new("/"),
        python_path: &[],
        module: None,
        free_threading: false,
        user: None,
    };
    let python = Python::find(&question)?;
    let mut conf = Conf::default();
    conf.line("LoadModule", &[&"wsgi_module", &module]);
    conf.line("WSGIPythonHome", &[&python.home]);
    Ok(String::from_utf8_lossy(&conf.finish()?).into_owned())
}

/// Copies the module and its parts. Each is replaced at once, so that a running httpd keeps the one it has.
pub(crate) fn install(given: Option<&Path>) -> Result<PathBuf, Error> {
    let module = location()?;
    let folder = modules_folder(given)?;
    let target = folder.join("mod_wsgi.so");
    if target == module {
        return Ok(target);
    }
    copy(&module, &target, 0o644)?;
    let parts = PARTS.map(OsString::from).into_iter().chain(hosts_for_one_python(&module));
    for part in parts {
        let mode = if part.as_encoded_bytes().ends_with(b".so") { 0o644 } else { 0o755 };
        copy(&locate::part(&module, &part), &folder.join(&part), mode)?;
    }
    Ok(target)
}

/// Hosts that were built for one Python alone, beside the one for all.
fn hosts_for_one_python(module: &Path) -> Vec<OsString> {
    let folder = module.parent().and_then(|folder| fs::read_dir(folder).ok());
    let names = folder.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.file_name()));
    names.filter(|name| name.as_encoded_bytes().starts_with(b"mod_wsgi_host.cpython-")).collect()
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), Error> {
    let mut fresh = to.as_os_str().to_owned();
    fresh.push(".new");
    fs::copy(from, &fresh)
        .and_then(|_| fs::set_permissions(&fresh, fs::Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&fresh, to))
        .map_err(|source| Error::Copy { to: to.to_path_buf(), source })
}
