//! Addresses, ports and names.

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Addresses and names")]
pub(crate) struct Listen {
    /// The address to listen on [default: all]
    ///
    /// Becomes `Listen`
    #[arg(long, value_name = "IP")]
    pub host: Option<String>,
    /// The port for HTTP
    ///
    /// Becomes `Listen`
    #[arg(long, value_name = "NUMBER", default_value_t = 8000, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// HTTP/2 as well
    ///
    /// Becomes `Protocols`
    #[arg(long)]
    pub http2: bool,
    /// The name of the site: requests for other names are refused. With www. in front, the name without it is redirected
    ///
    /// Becomes `ServerName`
    #[arg(long, value_name = "HOSTNAME")]
    pub server_name: Option<String>,
    /// Another name of the site, * and ? allowed. May be repeated
    ///
    /// Becomes `ServerAlias`
    #[arg(long, value_name = "HOSTNAME")]
    pub server_alias: Vec<String>,
    /// With --server-name: requests from this machine are answered whatever name they use, as for health checks
    ///
    /// Becomes `Require local`
    #[arg(long)]
    pub allow_localhost: bool,
    /// How long, in seconds, a connection waits for its next request; 0: no second request
    ///
    /// Becomes `KeepAliveTimeout`
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub keep_alive_timeout: u32,
}
