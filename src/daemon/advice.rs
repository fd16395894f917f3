//! What the administrator should know about process groups when httpd starts: limits that will be met, and options that
//! do nothing.

use contract::level;
use rustix::process::{Resource, getrlimit};

use super::Group;
use crate::apache::Server;

/// Writes it to the log.
pub(super) fn give(main: Server<'_>, table: &[Group]) {
    let total: u64 = table.iter().map(|group| u64::from(group.settings.listen_backlog)).sum();
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if total > limit / 2 {
        main.log(
            level::WARN,
            &format!(
                "the queues of all process groups (listen-backlog) hold {total} requests, which is more than half of \
                 the limit of {limit} open files: raise the limit (ulimit -n), or lower listen-backlog"
            ),
        );
    }
    for group in table {
        let name = &group.settings.name;
        let room = group.sockets.as_ref().map_or(usize::MAX, |sockets| sockets.room());
        if room < group.settings.listen_backlog as usize {
            let backlog = group.settings.listen_backlog;
            main.log(
                level::WARN,
                &format!(
                    "process group `{name}`: its queue has room for {room} requests and not for {backlog} \
                     (listen-backlog): raise the system's limit net.core.wmem_max"
                ),
            );
        }
        for (option, why) in &group.settings.without_effect {
            main.log(level::INFO, &format!("process group `{name}`: {option} has no effect: {why}"));
        }
    }
}
