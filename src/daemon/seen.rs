//! Process groups for those who show them: what is configured, and the shared area. Nothing here asks a process.

use contract::area::Area;

use super::Groups;
use crate::apache::Server;
use crate::config::ProcessGroup;

/// One process group.
pub(crate) struct Seen<'g> {
    pub(crate) settings: &'g ProcessGroup,
    /// Or why there is none.
    pub(crate) area: Result<&'g Area, &'g str>,
}

/// All groups, by name.
pub(crate) fn seen(main: Server<'_>) -> impl Iterator<Item = Seen<'_>> {
    let groups = main.attached::<Groups>().into_iter().flat_map(Groups::iter);
    groups.map(|group| Seen {
        settings: &group.settings,
        area: group.sockets.as_ref().map(|sockets| &sockets.area).map_err(String::as_str),
    })
}
