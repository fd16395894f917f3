//! How values are taken from the report: one for each group, worker or application, with the labels that tell them apart.

use std::collections::BTreeMap;

use contract::counters::Loss;

use super::super::model::{Application, Embedded, Group, Histogram, Report, Requests, Worker};

/// Names and values.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A value.
pub(super) enum Value<'r> {
    Count(u64),
    Number(f64),
    Histogram(&'r Histogram),
}

pub(super) type Samples<'r> = Vec<(Labels, Value<'r>)>;

/// The name of embedded mode among process groups, as WSGIProcessGroup has it.
const EMBEDDED: &str = "%{GLOBAL}";

/// A sample without labels of its own.
pub(super) fn of(value: Value<'_>) -> (Labels, Value<'_>) {
    (Vec::new(), value)
}

/// Puts the name of a process group in front of all labels.
fn named<'r>(group: &str, samples: Samples<'r>) -> Samples<'r> {
    let name = |(labels, value): (Labels, Value<'r>)| {
        let own = ("process_group", group.to_owned());
        (std::iter::once(own).chain(labels).collect(), value)
    };
    samples.into_iter().map(name).collect()
}

/// Several values of each group.
pub(super) fn each_group<'r>(report: &'r Report, samples: impl Fn(&'r Group) -> Samples<'r>) -> Samples<'r> {
    report.groups.iter().flat_map(|group| named(&group.name, samples(group))).collect()
}

/// One value of each group.
pub(super) fn per_group<'r>(report: &'r Report, value: impl Fn(&'r Group) -> Value<'r>) -> Samples<'r> {
    each_group(report, |group| vec![of(value(group))])
}

/// Values of embedded mode.
pub(super) fn embedded<'r>(report: &'r Report, samples: impl Fn(&'r Embedded) -> Samples<'r>) -> Samples<'r> {
    report.embedded.iter().flat_map(|embedded| named(EMBEDDED, samples(embedded))).collect()
}

/// One value of each group and of embedded mode.
pub(super) fn per_requests<'r>(report: &'r Report, value: impl Fn(&'r Requests) -> Value<'r>) -> Samples<'r> {
    let embedded = embedded(report, |embedded| vec![of(value(&embedded.requests))]);
    per_group(report, |group| value(&group.requests)).into_iter().chain(embedded).collect()
}

/// Values of each application group.
pub(super) fn applications<'r>(
    report: &'r Report,
    samples: impl Fn(String, &'r Application) -> Samples<'r>,
) -> Samples<'r> {
    let all = |requests: &'r Requests| {
        requests
            .applications
            .iter()
            .flat_map(|application| samples(application.name.clone(), application))
            .collect()
    };
    let embedded = embedded(report, |embedded| all(&embedded.requests));
    each_group(report, |group| all(&group.requests)).into_iter().chain(embedded).collect()
}

/// A value of each worker, where it is known.
pub(super) fn per_worker<'r>(
    report: &'r Report,
    value: impl Fn(&'r Worker) -> Option<Value<'r>>,
) -> Samples<'r> {
    each_group(report, |group| {
        let sample = |worker: &'r Worker| Some((vec![("slot", worker.slot.to_string())], value(worker)?));
        group.workers.iter().filter_map(sample).collect()
    })
}

/// Counts by a word.
pub(super) fn by_word<'r>(
    label: &'static str,
    counts: impl IntoIterator<Item = (&'static str, u64)>,
) -> Samples<'r> {
    counts.into_iter().map(|(word, count)| (vec![(label, word.to_owned())], Value::Count(count))).collect()
}

/// Every reason, also those that have not come yet: a counter must be there before it counts.
pub(super) fn lost(lost: &BTreeMap<&'static str, u64>) -> impl Iterator<Item = (&'static str, u64)> {
    Loss::ALL.into_iter().map(|loss| (loss.as_str(), lost.get(loss.as_str()).copied().unwrap_or(0)))
}
