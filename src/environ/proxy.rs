//! What trusted proxies say about the client (WSGITrustedProxyHeaders, WSGITrustedProxies).
//!
//! Of each category of which a header is listed, the last listed one that is there wins, if the peer is trusted; the
//! others of the category are hidden from the application, from an untrusted peer all of them.

use std::ffi::{CStr, CString};

use crate::apache::Request;
use crate::config::Resolved;
use crate::config::trusted::{Category, FORWARDED_FOR, TrustedHeader, forwarded_for};

/// What the headers of proxies change.
#[derive(Debug, Default)]
pub(super) struct Forwarded<'r> {
    /// REMOTE_ADDR
    pub(super) client: Option<&'r [u8]>,
    /// HTTP_HOST
    pub(super) host: Option<&'r [u8]>,
    /// SERVER_NAME
    pub(super) server: Option<&'r [u8]>,
    /// SERVER_PORT
    pub(super) port: Option<&'r [u8]>,
    /// SCRIPT_NAME
    pub(super) script_name: Option<&'r [u8]>,
    /// The scheme, if a header decided it.
    pub(super) https: Option<bool>,
    hidden: Vec<&'static str>,
    forwarded_for: Option<Vec<u8>>,
}

impl<'r> Forwarded<'r> {
    /// Reads the headers of `request`; nothing is done unless a header is listed.
    pub(super) fn of(request: Request<'r>, resolved: &Resolved<'_>) -> Self {
        let mut found = Self::default();
        if resolved.trusted_headers.is_empty() {
            return found;
        }
        let trusted = resolved.trusted_proxies.is_none_or(|proxies| {
            let address = request.client_address();
            address.is_some_and(|address| proxies.iter().any(|network| network.contains(address)))
        });
        let mut winners: Vec<TrustedHeader> = Vec::new();
        for header in resolved.trusted_headers {
            found.hidden.extend(TrustedHeader::of(header.category).map(|other| other.variable));
            let value = request.headers_in().get(&header_name(header.variable)).filter(|_| trusted);
            if let Some(value) = value {
                found.apply(request, *header, value.to_bytes(), resolved);
                winners.retain(|winner| winner.category != header.category);
                winners.push(*header);
            }
        }
        found.hidden.retain(|name| !winners.iter().any(|winner| winner.variable == *name));
        found
    }

    /// Whether the application must not see this variable.
    pub(super) fn hides(&self, variable: &[u8]) -> bool {
        self.hidden.iter().any(|name| name.as_bytes() == variable)
    }

    /// The value that takes the place of a header's.
    pub(super) fn rewritten(&self, variable: &[u8]) -> Option<&[u8]> {
        self.forwarded_for.as_deref().filter(|_| variable == FORWARDED_FOR.as_bytes())
    }

    fn apply(
        &mut self,
        request: Request<'r>,
        header: TrustedHeader,
        value: &'r [u8],
        resolved: &Resolved<'_>,
    ) {
        match header.category {
            Category::Client if header.variable == FORWARDED_FOR => {
                if let Some((client, rest)) = forwarded_for(value, resolved.trusted_proxies) {
                    self.client = Some(client);
                    self.forwarded_for = rest;
                }
            }
            Category::Client => self.client = Some(value),
            Category::Host => self.host = Some(value),
            Category::Server => self.server = Some(value),
            Category::Port => self.port = Some(value),
            Category::ScriptName => self.script_name = Some(value),
            Category::Scheme => {
                // One that says nothing known is decisive, too: the connection to the proxy says nothing then.
                let before = || self.https.unwrap_or_else(|| super::sets_https(request));
                self.https = Some(says_https(header.variable, value).unwrap_or_else(before));
            }
        }
    }
}

/// Whether a header about the scheme speaks of TLS; `None` if its value is none of those that are known.
fn says_https(variable: &str, value: &[u8]) -> Option<bool> {
    let names_scheme = variable.ends_with("_PROTO") || variable.ends_with("_SCHEME");
    let (yes, no): (&[&str], &[&str]) =
        if names_scheme { (&["https"], &["http"]) } else { (&["on", "true", "1"], &["off", "false", "0"]) };
    let is_one_of = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()));
    match (is_one_of(yes), is_one_of(no)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// `X-FORWARDED-FOR` of `HTTP_X_FORWARDED_FOR`; httpd does not look at the case.
fn header_name(variable: &str) -> CString {
    let name = variable.strip_prefix("HTTP_").unwrap_or(variable).replace('_', "-");
    CString::new(name).unwrap_or_else(|_| CStr::to_owned(c""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes() {
        for variable in ["HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SCHEME", "HTTP_X_SCHEME"] {
            let says = |value: &str| says_https(variable, value.as_bytes());
            assert_eq!((says("https"), says("HTTP")), (Some(true), Some(false)));
            assert_eq!((says("on"), says(""), says("https ")), (None, None, None));
        }
        for variable in ["HTTP_X_FORWARDED_HTTPS", "HTTP_X_FORWARDED_SSL", "HTTP_X_HTTPS"] {
            for (value, expected) in [("On", true), ("TRUE", true), ("1", true), ("off", false), ("0", false)]
            {
                assert_eq!(says_https(variable, value.as_bytes()), Some(expected), "{value}");
            }
            assert_eq!(says_https(variable, b"https"), None);
        }
    }

    #[test]
    fn names_of_headers() {
        assert_eq!(header_name("HTTP_X_REAL_IP").to_bytes(), b"X-REAL-IP");
    }
}
