//! What Python and the application are told at their start, from the directives: for embedded mode and for a group.

use std::path::PathBuf;

use contract::launch::{Python, Target};
use contract::layers::Layer;

use super::global::{Global, InterpreterOptions};
use super::process_group::ProcessGroup;
use super::settings::ServerSettings;
use super::values::Name;

/// What httpd says about itself and its processes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    pub(crate) log_level: u8,
    pub(crate) httpd_version: (u32, u32, u32),
    pub(crate) httpd_description: String,
    pub(crate) httpd_built: String,
    /// `httpd -X`.
    pub(crate) debug_mode: bool,
    pub(crate) mpm_name: String,
    /// Most processes that serve, of httpd.
    pub(crate) mpm_processes: u32,
    /// Threads in each.
    pub(crate) mpm_threads: u32,
    /// Whether several processes of httpd serve at once.
    pub(crate) multiprocess: bool,
}

/// The settings of embedded mode.
pub(crate) fn embedded(global: &Global, environment: Environment, imports: Vec<Target>) -> Python {
    let common = common(global, "", environment, imports);
    let base = layer(&global.interpreters, None);
    Python {
        home: global.python_home.clone(),
        eggs: global.python_eggs.clone(),
        server_metrics: global.server_metrics.unwrap_or(false),
        layers: [base]
            .into_iter()
            .chain(containers(global, "", 0))
            .chain(containers(global, "", 1))
            .collect(),
        ..common
    }
}

/// The settings of a process group. Of what concerns embedded mode it inherits WSGIPythonHome alone; its option
/// `switch-interval` is nearer than a container for all processes.
pub(crate) fn daemon(
    global: &Global,
    group: &ProcessGroup,
    environment: Environment,
    imports: Vec<Target>,
) -> Python {
    let name = group.name.as_str();
    let common = common(global, name, environment, imports);
    let base =
        Layer { path: group.python_path.clone(), switch_interval: None, ..layer(&global.interpreters, None) };
    let own = Layer { switch_interval: group.switch_interval, ..Layer::default() };
    let general = containers(global, name, 0);
    // A service has its main thread to itself, and signals with it.
    let service = (group.threads == 0).then(|| Layer { restrict_signal: Some(false), ..Layer::default() });
    Python {
        process_group: name.to_owned(),
        home: group.python_home.clone().or_else(|| global.python_home.clone()),
        working_directory: group.home.clone(),
        eggs: group.python_eggs.clone(),
        layers: [base]
            .into_iter()
            .chain(general)
            .chain([own])
            .chain(containers(global, name, 1))
            .chain(service)
            .collect(),
        multithread: group.threads != 1,
        multiprocess: group.processes.is_some(),
        maximum_processes: group.processes(),
        threads_per_process: group.threads,
        server_metrics: group.server_metrics,
        preload: group.preload,
        ..common
    }
}

/// The layers of the containers that concern `group`: without selectors (0), or the others (1), the least specific
/// first.
fn containers(global: &Global, group: &str, from: usize) -> Vec<Layer> {
    let mut containers: Vec<_> = global
        .containers
        .iter()
        .filter(|container| container.concerns(group) && (container.specificity() > 0) == (from > 0))
        .collect();
    containers.sort_by_key(|container| container.specificity()); // stable: the later wins a tie
    containers
        .into_iter()
        .map(|container| layer(&container.options, container.application_group.as_ref()))
        .collect()
}

fn layer(options: &InterpreterOptions, application_group: Option<&Name>) -> Layer {
    Layer {
        application_group: application_group.map(Name::to_string),
        path: options.python_path.clone(),
        switch_interval: options.switch_interval,
        own_gil: options.per_interpreter_gil,
        restrict_signal: options.restrict_signal,
        restrict_stdin: options.restrict_stdin,
        restrict_stdout: options.restrict_stdout,
    }
}

/// WSGIFreeThreading belongs to a process: the last of the most specific containers without an application group.
fn free_threading(global: &Global, group: &str) -> bool {
    let said = global
        .containers
        .iter()
        .filter(|container| container.concerns(group) && container.application_group.is_none())
        .filter_map(|container| Some((container.specificity(), container.options.free_threading?)))
        .max_by_key(|(specificity, _)| *specificity); // of equals the last
    said.map(|(_, value)| value).or(global.interpreters.free_threading).unwrap_or(false)
}

