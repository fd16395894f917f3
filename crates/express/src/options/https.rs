//! HTTPS: the port, certificates, and who must come through it.

use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "HTTPS")]
pub(crate) struct Https {
    /// The port for HTTPS; needs a certificate
    ///
    /// Becomes `Listen`
    #[arg(long, alias = "ssl-port", value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    pub https_port: Option<u16>,
    /// The certificate
    ///
    /// Becomes `SSLCertificateFile`
    #[arg(long, value_name = "FILE")]
    pub ssl_certificate_file: Option<PathBuf>,
    /// The private key of the certificate
    ///
    /// Becomes `SSLCertificateKeyFile`
    #[arg(long, value_name = "FILE")]
    pub ssl_certificate_key_file: Option<PathBuf>,
    /// Both: PREFIX.crt and PREFIX.key
    ///
    /// Becomes `SSLCertificateFile`
    #[arg(long, value_name = "PREFIX")]
    pub ssl_certificate: Option<PathBuf>,
    /// The certificates between this one and its root
    ///
    /// Becomes `SSLCertificateChainFile`
    #[arg(long, value_name = "FILE")]
    pub ssl_certificate_chain_file: Option<PathBuf>,
    /// The authorities of clients' certificates. The whole site requires one, unless --ssl-verify-client says where
    ///
    /// Becomes `SSLCACertificateFile`
    #[arg(long, value_name = "FILE")]
    pub ssl_ca_certificate_file: Option<PathBuf>,
    /// Only this URL and below requires a client's certificate. May be repeated
    ///
    /// Becomes `SSLVerifyClient`
    #[arg(long, value_name = "URL")]
    pub ssl_verify_client: Vec<String>,
    /// mod_ssl's variables in environ (SSL_PROTOCOL, SSL_CLIENT_S_DN …)
    ///
    /// Becomes `SSLOptions`
    #[arg(long)]
    pub ssl_environment: bool,
    /// Requests over HTTP are redirected to HTTPS, for good (301)
    ///
    /// Becomes `RewriteRule`
    #[arg(long)]
    pub https_only: bool,
    /// With --https-only: the value of the header Strict-Transport-Security
    ///
    /// Becomes `Header`
    #[arg(long, value_name = "PARAMS")]
    pub hsts_policy: Option<String>,
}

impl Https {
    /// The certificate's file and that of its key.
    pub(crate) fn certificate(&self) -> Option<(PathBuf, PathBuf)> {
        let with = |prefix: &PathBuf, suffix: &str| {
            let mut name = OsString::from(prefix);
            name.push(suffix);
            PathBuf::from(name)
        };
        match (&self.ssl_certificate, &self.ssl_certificate_file, &self.ssl_certificate_key_file) {
            (Some(prefix), file, key) => Some((
                file.clone().unwrap_or_else(|| with(prefix, ".crt")),
                key.clone().unwrap_or_else(|| with(prefix, ".key")),
            )),
            (None, Some(file), Some(key)) => Some((file.clone(), key.clone())),
            // One file with both.
            (None, Some(file), None) => Some((file.clone(), file.clone())),
            (None, None, _) => None,
        }
    }

    /// An option that asks for HTTPS, if one is given besides the port.
    pub(crate) fn wish(&self) -> Option<&'static str> {
        [
            (self.ssl_certificate.is_some(), "--ssl-certificate"),
            (self.ssl_certificate_file.is_some(), "--ssl-certificate-file"),
            (self.ssl_certificate_key_file.is_some(), "--ssl-certificate-key-file"),
            (self.ssl_certificate_chain_file.is_some(), "--ssl-certificate-chain-file"),
            (self.ssl_ca_certificate_file.is_some(), "--ssl-ca-certificate-file"),
            (!self.ssl_verify_client.is_empty(), "--ssl-verify-client"),
            (self.https_only, "--https-only"),
        ]
        .into_iter()
        .find_map(|(given, name)| given.then_some(name))
    }
}
