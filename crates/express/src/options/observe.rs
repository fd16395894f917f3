//! Status and metrics.

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Status and metrics")]
pub(crate) struct Observe {
    /// httpd's status page at /server-status, for this machine only
    ///
    /// Becomes `SetHandler server-status`
    #[arg(long)]
    pub server_status: bool,
    /// mod_wsgi.server_metrics() shows httpd's processes
    ///
    /// Becomes `WSGIServerMetrics`
    #[arg(long)]
    pub server_metrics: bool,
    /// The collector of telemetry, as unix:PATH
    ///
    /// Becomes `WSGITelemetryService`
    #[arg(long, value_name = "TARGET")]
    pub telemetry_service: Option<String>,
    /// How often, in seconds, telemetry is sent
    ///
    /// Becomes `WSGITelemetryService`
    #[arg(long, value_name = "SECONDS", default_value = "1.0", value_parser = super::processes::positive)]
    pub telemetry_interval: f64,
    /// What telemetry contains, as for WSGITelemetryOptions. May be repeated
    ///
    /// Becomes `WSGITelemetryOptions`
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub telemetry_options: Vec<String>,
    /// How long, in seconds, a request runs before telemetry calls it slow
    ///
    /// Becomes `WSGISlowRequests`
    #[arg(long, value_name = "SECONDS", value_parser = super::processes::positive, requires = "telemetry_service")]
    pub slow_requests: Option<f64>,
}
