//! The table of directives: name, arguments, where it is allowed, what it does, and what it stores.
//!
//! Each chapter has a file of its own, as in docs/directives.md, which is written from this table. Setters only validate
//! and store: nothing is opened, compiled or looked up. A message need not name the directive.

mod access;
mod daemon;
mod interpreters;
mod mapping;
mod obsolete;
mod python;
#[cfg(test)]
mod reference;
mod request;
mod row;
mod telemetry;
mod tracing;

pub(crate) use row::{Context, Row, Setter};

/// Directives that belong together.
pub(crate) struct Chapter {
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/directives.md"))]
    pub(crate) title: &'static str,
    pub(crate) rows: &'static [Row],
}

/// All directives.
pub(crate) const CHAPTERS: &[Chapter] = &[
    Chapter { title: "Mapping", rows: mapping::ROWS },
    Chapter { title: "Requests", rows: request::ROWS },
    Chapter { title: "Access", rows: access::ROWS },
    Chapter { title: "Daemon processes", rows: daemon::ROWS },
    Chapter { title: "Python", rows: python::ROWS },
    Chapter { title: "Interpreters", rows: interpreters::ROWS },
    Chapter { title: "Telemetry", rows: telemetry::ROWS },
    Chapter { title: "Tracing", rows: tracing::ROWS },
    Chapter { title: "Without effect", rows: obsolete::ROWS },
];

