//! Which scripts the configuration runs, and where: what can be said before there is a request.
//!
//! The sections of httpd are merged as for a request of the alias's own URL. Where a pattern, `<If>`, `<Files>`, a
//! variable or a dispatch script decides, the answer is that it is not known, and nobody complains.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::apache::sections::{Section, Sections};
use crate::config::alias::{Alias, Pattern};
use crate::config::settings::{Hook, Settings};
use crate::config::values::Name;
use crate::config::words::Place;

/// Where a script runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Where {
    Embedded,
    Group(String),
    Unknown,
}

/// What a script is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// It answers requests for its URL, or each file of the folder does.
    Alias,
    /// It is loaded before the first request.
    Import,
    /// Hooks and handlers of httpd ask it.
    Hook,
}

/// A script, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Use {
    pub(super) script: PathBuf,
    pub(super) place: Place,
    pub(super) directive: &'static str,
    pub(super) purpose: Purpose,
    pub(super) runs: Where,
    /// The name after its expansion, empty for the main interpreter; or how it is written, if that is not one name.
    pub(super) application_group: Option<String>,
    /// One of these is looked up in the script; none if that is not known, or nothing is looked up.
    pub(super) callables: Vec<String>,
}

/// Whether settings say where or how a script runs.
fn decides(settings: &Settings) -> bool {
    settings.process_group.is_some()
        || settings.application_group.is_some()
        || settings.callable.is_some()
        || settings.dispatch_script.is_some()
}

/// What holds for `uri` and the file `path`; `None` if only a request can tell.
fn settings_of(sections: &Sections<'_>, uri: Option<&[u8]>, path: &[u8]) -> Option<Settings> {
    let mut merged = sections.outside.settings.clone();
    if sections.outside.within.iter().any(|inner| decides(inner)) {
        return None;
    }
    let directories = sections.directories.iter().map(|section| (section, Some(path)));
    let locations = sections.locations.iter().map(|section| (section, uri));
    for (section, subject) in directories.chain(locations) {
        let Section { path, settings, within } = section;
        match (path, subject) {
            (Some(path), Some(subject)) if !is_below(subject, path) => {}
            (Some(_), Some(_)) if !within.iter().any(|inner| decides(inner)) => {
                merged = Settings::merge(&merged, settings);
            }
            _ if decides(settings) || within.iter().any(|inner| decides(inner)) => return None,
            _ => {}
        }
    }
    Some(merged)
}

