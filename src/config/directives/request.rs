//! How requests and responses are handled.

use std::sync::Arc;

use super::row::Row;
use crate::config::error::ConfigError;
use crate::config::trusted::{Network, TrustedHeader};
use crate::config::values::Value;
use crate::config::words::Words;

pub(super) const ROWS: &[Row] = &[
    Row::file_info(c"WSGIPassAuthorization", "On|Off", |here, words| {
        words.only("value").map(|on| here.pass_authorization = Some(on))
    })
    .default("Off")
    .says(
        c"whether the application sees the Authorization header; default Off",
        "Whether the application sees the header `Authorization`, as `HTTP_AUTHORIZATION`. httpd's `CGIPassAuth On` \
         passes it, too, together with `Proxy-Authorization`.",
    ),
    Row::file_info(c"WSGIChunkedRequest", "On|Off", |here, words| {
        words.only("value").map(|on| here.chunked_request = Some(on))
    })
    .default("Off")
    .says(
        c"whether chunked request bodies are accepted; default Off",
        "Whether request bodies with `Transfer-Encoding: chunked` are accepted; else 411. The application reads \
         `wsgi.input` to its end, there is no `CONTENT_LENGTH`.",
    ),
    Row::file_info(c"WSGIMapHEADToGET", "Auto|On|Off", |here, words| {
        words.only("value").map(|value| here.map_head = Some(value))
    })
    .default("Auto")
    .says(
        c"whether the application sees HEAD as GET: Auto, On or Off; default Auto",
        "Whether the application sees GET for HEAD. Auto: if an output filter (mod_deflate, mod_include …) needs the \
         content. No body reaches the client.",
    ),
    Row::file_info(c"WSGIErrorOverride", "On|Off", |here, words| {
        words.only("value").map(|on| here.error_override = Some(on))
    })
    .default("Off")
    .says(
        c"whether ErrorDocument replaces the application's errors; default Off",
        "Whether httpd's ErrorDocument replaces the body of the application's 4xx and 5xx responses. Daemon mode.",
    ),
    Row::file_info(c"WSGIIgnoreActivity", "On|Off", |here, words| {
        words.only("value").map(|on| here.ignore_activity = Some(on))
    })
    .default("Off")
    .says(
        c"whether requests leave their process idle for inactivity-timeout; default Off",
        "On: requests here do not count as activity for `inactivity-timeout` of WSGIDaemonProcess, as those of a \
         monitoring system should not.",
    ),
    Row::file_info(c"WSGIEnableSendfile", "On|Off", |here, words| {
        words.only("value").map(|on| here.enable_sendfile = Some(on))
    })
    .default("as EnableSendfile")
    .says(
        c"whether wsgi.file_wrapper uses sendfile(); default as EnableSendfile",
        "Whether files of `wsgi.file_wrapper` may go out with sendfile(2).",
    )
    .differs(
        "the default is Off, and in daemon mode it is about the way to httpd. Here httpd itself sends the file, in \
         both modes, and its own setting counts.",
    ),
    Row::file_info(c"WSGILocalRedirect", "Auto|On|Off", |here, words| {
        words.only("value").map(|value| here.local_redirect = Some(value))
    })
    .default("Auto")
    .says(
        c"whether 200 with a local Location is answered by httpd with that location: Auto, On or Off; default Auto",
        "What becomes of a response with the status 200 and a header `Location: /path`. On: httpd answers the request \
         with what is at that path, as it does for CGI scripts; the client sees no redirect. So an application can \
         decide who may have a file, and httpd sends it. Off: the response goes out as it is. Auto: On in daemon \
         mode, Off in embedded mode.",
    )
    .differs("there is no such directive; it behaves as Auto."),
    Row::location(c"WSGIPassApacheRequest", "On|Off", |here, words| {
        words.only("value").map(|on| here.pass_apache_request = Some(on))
    })
    .default("Off")
    .says(
        c"whether environ has apache.request_rec in embedded mode; default Off",
        "On: in embedded mode `environ` has `apache.request_rec`, a capsule with httpd's own structure of the request, \
         for extension modules in C that know it. Scripts of the chapter *Access* get it, too. It is valid during \
         the request only.",
    ),
    Row::file_info(c"WSGITrustedProxyHeaders", "header [header ...]", |here, words| {
        append(&mut here.trusted_headers, words, |word| TrustedHeader::read(word, "header of a proxy"))
    })
    .says(
        c"headers of proxies that are believed; default none",
        "Headers of a proxy in front that are believed. Without this directive none is.

| about | headers |
|---|---|
| `REMOTE_ADDR` | X-Forwarded-For, X-Client-IP, X-Real-IP |
| `HTTP_HOST` | X-Forwarded-Host, X-Host |
| `SERVER_NAME` | X-Forwarded-Server |
| `SERVER_PORT` | X-Forwarded-Port |
| `SCRIPT_NAME` | X-Forwarded-Script-Name, X-Script-Name |
| `wsgi.url_scheme` | X-Forwarded-Proto, X-Forwarded-Scheme, X-Scheme, X-Forwarded-HTTPS, X-Forwarded-SSL, X-HTTPS |

All headers of a row are removed from `environ`, except for the one that was applied. Lines in one section add up; an \
         inner section replaces them all.",
    )
    .differs(
        "an unknown name is ignored, or ends the process at the first request. Here it is refused, with the nearest \
         known name.",
    ),
    Row::file_info(c"WSGITrustedProxies", "address[/bits] [address ...]", |here, words| {
        append(&mut here.trusted_proxies, words, |word| Network::read(word, "address"))
    })
    .says(
        c"addresses of proxies whose headers are believed; default all",
        "The proxies that are believed: addresses, or networks as `address/bits` or `address/netmask`. Without this \
         directive every peer is. Lines in one section add up; an inner section replaces them all.",
    )
    .differs("names of hosts may be looked up in DNS. Here they are refused."),
];

/// Repeated in one section, these directives add up; without a value they say nothing.
fn append<T: Clone>(
    list: &mut Option<Arc<[T]>>,
    words: &mut Words<'_>,
    read: impl Fn(&[u8]) -> Result<T, ConfigError>,
) -> Result<(), ConfigError> {
    let mut all = list.as_deref().unwrap_or_default().to_vec();
    while let Some(word) = words.next() {
        all.push(read(&word)?);
    }
    if !all.is_empty() {
        *list = Some(all.into());
    }
    Ok(())
}
