//! Scripts that stand before the application: who may come in, and where a request shall run.

use std::sync::Arc;

use super::row::{Context, Row};
use crate::config::error::ConfigError;
use crate::config::options;
use crate::config::scripts::{self, HookScript};
use crate::config::settings::{Hook, ServerSettings};
use crate::config::words::Words;

pub(super) const ROWS: &[Row] = &[
    Row::noted(c"WSGIAccessScript", Context::AuthConfig, "path [options]", |here, server, words| {
        hook(server, words, "WSGIAccessScript").map(|script| here.access_script = Some(script))
    })
    .says(
        c"a script that says who may come in: PATH and options",
        "A script with `allow_access(environ, host)`: True grants this check, False refuses with 403, None has no \
         opinion. A script that is missing or fails, and any other answer, refuses.",
    )
    .options(|| options::explained(&scripts::HOOK_OPTIONS))
    .further(
        "With `process-group` the script runs in that daemon group, and httpd's own processes need no Python. An inner \
         section replaces the script of an outer one. A script that does not exist is reported at start-up.",
    )
    .differs("scripts always run in httpd's own processes: there is no `process-group`."),
    Row::noted(c"WSGIAuthUserScript", Context::AuthConfig, "path [options]", |here, server, words| {
        hook(server, words, "WSGIAuthUserScript").map(|script| here.auth_user_script = Some(script))
    })
    .says(
        c"a script that knows users, for AuthBasicProvider wsgi or AuthDigestProvider wsgi: PATH and options",
        "A script that knows users, for `AuthBasicProvider wsgi` or `AuthDigestProvider wsgi`. \
         `check_password(environ, user, password)`: True is yes, False is no, None is an unknown user, and a text is \
         yes and the user's name from now on. `get_realm_hash(environ, user, realm)` is for Digest: the MD5 of \
         `user:realm:password` in hex, or None. A script that is missing or fails, and any other answer, is an error: \
         500. Django's `django.contrib.auth.handlers.modwsgi` has both functions that are needed. Options as above.",
    ),
    Row::noted(c"WSGIAuthGroupScript", Context::AuthConfig, "path [options]", |here, server, words| {
        hook(server, words, "WSGIAuthGroupScript").map(|script| here.auth_group_script = Some(script))
    })
    .says(
        c"a script that knows the groups of users, for Require wsgi-group: PATH and options",
        "A script that knows the groups of users, for `Require wsgi-group NAME ...`. `groups_for_user(environ, user)` \
         returns their names. A script that is missing or fails, and any other answer, refuses. Options as above.",
    ),
    Row::noted(c"WSGIDispatchScript", Context::Location, "path [options]", |here, server, words| {
        hook(server, words, "WSGIDispatchScript").map(|script| here.dispatch_script = Some(script))
    })
    .says(
        c"a script that says where a request runs: PATH and options",
        "A script that says where a request runs, by up to three functions: `process_group(environ)`, \
         `application_group(environ)`, `callable_object(environ)`. Each returns a name, which is expanded as in the \
         directives, or None for what is configured. Anything else, or an exception: 500. A script that cannot be \
         loaded is logged, and the request runs as configured. Options as above. With `process-group=` it may change \
         the process group only where `WSGIRestrictProcess` lists those that are allowed: else one group's user \
         could have files of its own run by another's.",
    ),
    Row::noted(c"WSGIGroupAuthoritative", Context::AuthConfig, "On|Off", |_, server, words| {
        words.only::<bool>("value").map(|_| server.has_no_effect("WSGIGroupAuthoritative"))
    })
    .says(
        c"accepted; httpd's <RequireAll> and <RequireAny> say how requirements combine",
        "Accepted, without effect, as in mod_wsgi: a relic of httpd 2.2. `<RequireAll>` and `<RequireAny>` say how \
         requirements combine.",
    ),
];

/// Reads a script that a hook asks, and notes it for the check before the start.
fn hook(
    server: &mut ServerSettings,
    words: &mut Words<'_>,
    directive: &'static str,
) -> Result<Arc<HookScript>, ConfigError> {
    let script = Arc::new(HookScript::read(words)?);
    server.hooks.push(Hook { directive, script: Arc::clone(&script) });
    Ok(script)
}
