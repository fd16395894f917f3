//! Numbers for people: times, sizes, counts.

/// A length of time in seconds: `340 µs`, `1.2 ms`, `4.5 s`, `3 min`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn time(seconds: f64) -> String {
    let whole = seconds as u64; // saturates
    match seconds {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 0.01 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 60.0 => format!("{s:.0} s"),
        s if s < 3600.0 => pair(whole, 60, ("min", "s")),
        s if s < 86_400.0 => pair(whole / 60, 60, ("h", "min")),
        _ => pair(whole / 3600, 24, ("d", "h")),
    }
}

fn pair(number: u64, base: u64, (large, small): (&str, &str)) -> String {
    match number % base {
        0 => format!("{} {large}", number / base),
        rest => format!("{} {large} {rest} {small}", number / base),
    }
}

/// A number of bytes: `17 B`, `1.5 KiB`, `230 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    for unit in UNITS {
        if value < 10.0 {
            return format!("{value:.1} {unit}");
        }
        if value < 1000.0 {
            return format!("{value:.0} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} ZiB")
}

/// A count, with thin spaces between the thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            shown.push('\u{2009}');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let shown = [0.000_064, 0.001_024, 0.033, 1.25, 42.0, 61.0, 7200.0, 7500.0, 90_000.0].map(time);
        assert_eq!(
            shown,
            ["64 µs", "1.0 ms", "33 ms", "1.2 s", "42 s", "1 min 1 s", "2 h", "2 h 5 min", "1 d 1 h"]
        );
        assert!(time(f64::INFINITY).ends_with('h'));
    }

    #[test]
    fn sizes_and_counts_are_short() {
        assert_eq!(
            [0, 1023, 1536, 47 << 20, 1000 << 20].map(size),
            ["0 B", "1023 B", "1.5 KiB", "47 MiB", "1.0 GiB"]
        );
        assert!(size(u64::MAX).ends_with("EiB"));
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1\u{2009}000", "1\u{2009}234\u{2009}567"]
        );
    }
}
