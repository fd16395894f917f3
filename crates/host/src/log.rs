//! Log lines that belong to no request: where they go, and the `tracing` subscriber over it.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use contract::syslog::Syslog;
use contract::{level, line};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::wsgi::current;

/// What writes a text of one or several lines at a level.
type Write = dyn Fn(u8, &str) + Send + Sync;

/// Where lines go, and the least severe level that goes there.
struct Sink {
    limit: u8,
    write: Box<Write>,
}

static SINK: OnceLock<Sink> = OnceLock::new();

/// Lines go to standard error in httpd's default format (a worker), or in that of syslog if it is a socket of that; those
/// less severe than `limit` are dropped.
pub(crate) fn to_stderr(limit: u8, syslog: Option<Syslog>) {
    to(
        limit,
        Box::new(move |level, text| text.lines().for_each(|text| write_line(level, text, syslog.as_ref()))),
    );
}

/// Lines go to `write`. Only the first call of this or [`to_stderr`] counts.
pub(crate) fn to(limit: u8, write: Box<Write>) {
    let first = SINK.set(Sink { limit, write }).is_ok();
    if first && tracing::subscriber::set_global_default(ToLog).is_err() {
        log(level::WARN, "another tracing subscriber is in this process; its lines are not in this log");
    }
}

/// The least severe level that is written; 0 before a sink was set.
pub(crate) fn limit() -> u8 {
    SINK.get().map_or(0, |sink| sink.limit)
}

/// Writes `text` (one or several lines) to the log of the process at httpd's `level`. Notices are always written.
pub(crate) fn log(level: u8, text: &str) {
    match SINK.get() {
        Some(sink) if level <= sink.limit || level == level::NOTICE => (sink.write)(level, text),
        Some(_) => {}
        None => text.lines().for_each(|text| write_line(level, text, None)),
    }
}

fn write_line(level: u8, text: &str, syslog: Option<&Syslog>) {
    let now = SystemTime::now();
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let offset = crate::python::local::offset(seconds as i64);
    let tid = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
    let pid = std::process::id();
    let line = match syslog {
        Some(syslog) => syslog.format(level, now, offset, pid, tid, text),
        None => line::format(level, now, offset, pid, tid, text),
    };
    let _ = std::io::stderr().write_all(line.as_bytes()); // a piped logger may be gone, and then nobody is there to be told
}

/// `tracing` into the log: of the request that the thread serves, else of the process.
struct ToLog;

impl Subscriber for ToLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        current::enabled(number(*metadata.level()))
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        current::note(number(*event.metadata().level()), &(text.message + &text.fields));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1) // spans are not used
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// httpd's number for a level.
fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => level::ERROR,
        Level::WARN => level::WARN,
        Level::INFO => level::INFO,
        Level::DEBUG => level::DEBUG,
        _ => level::TRACE1,
    }
}

/// An event's message, and its other fields as ` name=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
