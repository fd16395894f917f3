//! The module as httpd sees it: the exported record, and the hooks in the order in which httpd calls them.

use std::collections::BTreeSet;
use std::path::Path;

use contract::level;
use thiserror::Error;

use crate::apache::account::{self, User};
use crate::apache::hooks::{CannotStart, Hooks};
use crate::apache::{self, Module, Pool, Server, process};
use crate::config::check::{self, Site};
use crate::config::interpreter::{self, InterpreterError, Runner};
use crate::config::{Account, ProcessGroup};
use crate::{auth, daemon, embedded, handler, translate};

/// What `LoadModule wsgi_module` looks for.
#[expect(unsafe_code, reason = "httpd finds the record by its name and writes to it")]
#[unsafe(no_mangle)]
pub(crate) static mut wsgi_module: Module = apache::record(register);

fn register(hooks: &Hooks) {
    hooks.check_config(check_config);
    hooks.post_config(post_config);
    hooks.child_init(child_init);
    hooks.end_generation(|_, generation| daemon::end_generation(generation));
    hooks.translate_name(translate::translate);
    auth::register(hooks);
    hooks.handler(handler::handle);
}

/// Everything was read (also for `httpd -t`): judges it as a whole.
fn check_config(main: Server<'_>, _configuration: Pool<'_>) -> Result<(), CannotStart> {
    let mut errors: Vec<String> = main.iter().filter_map(|server| translate::compile(server).err()).collect();
    let sites = sites(main);
    errors.extend(check::process_groups(&sites).iter().map(ToString::to_string));
    let home = main.settings().global.python_home.as_deref();
    if let Some(Err(error)) = home.filter(|home| !is_pair(home)).map(|home| interpreter::find(Some(home))) {
        errors.push(format!("WSGIPythonHome: {error}"));
    }
    for (_, group) in check::groups(&sites) {
        if let Err(error) = check_group(group, home) {
            errors.push(format!("the process group `{}` at {}: {error}", group.name, group.place));
        }
    }
    for error in &errors {
        main.log(level::CRIT, error);
    }
    if errors.is_empty() { Ok(()) } else { Err(CannotStart) }
}

/// All servers, as far as process groups go.
fn sites(main: Server<'_>) -> Vec<Site<'_>> {
    main.iter()
        .map(|server| Site {
            hostname: server.hostname().and_then(|name| name.to_str().ok()),
            is_virtual: server.is_virtual(),
            settings: server.own_settings(),
        })
        .collect()
}

/// Whether a Python home is of the form `prefix:exec_prefix`, which only embedded mode understands.
fn is_pair(home: &Path) -> bool {
    home.as_os_str().as_encoded_bytes().contains(&b':')
}

/// Whether a group has a user, and an interpreter that this user may run.
fn check_group(group: &ProcessGroup, home: Option<&Path>) -> Result<(), GroupError> {
    let runner = runner(group)?;
    if group.chroot.is_some() {
        return Ok(()); // what its processes will see is elsewhere
    }
    let interpreter = interpreter::find(group.python_home.as_deref().or(home))?;
    runner.map_or(Ok(()), |runner| interpreter::check(&interpreter, &runner)).map_err(GroupError::from)
}

/// Who will run a group's processes; `None` without root, when they run as httpd itself does.
fn runner(group: &ProcessGroup) -> Result<Option<Runner>, GroupError> {
    if !process::is_root() {
        return Ok(None);
    }
    let own = process::identity();
    let account = group.user.clone().unwrap_or(Account::Id(own.uid));
    let user = User::find(&account);
    let uid = match (&user, &account) {
        (Some(user), _) => user.uid,
        (None, Account::Id(uid)) => *uid,
        (None, Account::Name(name)) => return Err(GroupError::UnknownUser(name.clone())),
    };
    if uid == 0 {
        return Err(GroupError::Root);
    }
    let number = |account: &Account| {
        account::group_id(account).ok_or_else(|| GroupError::UnknownGroup(account.to_string()))
    };
    let gid = group.group.as_ref().map_or(Ok(own.gid), number)?;
    let further = group.supplementary_groups.as_ref();
    let mut gids = match further {
        Some(accounts) => accounts.iter().map(number).collect::<Result<Vec<u32>, _>>()?,
        None => user.map(|user| user.groups(gid)).unwrap_or_default(),
    };
    gids.push(gid);
    Ok(Some(Runner { uid, gids }))
}

/// Why a process group cannot run as configured.
#[derive(Debug, Error)]
enum GroupError {
    /// Its interpreter.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    /// Its user is root.
    #[error("its processes would run as root; name another user with user=")]
    Root,
    /// Its group of users.
    #[error("there is no group of users {0}; name another with group= or supplementary-groups=")]
    UnknownGroup(String),
    /// Its user.
    #[error("there is no user `{0}`; name another with user=")]
    UnknownUser(String),
}

/// Logs and listening sockets are open, no child exists yet.
fn post_config(main: Server<'_>, configuration: Pool<'_>) -> Result<(), CannotStart> {
    let (major, minor, patch) = contract::MOD_WSGI_VERSION;
    process::announce(configuration, &format!("mod_wsgi/{major}.{minor}.{patch}"));
    if let Some(python) = option_env!("MOD_WSGI_PYTHON_VERSION").filter(|version| !version.is_empty()) {
        process::announce(configuration, &format!("Python/{python}")); // that of embedded mode
    }
    if !process::is_real_pass() {
        return Ok(());
    }
    let without_effect: BTreeSet<_> =
        main.iter().flat_map(|server| server.own_settings().without_effect.iter()).collect();
    for name in without_effect {
        main.log(level::INFO, &format!("{name} is accepted and has no effect here; see docs/directives.md"));
    }
    daemon::post_config(main, configuration).map_err(|error| {
        main.log(level::CRIT, &error.to_string());
        CannotStart
    })
}

/// A child begins.
fn child_init(main: Server<'static>, child: Pool<'static>) {
    apache::log::install();
    daemon::child_init(main, child);
    embedded::child_init(main, child);
}
