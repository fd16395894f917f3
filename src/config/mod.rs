//! What the administrator wrote, and what follows from it; pure, without httpd.
//!
//! - [`words`] splits a line, [`values`] reads one word;
//! - [`directives`] is the table: name, where allowed, setter, and what docs/directives.md says; [`process_group`] and
//!   [`alias`] are the tables of the options of WSGIDaemonProcess and WSGIScriptAlias;
//! - [`settings`] is what they store: [`Settings`] for a location, [`ServerSettings`] for a server, each with its merge;
//!   [`global`] is what is said once, for all;
//! - [`environment_file`] is the text of `env-file`;
//! - [`expand`] replaces `%{…}`; [`resolve`] makes the one answer for a request, where the defaults stand;
//! - [`check`] judges the whole configuration before httpd starts; [`doubts`] are not errors; [`contradictions`] is the
//!   table of options that do not go together; each answer is a [`finding`].

pub(crate) mod alias;
pub(crate) mod check;
pub(crate) mod contradictions;
pub(crate) mod directives;
pub(crate) mod doubts;
pub(crate) mod environment_file;
mod error;
pub(crate) mod expand;
pub(crate) mod finding;
pub(crate) mod global;
pub(crate) mod interpreter;
pub(crate) mod options;
pub(crate) mod process_group;
mod process_options;
pub(crate) mod processes;
pub(crate) mod python;
pub(crate) mod resolve;
pub(crate) mod scripts;
pub(crate) mod settings;
pub(crate) mod telemetry;
pub(crate) mod tracing;
pub(crate) mod trusted;
pub(crate) mod values;
pub(crate) mod words;

pub(crate) use alias::{Alias, AliasOptions};
pub(crate) use directives::{Context, Row, Setter};
pub(crate) use error::ConfigError;
pub(crate) use process_group::{ProcessGroup, ScriptOwner};
pub(crate) use resolve::{Mode, Resolved};
pub(crate) use settings::{ServerSettings, Settings};
pub(crate) use values::Account;
pub(crate) use words::Words;
