//! Judges the process groups of the whole configuration before httpd starts, so that a mistake is met by the
//! administrator and not by the first client. Only what is certain is an error.

use super::finding::{Finding, Severity};
use super::options::nearest;
use super::process_group::ProcessGroup;
use super::settings::ServerSettings;
use super::words::Place;

/// A server, as far as process groups go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'c> {
    /// ServerName, if one was given.
    pub(crate) hostname: Option<&'c str>,
    /// A `<VirtualHost>`.
    pub(crate) is_virtual: bool,
    pub(crate) settings: &'c ServerSettings,
}

/// All process groups with the server that each was written in, in configuration order.
pub(crate) fn groups<'c>(
    sites: &'c [Site<'c>],
) -> impl Iterator<Item = (&'c Site<'c>, &'c ProcessGroup)> + Clone {
    sites.iter().flat_map(|site| site.settings.process_groups.iter().map(move |group| (site, group)))
}

/// Whether a group that was written in `home` may be used in `site`: one of the main server everywhere, one of a
/// virtual host by servers of the same ServerName.
pub(crate) fn is_reachable(home: &Site<'_>, site: &Site<'_>) -> bool {
    let is_same = std::ptr::eq(home.settings, site.settings);
    !home.is_virtual || is_same || (home.hostname.is_some() && home.hostname == site.hostname)
}

/// All mistakes about process groups.
pub(crate) fn process_groups(sites: &[Site<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, (_, group)) in groups(sites).enumerate() {
        let (name, mut earlier) = (group.name.as_str(), groups(sites).take(at).map(|(_, other)| other));
        if let Some(before) = earlier.clone().find(|other| other.name == group.name) {
            let what = format!(
                "it is already defined at {}, and names are unique in the whole server",
                before.place
            );
            found.push(Finding::of_group(Severity::Error, group, what, "give one of them another name"));
        } else if let Some(other) = earlier.find(|other| other.name.as_str().eq_ignore_ascii_case(name)) {
            let what = format!(
                "its name is that of `{}` at {} in other letters, and WSGIRestrictProcess takes one for the other",
                other.name, other.place
            );
            found.push(Finding::of_group(Severity::Warning, group, what, "give one of them another name"));
        }
    }
    for site in sites {
        found.extend(wishes(site).filter_map(|wish| unmet(sites, site, &wish)));
    }
    found
}

/// A literal process group that a directive asks for.
struct Wish<'c> {
    name: &'c str,
    directive: &'static str,
    place: &'c Place,
    /// The directive itself uses the group, in this server; it is not just a default for virtual hosts.
    is_own: bool,
}

fn wishes<'c>(site: &'c Site<'_>) -> impl Iterator<Item = Wish<'c>> {
    let settings = site.settings;
    let sections = settings.references.iter().map(|reference| Wish {
        name: reference.name.as_str(),
        directive: "WSGIProcessGroup",
        place: &reference.place,
        is_own: false,
    });
    let aliases = settings.aliases.iter().filter_map(|alias| {
        let name = alias.options.process_group.as_ref()?.as_str();
        Some(Wish {
            name,
            directive: alias.directive(),
            place: &alias.place,
            is_own: alias.preload().is_some(),
        })
    });
    let imports = settings.imports.iter().map(|import| Wish {
        name: import.process_group.as_str(),
        directive: "WSGIImportScript",
        place: &import.place,
        is_own: true,
    });
    let hooks = settings.hooks.iter().filter_map(|hook| {
        let name = hook.script.process_group.as_ref()?.as_str();
        Some(Wish { name, directive: hook.directive, place: &hook.script.place, is_own: false })
    });
    sections
        .chain(aliases)
        .chain(imports)
        .chain(hooks)
        .filter(|wish| !wish.name.is_empty() && !wish.name.starts_with('%'))
}

