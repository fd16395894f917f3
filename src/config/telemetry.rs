//! What the directives about telemetry store.

use std::path::PathBuf;

use contract::launch;

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
