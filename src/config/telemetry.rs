//! The directives about telemetry: what they hold, and how they are read.

use std::path::PathBuf;

use contract::launch;

use super::error::ConfigError;
use super::options::{self, OptionRow, nearest};
use super::values::Value;
use super::words::{Words, printable};

/// The name that WSGITelemetryOptions knows.
const CAPTURE_USER_AGENT: &str = "CaptureUserAgent";
/// The longest path that a socket's address can hold.
const LONGEST_PATH: usize = 107;

/// WSGITelemetryService, WSGISlowRequests, WSGITelemetryOptions.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Telemetry {
    pub(crate) service: Option<Service>,
    /// Seconds; above 0.
    pub(crate) slow_requests: Option<f64>,
    pub(crate) capture_user_agent: bool,
}

/// Where metrics are reported.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Service {
    pub(crate) socket: PathBuf,
    /// Seconds.
    pub(crate) interval: f64,
}

/// The socket, as `unix:/path`.
struct Socket(PathBuf);

/// Seconds between two reports.
struct ReportInterval(f64);

/// Seconds from which on a request is slow; 0 is never.
pub(crate) struct SlowRequests(pub(crate) f64);

/// The options of WSGITelemetryService.
pub(crate) const SERVICE_OPTIONS: [OptionRow<Service>; 1] = [OptionRow {
    name: "interval",
    help: "seconds between two reports, 0.5 or more; default 1",
    set: |service, word| ReportInterval::read(word, "interval").map(|interval| service.interval = interval.0),
}];

impl Telemetry {
    /// Nothing was said.
    pub(crate) const NOTHING: Self = Self { service: None, slow_requests: None, capture_user_agent: false };

    /// What a process is told: nothing without a service.
    pub(crate) fn of_process(&self) -> Option<launch::Telemetry> {
        self.service.as_ref().map(|service| launch::Telemetry {
            socket: service.socket.clone(),
            interval: service.interval,
            slow_requests: self.slow_requests.unwrap_or(0.0),
            capture_user_agent: self.capture_user_agent,
        })
    }
}

impl Service {
    /// Reads a whole line.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, ConfigError> {
        let socket: Socket = words.value("address of the service")?;
        let mut service = Self { socket: socket.0, interval: 1.0 };
        options::read(words, &mut service, &SERVICE_OPTIONS)?;
        Ok(service)
    }
}

impl Value for Socket {
    const EXPECTED: &'static str = "it is unix:/ and the path of a socket, of at most 107 bytes";

    fn parse(word: &[u8]) -> Option<Self> {
        let path = word.strip_prefix(b"unix:")?;
        let fits = path.starts_with(b"/") && path.len() <= LONGEST_PATH;
        PathBuf::parse(path).filter(|_| fits).map(Self)
    }
}

impl Value for ReportInterval {
    const EXPECTED: &'static str = "it is a number of seconds, 0.5 or more";

    fn parse(word: &[u8]) -> Option<Self> {
        seconds(word).filter(|seconds| *seconds >= 0.5).map(Self)
    }
}

impl Value for SlowRequests {
    const EXPECTED: &'static str = "it is a number of seconds, 0 or more (as 0.5)";

    fn parse(word: &[u8]) -> Option<Self> {
        seconds(word).map(Self)
    }
}

/// Seconds with a fraction, also with the unit.
fn seconds(word: &[u8]) -> Option<f64> {
    let number = word.strip_suffix(b"s").unwrap_or(word);
    let value: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value)
}

/// WSGITelemetryOptions: names alone replace what was said before, `+` and `-` change it.
pub(super) fn read_options(telemetry: &mut Telemetry, words: &mut Words<'_>) -> Result<(), ConfigError> {
    let mut capture = telemetry.capture_user_agent;
    let mut replaces = None;
    while let Some(word) = words.next() {
        let sign = word.first().copied().filter(|byte| matches!(byte, b'+' | b'-'));
        let name = word.get(usize::from(sign.is_some())..).unwrap_or_default().to_ascii_lowercase();
        if *replaces.get_or_insert(sign.is_none()) != sign.is_none() {
            let expected = "a line has either names with + or -, or names alone";
            return Err(ConfigError::BadValue { what: "option", value: printable(&word), expected });
        }
        capture = match (name.as_slice(), sign) {
            (b"all", None) => true,
            (b"none", None) => false,
            (name, sign) if name == CAPTURE_USER_AGENT.to_ascii_lowercase().as_bytes() => sign != Some(b'-'),
            (b"all" | b"none" | b"", _) => {
                let expected = "it is CaptureUserAgent, also with + or -, All or None";
                return Err(ConfigError::BadValue { what: "option", value: printable(&word), expected });
            }
            _ => {
                let name = printable(&word);
                let nearest =
                    nearest(&name, [CAPTURE_USER_AGENT, "All", "None"].into_iter()).map(str::to_owned);
                return Err(ConfigError::UnknownOption { name, nearest });
            }
        };
    }
    if replaces.is_none() {
        return Err(ConfigError::Missing { what: "option" });
    }
    telemetry.capture_user_agent = capture;
    Ok(())
}
