//! Writes docs/directives.md from the table, and fails when the file is not what the table says. With the environment
//! variable `UPDATE_DOCS` it replaces the file.

use std::fmt::Write as _;
use std::path::Path;

use super::CHAPTERS;
use super::row::{Context, Row, Setter};

const PREFACE: &str = include_str!("preface.md");

fn reference() -> String {
    let mut out = PREFACE.to_owned();
    for chapter in CHAPTERS {
        let _ = write!(out, "\n## {}\n", chapter.title);
        chapter.rows.iter().for_each(|row| section(&mut out, row));
    }
    out
}

fn section(out: &mut String, row: &Row) {
    let name = row.name.to_str().unwrap();
    let heading = if name.starts_with('<') { format!("`{name}>`") } else { name.to_owned() };
    let space = if row.syntax == ">" { "" } else { " " };
    let _ = write!(out, "\n### {heading}\n\n    Syntax:  {name}{space}{}\n", row.syntax);
    if let Some(default) = row.default {
        let _ = writeln!(out, "    Default: {default}");
    }
    let container =
        if matches!(row.set, Setter::Interpreter(_)) { ", `<WSGIInterpreterOptions>`" } else { "" };
    let _ = write!(out, "    Context: {}{}\n\n", context(row.context), container.replace('`', ""));
    out.push_str(&wrapped(row.text));
    if let Some(options) = row.options {
        table(out, &options());
    }
    if let Some(further) = row.further {
        let _ = write!(out, "\n{}", wrapped(further));
    }
    if let Some(differs) = row.differs {
        let _ = write!(out, "\n{}", wrapped(&format!("*In mod_wsgi* {differs}")));
    }
}

/// A table of options; what follows `; default ` is a column of its own.
fn table(out: &mut String, options: &[(&str, &str)]) {
    if options.iter().all(|(_, meaning)| !meaning.contains("; default ")) {
        out.push_str("\n| option | meaning |\n|---|---|\n");
        options.iter().for_each(|(name, meaning)| {
            let _ = writeln!(out, "| `{name}` | {meaning} |");
        });
        return;
    }
    out.push_str("\n| option | default | meaning |\n|---|---|---|\n");
    for (name, meaning) in options {
        let (meaning, default) = meaning.split_once("; default ").unwrap_or((meaning, ""));
        let (default, further) = default.split_once("; ").unwrap_or((default, ""));
        let colon = if further.is_empty() { "" } else { "; " };
        let _ = writeln!(out, "| `{name}` | {default} | {meaning}{colon}{further} |");
    }
}

fn context(context: Context) -> &'static str {
    match context {
        Context::Global => "main",
        Context::Server => "server",
        Context::Location => "location",
        Context::FileInfo => ".htaccess",
        Context::AuthConfig => "access",
    }
}

/// Paragraphs in lines of at most 120 characters; tables and examples as they are.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with(['|', ' ']) {
            let _ = writeln!(out, "{line}");
            continue;
        }
        let mut width = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if width > 0 {
                let separator = if width + 1 + length > 120 { '\n' } else { ' ' };
                out.push(separator);
                width = if separator == '\n' { 0 } else { width + 1 };
            }
            out.push_str(word);
            width += length;
        }
        out.push('\n');
    }
    out
}

#[test]
fn docs_are_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/directives.md");
    let reference = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &reference).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    let differs = written.lines().zip(reference.lines()).find(|(written, made)| written != made);
    assert!(written == reference, "UPDATE_DOCS=1 cargo test docs_are renews docs/directives.md: {differs:?}");
}
