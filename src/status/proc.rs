//! What /proc says about a process: memory and processor time. It is read by whoever serves the request, asks nobody and
//! waits for nobody.
//!
//! Only `stat` is read: everybody may, whoever the process belongs to (`smaps_rollup`, with the memory that a process
//! shares, is for its own user, and waits for its lock).

use super::model::Usage;

/// Of process `pid`; nothing where there is none, or where /proc hides it.
pub(super) fn usage(pid: u32) -> Usage {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let (page, tick) = (rustix::param::page_size() as u64, rustix::param::clock_ticks_per_second());
    of(&stat, page, tick)
}

/// Reads the text of `stat` (proc(5)): a process may call itself anything, so fields count from the last parenthesis.
fn of(stat: &[u8], page: u64, tick: u64) -> Usage {
    let Some(end) = stat.iter().rposition(|byte| *byte == b')') else { return Usage::default() };
    let rest = String::from_utf8_lossy(stat.get(end + 1..).unwrap_or_default());
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at - 3).and_then(|text| text.parse::<u64>().ok()); // the third is the first here
    let memory = number(24).map(|pages| pages.saturating_mul(page));
    let cpu =
        number(14).zip(number(15)).map(|(user, system)| user.saturating_add(system) as f64 / tick as f64);
    Usage { memory: memory.filter(|bytes| *bytes > 0), cpu }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_count_from_the_name_whatever_it_is() {
        let stat = b"42 (a) b) 7) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 12345 1000000 25 18446744073709551615";
        assert_eq!(of(stat, 4096, 100), Usage { memory: Some(25 * 4096), cpu: Some(2.0) });
    }

    #[test]
    fn nonsense_is_nothing() {
        for stat in [&b""[..], b"42 (x) S", b"42 (x", b")))", b"1 (x) S a b c d e f g h i j k l m n"] {
            assert_eq!(of(stat, 4096, 100), Usage::default());
        }
        assert_eq!(usage(0), Usage::default());
        assert!(usage(std::process::id()).memory.is_some());
    }
}
