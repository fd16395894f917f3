//! Process groups.

use super::row::Row;
use crate::config::error::ConfigError;
use crate::config::options;
use crate::config::process_group::ProcessGroup;
use crate::config::process_options;

pub(super) const ROWS: &[Row] = &[Row::server(c"WSGIDaemonProcess", "name [options]", |server, words| {
    let group = ProcessGroup::read(words)?;
    if let Some(other) = server.process_groups.iter().find(|other| other.name == group.name) {
        let (name, place) = (group.name.to_string(), other.place.to_string());
        return Err(ConfigError::Duplicate { name, place });
    }
    server.process_groups.push(group);
    Ok(())
})
.says(
    c"defines a process group: NAME and options as processes=2",
    "Defines a process group; *name* is unique in the whole configuration. A group of the main server can be used \
     everywhere, a group of a virtual host by servers with the same ServerName. Lines of its processes outside of \
     requests go to the ErrorLog of the server that defines it.\n\nA process that is to be replaced serves until its \
     replacement does, unless it can serve nobody. Each limit stands on its own. The reason is in the log, in \
     `shutdown_reason` of the event `process_stopping`, and in the line about a request that was lost.\n\n**Elastic groups.** With \
     `processes=MIN-MAX` a group starts with MIN processes. It grows while requests have to wait for a thread for longer \
     than `grow-after`: by one process, and faster as long as the queue does not empty, each time once the one before \
     serves. It shrinks by one when the load of `shrink-after` would have fitted into one process less with room to \
     spare; the least busy one goes, and finishes its requests first. After a step down that made requests wait again \
     the group shrinks that far only for clearly fewer requests. With `processes=0-MAX` nothing runs without requests, \
     and the first one waits until a process has loaded the application. `mod_wsgi.maximum_processes` is MAX.",
)
.differs(
    "most limits are enforced only beside `deadlock-timeout` or `inactivity-timeout`, `startup-timeout` does not count \
     before a process serves, and processes that end are missing until their replacement has started.",
)
.options(|| options::explained(process_options::OPTIONS))];
