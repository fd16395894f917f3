//! What Python in an httpd child starts with: the directives of the main server and what the MPM says.

use contract::launch::{Python, Target};

use crate::apache::{Server, process};

/// The scripts that every child imports at its start, in the order of the configuration.
pub(super) fn imports(main: Server<'_>) -> Vec<Target> {
    let all = main.iter().flat_map(|server| server.settings().imports.iter());
    let mut embedded: Vec<_> = all.filter(|import| import.process_group.is_empty()).collect();
    embedded.sort_by_key(|import| import.order);
    let target = |import: &crate::config::Import| Target {
        script: import.script.clone(),
        application_group: import.application_group.to_string(),
    };
    embedded.into_iter().map(target).collect()
}

/// Python's settings in embedded mode.
pub(super) fn python(main: Server<'_>) -> Python {
    let global = &main.settings().global;
    let mpm = process::mpm();
    Python {
        process_group: String::new(),
        home: global.python_home.clone(),
        path: global.python_path.clone(),
        working_directory: None,
        eggs: global.python_eggs.clone(),
        switch_interval: global.switch_interval,
        optimize: global.python_optimize.unwrap_or(0),
        warnings: global.python_warnings.clone(),
        dont_write_bytecode: global.dont_write_bytecode.unwrap_or(false),
        hash_seed: global.python_hash_seed.clone(),
        case_sensitive: global.case_sensitive.unwrap_or(true),
        restrict_signal: global.restrict_signal.unwrap_or(true),
        restrict_stdin: global.restrict_stdin.unwrap_or(false),
        restrict_stdout: global.restrict_stdout.unwrap_or(false),
        destroy_interpreter: global.destroy_interpreter.unwrap_or(true),
        multithread: mpm.is_threaded && mpm.threads > 1,
        multiprocess: mpm.is_forked && mpm.processes > 1,
        maximum_processes: mpm.processes.max(1),
        threads_per_process: mpm.threads.max(1),
        log_level: main.log_level(),
        httpd_version: process::httpd_version(),
        httpd_description: process::httpd_description(),
        mpm_name: mpm.name,
        imports: imports(main),
    }
}
