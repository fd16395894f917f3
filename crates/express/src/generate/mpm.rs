//! How many processes and threads httpd itself has for connections.
//!
//! In daemon mode it needs some more than the application has threads, since it also serves files and idle connections;
//! in embedded mode its threads are those of the application.

use crate::conf::Conf;
use crate::options::{Mpm, Processes};
use crate::site::Site;

/// The numbers for a threaded MPM and for prefork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub server_limit: u32,
    pub threads_per_child: u32,
    pub clients: u32,
    pub start: u32,
    pub least_spare: u32,
    pub most_spare: u32,
}

impl Sizes {
    /// The numbers that the options mean with an MPM.
    pub(crate) fn of(options: &Processes, mpm: Mpm, embedded: bool) -> Self {
        let (processes, threads) = (options.processes.unwrap_or(1), options.threads);
        let capacity = processes.saturating_mul(threads);
        match (embedded, mpm) {
            (true, Mpm::Prefork) => Self::prefork(capacity, options),
            (true, _) => Self::all_at_once(processes, threads),
            (false, mpm) => {
                let usual = || 10 + (capacity.saturating_mul(3) / 2).max(10);
                let clients = options.max_clients.map_or_else(usual, |given| given.max(capacity));
                if mpm == Mpm::Prefork {
                    Self::prefork(clients, options)
                } else {
                    Self::threaded(clients, options)
                }
            }
        }
    }

    fn prefork(clients: u32, options: &Processes) -> Self {
        let start = part(options.initial_workers.unwrap_or(0.05), clients).max(1);
        let least = options.minimum_spare_workers.map_or(start, |given| part(given, clients).max(1));
        let most = part(options.maximum_spare_workers.unwrap_or(0.1), clients).max(1);
        Self {
            server_limit: clients,
            threads_per_child: 1,
            clients,
            start,
            least_spare: least,
            most_spare: most,
        }
    }

    fn threaded(clients: u32, options: &Processes) -> Self {
        let threads = if clients > 20 { clients / (clients / 20 + 1) } else { 10 };
        let limit = clients.div_ceil(threads);
        let initial = options.initial_workers.unwrap_or(0.2);
        let spare = |fraction: f64| part(fraction, limit).saturating_mul(threads).max(threads);
        Self {
            server_limit: limit,
            threads_per_child: threads,
            clients: limit.saturating_mul(threads),
            start: part(initial, limit).max(1),
            least_spare: spare(options.minimum_spare_workers.unwrap_or(initial)),
            most_spare: spare(options.maximum_spare_workers.unwrap_or(0.6)),
        }
    }

    fn all_at_once(processes: u32, threads: u32) -> Self {
        let clients = processes.saturating_mul(threads);
        Self {
            server_limit: processes,
            threads_per_child: threads,
            clients,
            start: processes,
            least_spare: clients,
            most_spare: clients,
        }
    }
}

/// A fraction of a number, rounded down.
fn part(fraction: f64, of: u32) -> u32 {
    (fraction * f64::from(of)) as u32
}

/// Writes the numbers.
pub(super) fn write(conf: &mut Conf, site: &Site) {
    conf.comment("Processes of httpd");
    let options = &site.options;
    let embedded = options.processes.embedded_mode;
    let sizes = if options.debug.debug_mode {
        Sizes { server_limit: 1, threads_per_child: 1, clients: 1, start: 1, least_spare: 1, most_spare: 1 }
    } else {
        Sizes::of(&options.processes, site.mpm, embedded)
    };
    conf.line("ServerLimit", &[&sizes.server_limit]);
    if site.mpm == Mpm::Prefork {
        conf.line("MaxRequestWorkers", &[&sizes.clients]);
        conf.line("StartServers", &[&sizes.start]);
        conf.line("MinSpareServers", &[&sizes.least_spare]);
        conf.line("MaxSpareServers", &[&sizes.most_spare]);
    } else {
        conf.line("ThreadLimit", &[&sizes.threads_per_child]);
        conf.line("ThreadsPerChild", &[&sizes.threads_per_child]);
        conf.line("MaxRequestWorkers", &[&sizes.clients]);
        conf.line("StartServers", &[&sizes.start]);
        conf.line("MinSpareThreads", &[&sizes.least_spare]);
        conf.line("MaxSpareThreads", &[&sizes.most_spare]);
    }
    let keep_alive: u32 = match (site.mpm, embedded) {
        (Mpm::Event, _) => 0,
        (_, false) => 500,
        (_, true) => 100,
    };
    conf.line("MaxKeepAliveRequests", &[&keep_alive]);
    // In daemon mode maximum-requests is about the application's processes.
    let most = if embedded { options.limits.maximum_requests } else { 0 };
    conf.line("MaxConnectionsPerChild", &[&most]);
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn sizes(arguments: &[&str], mpm: Mpm, embedded: bool) -> Sizes {
        let command = Processes::augment_args(clap::Command::new("x").no_binary_name(true));
        let matches = command.get_matches_from(arguments);
        Sizes::of(&Processes::from_arg_matches(&matches).unwrap(), mpm, embedded)
    }

    #[test]
    fn the_default_run() {
        let event = sizes(&[], Mpm::Event, false);
        let expected = Sizes {
            server_limit: 2,
            threads_per_child: 10,
            clients: 20,
            start: 1,
            least_spare: 10,
            most_spare: 10,
        };
        assert_eq!(event, expected);
        let prefork = sizes(&[], Mpm::Prefork, false);
        let expected = Sizes {
            server_limit: 20,
            threads_per_child: 1,
            clients: 20,
            start: 1,
            least_spare: 1,
            most_spare: 2,
        };
        assert_eq!(prefork, expected);
    }

    #[test]
    fn a_larger_one() {
        let large = sizes(&["--processes", "4", "--threads", "20"], Mpm::Worker, false);
        assert_eq!((large.threads_per_child, large.server_limit, large.clients), (18, 8, 144));
        assert_eq!((large.start, large.least_spare, large.most_spare), (1, 18, 72));
    }

    #[test]
    fn max_clients_is_never_less_than_the_application_can_serve() {
        assert_eq!(sizes(&["--max-clients", "3"], Mpm::Prefork, false).clients, 5);
        assert_eq!(sizes(&["--max-clients", "30"], Mpm::Prefork, false).clients, 30);
    }

    #[test]
    fn in_embedded_mode_they_are_the_applications() {
        let embedded = sizes(&["--processes", "2", "--threads", "3"], Mpm::Worker, true);
        assert_eq!((embedded.server_limit, embedded.threads_per_child, embedded.clients), (2, 3, 6));
        assert_eq!(sizes(&["--processes", "2", "--threads", "3"], Mpm::Prefork, true).server_limit, 6);
    }
}
