//! Log lines that belong to no request: where they go, and the `tracing` subscriber over it.

/// Lines go to standard error in httpd's default format (a worker); those less severe than `limit` are dropped.
pub(crate) fn to_stderr(limit: u8) {
    let _ = limit;
}

/// Writes `text` (one or several lines) to the log of the process at httpd's `level`.
pub(crate) fn log(level: u8, text: &str) {
    let _ = (level, text);
}
