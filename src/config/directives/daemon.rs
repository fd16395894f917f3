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
     requests go to the ErrorLog of the server that defines it.",
)
.options(|| options::explained(process_options::OPTIONS))];
