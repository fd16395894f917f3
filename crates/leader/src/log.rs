//! Where the leader's lines go: its standard error, which is httpd's error log, in the form of that log.
//!
//! One line is one `write`, so lines of several processes do not mix. Levels are httpd's; the server's `LogLevel`
//! for `wsgi` is in the settings.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::SystemTime;

use contract::level;
use contract::syslog::Syslog;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tz::TimeZone;

struct Lines {
    group: String,
    level: u8,
    zone: Option<TimeZone>,
    syslog: Option<Syslog>,
}

/// Sends the lines of this process to standard error: those of `level` and more severe ones, each with the group's name.
/// With `syslog` they are messages for it, and standard error is its socket.
pub(crate) fn init(group: &str, level: u8, syslog: Option<Syslog>) {
    let lines = Lines { group: group.to_owned(), level, zone: TimeZone::local().ok(), syslog };
    let _ = tracing::subscriber::set_global_default(lines);
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        httpd_level(*metadata.level()) <= self.level
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(format!("process group '{}': ", self.group));
        event.record(&mut text);
        let offset = self.zone.as_ref().and_then(|zone| zone.find_current_local_time_type().ok());
        let offset = offset.map_or(0, |local| local.ut_offset().into());
        let level = httpd_level(*event.metadata().level());
        let pid = std::process::id();
        let (now, text) = (SystemTime::now(), &text.0);
        let line = match &self.syslog {
            Some(syslog) => syslog.format(level, now, offset, pid, pid, text),
            None => contract::line::format(level, now, offset, pid, pid, text),
        };
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1) // no spans here
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Writes a line of a level that is only known when it is written.
pub(crate) fn write(level: Level, text: &str) {
    match level {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        Level::INFO => tracing::info!("{text}"),
        _ => tracing::debug!("{text}"),
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

fn httpd_level(level: Level) -> u8 {
    match level {
        Level::ERROR => level::ERROR,
        Level::WARN => level::WARN,
        Level::INFO => level::INFO,
        Level::DEBUG => level::DEBUG,
        Level::TRACE => level::TRACE1,
    }
}
