//! The one answer for a request: all settings merged, defaults applied, names expanded. The defaults stand here.

use std::borrow::Cow;
use std::fmt;

use contract::verdict::Routes;

use super::alias::AliasOptions;
use super::expand::{self, Facts, Lookup};
use super::scripts::HandlerScript;
use super::settings::Settings;
use super::trusted::{Network, TrustedHeader};
use super::values::{Name, Switch};

/// Where a request runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode<'r> {
    /// In this process.
    Embedded,
    /// In the process group of that name.
    Daemon(Cow<'r, [u8]>),
}

impl<'r> Mode<'r> {
    /// That of a process group, whose empty name is embedded mode.
    fn of(process_group: Cow<'r, [u8]>) -> Self {
        if process_group.is_empty() { Self::Embedded } else { Self::Daemon(process_group) }
    }
}

/// The callable of a script unless another is named.
const DEFAULT_CALLABLE: &str = "application";

/// The name of a callable, expanded; a variable that is not there means the default.
fn callable<'r>(name: &'r [u8], lookup: Lookup<'_, 'r>) -> Cow<'r, [u8]> {
    let named = expand::callable(name, lookup).filter(|name| !name.is_empty());
    named.unwrap_or(Cow::Borrowed(DEFAULT_CALLABLE.as_bytes()))
}

/// As in directives.
impl fmt::Display for Mode<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => out.write_str("%{GLOBAL}"),
            Self::Daemon(name) => String::from_utf8_lossy(name).fmt(out),
        }
    }
}

/// What holds for one request.
#[derive(Debug, Clone)]
pub(crate) struct Resolved<'r> {
    pub(crate) mode: Mode<'r>,
    /// Empty is the main interpreter.
    pub(crate) application_group: Cow<'r, [u8]>,
    pub(crate) callable: Cow<'r, [u8]>,
    /// The script's path.
    pub(crate) script: &'r [u8],
    /// The script was registered for the handler's name, and is not the requested file.
    pub(crate) is_handler_script: bool,
    pub(crate) script_reloading: bool,
    pub(crate) pass_authorization: bool,
    pub(crate) map_head: Switch,
    pub(crate) error_override: bool,
    pub(crate) enable_sendfile: Option<bool>,
    /// Ask [`Resolved::passes_apache_request`].
    pub(crate) pass_apache_request: bool,
    /// Whether the request does not count as activity of its process.
    pub(crate) ignore_activity: bool,
    /// Whether the response gets a Server-Timing header.
    pub(crate) server_timing: bool,
    /// Whether there are notes about the request for access logs.
    pub(crate) request_notes: bool,
    /// Ask [`Resolved::redirects_locally`].
    pub(crate) local_redirect: Switch,
    pub(crate) trusted_headers: &'r [TrustedHeader],
    /// `None`: every peer is trusted.
    pub(crate) trusted_proxies: Option<&'r [Network]>,
}

/// What names the application of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'r> {
    /// The requested file, mapped by an alias with these options, or by `SetHandler wsgi-script`.
    File(&'r [u8], Option<&'r AliasOptions>),
    /// A script registered with WSGIHandlerScript.
    Handler(&'r HandlerScript),
}

/// The answer for a request.
pub(crate) fn resolve<'r>(
    settings: &'r Settings,
    source: Source<'r>,
    facts: &Facts<'r, '_>,
    lookup: Lookup<'_, 'r>,
) -> Resolved<'r> {
    let own = Options::of(source);
    let process_group = own.process_group.or(settings.process_group.as_ref());
    let application_group = own.application_group.or(settings.application_group.as_ref());
    let process_group = expand::group(bytes(process_group, "%{GLOBAL}"), facts, lookup);
    Resolved {
        mode: Mode::of(process_group),
        application_group: expand::group(bytes(application_group, "%{RESOURCE}"), facts, lookup),
        callable: own
            .callable
            .unwrap_or_else(|| callable(bytes(settings.callable.as_ref(), DEFAULT_CALLABLE), lookup)),
        script: own.script,
        is_handler_script: matches!(source, Source::Handler(_)),
        script_reloading: settings.script_reloading.unwrap_or(true),
        pass_authorization: own.pass_authorization.or(settings.pass_authorization).unwrap_or(false),
        map_head: settings.map_head.unwrap_or(Switch::Auto),
        error_override: settings.error_override.unwrap_or(false),
        enable_sendfile: settings.enable_sendfile,
        pass_apache_request: settings.pass_apache_request.unwrap_or(false),
        ignore_activity: settings.ignore_activity.unwrap_or(false),
        server_timing: settings.server_timing.unwrap_or(false),
        request_notes: settings.request_notes.unwrap_or(false),
        local_redirect: settings.local_redirect.unwrap_or(Switch::Auto),
        trusted_headers: settings.trusted_headers.as_deref().unwrap_or_default(),
        trusted_proxies: settings.trusted_proxies.as_deref(),
    }
}

