//! A slow request as telemetry reports it.

use std::time::Duration;

use contract::request::Request;

use super::interval::{Split, Times};
use super::meters::Reading;
use crate::python::usage::Usage;

/// Longest text that is kept of a request, in bytes; the reporter cuts further.
const LONGEST: usize = 2048;

/// A request that has run for long, and may still run.
#[derive(Debug, Clone)]
pub(crate) struct SlowRequest {
    pub is_finished: bool,
    /// Number of its thread, from 1.
    pub thread: u32,
    /// How long it has kept its thread.
    pub duration: Duration,
    pub times: Times,
    /// How its time is split so far.
    pub split: Split,
    pub reading: Reading,
    /// CPU time of its thread in it, once it has ended.
    pub cpu: Option<Usage>,
    /// 0 while it runs.
    pub status: u16,
    /// Requests that ran when it began (with it), and that run now or ran when it ended.
    pub in_flight: (u32, u32),
    pub details: Details,
}

/// What the client asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Details {
    /// httpd's log id (`%L`).
    pub log_id: String,
    /// The httpd child that received it.
    pub server_pid: u32,
    pub method: String,
    pub scheme: &'static str,
    pub host: String,
    pub script_name: String,
    pub path_info: String,
    pub protocol: String,
    /// The client's address, after trusted proxies.
    pub peer: String,
    pub user_agent: Option<String>,
}

impl Details {
    /// Of a request.
    pub(crate) fn of(request: &Request<'_>, user_agent: bool) -> Self {
        let mut details = Self { scheme: scheme(request), ..Self::default() };
        for (name, value) in request.environ.iter().map_while(Result::ok) {
            let place = match name {
                b"HTTP_HOST" => &mut details.host,
                b"PATH_INFO" => &mut details.path_info,
                b"REMOTE_ADDR" => &mut details.peer,
                b"REQUEST_METHOD" => &mut details.method,
                b"SCRIPT_NAME" => &mut details.script_name,
                b"SERVER_PROTOCOL" => &mut details.protocol,
                b"mod_wsgi.request_id" => &mut details.log_id,
                b"mod_wsgi.server_pid" => {
                    details.server_pid = text(value).parse().unwrap_or(0);
                    continue;
                }
                b"HTTP_USER_AGENT" if user_agent => details.user_agent.insert(String::new()),
                _ => continue,
            };
            *place = text(value);
        }
        details
    }
}

fn scheme(request: &Request<'_>) -> &'static str {
    if request.flags.has(contract::request::Flags::HTTPS) { "https" } else { "http" }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.get(..LONGEST).unwrap_or(value)).into_owned()
}

#[cfg(test)]
mod tests {
    use contract::request::Flags;

    use super::*;

    #[test]
    fn details_are_those_of_the_request() {
        let mut payload = Vec::new();
        let mut environ = Request { flags: Flags::HTTPS, ..Request::default() }.encode(&mut payload);
        for (name, value) in [
            ("REQUEST_METHOD", "GET"),
            ("HTTP_HOST", "example.com"),
            ("HTTP_USER_AGENT", "curious/1"),
            ("SCRIPT_NAME", ""),
            ("PATH_INFO", "/slow"),
            ("mod_wsgi.server_pid", "4711"),
            ("mod_wsgi.request_id", "abc"),
        ] {
            environ.pair(name.as_bytes(), value.as_bytes());
        }
        drop(environ);
        let request = Request::decode(&payload).unwrap();
        let details = Details::of(&request, false);
        assert_eq!((details.scheme, &*details.method, &*details.path_info), ("https", "GET", "/slow"));
        assert_eq!((details.server_pid, &*details.log_id, details.user_agent), (4711, "abc", None));
        assert_eq!(Details::of(&request, true).user_agent.as_deref(), Some("curious/1"));
    }
}
