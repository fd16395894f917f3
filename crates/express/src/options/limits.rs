//! Sizes, queues and buffers.

/// Values of --map-head-to-get, in any case of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum MapHead {
    #[value(name = "Auto")]
    Auto,
    #[value(name = "On")]
    On,
    #[value(name = "Off")]
    Off,
}

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Sizes and queues")]
pub(crate) struct Limits {
    /// The largest request body, in bytes; 0: no limit
    ///
    /// Becomes `LimitRequestBody`
    #[arg(long, value_name = "BYTES", default_value_t = 10_485_760)]
    pub limit_request_body: u64,
    /// Requests with Transfer-Encoding: chunked are accepted
    ///
    /// Becomes `WSGIChunkedRequest`
    #[arg(long)]
    pub chunked_request: bool,
    /// Requests after which a process is replaced; 0: never
    ///
    /// Becomes `WSGIDaemonProcess maximum-requests=`
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub maximum_requests: u32,
    /// Connections that may wait for httpd
    ///
    /// Becomes `ListenBacklog`
    #[arg(long, value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub server_backlog: u32,
    /// Requests that may wait for the application
    ///
    /// Becomes `WSGIDaemonProcess listen-backlog=`
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub daemon_backlog: u32,
    /// The buffer of connections from daemon processes, in bytes; 0: the system's
    ///
    /// Becomes `WSGIDaemonProcess send-buffer-size=`
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub send_buffer_size: u32,
    /// The buffer of connections to daemon processes, in bytes; 0: 512K
    ///
    /// Becomes `WSGIDaemonProcess receive-buffer-size=`
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub receive_buffer_size: u32,
    /// The longest line in the head of a response, in bytes; 0: 32768
    ///
    /// Becomes `WSGIDaemonProcess header-buffer-size=`
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub header_buffer_size: u32,
    /// How long, in milliseconds, to wait for more of a response before what is there is sent
    ///
    /// Becomes `WSGIDaemonProcess response-flush-delay=`
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 5)]
    pub response_flush_delay: u32,
    /// Files are sent by the kernel
    ///
    /// Becomes `EnableSendfile`
    #[arg(long)]
    pub enable_sendfile: bool,
    /// Whether the application sees GET for HEAD; Auto: if a filter of httpd needs the content
    ///
    /// Becomes `WSGIMapHEADToGET`
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = MapHead::Auto, ignore_case = true)]
    pub map_head_to_get: MapHead,
}
