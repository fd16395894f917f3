//! Process groups as a whole: whether something uses them, what is sent to services, and the limits of the system.

use rustix::process::{Resource, getrlimit};

use super::uses::{self, Purpose, Where};
use super::{Case, Member};
use crate::config::check;
use crate::config::finding::{Finding, Severity};

/// Descriptors of a worker beside those of its threads.
const DESCRIPTORS: u64 = 32;

/// What is to be said of the groups.
pub(super) fn look(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = unused(case);
    findings.extend(case.groups.iter().filter_map(|member| service(case, member)));
    findings.extend(sent_to_services(case));
    findings.extend(embedded(case));
    findings.extend(restricted(case));
    findings.extend(case.groups.iter().filter_map(descriptors));
    findings.extend(processes(case));
    findings
}

/// Groups that nothing names; where a variable, a script or .htaccess may name one, nobody knows.
fn unused(case: &Case<'_>) -> Vec<Finding> {
    let servers = || case.sites.iter().map(|site| site.settings);
    let aliases =
        servers().flat_map(|server| &server.aliases).filter_map(|alias| alias.options.process_group.as_ref());
    let imports = servers().flat_map(|server| &server.imports).map(|import| &import.process_group);
    let hooks =
        servers().flat_map(|server| &server.hooks).filter_map(|hook| hook.script.process_group.as_ref());
    let named = aliases.chain(imports).chain(hooks);
    let Some(names) = uses::names(case.settings.iter().copied(), named) else { return Vec::new() };
    let unused = case.groups.iter().filter(|member| {
        let name = member.group.name.as_str();
        member.group.threads > 0 && !names.iter().any(|other| other.eq_ignore_ascii_case(name))
    });
    unused
        .map(|member| {
            let name = &member.group.name;
            let remedy = format!(
                "use it with WSGIProcessGroup {name} or process-group={name}, or remove its WSGIDaemonProcess"
            );
            Finding::of_group(
                Severity::Hint,
                member.group,
                "nothing uses it, and its processes run all the same",
                remedy,
            )
        })
        .collect()
}

/// A service without a script.
fn service(case: &Case<'_>, member: &Member<'_>) -> Option<Finding> {
    let (group, name) = (member.group, member.group.name.to_string());
    let has_script = case.sites.iter().any(|site| {
        let imported = site.settings.imports.iter().any(|import| import.process_group == group.name);
        let mut preloaded = site.settings.aliases.iter().filter_map(|alias| alias.preload());
        imported || preloaded.any(|(process, _)| *process == group.name)
    });
    (group.threads == 0 && !has_script).then(|| {
        let what = "with threads=0 its processes run the scripts of WSGIImportScript, and there is none";
        let remedy = format!("add WSGIImportScript PATH process-group={name} application-group=%{{GLOBAL}}");
        Finding::of_group(Severity::Warning, group, what, remedy)
    })
}

/// Requests for groups that take none.
fn sent_to_services(case: &Case<'_>) -> Vec<Finding> {
    let aliased = case.uses.iter().filter(|one| one.purpose == Purpose::Alias);
    aliased
        .filter_map(|one| {
            let Where::Group(name) = &one.runs else { return None };
            let member = case.member(name).filter(|member| member.group.threads == 0)?;
            let what = format!(
                "requests for it go to the process group `{name}`, which takes none (threads=0 at {}), and get 500",
                member.group.place
            );
            let remedy = "name another process group, or give that one threads";
            let directive = (one.directive, Some(&one.place));
            Some(Finding::of_directive(Severity::Warning, directive, what, remedy).at(&one.script))
        })
        .collect()
}

