//! WSGIDispatchScript: where a request shall run.

use contract::verdict::{Routes, Verdict};

use super::{Unavailable, question};
use crate::apache::Request;
use crate::config::Resolved;
use crate::environ::{self, Asked, ScriptName};

/// Whether what [`dispatch`] says comes from this process, not from a worker.
pub(crate) fn dispatches_here(request: Request<'_>) -> bool {
    request.settings().dispatch_script.as_ref().is_some_and(|hook| hook.process_group.is_none())
}

/// What the script of this location says, if there is one; `Err` is the status of a request that cannot be routed.
pub(crate) fn dispatch<'r>(
    request: Request<'r>,
    resolved: &Resolved<'_>,
    script_name: &ScriptName<'_>,
) -> Result<Option<Routes<'r>>, u16> {
    let Some(hook) = &request.settings().dispatch_script else { return Ok(None) };
    let write = |asked: &Asked<'_>| environ::route_question(request, resolved, script_name, asked);
    let ruling = question(request, hook, write).map_err(|Unavailable(status)| status)?;
    match ruling.verdict() {
        Verdict::Routes(routes) => {
            let keep = |name: Option<&[u8]>| name.map(|name| request.pool().string(name).to_bytes());
            Ok(Some(Routes {
                process_group: keep(routes.process_group),
                application_group: keep(routes.application_group),
                callable: keep(routes.callable),
            }))
        }
        Verdict::Unknown => Ok(None), // it could not be loaded
        Verdict::Allowed | Verdict::Denied | Verdict::Failed | Verdict::Text(_) | Verdict::Groups(_) => {
            Err(500)
        }
    }
}
