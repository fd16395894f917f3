//! What is said once, for all: in the main server, and there in `<WSGIInterpreterOptions>` for some interpreters.

use std::path::PathBuf;

use super::telemetry::Telemetry;
use super::values::Name;

/// What is said once, for all.
#[derive(Debug, Default)]
pub(crate) struct Global {
    pub(crate) python_home: Option<PathBuf>,
    pub(crate) python_eggs: Option<PathBuf>,
    pub(crate) python_optimize: Option<u32>,
    pub(crate) python_warnings: Vec<String>,
    pub(crate) python_hash_seed: Option<String>,
    pub(crate) python_library: Option<PathBuf>,
    pub(crate) python_host: Option<PathBuf>,
    pub(crate) dont_write_bytecode: Option<bool>,
    pub(crate) case_sensitive: Option<bool>,
    pub(crate) destroy_interpreter: Option<bool>,
    pub(crate) restrict_embedded: Option<bool>,
    pub(crate) server_metrics: Option<bool>,
    pub(crate) telemetry: Telemetry,
    /// What is said of interpreters outside of any container.
    pub(crate) interpreters: InterpreterOptions,
    /// `<WSGIInterpreterOptions>`, in the order of the files.
    pub(crate) containers: Vec<Container>,
    /// A hook script (access, authentication, dispatch) runs in the httpd children.
    pub(crate) forces_python: bool,
    /// Directives without an effect that were given, each once.
    pub(crate) without_effect: Vec<&'static str>,
}

/// `<WSGIInterpreterOptions>`: which interpreters, and what.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Container {
    /// Empty is embedded mode; `None` is every process.
    pub(crate) process_group: Option<Name>,
    /// Empty is the main interpreter; `None` is every interpreter.
    pub(crate) application_group: Option<Name>,
    pub(crate) options: InterpreterOptions,
}

/// What can be said of interpreters, in a container or outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct InterpreterOptions {
    pub(crate) python_path: Vec<PathBuf>,
    pub(crate) switch_interval: Option<f64>,
    pub(crate) per_interpreter_gil: Option<bool>,
    pub(crate) free_threading: Option<bool>,
    pub(crate) restrict_signal: Option<bool>,
    pub(crate) restrict_stdin: Option<bool>,
    pub(crate) restrict_stdout: Option<bool>,
}

impl Global {
    /// Nothing was said.
    pub(crate) const NOTHING: Self = Self {
        python_home: None,
        python_eggs: None,
        python_optimize: None,
        python_warnings: Vec::new(),
        python_hash_seed: None,
        python_library: None,
        python_host: None,
        dont_write_bytecode: None,
        case_sensitive: None,
        destroy_interpreter: None,
        restrict_embedded: None,
        server_metrics: None,
        telemetry: Telemetry::NOTHING,
        interpreters: InterpreterOptions::NOTHING,
        containers: Vec::new(),
        forces_python: false,
        without_effect: Vec::new(),
    };

    /// Notes that the directive `name` was given, which has no effect.
    pub(super) fn has_no_effect(&mut self, name: &'static str) {
        if !self.without_effect.contains(&name) {
            self.without_effect.push(name);
        }
    }
}

impl InterpreterOptions {
    const NOTHING: Self = Self {
        python_path: Vec::new(),
        switch_interval: None,
        per_interpreter_gil: None,
        free_threading: None,
        restrict_signal: None,
        restrict_stdin: None,
        restrict_stdout: None,
    };
}

impl Container {
    /// How many selectors it has: of two containers the more specific wins.
    pub(crate) fn specificity(&self) -> usize {
        usize::from(self.process_group.is_some()) + usize::from(self.application_group.is_some())
    }

    /// Whether it concerns the process group `name`, which is empty for embedded mode.
    pub(crate) fn concerns(&self, name: &str) -> bool {
        self.process_group.as_ref().is_none_or(|group| group.as_str() == name)
    }
}
