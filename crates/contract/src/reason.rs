//! Why a worker ends: the words that `process_stopping` carries as `shutdown_reason`, and that the log has.

use serde::{Deserialize, Serialize};

/// Why a worker ends. The first reason that it is given counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub enum Reason {
    /// httpd stops, or somebody sent the worker TERM or INT.
    ShutdownSignal = 1,
    /// USR1, or `apachectl graceful`.
    GracefulSignal = 2,
    /// USR1, where eviction-timeout is set.
    EvictionSignal = 3,
    /// It has answered maximum-requests.
    MaximumRequests = 4,
    /// It has lived for restart-interval.
    RestartInterval = 5,
    /// A request has run longer than request-timeout.
    RequestTimeout = 6,
    /// Nothing has happened in it for inactivity-timeout.
    InactivityTimeout = 7,
    /// No script was loaded within startup-timeout.
    StartupTimeout = 8,
    /// Its GIL could not be had for deadlock-timeout.
    DeadlockTimeout = 9,
    /// It has used as much processor time as cpu-time-limit grants.
    CpuTimeLimit = 10,
    /// A script has changed.
    ScriptReload = 11,
    /// The group goes on with fewer processes.
    Surplus = 12,
    /// It has no memory left (memory-limit, virtual-memory-limit).
    MemoryLimit = 13,
    /// It has no file descriptors left.
    DescriptorLimit = 14,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::ShutdownSignal,
        Self::GracefulSignal,
        Self::EvictionSignal,
        Self::MaximumRequests,
        Self::RestartInterval,
        Self::RequestTimeout,
        Self::InactivityTimeout,
        Self::StartupTimeout,
        Self::DeadlockTimeout,
        Self::CpuTimeLimit,
        Self::ScriptReload,
        Self::Surplus,
        Self::MemoryLimit,
        Self::DescriptorLimit,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ShutdownSignal => "shutdown_signal",
            Self::GracefulSignal => "graceful_signal",
            Self::EvictionSignal => "eviction_signal",
            Self::MaximumRequests => "maximum_requests",
            Self::RestartInterval => "restart_interval",
            Self::RequestTimeout => "request_timeout",
            Self::InactivityTimeout => "inactivity_timeout",
            Self::StartupTimeout => "startup_timeout",
            Self::DeadlockTimeout => "deadlock_timeout",
            Self::CpuTimeLimit => "cpu_time_limit",
            Self::ScriptReload => "script_reload",
            Self::Surplus => "surplus",
            Self::MemoryLimit => "memory_limit",
            Self::DescriptorLimit => "descriptor_limit",
        }
    }

    /// The reason with this number, as the shared area holds it; anything else is none.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| *known as u32 == number)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_one_to_one() {
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at + 1);
            assert_eq!(Reason::from_number(reason as u32), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
        assert_eq!((Reason::from_number(0), Reason::from_number(15)), (None, None));
    }
}
