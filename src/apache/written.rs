//! The configuration as it was written: httpd's own tree of all lines, those of other modules too.
//!
//! `<IfModule>`, `Include` and their like are carried out already: their contents stand in their place. For whoever judges
//! what another module will do; what our own directives say is in [`super::sections`].

use std::ffi::{CStr, c_char};

use super::request::{Raw, field, text};
use super::server::Server;
use crate::config::Words;
use crate::config::words::Place;
use crate::sys;

/// How deep sections within sections are followed.
const DEEPEST: usize = 8;

/// A line, or a section with the lines in it.
#[derive(Debug)]
pub(crate) struct Line {
    /// The directive in small letters; a section's begins with `<`.
    pub(crate) name: String,
    /// Its words without their quotes.
    pub(crate) words: Vec<String>,
    pub(crate) place: Place,
    pub(crate) within: Vec<Line>,
}

/// All lines of the configuration that httpd has read for this server and its virtual hosts.
pub(crate) fn lines(_main: Server<'_>) -> Vec<Line> {
    let place = &raw const sys::ap_conftree;
    // SAFETY: httpd writes it while single-threaded, before any hook of ours runs.
    let first = unsafe { place.read() };
    siblings(first, DEEPEST)
}

fn siblings(first: *mut sys::ap_directive_t, depth: usize) -> Vec<Line> {
    let mut found = Vec::new();
    let mut next = first;
    while !next.is_null() {
        let line = Raw(next);
        found.push(of(&line, depth));
        next = field!(line.next);
    }
    found
}

fn of(line: &Raw<sys::ap_directive_t>, depth: usize) -> Line {
    let name = lossy(field!(line.directive)).to_ascii_lowercase();
    let arguments = lossy(field!(line.args));
    let arguments = if name.starts_with('<') { arguments.trim_end_matches('>') } else { &arguments };
    let (file, number) = (lossy(field!(line.filename)), u32::try_from(field!(line.line_num)).unwrap_or(0));
    let mut words = Words::new(arguments.as_bytes(), file.as_bytes(), number);
    let place = words.place();
    let words = std::iter::from_fn(|| words.next());
    Line {
        name,
        words: words.map(|word| String::from_utf8_lossy(&word).into_owned()).collect(),
        place,
        within: if depth > 0 { siblings(field!(line.first_child), depth - 1) } else { Vec::new() },
    }
}

fn lossy(raw: *const c_char) -> String {
    text(raw).map(CStr::to_string_lossy).unwrap_or_default().into_owned()
}
