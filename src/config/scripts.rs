//! Scripts that no URL names: WSGIHandlerScript, WSGIImportScript, and those that httpd's hooks ask: WSGIAccessScript,
//! WSGIAuthUserScript, WSGIAuthGroupScript, WSGIDispatchScript.

use std::path::PathBuf;

use super::alias;
use super::error::ConfigError;
use super::options::{self, OptionRow};
use super::values::{Name, Value};
use super::words::{Place, Words};

/// WSGIHandlerScript: a handler's name and its script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandlerScript {
    pub(crate) name: Name,
    pub(crate) path: Name,
    pub(crate) process_group: Option<Name>,
    pub(crate) application_group: Option<Name>,
    pub(crate) pass_authorization: Option<bool>,
}

/// A script that a hook of httpd asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HookScript {
    pub(crate) path: Name,
    /// As it is written, to be expanded by [`expand::hook_group`](super::expand::hook_group); empty is the main
    /// interpreter.
    pub(crate) application_group: Name,
    /// `None`: in the httpd child.
    pub(crate) process_group: Option<Name>,
    pub(crate) place: Place,
}

/// WSGIImportScript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) script: PathBuf,
    /// Empty is embedded mode.
    pub(crate) process_group: Name,
    /// Empty is the main interpreter.
    pub(crate) application_group: Name,
    pub(crate) place: Place,
}

/// The options of WSGIHandlerScript.
pub(crate) const HANDLER_OPTIONS: [OptionRow<HandlerScript>; 3] = [
    OptionRow {
        name: "application-group",
        help: "as WSGIApplicationGroup",
        set: |script, word| {
            alias::group(word, "application-group").map(|value| script.application_group = Some(value))
        },
    },
    OptionRow {
        name: "pass-authorization",
        help: "as WSGIPassAuthorization",
        set: |script, word| {
            bool::read(word, "pass-authorization").map(|value| script.pass_authorization = Some(value))
        },
    },
    OptionRow {
        name: "process-group",
        help: "as WSGIProcessGroup",
        set: |script, word| {
            alias::group(word, "process-group").map(|value| script.process_group = Some(value))
        },
    },
];

impl HandlerScript {
    /// Reads a whole line.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, ConfigError> {
        let mut script = Self {
            name: words.value("name of the handler")?,
            path: words.value("script path")?,
            process_group: None,
            application_group: None,
            pass_authorization: None,
        };
        options::read(words, &mut script, &HANDLER_OPTIONS)?;
        Ok(script)
    }
}

/// The options of WSGIAccessScript, WSGIAuthUserScript, WSGIAuthGroupScript and WSGIDispatchScript.
pub(crate) const HOOK_OPTIONS: [OptionRow<HookScript>; 2] = [
    OptionRow {
        name: "application-group",
        help: "the interpreter; default the main one. `%{SERVER}` and `%{HOST}` are expanded",
        set: |script, word| {
            alias::group(word, "application-group").map(|value| script.application_group = value)
        },
    },
    OptionRow {
        name: "process-group",
        help: "the process group that runs the script; default: httpd's own process",
        set: |script, word| {
            let name = alias::group(word, "process-group")?;
            script.process_group = (!name.as_str().is_empty()).then_some(name);
            Ok(())
        },
    },
];

impl HookScript {
    /// Reads a whole line.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, ConfigError> {
        let place = words.place();
        let path = words.value("script path")?;
        let mut script = Self { path, application_group: Name::empty(), process_group: None, place };
        options::read(words, &mut script, &HOOK_OPTIONS)?;
        Ok(script)
    }
}

impl Import {
    /// Reads a whole line.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, ConfigError> {
        /// The groups as they are read.
        #[derive(Default)]
        struct Groups(Option<Name>, Option<Name>);
        const OPTIONS: [OptionRow<Groups>; 2] = [
            OptionRow {
                name: "application-group",
                help: "the interpreter",
                set: |groups, word| {
                    alias::group(word, "application-group").map(|value| groups.1 = Some(value))
                },
            },
            OptionRow {
                name: "process-group",
                help: "the process group",
                set: |groups, word| alias::group(word, "process-group").map(|value| groups.0 = Some(value)),
            },
        ];
        let place = words.place();
        let script = words.value("script path")?;
        let mut groups = Groups::default();
        options::read(words, &mut groups, &OPTIONS)?;
        let process_group = groups.0.ok_or(ConfigError::MissingOption { name: "process-group" })?;
        let application_group = groups.1.ok_or(ConfigError::MissingOption { name: "application-group" })?;
        Ok(Self { script, process_group, application_group, place })
    }
}
