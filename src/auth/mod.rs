//! Scripts that stand before the application: who may come in, who is who, who belongs to which group, and where a
//! request shall run.
//!
//! [`ask`] puts one question to one script, in this process or in the process group that the directive names. What is
//! no clear answer refuses: an answer grants something only in the place where it was asked for.

mod access;
mod dispatch;
mod group;
mod user;

use contract::level;
use contract::task::Task;
use contract::verdict::Verdict;

use crate::apache::hooks::Hooks;
use crate::apache::{Request, log};
use crate::config::expand;
use crate::config::scripts::HookScript;
use crate::config::{Mode, Settings};
use crate::environ::{self, Asked};
use crate::{daemon, embedded, fault, trace};

pub(crate) use self::dispatch::{dispatch, dispatches_here};

/// Registers the hook and the providers.
pub(crate) fn register(hooks: &Hooks) {
    hooks.access_checker(access::check);
    hooks.authn_provider(c"wsgi", user::check_password, user::realm_hash);
    hooks.authz_provider(c"wsgi-group", group::check);
}

/// There is no verdict, and none could be had: the status for the client. The log says why.
struct Unavailable(u16);

/// What a script has decided.
struct Ruling(Vec<u8>);

impl Ruling {
    fn verdict(&self) -> Verdict<'_> {
        Verdict::decode(&self.0).unwrap_or(Verdict::Failed)
    }
}

/// Asks `hook` about `task`.
fn ask(request: Request<'_>, hook: &HookScript, task: Task<'_>) -> Result<Ruling, Unavailable> {
    question(request, hook, |asked| environ::question(request, asked, task))
}

/// Asks `hook` by the payload that `write` makes.
fn question(
    request: Request<'_>,
    hook: &HookScript,
    write: impl FnOnce(&Asked<'_>) -> Vec<u8>,
) -> Result<Ruling, Unavailable> {
    let _current = log::Current::set(request);
    trace::settle(request);
    fault::point(request, c"auth-panic");
    let (facts, settings) = (environ::facts(request, b""), request.settings());
    let application_group = expand::hook_group(hook.application_group.as_str().as_bytes(), &facts);
    let process_group =
        hook.process_group.as_ref().map(|name| expand::hook_group(name.as_str().as_bytes(), &facts));
    let process_group = process_group.filter(|name| !name.is_empty());
    let script = hook.path.as_str().as_bytes();
    let payload = write(&Asked {
        script,
        application_group: &application_group,
        reloading: settings.script_reloading.unwrap_or(true),
        apache_request: process_group.is_none() && settings.pass_apache_request.unwrap_or(false),
    });
    let verdict = match process_group {
        None => embedded::judge(request, &payload),
        Some(name) => {
            let mode = Mode::Daemon(name);
            check_restriction(request, settings, &mode, hook)?;
            daemon::judge(request, &mode, script, payload)
        }
    };
    verdict.map(Ruling).map_err(Unavailable)
}

/// WSGIRestrictProcess holds for scripts that run in a process group, too: who may write `.htaccess` files reaches no
/// other groups by them.
fn check_restriction(
    request: Request<'_>,
    settings: &Settings,
    mode: &Mode<'_>,
    hook: &HookScript,
) -> Result<(), Unavailable> {
    if settings.allows(mode) {
        return Ok(());
    }
    let text = format!(
        "the process group of the script {} at {} is not listed in WSGIRestrictProcess here",
        hook.path, hook.place
    );
    request.log(level::ERROR, &text);
    Err(Unavailable(500))
}
