//! httpd's log levels (http_log.h), which all parts use as they are: a smaller number is more severe.

/// `alert`
pub const ALERT: u8 = 1;
/// `crit`
pub const CRIT: u8 = 2;
/// `error`
pub const ERROR: u8 = 3;
/// `warn`
pub const WARN: u8 = 4;
/// `notice`; httpd always writes it.
pub const NOTICE: u8 = 5;
/// `info`
pub const INFO: u8 = 6;
/// `debug`
pub const DEBUG: u8 = 7;
/// `trace1`
pub const TRACE1: u8 = 8;

/// The word that stands for `level` in httpd's error log.
pub fn name(level: u8) -> &'static str {
    match level {
        0 => "emerg",
        ALERT => "alert",
        CRIT => "crit",
        ERROR => "error",
        WARN => "warn",
        NOTICE => "notice",
        INFO => "info",
        DEBUG => "debug",
        TRACE1 => "trace1",
        9 => "trace2",
        10 => "trace3",
        11 => "trace4",
        12 => "trace5",
        13 => "trace6",
        14 => "trace7",
        _ => "trace8",
    }
}
