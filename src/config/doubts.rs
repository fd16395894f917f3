//! What is allowed, but hardly meant: reported as a warning before httpd starts.

use thiserror::Error;

use super::check::{self, Site};
use super::global::Container;
use super::values::Name;
use super::words::Place;

/// Something that will not do what it seems to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Doubt {
    /// A selector that looks as if it were expanded.
    #[error(
        "<WSGIInterpreterOptions> at {place} concerns no interpreter: `{value}` is compared as it stands, only \
         %{{GLOBAL}} is expanded; write the name that it becomes"
    )]
    Expansion {
        /// Where it stands.
        place: Place,
        /// The selector's value.
        value: String,
    },
    /// A directive that belongs to a process.
    #[error(
        "WSGIFreeThreading in <WSGIInterpreterOptions> at {place} is ignored: it belongs to a process; leave \
         application-group out"
    )]
    FreeThreading {
        /// Where the container stands.
        place: Place,
    },
    /// A process group that does not exist.
    #[error("<WSGIInterpreterOptions> at {place} concerns no process: `{name}` is not defined; {known}")]
    NoGroup {
        /// Where it stands.
        place: Place,
        /// The group's name.
        name: String,
        /// What there is.
        known: String,
    },
}

/// All doubts about the configuration; the first of `sites` is the main server.
pub(crate) fn doubts(sites: &[Site<'_>]) -> Vec<Doubt> {
    let containers = sites.first().map(|main| main.settings.global.containers.as_slice());
    containers.unwrap_or_default().iter().flat_map(|container| about(sites, container)).collect()
}

fn about(sites: &[Site<'_>], container: &Container) -> Vec<Doubt> {
    let place = || container.place.clone();
    let expands = |name: &&Name| name.as_str().starts_with("%{");
    let selectors = [container.process_group.as_ref(), container.application_group.as_ref()];
    let mut doubts: Vec<Doubt> = selectors
        .into_iter()
        .flatten()
        .filter(expands)
        .map(|name| Doubt::Expansion { place: place(), value: name.to_string() })
        .collect();
    let unknown = container.process_group.as_ref().filter(|name| {
        !name.as_str().is_empty()
            && !expands(name)
            && !check::groups(sites).any(|(_, group)| group.name == **name)
    });
    if let Some(name) = unknown {
        let known = check::known(sites, name.as_str());
        doubts.push(Doubt::NoGroup { place: place(), name: name.to_string(), known });
    }
    if container.application_group.is_some() && container.options.free_threading.is_some() {
        doubts.push(Doubt::FreeThreading { place: place() });
    }
    doubts
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
}
