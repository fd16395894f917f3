//! What is said once, for all: in the main server, and there in `<WSGIInterpreterOptions>` for some interpreters.

use std::path::{Path, PathBuf};

use super::alias;
use super::error::ConfigError;
use super::options::{self, OptionRow};
use super::telemetry::Telemetry;
use super::values::Name;
use super::words::{Place, Words};

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
    /// The containers that are being read, by their places in `containers`, the innermost last.
    pub(super) open: Vec<usize>,
}

/// `<WSGIInterpreterOptions>`: which interpreters, and what.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Container {
    /// Empty is embedded mode; `None` is every process.
    pub(crate) process_group: Option<Name>,
    /// Empty is the main interpreter; `None` is every interpreter.
    pub(crate) application_group: Option<Name>,
    pub(crate) options: InterpreterOptions,
    pub(crate) place: Place,
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
        open: Vec::new(),
    };

    /// The host library, by default the one beside `module`.
    pub(crate) fn host(&self, module: &Path) -> PathBuf {
        self.python_host.clone().unwrap_or_else(|| module.with_file_name("mod_wsgi_host.abi3.so"))
    }

    /// A container begins.
    pub(super) fn open_container(&mut self, container: Container) {
        self.open.push(self.containers.len());
        self.containers.push(container);
    }

    /// The innermost container ends.
    pub(crate) fn close_container(&mut self) {
        self.open.pop();
    }

    /// What a directive fills that stands here: the innermost container, else what holds for all.
    pub(crate) fn interpreters_here(&mut self) -> &mut InterpreterOptions {
        match self.open.last().and_then(|at| self.containers.get_mut(*at)) {
            Some(container) => &mut container.options,
            None => &mut self.interpreters,
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

/// The selectors of a container.
pub(crate) const SELECTORS: [OptionRow<Container>; 2] = [
    OptionRow {
        name: "application-group",
        help: "the application group, as it is after its expansion; default all",
        set: |container, word| select(&mut container.application_group, word, "application-group"),
    },
    OptionRow {
        name: "process-group",
        help: "the process group; default all, and embedded mode",
        set: |container, word| select(&mut container.process_group, word, "process-group"),
    },
];

fn select(selector: &mut Option<Name>, word: &[u8], name: &'static str) -> Result<(), ConfigError> {
    if selector.is_some() {
        return Err(ConfigError::Twice { name });
    }
    *selector = Some(if word.is_empty() { Name::empty() } else { alias::group(word, name)? });
    Ok(())
}

impl Container {
    /// Reads the line that opens it. Selectors are in any case of letters, and the whole of one may be quoted.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, ConfigError> {
        let mut container = Self { place: words.place(), ..Self::default() };
        words.section()?;
        while let Some((name, value)) = words.quotable_option()? {
            options::set(&mut container, &SELECTORS, name.to_ascii_lowercase(), &value)?;
        }
        Ok(container)
    }

    /// How many selectors it has: of two containers the more specific wins.
    pub(crate) fn specificity(&self) -> usize {
        usize::from(self.process_group.is_some()) + usize::from(self.application_group.is_some())
    }

    /// Whether it concerns the process group `name`, which is empty for embedded mode.
    pub(crate) fn concerns(&self, name: &str) -> bool {
        self.process_group.as_ref().is_none_or(|group| group.as_str() == name)
    }
}