fn common(global: &Global, group: &str, environment: Environment, imports: Vec<Target>) -> Python {
    Python {
        optimize: global.python_optimize.unwrap_or(0),
        warnings: global.python_warnings.clone(),
        dont_write_bytecode: global.dont_write_bytecode.unwrap_or(false),
        hash_seed: global.python_hash_seed.clone(),
        case_sensitive: global.case_sensitive.unwrap_or(true),
        free_threading: free_threading(global, group),
        telemetry: global.telemetry.of_process(),
        debug_mode: environment.debug_mode,
        destroy_interpreter: global.destroy_interpreter.unwrap_or(true),
        multithread: environment.mpm_threads > 1,
        multiprocess: environment.multiprocess,
        maximum_processes: environment.mpm_processes,
        threads_per_process: environment.mpm_threads,
        log_level: environment.log_level,
        httpd_version: environment.httpd_version,
        httpd_description: environment.httpd_description,
        httpd_built: environment.httpd_built,
        mpm_name: environment.mpm_name,
        mpm_processes: environment.mpm_processes,
        mpm_threads: environment.mpm_threads,
        imports,
        ..Python::default()
    }
}

/// Whether Python runs in httpd's own processes: always, but for `WSGIRestrictEmbedded On`, and then, too, if a script
/// is to run there that is no application.
pub(crate) fn is_in_children<'c>(
    global: &Global,
    mut servers: impl Iterator<Item = &'c ServerSettings>,
) -> bool {
    let needs = |server: &ServerSettings| {
        server.hooks.iter().any(|hook| hook.script.process_group.is_none())
            || server.imports.iter().any(|import| import.process_group.as_str().is_empty())
    };
    global.restrict_embedded != Some(true) || servers.any(needs)
}

