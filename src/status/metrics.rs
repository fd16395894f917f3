//! The status as metrics: OpenMetrics 1.0, or the older text format of Prometheus for clients that know no other.
//!
//! [`families`] is the table of all metrics; this is the form in which they are written. A name's end says its unit
//! (`_seconds`, `_bytes`) and whether it counts (`_total`).

mod families;
mod samples;

use std::fmt::Write;

use self::families::{FAMILIES, Family, Kind};
use self::samples::{Labels, Value};
use super::model::{Histogram, Report};

pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(super) const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics.
pub(super) fn render(report: &Report, is_open: bool) -> String {
    let mut out = String::with_capacity(16 << 10);
    for family in FAMILIES {
        let samples = (family.samples)(report);
        if samples.is_empty() {
            continue;
        }
        head(&mut out, family, is_open);
        for (labels, value) in &samples {
            sample(&mut out, family, labels, value);
        }
    }
    if is_open {
        out.push_str("# EOF\n");
    }
    out
}

/// OpenMetrics calls a family of counters by its name without `_total`, and knows units.
fn head(out: &mut String, family: &Family, is_open: bool) {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let base = family.name.strip_suffix("_total").unwrap_or(family.name);
    let name = if is_open { base } else { family.name };
    let _ = writeln!(out, "# TYPE {name} {kind}");
    if let Some(unit) =
        ["seconds", "bytes"].into_iter().find(|unit| is_open && base.ends_with(&format!("_{unit}")))
    {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    let _ = writeln!(out, "# HELP {name} {}", family.help);
}

fn sample(out: &mut String, family: &Family, labels: &Labels, value: &Value<'_>) {
    let name = family.name;
    let _ = match value {
        Value::Count(count) => writeln!(out, "{name}{} {count}", braces(labels, None)),
        Value::Number(number) => writeln!(out, "{name}{} {number}", braces(labels, None)),
        Value::Histogram(histogram) => {
            self::histogram(out, name, labels, histogram);
            Ok(())
        }
    };
}

/// Cumulated, as both formats want it.
fn histogram(out: &mut String, name: &str, labels: &Labels, histogram: &Histogram) {
    let mut count = 0_u64;
    for bucket in &histogram.buckets {
        count = count.saturating_add(bucket.count);
        let limit = bucket.to.map_or_else(|| "+Inf".to_owned(), |to| to.to_string());
        let _ = writeln!(out, "{name}_bucket{} {count}", braces(labels, Some(&limit)));
    }
    let labels = braces(labels, None);
    let _ = writeln!(out, "{name}_count{labels} {count}\n{name}_sum{labels} {}", histogram.sum);
}

fn braces(labels: &Labels, limit: Option<&str>) -> String {
    let all =
        labels.iter().map(|(name, value)| (*name, value.as_str())).chain(limit.map(|limit| ("le", limit)));
    let pairs: Vec<_> = all.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

/// A label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests;