/// How many directives there are.
pub(crate) const COUNT: usize = {
    let (mut count, mut chapters) = (0, CHAPTERS);
    while let Some((chapter, rest)) = chapters.split_first() {
        count += chapter.rows.len();
        chapters = rest;
    }
    count
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::{Name, Switch};
    use crate::config::{ConfigError, ServerSettings, Settings, Words};

    fn rows() -> impl Iterator<Item = &'static Row> {
        CHAPTERS.iter().flat_map(|chapter| chapter.rows)
    }

    #[test]
    fn names_are_unique_and_explained() {
        let names: std::collections::BTreeSet<_> = rows().map(|row| row.name).collect();
        assert_eq!((names.len(), rows().count()), (COUNT, COUNT));
        for row in rows() {
            assert!(!row.help.is_empty() && !row.help.to_bytes().contains(&b'\n'), "{:?}", row.name);
            assert!(!row.text.is_empty(), "{:?}", row.name);
        }
    }

    /// Reads a line as httpd would have it read.
    fn read(
        name: &str,
        line: &str,
        here: &mut Settings,
        server: &mut ServerSettings,
    ) -> Result<(), ConfigError> {
        let row = rows().find(|row| row.name.to_bytes() == name.as_bytes()).unwrap();
        let mut words = Words::new(line.as_bytes(), b"", 1);
        match row.set {
            Setter::Interpreter(set) => set(server.global.interpreters_here(), &mut words),
            Setter::Location(set) => set(here, &mut words),
            Setter::Noted(set) => set(here, server, &mut words),
            Setter::Section(open) => open(server, &mut words),
            Setter::Server(set) => set(server, &mut words),
        }
    }

    fn accept(lines: &[(&str, &str)]) -> (Settings, ServerSettings) {
        let (mut here, mut server) = (Settings::NOTHING, ServerSettings::default());
        for (name, line) in lines {
            read(name, line, &mut here, &mut server).unwrap_or_else(|error| panic!("{name} {line}: {error}"));
        }
        (here, server)
    }

    #[test]
    fn stores_what_it_reads() {
        let (here, server) = accept(&[
            ("WSGIProcessGroup", "site"),
            ("WSGIPassAuthorization", "on"),
            ("WSGITrustedProxies", "10.0.0.1 10.0.0.2"),
            ("WSGITrustedProxies", "10.0.0.3"),
            ("WSGIHandlerScript", "h /h.py process-group=%{GLOBAL}"),
            ("WSGIAccessScript", "/a.py application-group=%{GLOBAL}"),
            ("WSGIDispatchScript", "/d.py process-group=site application-group=x"),
            ("WSGILocalRedirect", "AUTO"),
            ("WSGIHandlerScript", "wsgi-script /x"),
            ("WSGITrustedProxyHeaders", ""),
        ]);
        assert_eq!(here.process_group.as_ref().map(Name::as_str), Some("site"));
        assert_eq!(here.pass_authorization, Some(true));
        assert_eq!(here.trusted_proxies.as_ref().map(|list| list.len()), Some(3));
        assert_eq!(here.handler_script(b"h").unwrap().process_group, Some(Name::empty()));
        assert!(here.handler_script(b"wsgi-script").is_none() && here.trusted_headers.is_none());
        assert_eq!(server.without_effect.len(), 1);
        assert_eq!(here.access_script.as_ref().unwrap().application_group, Name::empty());
        assert_eq!(here.dispatch_script.as_ref().unwrap().process_group.as_ref().unwrap().as_str(), "site");
        assert_eq!(here.local_redirect, Some(Switch::Auto));
        assert_eq!(server.hooks.len(), 2);
    }

    #[test]
    fn containers_take_what_stands_in_them() {
        let (_, mut server) = accept(&[
            ("WSGIRestrictStdin", "On"),
            ("<WSGIInterpreterOptions", "\"Process-Group=my site\" APPLICATION-GROUP=%{GLOBAL}>"),
            ("WSGIRestrictStdin", "Off"),
            ("<WSGIInterpreterOptions", ">"),
            ("WSGISwitchInterval", "2"),
        ]);
        server.global.close_container();
        read("WSGISwitchInterval", "1", &mut Settings::NOTHING.clone(), &mut server).unwrap();
        server.global.close_container();
        read("WSGIRestrictStdout", "On", &mut Settings::NOTHING.clone(), &mut server).unwrap();
        let [outer, inner] = server.global.containers.as_slice() else { panic!("two containers") };
        assert_eq!(outer.process_group.as_ref().map(Name::as_str), Some("my site"));
        assert_eq!(outer.application_group, Some(Name::empty()));
        assert_eq!((outer.options.restrict_stdin, outer.options.switch_interval), (Some(false), Some(1.0)));
        assert_eq!((inner.specificity(), inner.options.switch_interval), (0, Some(2.0)));
        let outside = &server.global.interpreters;
        assert_eq!((outside.restrict_stdin, outside.restrict_stdout), (Some(true), Some(true)));
    }

    #[test]
    fn refuses_with_a_reason() {
        for (name, line, reason) in [
            ("WSGIPassAuthorization", "yes", "On or Off"),
            ("WSGIPassAuthorization", "On Off", "one word too many"),
            ("WSGIProcessGroup", "", "missing"),
            ("WSGITrustedProxyHeaders", "X-Forwarded-Fro", "did you mean `X-Forwarded-For`"),
            ("WSGITrustedProxyHeaders", "X_Y", "known are"),
            ("WSGITrustedProxies", "localhost", "IP address"),
            ("WSGIHandlerScript", "h /x callable-object=a", "unknown option"),
            ("WSGIAccessScript", "", "script path is missing"),
            ("WSGIAccessScript", "/x callable-object=a", "unknown option"),
            ("WSGIAuthUserScript", "/x application-group=", "not empty"),
            ("<WSGIInterpreterOptions", "process-group=a", "ends with >"),
            ("<WSGIInterpreterOptions", "site>", "name=value"),
            ("<WSGIInterpreterOptions", "proces-group=a>", "did you mean `process-group`"),
            ("<WSGIInterpreterOptions", "process-group=a Process-Group=b>", "twice"),
            ("WSGITelemetryService", "tcp:localhost", "unix:/"),
            ("WSGITelemetryService", "unix:/x interval=0.4", "0.5"),
            ("WSGITelemetryService", "unix:/x intervall=1", "did you mean `interval`"),
            ("WSGISlowRequests", "-1", "0 or more"),
            ("WSGISlowRequests", "x", "0 or more"),
            ("WSGITelemetryOptions", "", "missing"),
            ("WSGITelemetryOptions", "CaptureUserAgents", "CaptureUserAgent"),
            ("WSGITelemetryOptions", "+CaptureUserAgent All", "either"),
            ("WSGITelemetryOptions", "+None", "`+None`"),
            ("WSGITelemetryOptions", "-", "`-`"),
            ("WSGIVerboseDebugging", "1", "On or Off"),
            ("WSGIGroupAuthoritative", "1", "On or Off"),
        ] {
            let refused = read(name, line, &mut Settings::NOTHING.clone(), &mut ServerSettings::default());
            let message = refused.unwrap_err().to_string();
            assert!(message.contains(reason), "{name} {line}: {message}");
        }
    }

    #[test]
    fn telemetry() {
        let options = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("WSGITelemetryOptions", *line)).collect();
            accept(&lines).1.global.telemetry.capture_user_agent
        };
        assert!(options(&["captureuseragent"]) && options(&["All"]) && options(&["+CaptureUserAgent"]));
        assert!(!options(&["All", "-CaptureUserAgent"]) && !options(&["All", "None"]));
        let (_, server) = accept(&[
            ("WSGITelemetryService", "unix:/run/t.sock interval=2.5"),
            ("WSGISlowRequests", "0.25"),
            ("WSGISlowRequests", "1.5s"),
        ]);
        let telemetry = server.global.telemetry.of_process().unwrap();
        assert_eq!((telemetry.interval, telemetry.slow_requests), (2.5, 1.5));
        let (_, server) = accept(&[("WSGITelemetryService", "unix:/run/t.sock"), ("WSGISlowRequests", "0")]);
        let telemetry = server.global.telemetry.of_process().unwrap();
        assert_eq!((telemetry.interval, telemetry.slow_requests), (1.0, 0.0));
    }
}