fn unmet(sites: &[Site<'_>], site: &Site<'_>, wish: &Wish<'_>) -> Option<Finding> {
    let name = wish.name;
    let error = |what, remedy| {
        let directive = (wish.directive, Some(wish.place));
        Some(Finding::of_directive(Severity::Error, directive, what, remedy))
    };
    let Some((home, group)) = groups(sites).find(|(_, group)| group.name.as_str() == name) else {
        let what = format!("the process group `{name}` that it asks for is not defined");
        return error(
            what,
            format!("define it with WSGIDaemonProcess, or name another; {}", known(sites, name)),
        );
    };
    // What the main server says may be meant for its virtual hosts: not certain enough to stop httpd.
    if is_reachable(home, site) || !(site.is_virtual || wish.is_own) {
        return None;
    }
    let what = |servers| {
        format!(
            "the process group `{name}` that it asks for is defined at {}, in a virtual host {servers}",
            group.place
        )
    };
    if home.hostname.is_none() || site.hostname.is_none() {
        error(
            what("and only servers with the same ServerName may use it"),
            "give both one, or define the group outside of <VirtualHost>".to_owned(),
        )
    } else {
        error(
            what("with another ServerName"),
            "define it outside of <VirtualHost>, or give both the same ServerName".to_owned(),
        )
    }
}

/// A sentence about the groups that there are.
pub(crate) fn known(sites: &[Site<'_>], wanted: &str) -> String {
    let names: Vec<&str> = groups(sites).map(|(_, group)| group.name.as_str()).collect();
    if names.is_empty() {
        return "there is no WSGIDaemonProcess".to_owned();
    }
    let hint = nearest(wanted, names.iter().copied()).map(|name| format!("; did you mean `{name}`?"));
    format!("the groups are `{}`{}", names.join("`, `"), hint.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Words;
    use crate::config::scripts::Import;
    use crate::config::settings::Reference;
    use crate::config::values::{Name, Value};

    fn settings(groups: &[&str], references: &[&str]) -> ServerSettings {
        let name = |text: &&str| Name::parse(text.as_bytes()).unwrap();
        ServerSettings {
            process_groups: groups
                .iter()
                .map(|text| ProcessGroup::new(name(text), Place::default()))
                .collect(),
            references: references
                .iter()
                .map(|text| Reference { name: name(text), place: Place::default() })
                .collect(),
            ..ServerSettings::default()
        }
    }

    fn messages(sites: &[(Option<&str>, bool, &ServerSettings)]) -> Vec<String> {
        let sites: Vec<Site<'_>> = sites
            .iter()
            .map(|(hostname, is_virtual, settings)| Site {
                hostname: *hostname,
                is_virtual: *is_virtual,
                settings,
            })
            .collect();
        process_groups(&sites).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unknown_groups_are_named_with_those_that_exist() {
        let main = settings(&["site"], &["sites", "site", "%{ENV:X}"]);
        let found = messages(&[(Some("a"), false, &main)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("`sites`") && found[0].contains("did you mean `site`"), "{found:?}");
        let alone = settings(&[], &["x"]);
        assert!(messages(&[(None, false, &alone)])[0].contains("there is no WSGIDaemonProcess"));
    }

    #[test]
    fn groups_of_hosts_serve_their_name_only() {
        let main = settings(&[], &["one"]);
        let one = settings(&["one"], &["one"]);
        let tls = settings(&[], &["one"]);
        let other = settings(&[], &["one"]);
        let all = [
            (None, false, &main),
            (Some("a"), true, &one),
            (Some("a"), true, &tls),
            (Some("b"), true, &other),
        ];
        let found = messages(&all);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("another ServerName"));
    }

    #[test]
    fn hosts_without_a_name_share_no_groups() {
        let (main, own) = (settings(&[], &[]), settings(&["one"], &["one"]));
        let other = settings(&[], &["one"]);
        assert!(messages(&[(None, false, &main), (None, true, &own)]).is_empty(), "its own group");
        let found = messages(&[(None, false, &main), (None, true, &own), (Some("b"), true, &other)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("give both one"), "{found:?}");
    }

    #[test]
    fn what_the_main_server_loads_is_its_own() {
        let import = |line: &str| Import::read(&mut Words::new(line.as_bytes(), b"", 1)).unwrap();
        let main = ServerSettings {
            imports: vec![import("/x process-group=one application-group=a")],
            ..settings(&[], &["one"])
        };
        let host = settings(&["one"], &[]);
        let found = messages(&[(Some("a"), false, &main), (Some("b"), true, &host)]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("WSGIImportScript"), "{found:?}");
        assert!(messages(&[(Some("b"), false, &main), (Some("b"), true, &host)]).is_empty());
    }

    #[test]
    fn names_are_unique() {
        let (main, host) = (settings(&["x"], &[]), settings(&["x"], &[]));
        assert!(messages(&[(None, false, &main), (None, true, &host)])[0].contains("already defined"));
        let found = messages(&[(None, false, &main), (None, true, &settings(&["X"], &[]))]);
        assert!(found.len() == 1 && found[0].contains("other letters"), "{found:?}");
    }
}
