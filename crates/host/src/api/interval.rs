//! What the requests of an interval add up to, on one thread or on all. Pure data.

use std::time::Duration;

use super::histogram::Distribution;
use super::meters::Reading;

/// The parts of a request's time. The last three lie within the application's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Received by httpd, until it looks for a worker; in embedded mode until the application is entered.
    Server,
    /// Until a worker takes it; daemon mode only, as the next.
    Queue,
    /// Until the application is entered.
    Daemon,
    /// Until `close()` is done.
    Application,
    /// The sum of the above.
    Request,
    /// Reading the request's body.
    InputRead,
    /// Handing the response to httpd.
    OutputWrite,
    /// Waiting for the GIL.
    GilWait,
}

/// Instants of a request in microseconds since the epoch; 0 is not known, not yet, or not in this mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Times {
    pub request_start: u64,
    pub queue_start: u64,
    pub daemon_start: u64,
    pub application_start: u64,
}

/// How the time of a request that has reached the application is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Split {
    pub server: Duration,
    /// `None` in embedded mode, as the next.
    pub queue: Option<Duration>,
    pub daemon: Option<Duration>,
    pub application: Duration,
}

/// A request that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ended {
    /// How its time is split, and its status; `None`: it has not reached the application.
    pub reached: Option<(Split, u16)>,
    pub reading: Reading,
    /// How long it kept its thread.
    pub duration: Duration,
    /// CPU time of the thread in it.
    pub cpu: Duration,
}

/// Sums over the requests that ended in an interval; `busy` is of all that ran in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Interval {
    /// Requests that ended, with those that did not reach the application.
    pub requests: u64,
    phases: [Distribution; 8],
    /// Responses of 1xx to 5xx, of requests that reached the application.
    pub statuses: [u64; 5],
    pub input_reads: u64,
    pub input_bytes: u64,
    pub output_writes: u64,
    pub output_bytes: u64,
    pub gil_waits: u64,
    /// Time that threads were with requests.
    pub busy: Duration,
    pub cpu: Duration,
    /// The longest request.
    pub longest: Duration,
}

impl Times {
    /// How the time of a request that ended, or is looked at, at `end` is split.
    pub(crate) fn split(&self, end: u64) -> Split {
        let from = |start: u64, to: u64| Duration::from_micros(to.saturating_sub(start));
        let entered = if self.application_start == 0 { end } else { self.application_start };
        if self.daemon_start == 0 {
            let server = from(self.request_start, entered);
            return Split { server, application: from(entered, end), ..Split::default() };
        }
        Split {
            server: from(self.request_start, self.queue_start),
            queue: Some(from(self.queue_start, self.daemon_start)),
            daemon: Some(from(self.daemon_start, entered)),
            application: from(entered, end),
        }
    }
}

impl Split {
    /// The time of the whole request.
    pub(crate) fn request(&self) -> Duration {
        self.server + self.queue.unwrap_or_default() + self.daemon.unwrap_or_default() + self.application
    }
}

impl Interval {
    /// The distribution of a phase over the requests that reached the application.
    pub(crate) fn phase(&self, phase: Phase) -> &Distribution {
        let [server, queue, daemon, application, request, input_read, output_write, gil_wait] = &self.phases;
        match phase {
            Phase::Server => server,
            Phase::Queue => queue,
            Phase::Daemon => daemon,
            Phase::Application => application,
            Phase::Request => request,
            Phase::InputRead => input_read,
            Phase::OutputWrite => output_write,
            Phase::GilWait => gil_wait,
        }
    }

    /// Adds a request; `busy` is counted apart.
    pub(crate) fn add(&mut self, ended: &Ended) {
        self.requests += 1;
        self.cpu += ended.cpu;
        self.longest = self.longest.max(ended.duration);
        let Some((split, status)) = ended.reached else { return };
        let reading = &ended.reading;
        let durations = [
            Some(split.server),
            split.queue,
            split.daemon,
            Some(split.application),
            Some(split.request()),
            Some(reading.input_time),
            Some(reading.output_time),
            Some(reading.gil_time),
        ];
        for (phase, duration) in self.phases.iter_mut().zip(durations) {
            if let Some(duration) = duration {
                phase.add(duration);
            }
        }
        if let Some(class) = self.statuses.get_mut(usize::from(status / 100).wrapping_sub(1)) {
            *class += 1;
        }
        self.input_reads += reading.input_reads;
        self.input_bytes += reading.input_bytes;
        self.output_writes += reading.output_writes;
        self.output_bytes += reading.output_bytes;
        self.gil_waits += reading.gil_waits;
    }

    /// Adds what another thread has.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.phases.iter_mut().zip(&other.phases).for_each(|(phase, other)| phase.merge(other));
        self.statuses.iter_mut().zip(other.statuses).for_each(|(class, other)| *class += other);
        self.input_reads += other.input_reads;
        self.input_bytes += other.input_bytes;
        self.output_writes += other.output_writes;
        self.output_bytes += other.output_bytes;
        self.gil_waits += other.gil_waits;
        self.busy += other.busy;
        self.cpu += other.cpu;
        self.longest = self.longest.max(other.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn phases_of_a_daemon_and_of_an_embedded_request() {
        let daemon =
            Times { request_start: 1000, queue_start: 3000, daemon_start: 6000, application_start: 10_000 };
        let split = daemon.split(15_000);
        assert_eq!(
            (split.server, split.queue, split.daemon, split.application),
            (MS(2), Some(MS(3)), Some(MS(4)), MS(5))
        );
        assert_eq!(split.request(), MS(14));
        let embedded = Times { request_start: 1000, application_start: 10_000, ..Times::default() };
        let split = embedded.split(15_000);
        assert_eq!((split.server, split.queue, split.daemon, split.application), (MS(9), None, None, MS(5)));
    }

    #[test]
    fn a_request_that_has_not_entered_the_application_has_no_time_there() {
        let times =
            Times { request_start: 1000, queue_start: 2000, daemon_start: 3000, application_start: 0 };
        let split = times.split(9000);
        assert_eq!((split.daemon, split.application), (Some(MS(6)), Duration::ZERO));
        assert_eq!(times.split(0).request(), MS(2), "a clock that was set back gives no negative times");
    }

    #[test]
    fn only_requests_that_reached_the_application_have_phases_and_a_status() {
        let reached = Ended {
            reached: Some((Split { application: MS(5), ..Split::default() }, 503)),
            reading: Reading { input_bytes: 7, gil_waits: 2, ..Reading::default() },
            duration: MS(6),
            cpu: MS(1),
        };
        let mut one = Interval::default();
        one.add(&reached);
        one.add(&Ended { duration: MS(9), ..Ended::default() });
        assert_eq!((one.requests, one.longest, one.statuses), (2, MS(9), [0, 0, 0, 0, 1]));
        assert_eq!((one.phase(Phase::Application).count, one.phase(Phase::Queue).count), (1, 0));
        let mut both = one.clone();
        both.merge(&one);
        assert_eq!((both.requests, both.input_bytes, both.gil_waits, both.cpu), (4, 14, 4, MS(2)));
        assert_eq!(both.phase(Phase::Request).sum, MS(10));
    }

    #[test]
    fn a_status_outside_of_the_classes_is_not_counted() {
        let mut interval = Interval::default();
        for status in [99, 600, 999, 0] {
            interval.add(&Ended { reached: Some((Split::default(), status)), ..Ended::default() });
        }
        assert_eq!((interval.requests, interval.statuses), (4, [0; 5]));
    }
}
