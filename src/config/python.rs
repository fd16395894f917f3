//! What Python and the application are told at their start, from the directives: for embedded mode and for a group.

use std::path::PathBuf;

use contract::launch::{Python, Target};

use super::process_group::ProcessGroup;
use super::settings::{Global, ServerSettings};

/// What httpd says about itself and its processes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    pub(crate) log_level: u8,
    pub(crate) httpd_version: (u32, u32, u32),
    pub(crate) httpd_description: String,
    pub(crate) mpm_name: String,
    /// Most processes that serve.
    pub(crate) processes: u32,
    /// Threads in each.
    pub(crate) threads: u32,
    pub(crate) multiprocess: bool,
}

/// The settings of embedded mode.
pub(crate) fn embedded(global: &Global, environment: Environment, imports: Vec<Target>) -> Python {
    Python {
        home: global.python_home.clone(),
        path: global.python_path.clone(),
        eggs: global.python_eggs.clone(),
        switch_interval: global.switch_interval,
        ..common(global, environment, imports)
    }
}

/// The settings of a process group; of what concerns embedded mode it inherits WSGIPythonHome alone.
pub(crate) fn daemon(
    global: &Global,
    group: &ProcessGroup,
    environment: Environment,
    imports: Vec<Target>,
) -> Python {
    Python {
        process_group: group.name.to_string(),
        home: group.python_home.clone().or_else(|| global.python_home.clone()),
        path: group.python_path.clone(),
        working_directory: group.home.clone(),
        eggs: group.python_eggs.clone(),
        switch_interval: group.switch_interval,
        multithread: group.threads != 1,
        multiprocess: group.processes.is_some(),
        maximum_processes: group.processes(),
        threads_per_process: group.threads,
        ..common(global, environment, imports)
    }
}

fn common(global: &Global, environment: Environment, imports: Vec<Target>) -> Python {
    Python {
        process_group: String::new(),
        home: None,
        path: Vec::new(),
        working_directory: None,
        eggs: None,
        switch_interval: None,
        optimize: global.python_optimize.unwrap_or(0),
        warnings: global.python_warnings.clone(),
        dont_write_bytecode: global.dont_write_bytecode.unwrap_or(false),
        hash_seed: global.python_hash_seed.clone(),
        case_sensitive: global.case_sensitive.unwrap_or(true),
        restrict_signal: global.restrict_signal.unwrap_or(true),
        restrict_stdin: global.restrict_stdin.unwrap_or(false),
        restrict_stdout: global.restrict_stdout.unwrap_or(false),
        destroy_interpreter: global.destroy_interpreter.unwrap_or(true),
        multithread: environment.threads > 1,
        multiprocess: environment.multiprocess,
        maximum_processes: environment.processes,
        threads_per_process: environment.threads,
        log_level: environment.log_level,
        httpd_version: environment.httpd_version,
        httpd_description: environment.httpd_description,
        mpm_name: environment.mpm_name,
        imports,
    }
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

    #[test]
    fn a_group_inherits_only_the_home() {
        let global = Global {
            python_home: Some("/venv".into()),
            python_path: vec!["/embedded".into()],
            switch_interval: Some(1.0),
            ..Global::default()
        };
        let words = &mut Words::new(b"site threads=1", b"", 1);
        let group = ProcessGroup::read(words).unwrap();
        let python = daemon(&global, &group, Environment::default(), Vec::new());
        assert_eq!(python.home, Some("/venv".into()));
        assert!(python.path.is_empty() && python.switch_interval.is_none());
        assert!(!python.multithread && !python.multiprocess);
        assert_eq!(embedded(&global, Environment::default(), Vec::new()).path.len(), 1);
    }
}