/// Aliases for embedded mode where that is forbidden.
fn embedded(case: &Case<'_>) -> Vec<Finding> {
    if case.main.settings().global.restrict_embedded != Some(true) {
        return Vec::new();
    }
    let forbidden = case.uses_in(&Where::Embedded).filter(|one| one.purpose == Purpose::Alias);
    forbidden
        .map(|one| {
            let what = "requests for it would run in httpd's own processes, and WSGIRestrictEmbedded is On: they get 500";
            let remedy = "name a process group with process-group= or WSGIProcessGroup";
            Finding::of_directive(Severity::Warning, (one.directive, Some(&one.place)), what, remedy).at(&one.script)
        })
        .collect()
}

/// Names in WSGIRestrictProcess that no group has.
fn restricted(case: &Case<'_>) -> Vec<Finding> {
    let listed =
        case.settings.iter().flat_map(|settings| settings.restrict_process.as_deref().unwrap_or_default());
    let unknown = listed.filter(|name| {
        let name = name.as_str();
        !name.is_empty()
            && !name.starts_with('%')
            && !groups(case).any(|other| other.eq_ignore_ascii_case(name))
    });
    unknown
        .map(|name| {
            let what = format!("it lists the process group `{name}`, which is not defined");
            let remedy = format!("correct the name; {}", check::known(&case.sites, name.as_str()));
            Finding::of_directive(Severity::Warning, ("WSGIRestrictProcess", None), what, remedy)
        })
        .collect()
}

fn groups<'c>(case: &'c Case<'_>) -> impl Iterator<Item = &'c str> {
    case.sites.iter().flat_map(|site| &site.settings.process_groups).map(|group| group.name.as_str())
}

/// More threads than a process may have files open: each request has a connection.
fn descriptors(member: &Member<'_>) -> Option<Finding> {
    let limit = getrlimit(Resource::Nofile).current?;
    let threads = u64::from(member.group.threads);
    (threads.saturating_add(DESCRIPTORS) > limit).then(|| {
        let what = format!(
            "threads={threads} need a connection each, and a process may have {limit} files open, so its processes \
             cannot serve so many requests at once"
        );
        let remedy = "raise the limit of httpd (ulimit -n, LimitNOFILE=), or lower threads";
        Finding::of_group(Severity::Warning, member.group, what, remedy)
    })
}

/// More processes and threads than the users may have; the kernel counts those of a user.
fn processes(case: &Case<'_>) -> Vec<Finding> {
    let Some(limit) = getrlimit(Resource::Nproc).current else { return Vec::new() };
    let mut findings = Vec::new();
    for (at, member) in case.groups.iter().enumerate() {
        let of_user = |other: &&Member<'_>| other.identity.uid == member.identity.uid;
        if member.identity.uid == 0 || case.groups.iter().take(at).any(|other| of_user(&other)) {
            continue; // root has no limit, and each user is told once
        }
        let total: u64 = case.groups.iter().filter(of_user).map(|member| needed(member)).sum();
        if total > limit {
            let what = format!(
                "the groups of user {} have {total} processes and threads together, and the limit is {limit}",
                member.user()
            );
            let remedy = "raise the limit of httpd (ulimit -u, LimitNPROC=), or lower processes or threads";
            findings.push(Finding::of_group(Severity::Warning, member.group, what, remedy));
        }
    }
    findings
}

/// Processes and threads of a group: its leader, and in each worker the threads for requests and for itself.
fn needed(member: &Member<'_>) -> u64 {
    let (processes, threads) = (u64::from(member.group.processes()), u64::from(member.group.threads));
    1 + processes.saturating_mul(threads.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ProcessGroup;
    use crate::config::words::Words;
    use crate::daemon::Identity;
    use crate::doctor::access::Reader;

    #[test]
    fn threads_need_descriptors() {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let told = |threads: u64| {
            let line = format!("a threads={threads}");
            let group = ProcessGroup::read(&mut Words::new(line.as_bytes(), b"", 1)).unwrap();
            let identity = Identity { uid: 1, gid: 1, groups: vec![1], user: None, is_other: true };
            descriptors(&Member { group: &group, identity, reader: Reader::Own }).is_some()
        };
        assert!(!told(15));
        if limit < 60_000 {
            assert!(told(limit));
        }
    }
}
