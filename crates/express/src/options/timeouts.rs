//! How long things may take, and when processes are replaced.

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Time limits, in seconds (0: none)")]
pub(crate) struct Timeouts {
    /// How long a request may run; with more threads longer, see docs/directives.md
    ///
    /// Becomes `WSGIDaemonProcess request-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub request_timeout: u32,
    /// Then its thread gets the exception mod_wsgi.RequestTimeout, and this long to end
    ///
    /// Becomes `WSGIDaemonProcess interrupt-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub interrupt_timeout: u32,
    /// How long the application may take to load
    ///
    /// Becomes `WSGIDaemonProcess startup-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub startup_timeout: u32,
    /// How long a process may take to end
    ///
    /// Becomes `WSGIDaemonProcess shutdown-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub shutdown_timeout: u32,
    /// How long requests may run on in a process that is replaced
    ///
    /// Becomes `WSGIDaemonProcess graceful-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub graceful_timeout: u32,
    /// The same after the signal USR1; 0: as --graceful-timeout
    ///
    /// Becomes `WSGIDaemonProcess eviction-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub eviction_timeout: u32,
    /// How long Python's lock may be out of reach
    ///
    /// Becomes `WSGIDaemonProcess deadlock-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub deadlock_timeout: u32,
    /// How long a process may be idle before it is replaced by one that has loaded nothing
    ///
    /// Becomes `WSGIDaemonProcess inactivity-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub inactivity_timeout: u32,
    /// Requests for this URL and below do not count as activity. May be repeated
    ///
    /// Becomes `WSGIIgnoreActivity`
    #[arg(long, value_name = "URL")]
    pub ignore_activity: Vec<String>,
    /// The age at which a process is replaced
    ///
    /// Becomes `WSGIDaemonProcess restart-interval=`
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub restart_interval: u32,
    /// The processor time after which a process is replaced
    ///
    /// Becomes `WSGIDaemonProcess cpu-time-limit=`
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub cpu_time_limit: u32,
    /// How long a request is retried while the queue is full
    ///
    /// Becomes `WSGIDaemonProcess connect-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub connect_timeout: u32,
    /// How long a request may wait for a thread
    ///
    /// Becomes `WSGIDaemonProcess queue-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 45)]
    pub queue_timeout: u32,
    /// How long one read or write of a connection may take
    ///
    /// Becomes `Timeout`
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub socket_timeout: u32,
    /// The same towards the client during a response; 0: as --socket-timeout
    ///
    /// Becomes `WSGIDaemonProcess response-socket-timeout=`
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub response_socket_timeout: u32,
    /// How long the head of a request may take to arrive
    ///
    /// Becomes `RequestReadTimeout`
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub header_timeout: u32,
    /// The same where it arrives with --header-min-rate; 0: for ever
    ///
    /// Becomes `RequestReadTimeout`
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub header_max_timeout: u32,
    /// Bytes in a second that give the head another second; 0: none do
    ///
    /// Becomes `RequestReadTimeout`
    #[arg(long, value_name = "BYTES", default_value_t = 500)]
    pub header_min_rate: u32,
    /// How long the body of a request may take to arrive
    ///
    /// Becomes `RequestReadTimeout`
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub body_timeout: u32,
    /// The same where it arrives with --body-min-rate; 0: for ever
    ///
    /// Becomes `RequestReadTimeout`
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub body_max_timeout: u32,
    /// Bytes in a second that give the body another second; 0: none do
    ///
    /// Becomes `RequestReadTimeout`
    #[arg(long, value_name = "BYTES", default_value_t = 500)]
    pub body_min_rate: u32,
}
