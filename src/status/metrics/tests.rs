//! The metrics: names that follow the conventions, lines that nothing from outside can break, and their list in the docs.

use std::path::Path;

use super::super::sample::report;
use super::families::{FAMILIES, Kind};
use super::render;

const DOCUMENT: &str = "docs/status.md";
const BEGIN: &str = "<!-- the metrics, from src/status/metrics/families.rs -->\n";
const END: &str = "<!-- end of the metrics -->\n";

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

#[test]
fn names_follow_the_conventions() {
    assert!(FAMILIES.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted and unique");
    for family in FAMILIES {
        let name = family.name;
        assert!(
            name.starts_with("mod_wsgi_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{name}"
        );
        assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
        assert!(family.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
        assert!(family.help.ends_with('.') && !family.help.contains('\n'), "{name}");
    }
}

#[test]
fn samples_have_the_labels_that_are_listed() {
    let report = report();
    for family in FAMILIES {
        let samples = (family.samples)(&report);
        assert!(!samples.is_empty(), "{} has no sample", family.name);
        for (labels, _) in samples {
            let names: Vec<_> = labels.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, family.labels, "{}", family.name);
        }
    }
}

#[test]
fn nothing_breaks_a_line() {
    for is_open in [true, false] {
        let text = render(&report(), is_open);
        assert_eq!(text.ends_with("# EOF\n"), is_open);
        assert!(text.lines().all(|line| line.starts_with("# ") || line.starts_with("mod_wsgi_")), "{text}");
        assert_eq!(text.contains("# UNIT mod_wsgi_request_duration_seconds seconds"), is_open);
        assert!(text.contains(
            "mod_wsgi_request_duration_seconds_bucket{process_group=\"%{GLOBAL}\",le=\"0.001024\"} 1\n"
        ));
        assert!(text.contains("le=\"+Inf\"} 1\n"));
    }
    let (open, older) = (render(&report(), true), render(&report(), false));
    assert!(
        open.contains("# TYPE mod_wsgi_requests counter")
            && older.contains("# TYPE mod_wsgi_requests_total counter")
    );
}

/// `UPDATE_DOCS=1 cargo test docs_are` writes it.
#[test]
fn docs_are_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut table = String::from("| metric | type | labels | what it says |\n|---|---|---|---|\n");
    for family in FAMILIES {
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind) = (family.name, kind(family.kind));
        table.push_str(&format!("| `{name}` | {kind} | {} | {} |\n", labels.join(", "), family.help));
    }
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (listed, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, [before, BEGIN, &table, END, after].concat()).unwrap();
    } else {
        assert_eq!(listed, table, "UPDATE_DOCS=1 cargo test -p mod_wsgi docs_are");
    }
}
