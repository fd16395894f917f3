//! WSGIAuthUserScript: is this user's password right, for `AuthBasicProvider wsgi` and `AuthDigestProvider wsgi`.

use std::ffi::CStr;
use std::sync::Arc;

use contract::level;
use contract::task::Task;
use contract::verdict::Verdict;

use super::ask;
use crate::apache::Request;
use crate::apache::authn::Authentication;
use crate::config::scripts::HookScript;

/// Basic: the password is there. The script may put another name in the place of the user's.
pub(super) fn check_password<'r>(
    request: Request<'r>,
    user: &'r CStr,
    password: &'r CStr,
) -> Authentication<'r> {
    let Some(hook) = script(request) else { return Authentication::Failed };
    let task = Task::Password { user: user.to_bytes(), password: password.to_bytes() };
    let Ok(ruling) = ask(request, hook, task) else { return Authentication::Failed };
    match ruling.verdict() {
        Verdict::Allowed => Authentication::Granted,
        Verdict::Denied => Authentication::Denied,
        Verdict::Unknown => Authentication::Unknown,
        // A line end in a name would be one in the headers that mod_headers and mod_proxy make of it.
        Verdict::Text(name) if !name.iter().any(u8::is_ascii_control) => {
            request.set_user(request.pool().string(name));
            Authentication::Granted
        }
        Verdict::Text(_) | Verdict::Failed | Verdict::Groups(_) | Verdict::Routes(_) => {
            Authentication::Failed
        }
    }
}

/// Digest: mod_auth_digest needs the hash of user, realm and password.
pub(super) fn realm_hash<'r>(request: Request<'r>, user: &'r CStr, realm: &'r CStr) -> Authentication<'r> {
    let Some(hook) = script(request) else { return Authentication::Failed };
    let task = Task::RealmHash { user: user.to_bytes(), realm: realm.to_bytes() };
    let Ok(ruling) = ask(request, hook, task) else { return Authentication::Failed };
    match ruling.verdict() {
        Verdict::Text(hash) => Authentication::Found(request.pool().string(hash)),
        Verdict::Unknown => Authentication::Unknown,
        Verdict::Allowed | Verdict::Denied | Verdict::Failed | Verdict::Groups(_) | Verdict::Routes(_) => {
            Authentication::Failed
        }
    }
}

fn script(request: Request<'_>) -> Option<&Arc<HookScript>> {
    let script = request.settings().auth_user_script.as_ref();
    if script.is_none() {
        let text = "the authentication provider `wsgi` has no script here: add WSGIAuthUserScript";
        request.log(level::ERROR, text);
    }
    script
}
