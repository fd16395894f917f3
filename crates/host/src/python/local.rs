//! The local time zone, for log lines.

/// Seconds east of UTC at `seconds` since the epoch.
pub(crate) fn offset(seconds: i64) -> i64 {
    // SAFETY: a C structure of numbers and a pointer, for all of which zero is a value.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: two valid places; glibc and musl read TZ under a lock of their own.
    let known = unsafe { libc::localtime_r(&raw const seconds, &raw mut parts) };
    if known.is_null() { 0 } else { parts.tm_gmtoff }
}
