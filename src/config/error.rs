//! Why a line of the configuration is refused. The directive's name is added where the message is given to httpd.

use thiserror::Error;

use super::environment_file::Wrong;

/// Why a line is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ConfigError {
    /// A value is not what it must be.
    #[error("{what} `{value}` is not valid: {expected}")]
    BadValue {
        /// What it is a value of.
        what: &'static str,
        /// The word.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// What follows an `env=`, and may be part of its value.
    #[error(
        "what follows `env=` is not an option (and not shown, since it may be secret); write env=\"NAME=two words\", \
         with all of it in quotes"
    )]
    AfterEnv,
    /// A name was given before.
    #[error("the name `{name}` is already taken at {place}")]
    Duplicate {
        /// The name.
        name: String,
        /// Where.
        place: String,
    },
    /// An `env=` whose value, which is not shown, is not valid.
    #[error("env= of WSGIDaemonProcess: {0}")]
    Environment(Wrong),
    /// Something follows the last word.
    #[error("`{word}` is one word too many")]
    Excess {
        /// The word.
        word: String,
    },
    /// A word is missing.
    #[error("the {what} is missing")]
    Missing {
        /// What the word would say.
        what: &'static str,
    },
    /// An option that must be there is not.
    #[error("the option `{name}=` is missing")]
    MissingOption {
        /// Its name.
        name: &'static str,
    },
    /// The line of a section lacks its `>`.
    #[error("the line of a section ends with >")]
    NotClosed,
    /// A word is not `name=value`.
    #[error(
        "`{word}` is not an option: options are written name=value, with the value in quotes if it has blanks"
    )]
    NotAnOption {
        /// The word.
        word: String,
    },
    /// A selector was given before.
    #[error("`{name}=` is given twice")]
    Twice {
        /// Its name.
        name: &'static str,
    },
    /// No option has that name.
    #[error("unknown option `{name}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownOption {
        /// Its name.
        name: String,
        /// The known name that looks most like it.
        nearest: Option<String>,
    },
}