/// Whether `path` is `folder`, or something in it.
fn is_below(path: &[u8], folder: &[u8]) -> bool {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// The scripts of an alias in a server with these sections: one, or none if its path is made from the URL.
pub(super) fn of_alias(alias: &Alias, sections: &Sections<'_>) -> Option<Use> {
    let uri = match &alias.pattern {
        Pattern::Prefix(uri) => Some(uri.to_bytes()),
        Pattern::Regex(_) if alias.path.to_bytes().contains(&b'$') => return None,
        Pattern::Regex(_) => None,
    };
    let path = alias.path.to_bytes();
    let settings = settings_of(sections, uri, path);
    let settings = settings.as_ref().filter(|settings| settings.dispatch_script.is_none());
    let own = &alias.options;
    let inherited = |pick: fn(&Settings) -> Option<&Name>, default: &str| {
        settings.map(|settings| pick(settings).map_or(default, Name::as_str).to_owned())
    };
    let literal = |name: &Name| Some(name.to_string());
    let group = own
        .process_group
        .as_ref()
        .map_or_else(|| inherited(|settings| settings.process_group.as_ref(), "%{GLOBAL}"), literal);
    let application_group = own
        .application_group
        .as_ref()
        .map_or_else(|| inherited(|settings| settings.application_group.as_ref(), "%{RESOURCE}"), literal);
    let callable = own
        .callable
        .as_ref()
        .map_or_else(|| inherited(|settings| settings.callable.as_ref(), "application"), literal);
    Some(Use {
        script: Path::new(std::ffi::OsStr::from_bytes(path)).to_owned(),
        place: alias.place.clone(),
        directive: alias.directive(),
        purpose: Purpose::Alias,
        runs: runs(group.as_deref()),
        application_group: application_group.map(global).filter(|name| !name.starts_with("%{ENV")),
        callables: callable.into_iter().filter(|name| !name.starts_with('%')).collect(),
    })
}

/// The script of a hook.
pub(super) fn of_hook(hook: &Hook) -> Use {
    let callables: &[&str] = match hook.directive {
        "WSGIAccessScript" => &["allow_access"],
        "WSGIAuthUserScript" => &["check_password", "get_realm_hash"],
        "WSGIAuthGroupScript" => &["groups_for_user"],
        "WSGIDispatchScript" => &["process_group", "application_group", "callable_object"],
        _ => &[],
    };
    Use {
        script: hook.script.path.as_str().into(),
        place: hook.script.place.clone(),
        directive: hook.directive,
        purpose: Purpose::Hook,
        runs: runs(Some(hook.script.process_group.as_ref().map_or("", Name::as_str))),
        application_group: Some(global(hook.script.application_group.to_string())),
        callables: callables.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn runs(group: Option<&str>) -> Where {
    match group {
        Some("" | "%{GLOBAL}") => Where::Embedded,
        Some(name) if !name.starts_with('%') => Where::Group(name.to_owned()),
        _ => Where::Unknown,
    }
}

fn global(name: String) -> String {
    if name == "%{GLOBAL}" { String::new() } else { name }
}

/// Every process group that sections, aliases and scripts name; `None` if one is known to a request only.
pub(super) fn names<'s>(
    settings: impl Iterator<Item = &'s Settings>,
    others: impl Iterator<Item = &'s Name>,
) -> Option<Vec<&'s str>> {
    let mut all: Vec<&str> = Vec::new();
    for settings in settings {
        if settings.dispatch_script.is_some() {
            return None;
        }
        let handlers = settings.handler_scripts.as_deref().unwrap_or_default();
        all.extend(settings.process_group.as_ref().map(Name::as_str));
        all.extend(handlers.iter().filter_map(|handler| Some(handler.process_group.as_ref()?.as_str())));
        all.extend(settings.restrict_process.as_deref().unwrap_or_default().iter().map(Name::as_str));
    }
    all.extend(others.map(Name::as_str));
    let is_known = |name: &&str| !name.starts_with('%') || *name == "%{GLOBAL}";
    all.iter().all(is_known).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Words;
    use crate::config::values::Value;

    fn group(name: &str) -> &'static Settings {
        Box::leak(Box::new(Settings { process_group: Name::parse(name.as_bytes()), ..Settings::NOTHING }))
    }

    fn section(path: Option<&'static str>, settings: &'static Settings) -> Section<'static> {
        Section { path: path.map(str::as_bytes), settings, within: Vec::new() }
    }

    fn sections(outside: &'static Settings) -> Sections<'static> {
        Sections { outside: section(None, outside), directories: Vec::new(), locations: Vec::new() }
    }

    fn alias(line: &str) -> Alias {
        Alias::read(&mut Words::new(line.as_bytes(), b"", 1), Pattern::Prefix).unwrap()
    }

    #[test]
    fn sections_are_merged_as_for_a_request() {
        static NOTHING: Settings = Settings::NOTHING;
        let runs = |sections: &Sections<'_>, line| of_alias(&alias(line), sections).unwrap().runs;
        let mut all = sections(group("outside"));
        assert_eq!(runs(&all, "/ /srv/a.wsgi"), Where::Group("outside".into()));
        all.directories.push(section(Some("/srv/"), group("folder")));
        all.directories.push(section(Some("/srv/ab"), group("other")));
        assert_eq!(runs(&all, "/ /srv/a.wsgi"), Where::Group("folder".into()));
        all.locations.push(section(Some("/shop"), group("%{GLOBAL}")));
        assert_eq!(runs(&all, "/shop /srv/a.wsgi"), Where::Embedded);
        assert_eq!(runs(&all, "/shops /srv/a.wsgi"), Where::Group("folder".into()));
        assert_eq!(runs(&all, "/shop /srv/a.wsgi process-group=mine"), Where::Group("mine".into()));
        all.locations.push(section(None, &NOTHING));
        assert_eq!(runs(&all, "/shop /srv/a.wsgi"), Where::Embedded);
        all.locations.push(section(None, group("pattern")));
        assert_eq!(runs(&all, "/shop /srv/a.wsgi"), Where::Unknown);
        assert_eq!(runs(&sections(group("%{ENV:X}")), "/ /a"), Where::Unknown);
    }

    #[test]
    fn what_is_said_of_some_files_is_not_known() {
        static NOTHING: Settings = Settings::NOTHING;
        let mut all = sections(&NOTHING);
        all.directories.push(Section { within: vec![group("files")], ..section(Some("/srv"), &NOTHING) });
        let found = of_alias(&alias("/ /srv/a.wsgi"), &all).unwrap();
        assert_eq!((found.runs, found.application_group, found.callables.len()), (Where::Unknown, None, 0));
        let elsewhere = of_alias(&alias("/ /opt/a.wsgi callable-object=app"), &all).unwrap();
        assert_eq!((elsewhere.runs, elsewhere.callables), (Where::Embedded, vec!["app".to_owned()]));
        assert_eq!(elsewhere.application_group.as_deref(), Some("%{RESOURCE}"));
        assert_eq!(elsewhere.directive, "WSGIScriptAlias");
        let line = &mut Words::new(b"^/a(/|$) /opt/a.wsgi", b"", 1);
        let matched = Alias::read(line, Pattern::Regex).unwrap();
        assert_eq!(of_alias(&matched, &sections(&NOTHING)).unwrap().directive, "WSGIScriptAliasMatch");
    }

    #[test]
    fn groups_that_only_requests_know() {
        assert_eq!(names([group("a")].into_iter(), [].iter()), Some(vec!["a"]));
        assert_eq!(names([group("a"), group("%{ENV:B}")].into_iter(), [].iter()), None);
    }
}
