//! The report of an interval: what the requests did in it, and the process at its end.

use std::time::Duration;

use super::datagram::{Datagram, Kind, MAX_THREADS};
use super::report::Reports;
use crate::api::interval::Phase;
use crate::api::sample::{Sample, ThreadSample};

/// The phases in the order of their ids: mean, minimum and maximum, and histogram begin at 60, 70, 80 and 90.
const PHASES: [Phase; 8] = [
    Phase::Server,
    Phase::Queue,
    Phase::Daemon,
    Phase::Application,
    Phase::Request,
    Phase::GilWait,
    Phase::InputRead,
    Phase::OutputWrite,
];

/// What a sample does not say itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// Between two reports, in seconds.
    pub(super) interval: f64,
    /// WSGISlowRequests.
    pub(super) slow_requests: f64,
    /// Request threads that there may be.
    pub(super) threads: u32,
    /// An httpd child, where requests meet no queue.
    pub(super) is_embedded: bool,
    /// Resident memory in bytes.
    pub(super) resident: u64,
}

/// Sends the report.
pub(super) fn report(reports: &Reports, setting: Setting, sample: &Sample) {
    reports.send(write(reports, setting, sample));
}

fn write(reports: &Reports, setting: Setting, sample: &Sample) -> Datagram {
    let mut datagram = reports.begin(Kind::Sample);
    reports.identify(&mut datagram);
    datagram.number(10, sample.period.as_secs_f64());
    datagram.number(11, setting.interval);
    datagram.number(12, setting.slow_requests);
    reports.switch_interval(&mut datagram);
    process(&mut datagram, setting, sample);
    phases(&mut datagram, setting, sample);
    requests(&mut datagram, sample);
    threads(&mut datagram, setting, sample);
    datagram
}

fn process(datagram: &mut Datagram, setting: Setting, sample: &Sample) {
    let rate = |amount: f64| {
        let period = sample.period.as_secs_f64();
        if period > 0.0 { amount / period } else { 0.0 }
    };
    datagram.count(20, sample.total.requests);
    datagram.number(21, rate(sample.total.requests as f64));
    datagram.number(22, sample.utilization(setting.threads));
    let (user, system) = (sample.usage.user.as_secs_f64(), sample.usage.system.as_secs_f64());
    datagram.number(30, rate(user));
    datagram.number(31, rate(system));
    datagram.number(32, rate(user + system));
    datagram.count(40, setting.resident);
    datagram.count(41, sample.usage.peak);
    datagram.count(50, setting.threads.into());
    datagram.count(51, sample.threads.len() as u64);
    datagram.count(52, sample.active() as u64);
}

/// Extremes are left out where there was no request; queue and daemon where there is none.
fn phases(datagram: &mut Datagram, setting: Setting, sample: &Sample) {
    let there = |phase: &Phase| !setting.is_embedded || !matches!(phase, Phase::Queue | Phase::Daemon);
    for (number, phase) in (0..).zip(PHASES).filter(|(_, phase)| there(phase)) {
        let times = sample.total.phase(phase);
        datagram.number(60 + number, times.mean().as_secs_f64());
        if let Some((shortest, longest)) = times.extremes() {
            datagram.number(70 + number, shortest.as_secs_f64());
            datagram.number(80 + number, longest.as_secs_f64());
        }
        datagram.counts(90 + number, &times.buckets);
    }
}

fn requests(datagram: &mut Datagram, sample: &Sample) {
    let total = &sample.total;
    datagram.count(100, total.input_bytes);
    datagram.count(101, total.input_reads);
    datagram.count(102, total.output_bytes);
    datagram.count(103, total.output_writes);
    // Receivers rely on the classes adding up: a request that did not reach the application was answered with a 500.
    let unreached = total.requests.saturating_sub(total.statuses.iter().sum());
    let [statuses @ .., failed] = total.statuses;
    for (id, count) in (120..).zip(statuses.into_iter().chain([failed + unreached])) {
        datagram.count(id, count);
    }
}

/// Lists by thread, with a zero for each thread that has had no request yet.
fn threads(datagram: &mut Datagram, setting: Setting, sample: &Sample) {
    let count = (setting.threads as usize).max(sample.threads.len()).min(MAX_THREADS);
    let idle = std::iter::repeat(ThreadSample::default());
    let threads: Vec<_> = sample.threads.iter().copied().chain(idle).take(count).collect();
    let seconds = |of: fn(&ThreadSample) -> Duration| -> Vec<f64> {
        threads.iter().map(|thread| of(thread).as_secs_f64()).collect()
    };
    let completed = |thread: &ThreadSample| u32::try_from(thread.completed).unwrap_or(u32::MAX);
    datagram.counts(110, &threads.iter().map(completed).collect::<Vec<_>>());
    datagram.numbers(111, &seconds(|thread| thread.busy));
    datagram.numbers(112, &seconds(|thread| thread.cpu));
    datagram.numbers(113, &seconds(|thread| thread.current));
    datagram.numbers(114, &seconds(|thread| thread.longest));
}

#[cfg(test)]
mod tests {
    use super::super::datagram::LIMIT;
    use super::super::report::Identity;
    use super::super::socket::Sender;
    use super::*;
    use crate::api::interval::{Ended, Interval, Split};
    use crate::python::usage::Usage;

    #[test]
    fn the_longest_report_fits() {
        let identity = Identity {
            python: "3.13.0".to_owned(),
            httpd: "Apache/2.4.62".to_owned(),
            mpm: "prefork".to_owned(),
            hostname: "h".repeat(64),
            process_group: "g".repeat(300),
            ..Identity::default()
        };
        let reports = Reports::new(identity, Sender::new("/nowhere".as_ref()).unwrap());
        let mut total = Interval::default();
        let split = Split { queue: Some(Duration::ZERO), daemon: Some(Duration::ZERO), ..Split::default() };
        total.add(&Ended { reached: Some((split, 200)), ..Ended::default() });
        let sample = Sample {
            started: std::time::UNIX_EPOCH,
            ended: std::time::UNIX_EPOCH,
            period: Duration::from_secs(1),
            usage: Usage::default(),
            total,
            threads: vec![ThreadSample::default(); 300],
        };
        let setting =
            Setting { interval: 1.0, slow_requests: 0.0, threads: 300, is_embedded: false, resident: 0 };
        let bytes = write(&reports, setting, &sample).finish(1);
        assert!(bytes.len() <= LIMIT, "{}", bytes.len());
        let lists = bytes.windows(5).filter(|record| matches!(record, [110..=114, 0, 5 | 6, 128, 0]));
        assert_eq!(lists.count(), 5);
    }
}
