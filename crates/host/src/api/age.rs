//! When this process began.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};

/// When this process began; of a system without /proc, when this was first asked.
pub(crate) fn started() -> SystemTime {
    static STARTED: Mutex<Option<(u32, SystemTime)>> = Mutex::new(None);
    let mut known = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let own = std::process::id();
    if let Some((_, started)) = known.filter(|(process, _)| *process == own) {
        return started;
    }
    let started = {
        let now = SystemTime::now();
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let uptime = clock_gettime(ClockId::Boottime);
        let uptime = Duration::new(
            u64::try_from(uptime.tv_sec).unwrap_or(0),
            u32::try_from(uptime.tv_nsec).unwrap_or(0),
        );
        let age = start_tick(&stat).map(|ticks| {
            uptime.saturating_sub(Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
        });
        now.checked_sub(age.unwrap_or_default()).unwrap_or(now)
    };
    *known = Some((own, started)); // of this process, not of one that it was forked from
    started
}

/// The start of a process in ticks since the system's, of its `stat`. The second field, a name in parentheses, may
/// hold spaces and parentheses.
fn start_tick(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_found_behind_any_name() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";
        assert_eq!(start_tick(&format!("12 (a) b (c)) {fields}")), Some(4711));
        assert_eq!(start_tick("12 (a) S 1 2"), None);
        assert_eq!(start_tick(""), None);
    }

    #[test]
    fn this_process_is_young() {
        let age = SystemTime::now().duration_since(started()).unwrap_or_default();
        assert!(age < Duration::from_secs(3600), "{age:?}");
    }
}
