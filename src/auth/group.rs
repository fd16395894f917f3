//! WSGIAuthGroupScript: to which groups a user belongs, for `Require wsgi-group NAME…`.

use contract::level;
use contract::task::Task;
use contract::verdict::Verdict;

use super::ask;
use crate::apache::Request;
use crate::apache::authz::{Authorization, Requirement};

/// Whether the user is in one of the groups that are named. Names are compared without regard to case.
pub(super) fn check(request: Request<'_>, requirement: &Requirement) -> Authorization {
    let Some(user) = request.user() else { return Authorization::NoUser };
    let Some(hook) = &request.settings().auth_group_script else {
        let text = "`Require wsgi-group` has no script here: add WSGIAuthGroupScript";
        request.log(level::ERROR, text);
        return Authorization::Failed;
    };
    let Ok(ruling) = ask(request, hook, Task::Groups { user: user.to_bytes() }) else {
        return Authorization::Unavailable;
    };
    let Verdict::Groups(groups) = ruling.verdict() else { return Authorization::Failed };
    let required = |group: &[u8]| requirement.words.iter().any(|word| word.eq_ignore_ascii_case(group));
    if groups.iter().any(required) {
        return Authorization::Granted;
    }
    let (user, path) = (user.to_string_lossy(), &hook.path);
    request.log(level::INFO, &format!("the user `{user}` is in none of the required groups, says {path}"));
    Authorization::Denied
}