/// What the servers want loaded in `group` (empty: embedded mode) before the first request, in configuration order,
/// each script once per interpreter: WSGIImportScript, and aliases with both groups named.
pub(crate) fn imports<'c>(servers: impl Iterator<Item = &'c ServerSettings>, group: &str) -> Vec<Target> {
    let mut targets = Vec::new();
    for server in servers {
        let named = server
            .imports
            .iter()
            .map(|import| (&import.process_group, &import.application_group, import.script.clone()));
        let aliased = server.aliases.iter().filter_map(|alias| {
            let (process, application) = alias.preload()?;
            Some((process, application, path(alias.path.to_bytes())))
        });
        for (process, application, script) in named.chain(aliased) {
            let target = Target { script, application_group: application.to_string() };
            if process.as_str() == group && !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    targets
}

fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::alias::Pattern;
    use crate::config::global::Container;
    use crate::config::scripts::{HookScript, Import};
    use crate::config::settings::Hook;
    use crate::config::values::Value;
    use crate::config::words::Place;
    use crate::config::{Alias, Words};

    #[test]
    fn aliases_with_both_groups_are_loaded_once() {
        let alias =
            |line: &str| Alias::read(&mut Words::new(line.as_bytes(), b"", 1), Pattern::Prefix).unwrap();
        let settings = ServerSettings {
            aliases: vec![
                alias("/ /w/a.wsgi process-group=site application-group=%{GLOBAL}"),
                alias("/b /w/a.wsgi process-group=site application-group=%{GLOBAL}"),
                alias("/c /w/c.wsgi process-group=site"),
                alias("/d /w/d.wsgi process-group=%{GLOBAL} application-group=d"),
            ],
            ..ServerSettings::default()
        };
        let scripts = |group| {
            let all = imports([&settings, &settings].into_iter(), group);
            all.iter().map(|target| target.script.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(scripts("site"), ["/w/a.wsgi"]);
        assert_eq!(scripts(""), ["/w/d.wsgi"]);
    }

    fn group(line: &str) -> ProcessGroup {
        ProcessGroup::read(&mut Words::new(line.as_bytes(), b"", 1)).unwrap()
    }

    fn container(process: Option<&str>, application: Option<&str>, options: InterpreterOptions) -> Container {
        let name =
            |text: &str| if text.is_empty() { Name::empty() } else { Name::parse(text.as_bytes()).unwrap() };
        Container {
            process_group: process.map(name),
            application_group: application.map(name),
            options,
            place: Place::default(),
        }
    }

    #[test]
    fn scripts_bring_python_where_applications_are_forbidden() {
        let forbidden = Global { restrict_embedded: Some(true), ..Global::default() };
        let hook = |line: &str| {
            let script = HookScript::read(&mut Words::new(line.as_bytes(), b"", 1)).unwrap();
            let hooks = vec![Hook { directive: "WSGIAccessScript", script: script.into() }];
            ServerSettings { hooks, ..ServerSettings::default() }
        };
        let import = |line: &str| {
            let imports = vec![Import::read(&mut Words::new(line.as_bytes(), b"", 1)).unwrap()];
            ServerSettings { imports, ..ServerSettings::default() }
        };
        let none = ServerSettings::default();
        assert!(is_in_children(&Global::default(), [&none].into_iter()));
        for (server, expected) in [
            (none, false),
            (hook("/a.py"), true),
            (hook("/a.py process-group=%{GLOBAL}"), true),
            (hook("/a.py process-group=site"), false),
            (import("/a.py process-group=%{GLOBAL} application-group=a"), true),
            (import("/a.py process-group=site application-group=a"), false),
        ] {
            assert_eq!(is_in_children(&forbidden, [&server].into_iter()), expected, "{server:?}");
        }
    }

    #[test]
    fn a_group_inherits_only_the_home() {
        let global = Global {
            python_home: Some("/venv".into()),
            interpreters: InterpreterOptions {
                python_path: vec!["/embedded".into()],
                switch_interval: Some(1.0),
                restrict_stdin: Some(true),
                ..InterpreterOptions::default()
            },
            server_metrics: Some(true),
            ..Global::default()
        };
        let python = daemon(&global, &group("site threads=1"), Environment::default(), Vec::new());
        assert_eq!(python.home, Some("/venv".into()));
        let main = python.interpreter("");
        assert!(main.path.is_empty() && main.switch_interval.is_none() && main.restrict_stdin);
        assert!(!python.multithread && !python.multiprocess && !python.server_metrics);
        let python = embedded(&global, Environment::default(), Vec::new());
        assert_eq!(python.interpreter("").path.len(), 1);
        assert_eq!(python.interpreter("x").switch_interval, Some(1.0));
    }

    #[test]
    fn the_more_specific_container_wins_and_of_equals_the_later() {
        let interval = |seconds| InterpreterOptions { switch_interval: Some(seconds), ..Default::default() };
        let mut global = Global {
            containers: vec![
                container(Some("site"), Some("a"), interval(4.0)),
                container(Some("site"), None, interval(2.0)),
                container(None, Some("a"), interval(3.0)),
                container(None, None, interval(1.0)),
                container(Some(""), None, interval(5.0)),
            ],
            ..Global::default()
        };
        let of = |global: &Global, line, name: &str| {
            daemon(global, &group(line), Environment::default(), Vec::new()).interpreter(name).switch_interval
        };
        assert_eq!(of(&global, "site", "a"), Some(4.0));
        assert_eq!(of(&global, "site", "b"), Some(2.0));
        assert_eq!(of(&global, "other", "a"), Some(3.0));
        assert_eq!(of(&global, "other", "b"), Some(1.0));
        assert_eq!(of(&global, "other switch-interval=9", "b"), Some(9.0));
        assert_eq!(of(&global, "site switch-interval=9", "b"), Some(2.0));
        let main = embedded(&global, Environment::default(), Vec::new()).interpreter("b");
        assert_eq!(main.switch_interval, Some(5.0));
        global.containers.push(container(Some("site"), Some("a"), interval(6.0)));
        assert_eq!(of(&global, "site", "a"), Some(6.0));
    }

    #[test]
    fn free_threading_is_a_matter_of_the_process() {
        let free = |on| InterpreterOptions { free_threading: Some(on), ..Default::default() };
        let global = Global {
            interpreters: free(true),
            containers: vec![
                container(Some("site"), None, free(false)),
                container(None, Some("a"), free(false)),
            ],
            ..Global::default()
        };
        assert!(!free_threading(&global, "site"));
        assert!(free_threading(&global, "other") && free_threading(&global, ""));
    }
}
