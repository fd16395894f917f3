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
                request
                    .log(level::ERROR, &format!("client denied by the access script {}: {file}", hook.path));
            }
            Admission::Refused(403)
        }
    }
}
