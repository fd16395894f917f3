//! What the configuration says about interpreters, in layers, and what follows for one of them.
//!
//! A layer is what one place says: the directives of the main server, the options of a group, one
//! `<WSGIInterpreterOptions>`. Whoever reads the configuration sorts them, the least specific first, and leaves out
//! those of other process groups; which of them concern an interpreter is decided here, when it is made.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::launch::Python;

/// What one place says about some or all interpreters of a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// The application group that it is about, empty for the main interpreter; `None`: all.
    pub application_group: Option<String>,
    /// Directories for the front of `sys.path`.
    pub path: Vec<PathBuf>,
    /// Seconds for `sys.setswitchinterval`.
    pub switch_interval: Option<f64>,
    /// WSGIPerInterpreterGIL.
    pub own_gil: Option<bool>,
    /// WSGIRestrictSignal.
    pub restrict_signal: Option<bool>,
    /// WSGIRestrictStdin.
    pub restrict_stdin: Option<bool>,
    /// WSGIRestrictStdout.
    pub restrict_stdout: Option<bool>,
}

/// What holds for one interpreter.
#[derive(Debug, Clone, PartialEq)]
pub struct InterpreterSettings {
    /// Directories for the front of `sys.path` in this order, each through `site.addsitedir`; without
    /// [`Python::working_directory`], which goes before them.
    pub path: Vec<PathBuf>,
    /// Seconds for `sys.setswitchinterval`. It belongs to a GIL: only the main interpreter, and one that has got a GIL
    /// of its own, may set it.
    pub switch_interval: Option<f64>,
    /// Whether the interval was said of this application group by name: if it cannot be set, that is worth a warning.
    pub switch_interval_is_own: bool,
    /// Whether it shall have a GIL of its own; never the main interpreter.
    pub own_gil: bool,
    /// Whether `signal.signal()` of the application is ignored.
    pub restrict_signal: bool,
    /// Whether `sys.stdin` refuses to be used.
    pub restrict_stdin: bool,
    /// Whether `sys.stdout` refuses to be used.
    pub restrict_stdout: bool,
}

impl Python {
    /// What holds for the interpreter of `application_group`; empty is the main one. Each setting is that of the last
    /// layer that has it; directories add up, those of the last layer in front.
    pub fn interpreter(&self, application_group: &str) -> InterpreterSettings {
        let concerns = |layer: &&Layer| {
            layer.application_group.as_deref().is_none_or(|group| group == application_group)
        };
        let layers: Vec<&Layer> = self.layers.iter().filter(concerns).rev().collect(); // the most specific first
        let flag = |of: fn(&Layer) -> Option<bool>| layers.iter().find_map(|layer| of(layer));
        let interval = layers.iter().find(|layer| layer.switch_interval.is_some());
        InterpreterSettings {
            path: layers.iter().flat_map(|layer| layer.path.iter().cloned()).collect(),
            switch_interval: interval.and_then(|layer| layer.switch_interval),
            switch_interval_is_own: interval.is_some_and(|layer| layer.application_group.is_some()),
            own_gil: !application_group.is_empty() && flag(|layer| layer.own_gil).unwrap_or(false),
            restrict_signal: flag(|layer| layer.restrict_signal).unwrap_or(true),
            restrict_stdin: flag(|layer| layer.restrict_stdin).unwrap_or(false),
            restrict_stdout: flag(|layer| layer.restrict_stdout).unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(layers: Vec<Layer>) -> Python {
        Python { layers, ..Python::default() }
    }

    fn of(group: &str) -> Option<String> {
        Some(group.to_owned())
    }

    #[test]
    fn defaults() {
        let main = python(Vec::new()).interpreter("");
        assert!(main.restrict_signal && !main.restrict_stdin && !main.restrict_stdout && !main.own_gil);
        assert!(main.path.is_empty() && main.switch_interval.is_none() && !main.switch_interval_is_own);
    }

    #[test]
    fn each_setting_is_that_of_the_last_layer_that_has_it() {
        let python = python(vec![
            Layer { restrict_stdin: Some(true), switch_interval: Some(0.1), ..Layer::default() },
            Layer { own_gil: Some(true), restrict_signal: Some(false), ..Layer::default() },
            Layer { application_group: of("a"), restrict_stdin: Some(false), ..Layer::default() },
            Layer { application_group: of("a"), switch_interval: Some(0.2), ..Layer::default() },
            Layer { application_group: of(""), restrict_stdout: Some(true), ..Layer::default() },
        ]);
        let (main, a, b) = (python.interpreter(""), python.interpreter("a"), python.interpreter("b"));
        assert!(main.restrict_stdin && main.restrict_stdout && !main.restrict_signal);
        assert!(!a.restrict_stdin && !a.restrict_stdout && !a.restrict_signal);
        assert!(b.restrict_stdin);
        assert_eq!((a.switch_interval, a.switch_interval_is_own), (Some(0.2), true));
        assert_eq!((b.switch_interval, b.switch_interval_is_own), (Some(0.1), false));
        assert!(!main.own_gil && a.own_gil && b.own_gil);
    }

    #[test]
    fn directories_add_up_the_most_specific_in_front() {
        let layer = |application_group, path: &[&str]| {
            let path = path.iter().map(PathBuf::from).collect();
            Layer { application_group, path, ..Layer::default() }
        };
        let python =
            python(vec![layer(None, &["/base", "/more"]), layer(None, &["/all"]), layer(of("a"), &["/a"])]);
        let path = |group: &str| -> Vec<String> {
            python.interpreter(group).path.iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(path("a"), ["/a", "/all", "/base", "/more"]);
        assert_eq!(path(""), ["/all", "/base", "/more"]);
    }
}
