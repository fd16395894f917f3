//! One directive: how it is read, and how it is explained.

use std::ffi::CStr;

use crate::config::error::ConfigError;
use crate::config::global::InterpreterOptions;
use crate::config::options::Explained;
use crate::config::settings::{ServerSettings, Settings};
use crate::config::words::Words;

/// Where a directive is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// In the main server.
    Global,
    /// In the main server and in virtual hosts.
    Server,
    /// There, and in `<Directory>`, `<Location>`, `<Files>`, `<If>`.
    Location,
    /// There, and in .htaccess with `AllowOverride FileInfo`.
    FileInfo,
    /// In `<Directory>`, `<Location>`, `<Files>`, `<If>`, and in .htaccess with `AllowOverride AuthConfig`.
    AuthConfig,
}

/// What a directive stores into.
pub(crate) enum Setter {
    /// Into the settings of interpreters: those of the `<WSGIInterpreterOptions>` that it stands in, or of all.
    Interpreter(fn(&mut InterpreterOptions, &mut Words<'_>) -> Result<(), ConfigError>),
    /// Into the settings of the location.
    Location(fn(&mut Settings, &mut Words<'_>) -> Result<(), ConfigError>),
    /// Into the settings of the location, and for the check before the start into those of the server.
    Noted(fn(&mut Settings, &mut ServerSettings, &mut Words<'_>) -> Result<(), ConfigError>),
    /// Opens a section, which [`Global::close_container`](crate::config::global::Global::close_container) closes.
    Section(fn(&mut ServerSettings, &mut Words<'_>) -> Result<(), ConfigError>),
    /// Into the settings of the server.
    Server(fn(&mut ServerSettings, &mut Words<'_>) -> Result<(), ConfigError>),
}

/// One directive. What is only for docs/directives.md is in Markdown.
pub(crate) struct Row {
    /// Its name; that of a section begins with `<`.
    pub(crate) name: &'static CStr,
    /// Where it is allowed.
    pub(crate) context: Context,
    /// What it stores.
    pub(crate) set: Setter,
    /// What it does, in one line.
    pub(crate) help: &'static CStr,
    /// Its arguments.
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/directives.md"))]
    pub(crate) syntax: &'static str,
    /// What holds without it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/directives.md"))]
    pub(crate) default: Option<&'static str>,
    /// What it does here.
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/directives.md"))]
    pub(crate) text: &'static str,
    /// Its options with what they do.
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/directives.md"))]
    pub(crate) options: Option<fn() -> Explained>,
    /// What is to be said after the options.
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/directives.md"))]
    pub(crate) further: Option<&'static str>,
    /// What is not as in mod_wsgi, and why.
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/directives.md"))]
    pub(crate) differs: Option<&'static str>,
}

type OfServer = fn(&mut ServerSettings, &mut Words<'_>) -> Result<(), ConfigError>;
type OfLocation = fn(&mut Settings, &mut Words<'_>) -> Result<(), ConfigError>;
type OfBoth = fn(&mut Settings, &mut ServerSettings, &mut Words<'_>) -> Result<(), ConfigError>;
type OfInterpreters = fn(&mut InterpreterOptions, &mut Words<'_>) -> Result<(), ConfigError>;

impl Row {
    const fn new(name: &'static CStr, context: Context, syntax: &'static str, set: Setter) -> Self {
        let (help, text) = (c"", "");
        Self {
            name,
            context,
            set,
            help,
            syntax,
            default: None,
            text,
            options: None,
            further: None,
            differs: None,
        }
    }

    /// A directive of the main server.
    pub(super) const fn global(name: &'static CStr, syntax: &'static str, set: OfServer) -> Self {
        Self::new(name, Context::Global, syntax, Setter::Server(set))
    }

    /// A directive of the main server that is also allowed in `<WSGIInterpreterOptions>`.
    pub(super) const fn interpreter(name: &'static CStr, syntax: &'static str, set: OfInterpreters) -> Self {
        Self::new(name, Context::Global, syntax, Setter::Interpreter(set))
    }

    /// A section of the main server.
    pub(super) const fn section(name: &'static CStr, syntax: &'static str, open: OfServer) -> Self {
        Self::new(name, Context::Global, syntax, Setter::Section(open))
    }

    /// A directive of servers.
    pub(super) const fn server(name: &'static CStr, syntax: &'static str, set: OfServer) -> Self {
        Self::new(name, Context::Server, syntax, Setter::Server(set))
    }

    /// A directive of servers and sections.
    pub(super) const fn location(name: &'static CStr, syntax: &'static str, set: OfLocation) -> Self {
        Self::new(name, Context::Location, syntax, Setter::Location(set))
    }

    /// A directive of servers, sections and .htaccess.
    pub(super) const fn file_info(name: &'static CStr, syntax: &'static str, set: OfLocation) -> Self {
        Self::new(name, Context::FileInfo, syntax, Setter::Location(set))
    }

    /// A directive that is also noted in its server.
    pub(super) const fn noted(
        name: &'static CStr,
        context: Context,
        syntax: &'static str,
        set: OfBoth,
    ) -> Self {
        Self::new(name, context, syntax, Setter::Noted(set))
    }

    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// The line for `httpd -L`, and the text for docs/directives.md.
    pub(super) const fn says(self, help: &'static CStr, text: &'static str) -> Self {
        Self { help, text, ..self }
    }

    pub(super) const fn options(self, options: fn() -> Explained) -> Self {
        Self { options: Some(options), ..self }
    }

    pub(super) const fn further(self, further: &'static str) -> Self {
        Self { further: Some(further), ..self }
    }

    pub(super) const fn differs(self, differs: &'static str) -> Self {
        Self { differs: Some(differs), ..self }
    }
}
