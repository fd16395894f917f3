//! What is allowed, but hardly meant: reported as a warning before httpd starts.

use super::check::{self, Site};
use super::finding::{Finding, Severity};
use super::global::Container;
use super::process_group::ProcessGroup;
use super::values::Name;

/// All doubts about the configuration; the first of `sites` is the main server.
pub(crate) fn doubts(sites: &[Site<'_>]) -> Vec<Finding> {
    let containers = sites.first().map(|main| main.settings.global.containers.as_slice());
    let of_containers =
        containers.unwrap_or_default().iter().flat_map(|container| about_container(sites, container));
    of_containers.chain(check::groups(sites).flat_map(|(_, group)| about_environment(group))).collect()
}

fn about_container(sites: &[Site<'_>], container: &Container) -> Vec<Finding> {
    let doubt = |name: &str, what: String, remedy: String| {
        Finding::of_directive(Severity::Warning, (name, Some(&container.place)), what, remedy)
    };
    let section = "<WSGIInterpreterOptions>";
    let expands = |name: &&Name| name.as_str().starts_with("%{");
    let selectors = [container.process_group.as_ref(), container.application_group.as_ref()];
    let expanded = selectors.into_iter().flatten().filter(expands).map(|name| {
        let what = format!(
            "it concerns no interpreter: `{name}` is compared as it stands, only %{{GLOBAL}} is expanded"
        );
        doubt(section, what, "write the name that it becomes".to_owned())
    });
    let mut doubts: Vec<Finding> = expanded.collect();
    let unknown = container.process_group.as_ref().filter(|name| {
        !name.as_str().is_empty()
            && !expands(name)
            && !check::groups(sites).any(|(_, group)| group.name == **name)
    });
    if let Some(name) = unknown {
        let what = format!("it concerns no process: `{name}` is not defined");
        doubts.push(doubt(section, what, check::known(sites, name.as_str())));
    }
    if container.application_group.is_some() && container.options.free_threading.is_some() {
        let what = "WSGIFreeThreading is ignored there: it belongs to a process".to_owned();
        doubts.push(doubt(section, what, "leave application-group out".to_owned()));
    }
    doubts
}

fn about_environment(group: &ProcessGroup) -> impl Iterator<Item = Finding> {
    let quoted = group.environment.iter().filter(
        |(_, value)| matches!(value.as_encoded_bytes(), [first @ (b'"' | b'\''), .., last] if first == last),
    );
    quoted.map(move |(name, _)| {
        let name = name.to_string_lossy();
        let what = format!("the quotes in env={name}= are part of its value");
        let remedy = format!("if they are not meant to be, write env=\"{name}=value\"");
        Finding::of_group(Severity::Warning, group, what, remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerSettings;
    use crate::config::process_group::ProcessGroup;
    use crate::config::words::Words;

    #[test]
    fn containers_that_concern_nothing() {
        let read = |line: &str| Container::read(&mut Words::new(line.as_bytes(), b"httpd.conf", 3)).unwrap();
        let group = ProcessGroup::read(&mut Words::new(b"site", b"", 1)).unwrap();
        let mut main = ServerSettings { process_groups: vec![group], ..ServerSettings::default() };
        main.global.containers = [
            ">",
            "process-group=site application-group=a>",
            "process-group=%{GLOBAL}>",
            "process-group=sites>",
            "application-group=%{ENV:X}>",
            "application-group=a>",
        ]
        .map(read)
        .into();
        main.global.containers.last_mut().unwrap().options.free_threading = Some(true);
        let found = doubts(&[Site { hostname: None, is_virtual: false, settings: &main }]);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("line 3 of httpd.conf") && found[0].contains("did you mean `site`"));
        assert!(found[1].contains("`%{ENV:X}`") && found[2].contains("WSGIFreeThreading"), "{found:?}");
    }

    #[test]
    fn quotes_that_are_part_of_a_value_are_said_and_the_value_is_not() {
        let read = |line: &str| ProcessGroup::read(&mut Words::new(line.as_bytes(), b"", 1)).unwrap();
        let found =
            |line: &str| about_environment(&read(line)).map(|one| one.to_string()).collect::<Vec<_>>();
        let told = found(r#"s env=A="hidden""#);
        assert!(told[0].contains("env=A=") && !told[0].contains("hidden"), "{told:?}");
        assert!(found(r#"s env=A=hidden env="B=two words""#).is_empty());
    }
}
