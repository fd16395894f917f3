//! What this process and this thread have used of the machine.

use std::time::Duration;

/// CPU time and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// CPU time outside of the kernel.
    pub user: Duration,
    /// CPU time in the kernel.
    pub system: Duration,
    /// The most memory that was resident, in bytes; of the process, also when asked for a thread.
    pub peak: u64,
}

impl Usage {
    /// Of the whole process.
    pub(crate) fn of_process() -> Self {
        Self::of(libc::RUSAGE_SELF)
    }

    /// Of the calling thread.
    pub(crate) fn of_thread() -> Self {
        Self::of(libc::RUSAGE_THREAD)
    }

    /// What has been added since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            peak: self.peak,
        }
    }

    /// Both CPU times.
    pub(crate) fn cpu(self) -> Duration {
        self.user + self.system
    }

    fn of(whom: libc::c_int) -> Self {
        // SAFETY: all zeroes is a valid rusage.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: a place for the answer; it cannot fail for these two.
        unsafe { libc::getrusage(whom, &raw mut usage) };
        let time = |time: libc::timeval| {
            Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
                + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
        };
        let kilobytes = u64::try_from(usage.ru_maxrss).unwrap_or(0);
        Self { user: time(usage.ru_utime), system: time(usage.ru_stime), peak: kilobytes << 10 }
    }
}

/// Memory of this process that is resident now, in bytes; 0 where /proc does not say.
pub(crate) fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_uses_no_more_than_its_process() {
        let mut sum = 0_u64;
        while Usage::of_thread().cpu().is_zero() {
            sum = (0..100_000).fold(sum, |sum, more| sum ^ more);
        }
        let thread = Usage::of_thread();
        let process = Usage::of_process();
        assert!(thread.cpu() <= process.cpu() + Duration::from_millis(20), "{thread:?} {process:?} {sum}");
        assert!(process.peak > 1 << 20);
        assert!((1 << 20..=process.peak + (64 << 20)).contains(&resident()));
        assert_eq!(thread.since(thread).cpu(), Duration::ZERO);
    }
}
