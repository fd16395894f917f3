//! What httpd does not start with: expressions, users, interpreters and files of variables that no group can do without.

use std::path::Path;

use super::Member;
use super::access::{self, Reader};
use crate::apache::{Server, process};
use crate::config::check::Site;
use crate::config::finding::{Finding, Severity};
use crate::config::interpreter;
use crate::daemon::{self, Identity, StartError};
use crate::translate;

/// Expressions that cannot be compiled; the others are, for requests.
pub(super) fn regular_expressions(main: Server<'_>) -> Vec<Finding> {
    main.iter().filter_map(|server| translate::compile(server).err()).map(|found| *found).collect()
}

/// The groups with their users, and those that have none.
pub(super) fn members<'s>(sites: &[Site<'s>]) -> (Vec<Member<'s>>, Vec<Finding>) {
    let (mut members, mut findings) = (Vec::new(), Vec::new());
    for group in sites.iter().flat_map(|site| &site.settings.process_groups) {
        match Identity::of(group) {
            Ok(identity) => {
                let reader = if process::is_root() {
                    Reader::Other { uid: identity.uid, gids: identity.groups.clone() }
                } else {
                    Reader::Own
                };
                members.push(Member { group, identity, reader });
            }
            Err(error) => {
                let (what, remedy) = match &error {
                    StartError::Root { .. } => (
                        "its processes would run as root".to_owned(),
                        "name another user with user=".to_owned(),
                    ),
                    StartError::Account { kind, name, .. } => (
                        format!(
                            "there is no {} `{name}` on this system",
                            if *kind == "user" { "user" } else { "group of users" }
                        ),
                        format!("correct {kind}= (or what httpd has as User and Group), or create it"),
                    ),
                    other => (other.to_string(), "correct the options of the group".to_owned()),
                };
                findings.push(Finding::of_group(Severity::Error, group, what, remedy));
            }
        }
    }
    (members, findings)
}

/// Groups without an interpreter, or whose user may not run it; and WSGIPythonHome.
pub(super) fn interpreters(main: Server<'_>, groups: &[Member<'_>]) -> Vec<Finding> {
    let home = main.settings().global.python_home.as_deref();
    let mut findings = Vec::new();
    if let Some(Err(error)) = home.filter(|home| !is_pair(home)).map(|home| interpreter::find(Some(home))) {
        let directive = ("WSGIPythonHome", None);
        findings.push(Finding::of_directive(Severity::Error, directive, error.to_string(), error.remedy()));
    }
    // What a process with another root directory will see is elsewhere.
    for member in groups.iter().filter(|member| member.group.chroot.is_none()) {
        let group = member.group;
        let interpreter = match interpreter::find(group.python_home.as_deref().or(home)) {
            Ok(interpreter) => interpreter,
            Err(error) => {
                let (what, remedy) = (error.to_string(), error.remedy());
                findings.push(Finding::of_group(Severity::Error, group, what, remedy));
                continue;
            }
        };
        if let Some(obstacle) = access::obstacle(&interpreter, access::SEARCH, &member.reader) {
            let user = member.user();
            let what = format!(
                "the interpreter {}: user {user} {}, so its processes cannot start",
                interpreter.display(),
                obstacle.words()
            );
            let remedy = match obstacle.remedy(&member.reader, &user) {
                Some(access) => format!("{access}, or put python-home elsewhere"),
                None => "put python-home elsewhere".to_owned(),
            };
            findings.push(Finding::of_group(Severity::Error, group, what, remedy).at(interpreter));
        }
    }
    findings
}

/// Files of variables that cannot be used.
pub(super) fn environments(groups: &[Member<'_>]) -> Vec<Finding> {
    let unusable = groups.iter().filter_map(|member| {
        let error = daemon::environment(member.group).err()?;
        let text = error.to_string();
        let (what, remedy) = text.split_once("; ").unwrap_or((&text, "correct the file"));
        let finding = Finding::of_group(Severity::Error, member.group, what, remedy);
        Some(match &member.group.environment_file {
            Some(path) => finding.at(path),
            None => finding,
        })
    });
    unusable.collect()
}

/// Whether a Python home is of the form `prefix:exec_prefix`, which only embedded mode understands.
fn is_pair(home: &Path) -> bool {
    home.as_os_str().as_encoded_bytes().contains(&b':')
}
