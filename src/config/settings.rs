//! What directives store: for a location and for a server. Every field is optional; the inner value wins.
//!
//! httpd merges the settings of locations for every request, so their fields are cheap to clone.

use std::sync::Arc;

use super::alias::Alias;
use super::global::Global;
use super::process_group::ProcessGroup;
use super::scripts::{HandlerScript, HookScript, Import};
use super::tracing::TraceContext;
use super::trusted::{Network, TrustedHeader};
use super::values::{Name, Switch};
use super::words::Place;

/// What was said about a location.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Settings {
    pub(crate) process_group: Option<Name>,
    pub(crate) application_group: Option<Name>,
    pub(crate) callable: Option<Name>,
    pub(crate) pass_authorization: Option<bool>,
    pub(crate) script_reloading: Option<bool>,
    pub(crate) chunked_request: Option<bool>,
    /// Auto: GET if an output filter looks at the content.
    pub(crate) map_head: Option<Switch>,
    pub(crate) error_override: Option<bool>,
    pub(crate) enable_sendfile: Option<bool>,
    pub(crate) restrict_process: Option<Arc<[Name]>>,
    pub(crate) trusted_headers: Option<Arc<[TrustedHeader]>>,
    pub(crate) trusted_proxies: Option<Arc<[Network]>>,
    pub(crate) handler_scripts: Option<Arc<[HandlerScript]>>,
    pub(crate) access_script: Option<Arc<HookScript>>,
    pub(crate) auth_user_script: Option<Arc<HookScript>>,
    pub(crate) auth_group_script: Option<Arc<HookScript>>,
    pub(crate) dispatch_script: Option<Arc<HookScript>>,
    pub(crate) pass_apache_request: Option<bool>,
    pub(crate) ignore_activity: Option<bool>,
    /// Auto: httpd answers with that location in daemon mode, as mod_wsgi does.
    pub(crate) local_redirect: Option<Switch>,
    pub(crate) trace_context: Option<TraceContext>,
    pub(crate) server_timing: Option<bool>,
    pub(crate) request_notes: Option<bool>,
}

/// A literal process group that a location asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) name: Name,
    pub(crate) place: Place,
}

/// A script that a hook of httpd asks, as it was written in a section of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) directive: &'static str,
    pub(crate) script: Arc<HookScript>,
}

/// What was said in a server. The fields of [`Global`] are in the main server only.
#[derive(Debug, Default)]
pub(crate) struct ServerSettings {
    pub(crate) aliases: Vec<Alias>,
    pub(crate) process_groups: Vec<ProcessGroup>,
    pub(crate) imports: Vec<Import>,
    pub(crate) references: Vec<Reference>,
    pub(crate) hooks: Vec<Hook>,
    /// Directives without an effect that were given, each once.
    pub(crate) without_effect: Vec<&'static str>,
    pub(crate) global: Global,
}

impl Settings {
    /// Nothing was said.
    pub(crate) const NOTHING: Self = Self {
        process_group: None,
        application_group: None,
        callable: None,
        pass_authorization: None,
        script_reloading: None,
        chunked_request: None,
        map_head: None,
        error_override: None,
        enable_sendfile: None,
        restrict_process: None,
        trusted_headers: None,
        trusted_proxies: None,
        handler_scripts: None,
        access_script: None,
        auth_user_script: None,
        auth_group_script: None,
        dispatch_script: None,
        pass_apache_request: None,
        ignore_activity: None,
        local_redirect: None,
        trace_context: None,
        server_timing: None,
        request_notes: None,
    };

