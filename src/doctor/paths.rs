//! Files and folders that a group or a script needs: whether they are there, and whether their user may get at them.

use std::fs;
use std::path::Path;

use super::access::{self, Obstacle, READ, Reader, SEARCH, WRITE};
use super::uses::{Purpose, Use, Where};
use super::{Case, Member};
use crate::apache::process;
use crate::config::finding::{Finding, Severity};
use crate::config::words::Place;
use crate::daemon;

/// What is missing or closed.
pub(super) fn look(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &case.groups {
        findings.extend(of_group(case, member));
    }
    for one in &case.uses {
        findings.extend(of_script(case, one));
    }
    let main = &case.main.settings().global.interpreters;
    findings.extend(main.python_path.iter().filter(|entry| !entry.exists()).map(|entry| {
        let (what, remedy) = nothing_on_path(entry);
        Finding::of_directive(Severity::Warning, ("WSGIPythonPath", None), what, remedy).at(entry)
    }));
    findings
}

fn of_group(case: &Case<'_>, member: &Member<'_>) -> Vec<Finding> {
    let group = member.group;
    let mut findings = Vec::new();
    if let Some(root) = &group.chroot {
        if !root.is_dir() {
            let what = format!("chroot={} is no folder, so its processes cannot start", root.display());
            findings.push(
                Finding::of_group(Severity::Warning, group, what, "make it, or correct chroot").at(root),
            );
        }
    } else {
        findings.extend(inside(case, member));
    }
    if let Some((what, remedy)) = daemon::exposed(group) {
        let finding = Finding::of_group(Severity::Warning, group, what, remedy);
        findings.push(match &group.environment_file {
            Some(path) => finding.at(path),
            None => finding,
        });
    }
    findings
}

/// What a group without another root directory needs.
fn inside(case: &Case<'_>, member: &Member<'_>) -> Vec<Finding> {
    let group = member.group;
    let mut findings = Vec::new();
    let mut need = |option: &str, path: &Path, wanted: u32, without: &str| {
        if let Some(obstacle) = access::obstacle(path, wanted, &member.reader) {
            let (what, remedy) = told(&format!("{option}={}", path.display()), &obstacle, member, without);
            let remedy = remedy.unwrap_or_else(|| format!("make it, or correct {option}"));
            findings.push(Finding::of_group(Severity::Warning, group, what, remedy).at(path));
        }
    };
    if let Some(home) = &group.home {
        need("home", home, SEARCH, "its processes cannot start");
    }
    for entry in group.python_path.iter().filter(|entry| entry.is_absolute()) {
        let wanted = if entry.is_file() { READ } else { READ | SEARCH };
        need("python-path", entry, wanted, "Python finds nothing there");
    }
    if let Some(eggs) = &group.python_eggs {
        need("python-eggs", eggs, WRITE | SEARCH, "eggs cannot be unpacked");
    }
    let host = case.main.settings().global.host(&process::own_file());
    if let Some(obstacle) = access::obstacle(&host, READ, &member.reader) {
        let part = format!("the host library {}", host.display());
        let (what, remedy) = told(&part, &obstacle, member, "its processes cannot start");
        let remedy = remedy.unwrap_or_else(|| "install all parts of mod_wsgi from one build".to_owned());
        findings.push(Finding::of_group(Severity::Warning, group, what, remedy).at(host));
    }
    findings
}

/// What to say of something that `member` needs and cannot have.
fn told(thing: &str, obstacle: &Obstacle, member: &Member<'_>, without: &str) -> (String, Option<String>) {
    let user = member.user();
    let what = match obstacle {
        Obstacle::Forbidden { .. } => format!("{thing}: user {user} {}, so {without}", obstacle.words()),
        _ => format!("{thing}: {}, so {without}", obstacle.words()),
    };
    (what, obstacle.remedy(&member.reader, &user))
}

fn nothing_on_path(entry: &Path) -> (String, String) {
    (
        format!("{} does not exist, so Python finds nothing there", entry.display()),
        "make it, or correct the path".to_owned(),
    )
}

/// Who reads a script, and his name; `None` if that is not known, or what he sees is elsewhere.
fn reader<'c>(case: &'c Case<'_>, one: &Use) -> Option<(&'c Reader, String)> {
    match &one.runs {
        Where::Embedded => Some((&case.httpd, who(process::identity().uid))),
        Where::Group(name) => {
            let member = case.member(name).filter(|member| member.group.chroot.is_none())?;
            Some((&member.reader, member.user()))
        }
        Where::Unknown => None,
    }
}

pub(super) fn who(uid: u32) -> String {
    use crate::apache::account::User;
    use crate::config::Account;
    User::find(&Account::Id(uid)).map_or_else(|| uid.to_string(), |user| user.name)
}

fn of_script(case: &Case<'_>, one: &Use) -> Option<Finding> {
    let (reader, user) = reader(case, one)?;
    let (script, place) = (&one.script, &one.place);
    if !script.is_absolute() {
        return None; // httpd resolves it
    }
    if let Some(obstacle) = access::obstacle(script, READ, reader) {
        if matches!((&obstacle, one.purpose), (Obstacle::NoFolder(_), Purpose::Alias)) {
            return None; // what follows a script's name is PATH_INFO
        }
        let consequence = match (one.directive, one.purpose) {
            ("WSGIDispatchScript", _) => "requests run as configured without it",
            (_, Purpose::Hook) => "it grants nothing until it can be read",
            (_, Purpose::Import) => "it cannot be loaded",
            (_, Purpose::Alias) => "requests for it fail",
        };
        let what = match &obstacle {
            Obstacle::Forbidden { .. } => {
                format!("{}: user {user} {}, so {consequence}", script.display(), obstacle.words())
            }
            _ => format!("{}: {}, so {consequence}", script.display(), obstacle.words()),
        };
        let remedy = obstacle
            .remedy(reader, &user)
            .unwrap_or_else(|| "put the script there, or correct the path".to_owned());
        return Some(warning(one, place, what, remedy));
    }
    if script.is_dir() {
        return folder(one, place);
    }
    None
}

/// A folder where a script is named.
fn folder(one: &Use, place: &Place) -> Option<Finding> {
    let script = &one.script;
    if one.purpose != Purpose::Alias {
        let what = format!("{}: it is a folder", script.display());
        return Some(warning(one, place, what, "name the file".to_owned()));
    }
    // Each file in it answers its own URL; hardly so in the folder of a Django project.
    if !script.join("manage.py").is_file() {
        return None;
    }
    let project = fs::read_dir(script).ok()?.filter_map(Result::ok).map(|entry| entry.path().join("wsgi.py"));
    let wsgi = project.filter(|file| file.is_file()).min()?;
    let what = format!("{} is a folder, in which each file is a script of its own", script.display());
    Some(warning(one, place, what, format!("name the script of the project, {}", wsgi.display())))
}

fn warning(one: &Use, place: &Place, what: String, remedy: String) -> Finding {
    Finding::of_directive(Severity::Warning, (one.directive, Some(place)), what, remedy).at(&one.script)
}
