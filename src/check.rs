//! Judges the configuration once it has been read, also for `httpd -t`: what [`config::check`](crate::config::check)
//! finds in it, and what the system says about interpreters, accounts and scripts.

use std::path::Path;

use contract::level;
use thiserror::Error;

use crate::apache::account::{self, User};
use crate::apache::{Server, process};
use crate::config::check::{self, Site};
use crate::config::doubts::doubts;
use crate::config::interpreter::{self, InterpreterError, Runner};
use crate::config::settings::Hook;
use crate::config::{Account, ProcessGroup};
use crate::daemon::{self, EnvironmentError};
use crate::translate;

/// Whether httpd can start with it. Errors and warnings are logged.
pub(crate) fn configuration(main: Server<'_>) -> bool {
    let mut errors: Vec<String> = main.iter().filter_map(|server| translate::compile(server).err()).collect();
    let sites = sites(main);
    errors.extend(check::process_groups(&sites).iter().map(ToString::to_string));
    let home = main.settings().global.python_home.as_deref();
    if let Some(Err(error)) = home.filter(|home| !is_pair(home)).map(|home| interpreter::find(Some(home))) {
        errors.push(format!("WSGIPythonHome: {error}"));
    }
    for (_, group) in check::groups(&sites) {
        let environment = daemon::environment(group).map(drop).map_err(GroupError::from);
        if let Err(error) = check_group(group, home).and(environment) {
            errors.push(format!("the process group `{}` at {}: {error}", group.name, group.place));
        }
    }
    for error in &errors {
        main.log(level::CRIT, error);
    }
    if errors.is_empty() && (process::is_config_test() || process::is_real_pass()) {
        doubts(&sites).iter().for_each(|doubt| main.log(level::WARN, &doubt.to_string()));
        hooks(main, &sites);
    }
    errors.is_empty()
}

/// Warns of scripts before the application that cannot be read: they refuse every request.
fn hooks(main: Server<'_>, sites: &[Site<'_>]) {
    for hook in sites.iter().flat_map(|site| &site.settings.hooks) {
        if let Some(Err(error)) = reader(sites, hook)
            .map(|reader| interpreter::check_script(Path::new(hook.script.path.as_str()), reader.as_ref()))
        {
            let consequence = match hook.directive {
                "WSGIDispatchScript" => "requests run as configured without it",
                _ => "it grants nothing until it can be read",
            };
            let (script, place) = (&hook.script.path, &hook.script.place);
            let text = format!("{} {script} at {place}: {error}; {consequence}", hook.directive);
            main.log(level::WARN, &text);
        }
    }
}

/// Who reads a script, `Some(None)` being whoever runs httpd; `None` if that is not known now.
fn reader(sites: &[Site<'_>], hook: &Hook) -> Option<Option<Runner>> {
    let Some(name) = &hook.script.process_group else {
        let own = process::identity();
        return Some(process::is_root().then(|| Runner { uid: own.uid, gids: vec![own.gid] }));
    };
    let (_, group) = check::groups(sites).find(|(_, group)| group.name == *name)?;
    if group.chroot.is_some() { None } else { runner(group).ok() }
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
    /// Its environment.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
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