    /// `over`, and where it says nothing, `base`.
    pub(crate) fn merge(base: &Self, over: &Self) -> Self {
        Self {
            process_group: shared(&base.process_group, &over.process_group),
            application_group: shared(&base.application_group, &over.application_group),
            callable: shared(&base.callable, &over.callable),
            pass_authorization: over.pass_authorization.or(base.pass_authorization),
            script_reloading: over.script_reloading.or(base.script_reloading),
            chunked_request: over.chunked_request.or(base.chunked_request),
            map_head: over.map_head.or(base.map_head),
            error_override: over.error_override.or(base.error_override),
            enable_sendfile: over.enable_sendfile.or(base.enable_sendfile),
            restrict_process: shared(&base.restrict_process, &over.restrict_process),
            trusted_headers: shared(&base.trusted_headers, &over.trusted_headers),
            trusted_proxies: shared(&base.trusted_proxies, &over.trusted_proxies),
            handler_scripts: overlay(base.handler_scripts.as_ref(), over.handler_scripts.as_ref()),
            access_script: shared(&base.access_script, &over.access_script),
            auth_user_script: shared(&base.auth_user_script, &over.auth_user_script),
            auth_group_script: shared(&base.auth_group_script, &over.auth_group_script),
            dispatch_script: shared(&base.dispatch_script, &over.dispatch_script),
            pass_apache_request: over.pass_apache_request.or(base.pass_apache_request),
            ignore_activity: over.ignore_activity.or(base.ignore_activity),
            local_redirect: over.local_redirect.or(base.local_redirect),
            trace_context: over.trace_context.or(base.trace_context),
            server_timing: over.server_timing.or(base.server_timing),
            request_notes: over.request_notes.or(base.request_notes),
        }
    }

    /// The script registered for a handler's name.
    pub(crate) fn handler_script(&self, name: &[u8]) -> Option<&HandlerScript> {
        // Of two with one name in one section the later counts.
        self.handler_scripts.as_ref()?.iter().rfind(|script| script.name.as_str().as_bytes() == name)
    }
}

/// The inner value, else the outer one.
fn shared<T: Clone>(base: &Option<T>, over: &Option<T>) -> Option<T> {
    over.as_ref().or(base.as_ref()).cloned()
}

/// Handler scripts are merged name by name.
fn overlay(
    base: Option<&Arc<[HandlerScript]>>,
    over: Option<&Arc<[HandlerScript]>>,
) -> Option<Arc<[HandlerScript]>> {
    match (base, over) {
        (Some(base), Some(over)) => Some(base.iter().chain(over.iter()).cloned().collect()),
        (base, over) => over.or(base).cloned(),
    }
}

impl ServerSettings {
    /// Nothing was said.
    pub(crate) const NOTHING: Self = Self {
        aliases: Vec::new(),
        process_groups: Vec::new(),
        imports: Vec::new(),
        references: Vec::new(),
        hooks: Vec::new(),
        without_effect: Vec::new(),
        global: Global::NOTHING,
    };

    /// Notes that the directive `name` was given, which has no effect.
    pub(super) fn has_no_effect(&mut self, name: &'static str) {
        if !self.without_effect.contains(&name) {
            self.without_effect.push(name);
        }
    }

    /// A virtual host's settings: its own aliases come before the main server's; groups, imports and references stay
    /// with the server that they were written in.
    pub(crate) fn merge(base: &Self, over: &Self) -> Self {
        Self {
            aliases: over.aliases.iter().chain(&base.aliases).cloned().collect(),
            process_groups: over.process_groups.clone(),
            imports: over.imports.clone(),
            references: over.references.clone(),
            hooks: over.hooks.clone(),
            without_effect: over.without_effect.clone(),
            global: Global::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Value;

    #[test]
    fn inner_value_wins() {
        let name = |text: &str| Name::parse(text.as_bytes());
        let outer = Settings { callable: name("a"), pass_authorization: Some(true), ..Settings::NOTHING };
        let inner = Settings { pass_authorization: Some(false), ..Settings::NOTHING };
        let merged = Settings::merge(&outer, &inner);
        assert_eq!(merged.callable, name("a"));
        assert_eq!(merged.pass_authorization, Some(false));
        assert_eq!(Settings::merge(&outer, &Settings::NOTHING), outer);
        assert_eq!(Settings::merge(&Settings::NOTHING, &outer), outer);
    }

    #[test]
    fn handler_scripts_are_overlaid() {
        let script = |name: &str, path: &str| HandlerScript {
            name: Name::parse(name.as_bytes()).unwrap(),
            path: Name::parse(path.as_bytes()).unwrap(),
            process_group: None,
            application_group: None,
            pass_authorization: None,
        };
        let with = |scripts: Vec<HandlerScript>| Settings {
            handler_scripts: Some(scripts.into()),
            ..Settings::NOTHING
        };
        let merged =
            Settings::merge(&with(vec![script("a", "1"), script("b", "2")]), &with(vec![script("a", "3")]));
        assert_eq!(merged.handler_script(b"a").unwrap().path.as_str(), "3");
        assert_eq!(merged.handler_script(b"b").unwrap().path.as_str(), "2");
        assert!(merged.handler_script(b"c").is_none());
    }
}
