//! The form of an error log line that a daemon writes to its standard error: httpd's default ErrorLogFormat.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::level;

/// `[Sat Nov 21 03:50:02.123456 2026] [wsgi:info] [pid 12:tid 34] text`, with a newline, for the time `now` at
/// `offset` seconds east of UTC. Control characters of `text` are escaped as httpd does.
pub fn format(level: u8, now: SystemTime, offset: i64, pid: u32, tid: u32, text: &str) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]; // 1 January 1970 was a Thursday
    let Local { days, year, month, day, hour, minute, second, micros } = Local::of(now, offset);
    let weekday = DAYS.get(days.rem_euclid(7) as usize).unwrap_or(&"");
    let (level, text) = (level::name(level), escaped(text));
    format!(
        "[{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02}.{micros:06} {year}] [wsgi:{level}] [pid {pid}:tid {tid}] {text}\n"
    )
}

/// Each line of `text` with the id of the request that it is about in front, where httpd has the client. Without an id as
/// it is.
pub fn of_request(id: Option<&str>, text: &str) -> String {
    let Some(id) = id.filter(|id| !id.is_empty() && *id != "-") else { return text.to_owned() };
    text.lines().map(|line| format!("[request {id}] {line}")).collect::<Vec<_>>().join("\n")
}

/// `Nov 21 03:50:02`
pub(crate) fn time_for_syslog(now: SystemTime, offset: i64) -> String {
    let Local { month, day, hour, minute, second, .. } = Local::of(now, offset);
    format!("{month} {day:2} {hour:02}:{minute:02}:{second:02}")
}

/// `text` without control characters, as httpd writes it.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push('\t'),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// A time on the wall.
struct Local {
    days: i64,
    year: i64,
    month: &'static str,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: u32,
}

impl Local {
    fn of(now: SystemTime, offset: i64) -> Self {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs() as i64 + offset;
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        Self {
            days,
            year,
            month: MONTHS.get(month).unwrap_or(&""),
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            micros: since.subsec_micros(),
        }
    }
}

/// Year, month from 0 and day of month of a day counted from 1 January 1970, in the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, usize, i64) {
    let shifted = days + 719_468; // from 1 March of year 0, so that leap days end a year
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let of_year_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_year_era + of_year_era / 4 - of_year_era / 100);
    let month = (5 * of_year + 2) / 153; // from March
    let day = of_year - (153 * month + 2) / 5 + 1;
    let january = if month < 10 { month + 2 } else { month - 10 };
    let year = of_year_era + era * 400 + i64::from(january < 2);
    (year, january as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn looks_like_httpd() {
        let now = UNIX_EPOCH + Duration::from_micros(1_795_233_002_123_456);
        assert_eq!(
            format(level::INFO, now, 0, 12, 34, "a\nb"),
            "[Sat Nov 21 03:50:02.123456 2026] [wsgi:info] [pid 12:tid 34] a\\nb\n"
        );
        let leap = UNIX_EPOCH + Duration::from_secs(1_709_164_800);
        assert!(
            format(level::WARN, leap, 0, 1, 1, "")
                .starts_with("[Thu Feb 29 00:00:00.000000 2024] [wsgi:warn]")
        );
        assert!(format(level::WARN, leap, -3600, 1, 1, "").starts_with("[Wed Feb 28 23:00:00"));
    }

    #[test]
    fn each_line_about_a_request_has_its_id() {
        assert_eq!(of_request(Some("Ab+/9"), "one\n  two"), "[request Ab+/9] one\n[request Ab+/9]   two");
        for none in [None, Some(""), Some("-")] {
            assert_eq!(of_request(none, "one\ntwo"), "one\ntwo");
        }
    }
}