impl<'r> Resolved<'r> {
    /// Puts what a dispatch script says in the place of what is configured.
    pub(crate) fn reroute(&mut self, routes: Routes<'r>, facts: &Facts<'r, '_>, lookup: Lookup<'_, 'r>) {
        if let Some(name) = routes.process_group {
            self.mode = Mode::of(expand::group(name, facts, lookup));
        }
        if let Some(name) = routes.application_group {
            self.application_group = expand::group(name, facts, lookup);
        }
        if let Some(name) = routes.callable {
            self.callable = callable(name, lookup);
        }
    }

    /// Whether the environ has `apache.request_rec`: never outside of httpd's processes.
    pub(crate) fn passes_apache_request(&self) -> bool {
        self.pass_apache_request && self.mode == Mode::Embedded
    }

    /// Whether httpd answers a 200 that has a `Location` of this server with that location.
    pub(crate) fn redirects_locally(&self) -> bool {
        match self.local_redirect {
            Switch::Auto => self.mode != Mode::Embedded,
            Switch::Off => false,
            Switch::On => true,
        }
    }
}

impl Settings {
    /// Whether WSGIRestrictProcess lets a request go where it wants to; without the directive everything is allowed.
    pub(crate) fn allows(&self, mode: &Mode<'_>) -> bool {
        let Some(allowed) = &self.restrict_process else { return true };
        let name: &[u8] = match mode {
            Mode::Embedded => b"%{GLOBAL}",
            Mode::Daemon(name) => name,
        };
        allowed.iter().any(|one| one.as_str().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// What the source itself says.
struct Options<'r> {
    script: &'r [u8],
    process_group: Option<&'r Name>,
    application_group: Option<&'r Name>,
    callable: Option<Cow<'r, [u8]>>,
    pass_authorization: Option<bool>,
}

impl<'r> Options<'r> {
    fn of(source: Source<'r>) -> Self {
        match source {
            Source::File(script, alias) => Self {
                script,
                process_group: alias.and_then(|alias| alias.process_group.as_ref()),
                application_group: alias.and_then(|alias| alias.application_group.as_ref()),
                callable: alias
                    .and_then(|alias| alias.callable.as_ref())
                    .map(|name| Cow::Borrowed(name.as_str().as_bytes())),
                pass_authorization: alias.and_then(|alias| alias.pass_authorization),
            },
            Source::Handler(handler) => Self {
                script: handler.path.as_str().as_bytes(),
                process_group: handler.process_group.as_ref(),
                application_group: handler.application_group.as_ref(),
                callable: Some(Cow::Borrowed(b"handle_request")),
                pass_authorization: handler.pass_authorization,
            },
        }
    }
}

fn bytes<'r>(name: Option<&'r Name>, default: &'static str) -> &'r [u8] {
    name.map_or(default, Name::as_str).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Value;

    fn facts() -> Facts<'static, 'static> {
        Facts { server: b"srv", port: 80, host: None, script_name: b"" }
    }

    #[test]
    fn defaults() {
        static NOTHING: Settings = Settings::NOTHING;
        let resolved = resolve(&NOTHING, Source::File(b"/w/app.wsgi", None), &facts(), &|_| None);
        assert_eq!(resolved.mode, Mode::Embedded);
        assert_eq!(*resolved.application_group, *b"srv|");
        assert_eq!(*resolved.callable, *b"application");
        assert!(resolved.script_reloading && !resolved.pass_authorization);
        assert!(NOTHING.allows(&Mode::Embedded));
    }

    #[test]
    fn alias_options_override_directives() {
        let name = |text: &str| Name::parse(text.as_bytes());
        let settings =
            Settings { process_group: name("a"), pass_authorization: Some(false), ..Settings::NOTHING };
        let alias = AliasOptions {
            process_group: name("b"),
            application_group: Some(Name::empty()),
            callable: name("app"),
            pass_authorization: Some(true),
        };
        let resolved = resolve(&settings, Source::File(b"/x", Some(&alias)), &facts(), &|_| None);
        assert_eq!(resolved.mode, Mode::Daemon(Cow::Borrowed(b"b")));
        assert_eq!((&*resolved.application_group, &*resolved.callable), (&b""[..], &b"app"[..]));
        assert!(resolved.pass_authorization);
    }

    #[test]
    fn what_depends_on_the_mode_follows_it() {
        let settings = Settings { pass_apache_request: Some(true), ..Settings::NOTHING };
        let mut resolved = resolve(&settings, Source::File(b"/x", None), &facts(), &|_| None);
        assert!(resolved.passes_apache_request() && !resolved.redirects_locally());
        resolved.mode = Mode::Daemon(Cow::Borrowed(b"a")); // as a dispatch script may say
        assert!(!resolved.passes_apache_request() && resolved.redirects_locally());
        for (value, expected) in [(Switch::On, true), (Switch::Off, false)] {
            let settings = Settings { local_redirect: Some(value), ..Settings::NOTHING };
            let mut resolved = resolve(&settings, Source::File(b"/x", None), &facts(), &|_| None);
            assert_eq!(resolved.redirects_locally(), expected);
            resolved.mode = Mode::Daemon(Cow::Borrowed(b"a"));
            assert_eq!(resolved.redirects_locally(), expected);
        }
    }

    #[test]
    fn dispatch_scripts_reroute() {
        let lookup = |name: &[u8]| (name == b"N").then_some(Cow::Borrowed(&b"found"[..]));
        let settings = Settings { process_group: Name::parse(b"a"), ..Settings::NOTHING };
        let mut resolved = resolve(&settings, Source::File(b"/x", None), &facts(), &lookup);
        resolved.reroute(Routes::default(), &facts(), &lookup);
        assert_eq!(resolved.mode, Mode::Daemon(Cow::Borrowed(b"a")));
        assert_eq!((&*resolved.application_group, &*resolved.callable), (&b"srv|"[..], &b"application"[..]));
        let routes = Routes {
            process_group: Some(b"%{ENV:N}"),
            application_group: Some(b"%{GLOBAL}"),
            callable: Some(b"%{ENV:N}"),
        };
        resolved.reroute(routes, &facts(), &lookup);
        assert_eq!(resolved.mode, Mode::Daemon(Cow::Borrowed(b"found")));
        assert_eq!((&*resolved.application_group, &*resolved.callable), (&b""[..], &b"found"[..]));
        let routes =
            Routes { process_group: Some(b"%{GLOBAL}"), callable: Some(b"%{ENV:X}"), ..Routes::default() };
        resolved.reroute(routes, &facts(), &lookup);
        assert_eq!((&resolved.mode, &*resolved.callable), (&Mode::Embedded, &b"application"[..]));
    }

    #[test]
    fn restriction_ignores_case() {
        let names = |list: &[&str]| Settings {
            restrict_process: Some(list.iter().map(|name| Name::parse(name.as_bytes()).unwrap()).collect()),
            ..Settings::NOTHING
        };
        assert!(names(&["Site"]).allows(&Mode::Daemon(Cow::Borrowed(b"site"))));
        assert!(!names(&["site"]).allows(&Mode::Embedded));
        assert!(names(&["%{GLOBAL}"]).allows(&Mode::Embedded));
        assert!(!names(&[]).allows(&Mode::Embedded));
    }
}
