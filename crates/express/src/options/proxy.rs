//! Other servers behind this one, and proxies in front of it.

use std::ffi::OsString;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Proxies")]
pub(crate) struct Proxy {
    /// Passes requests for a URL and below on to another server, WebSockets included. May be repeated
    ///
    /// Becomes `ProxyPass`
    #[arg(long, alias = "proxy-url-alias", num_args = 2, value_names = ["URL", "TARGET"])]
    pub proxy_mount_point: Vec<OsString>,
    /// Passes all requests for a name on to another server. May be repeated
    ///
    /// Becomes `ProxyPass`
    #[arg(long, num_args = 2, value_names = ["HOSTNAME", "TARGET"])]
    pub proxy_virtual_host: Vec<OsString>,
    /// How long, in seconds, such a server may take [default: --socket-timeout]
    ///
    /// Becomes `ProxyTimeout`
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub proxy_timeout: Option<u32>,
    /// The address or network of a proxy in front that is believed. May be repeated
    ///
    /// Becomes `WSGITrustedProxies`
    #[arg(long, value_name = "IP|NET")]
    pub trust_proxy: Vec<String>,
    /// A header of such a proxy that is believed, as X-Forwarded-For. May be repeated
    ///
    /// Becomes `WSGITrustedProxyHeaders`
    #[arg(long, value_name = "HEADER")]
    pub trust_proxy_header: Vec<String>,
}
