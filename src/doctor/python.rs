//! Interpreters and virtual environments, by what their files say: nothing is run.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Case;
use super::uses::Where;
use crate::config::ProcessGroup;
use crate::config::finding::{Finding, Severity};
use crate::config::interpreter::{self, VirtualEnvironment, minor};

/// The oldest Python that the host works with.
pub(super) const OLDEST: (u32, u32) = (3, 10);

/// What is wrong with the Pythons.
pub(super) fn look(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in case.groups.iter().filter(|member| member.group.chroot.is_none()) {
        let home = case.home(member.group);
        let told = |(what, remedy): (String, String), path: &Path| {
            Finding::of_group(Severity::Warning, member.group, what, remedy).at(path)
        };
        if let Ok(interpreter) = interpreter::find(home) {
            findings.extend(machine(&interpreter).map(|words| told(words, &interpreter)));
            findings.extend(home.and_then(|home| Some(told(environment(home, &interpreter)?, home))));
        }
    }
    findings.extend(embedded(case));
    findings
}

/// The remedy for a virtual environment that no longer fits.
fn anew(home: &Path) -> String {
    format!("make it anew (python3 -m venv --clear {}), and install its packages", home.display())
}

/// What is wrong with a virtual environment.
fn environment(home: &Path, interpreter: &Path) -> Option<(String, String)> {
    let own = VirtualEnvironment::of(home)?;
    let name = home.display();
    if let Some(base) = own.base.filter(|base| base.is_absolute() && !base.is_dir()) {
        let what = format!(
            "the virtual environment {name} was made from a Python in {}, which is gone",
            base.display()
        );
        return Some((what, anew(home)));
    }
    let target = fs::canonicalize(interpreter).ok()?;
    let made_for = own.version.as_deref().and_then(minor);
    // The name has the version where the interpreter is a link to that of a system.
    let is = target.file_name().and_then(|file| minor(file.to_str()?)).or(made_for)?;
    let packages = |(major, minor): (u32, u32)| home.join(format!("lib/python{major}.{minor}"));
    if packages(is).is_dir() || home.join("lib64").join(format!("python{}.{}", is.0, is.1)).is_dir() {
        return None;
    }
    let (is, folder) = (format!("{}.{}", is.0, is.1), packages(is));
    let what = match made_for.map(packages).filter(|other| other.is_dir()) {
        Some(other) => format!(
            "the virtual environment {name} has its packages in {}, and its interpreter is Python {is} now, which \
             does not look there",
            other.display()
        ),
        None => {
            format!("the virtual environment {name} has no {}: no package is found in it", folder.display())
        }
    };
    Some((what, anew(home)))
}

/// An interpreter that is for another kind of machine than httpd.
fn machine(interpreter: &Path) -> Option<(String, String)> {
    let (own, other) = (kind(Path::new("/proc/self/exe"))?, kind(interpreter)?);
    if own == other {
        return None;
    }
    let bits = |kind: &[u8]| if kind.first() == Some(&1) { 32 } else { 64 };
    let what = if bits(&own) == bits(&other) {
        format!("{} is a program for another kind of processor than httpd", interpreter.display())
    } else {
        format!(
            "{} is a {}-bit program, and httpd is a {}-bit one",
            interpreter.display(),
            bits(&other),
            bits(&own)
        )
    };
    Some((what, "name a Python of the same kind with python-home".to_owned()))
}

/// Class, byte order and machine in the head of an ELF file; `None` if it is none.
fn kind(path: &Path) -> Option<Vec<u8>> {
    let mut head = [0u8; 20];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let rest = head.strip_prefix(b"\x7fELF")?;
    Some([rest.get(..2)?, rest.get(14..16)?].concat())
}

/// WSGIPythonHome against the libpython of embedded mode.
fn embedded(case: &Case<'_>) -> Option<Finding> {
    let global = &case.main.settings().global;
    let home = global.python_home.as_ref().filter(|_| global.python_library.is_none())?;
    let wanted = VirtualEnvironment::of(home)?.version?;
    let found = interpreter::version(&interpreter::library(Some(home))?)?;
    let is_used = case.uses_in(&Where::Embedded).next().is_some();
    (is_used && minor(&wanted).is_some_and(|wanted| wanted != found)).then(|| {
        let what = format!(
            "{} is a virtual environment of Python {wanted}, whose libpython is not installed, and embedded mode has \
             Python {}.{}, so scripts in httpd's own processes cannot run",
            home.display(),
            found.0,
            found.1
        );
        let remedy = "set WSGIPythonLibrary, or use WSGIDaemonProcess with python-home, which runs any version";
        Finding::of_directive(Severity::Warning, ("WSGIPythonHome", None), what, remedy).at(home)
    })
}

/// The interpreter of a group, if it can be asked.
pub(super) fn interpreter_of(case: &Case<'_>, group: &ProcessGroup) -> Option<PathBuf> {
    let home = group.python_home.as_deref().or(case.main.settings().global.python_home.as_deref());
    let interpreter = interpreter::find(home).ok()?;
    kind(&interpreter).is_some_and(|_| machine(&interpreter).is_none()).then_some(interpreter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_environments_that_no_longer_fit() {
        let home = std::env::temp_dir().join(format!("mod_wsgi-venv-{}", std::process::id()));
        let made = |version: &str, folder: &str| {
            let _ = fs::remove_dir_all(&home);
            fs::create_dir_all(home.join("bin")).unwrap();
            fs::create_dir_all(home.join("lib").join(folder)).unwrap();
            fs::write(home.join("pyvenv.cfg"), format!("home = /usr/bin\nversion = {version}\n")).unwrap();
            let python = home.join("bin/python3.12");
            fs::write(&python, "").unwrap();
            environment(&home, &python).map(|(what, _)| what)
        };
        assert_eq!(made("3.12.1", "python3.12"), None);
        assert!(made("3.11.2", "python3.11").unwrap().contains("is Python 3.12 now"));
        assert!(made("3.12.2", "other").unwrap().contains("lib/python3.12: no package"));
        fs::write(home.join("pyvenv.cfg"), "home = /nothing/bin\n").unwrap();
        let told = environment(&home, &home.join("bin/python3.12")).unwrap();
        assert!(told.0.contains("/nothing/bin, which is gone") && told.1.contains("--clear"));
        fs::remove_dir_all(&home).unwrap();
        assert_eq!(environment(&home, Path::new("/usr/bin/python3")), None);
    }

    #[test]
    fn programs_for_other_machines() {
        let file = std::env::temp_dir().join(format!("mod_wsgi-elf-{}", std::process::id()));
        assert!(machine(Path::new("/proc/self/exe")).is_none());
        fs::write(&file, "#!/bin/sh\n and more text").unwrap();
        assert!(machine(&file).is_none());
        let mut head = fs::read("/proc/self/exe").unwrap()[..64].to_vec();
        head[4] = 3 - head[4];
        fs::write(&file, &head).unwrap();
        assert!(machine(&file).unwrap().0.contains("-bit program"));
        head[4] = 3 - head[4];
        head[18] ^= 1;
        fs::write(&file, &head).unwrap();
        assert!(machine(&file).unwrap().0.contains("another kind of processor"));
        fs::remove_file(&file).unwrap();
    }
}
