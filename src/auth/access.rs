//! WSGIAccessScript: may a client come in, by its address and its request.

use contract::level;
use contract::task::Task;
use contract::verdict::Verdict;

use super::{Unavailable, ask};
use crate::apache::Request;
use crate::apache::access::Admission;

/// The hook.
pub(super) fn check(request: Request<'_>) -> Admission {
    let Some(hook) = &request.settings().access_script else { return Admission::NoOpinion };
    let host = request.remote_name().unwrap_or_default().to_bytes();
    let ruling = match ask(request, hook, Task::Access { host }) {
        Ok(ruling) => ruling,
        Err(Unavailable(status)) => return Admission::Refused(status),
    };
    match ruling.verdict() {
        Verdict::Allowed => Admission::Granted,
        Verdict::Unknown => Admission::NoOpinion,
        Verdict::Denied | Verdict::Failed | Verdict::Text(_) | Verdict::Groups(_) | Verdict::Routes(_) => {
            if !request.may_authenticate_instead() {
                let file = request.filename().unwrap_or_default().to_string_lossy();
                let path = &hook.path;
                let text =
                    format!("client denied by server configuration: {file} (by the access script {path})");
                request.log(level::ERROR, &text);
            }
            Admission::Refused(403)
        }
    }
}
