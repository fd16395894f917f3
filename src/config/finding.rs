//! One thing that an administrator should know about the configuration: where it is, what it is, and what to change.
//!
//! As text it is one line; docs/troubleshooting.md has the lines. [`crate::doctor`] collects them and says them.

use std::fmt;
use std::path::PathBuf;

use super::process_group::ProcessGroup;
use super::words::Place;

/// How bad it is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// httpd does not start with it.
    Error,
    /// Something will not work, or not as it is written.
    Warning,
    /// It works, and might be meant otherwise.
    Hint,
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A directive, or another part of the configuration by its name.
    Directive(String),
    /// A process group.
    Group(String),
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) subject: Subject,
    /// Where that is written.
    pub(crate) place: Option<Place>,
    /// The file or folder that it is about.
    pub(crate) path: Option<PathBuf>,
    /// What is the matter: a sentence without its full stop.
    pub(crate) what: String,
    /// What to change.
    pub(crate) remedy: String,
}

impl Severity {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }
}

impl Finding {
    /// About a process group.
    pub(crate) fn of_group(
        severity: Severity,
        group: &ProcessGroup,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            subject: Subject::Group(group.name.to_string()),
            place: Some(group.place.clone()),
            path: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// About a directive.
    pub(crate) fn of_directive(
        severity: Severity,
        (directive, place): (&str, Option<&Place>),
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            subject: Subject::Directive(directive.to_owned()),
            place: place.cloned(),
            path: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// The same, about that file or folder.
    pub(crate) fn at(self, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..self }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directive(name) => out.write_str(name),
            Self::Group(name) => write!(out, "the process group `{name}`"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, what, remedy, .. } = self;
        match &self.place {
            Some(place) => write!(out, "{subject} at {place}: {what}; {remedy}"),
            None => write!(out, "{subject}: {what}; {remedy}"),
        }
    }
}
