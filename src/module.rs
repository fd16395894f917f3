//! The module as httpd sees it: the exported record, and the hooks in the order in which httpd calls them.

use contract::level;

use crate::apache::account::{self, User};
use crate::apache::hooks::{CannotStart, Hooks};
use crate::apache::{self, Module, Pool, Server, process};
use crate::config::check::{self, Site};
use crate::config::interpreter::{self, InterpreterError, Runner};
use crate::config::{Account, ProcessGroup};
use crate::{daemon, embedded, handler, translate};

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
    hooks.handler(handler::handle);
}

/// Everything was read (also for `httpd -t`): judges it as a whole.
fn check_config(main: Server<'_>, _configuration: Pool<'_>) -> Result<(), CannotStart> {
    let mut errors: Vec<String> = main.iter().filter_map(|server| translate::compile(server).err()).collect();
    let sites = sites(main);
    errors.extend(check::process_groups(&sites).iter().map(ToString::to_string));
    for (_, group) in check::groups(&sites) {
        if let Err(error) = check_interpreter(main, group) {
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
            settings: server.settings(),
        })
        .collect()
}

/// Whether a group has an interpreter that its user may run.
fn check_interpreter(main: Server<'_>, group: &ProcessGroup) -> Result<(), InterpreterError> {
    if group.chroot.is_some() {
        return Ok(()); // what it will see is elsewhere
    }
    let home = group.python_home.as_ref().or(main.settings().global.python_home.as_ref());
    let interpreter = interpreter::find(home.map(|home| home.as_path()))?;
    match runner(group) {
        Some(runner) => interpreter::check(&interpreter, &runner),
        None => Ok(()),
    }
}

/// Who will run a group's processes; `None` when its user is not known, which is reported where it is used.
fn runner(group: &ProcessGroup) -> Option<Runner> {
    let own = process::identity();
    if !process::is_root() {
        return None; // httpd itself runs as that user, and the attempt will tell
    }
    let user = User::find(group.user.as_ref().unwrap_or(&Account::Id(own.uid)))?;
    let gid = match &group.group {
        Some(account) => account::group_id(account)?,
        None => own.gid,
    };
    let mut gids = user.groups(gid);
    gids.push(gid);
    Some(Runner { uid: user.uid, gids })
}

/// Logs and listening sockets are open, no child exists yet.
fn post_config(main: Server<'_>, configuration: Pool<'_>) -> Result<(), CannotStart> {
    let (major, minor, patch) = contract::MOD_WSGI_VERSION;
    process::announce(configuration, &format!("mod_wsgi/{major}.{minor}.{patch}"));
    if !process::is_real_pass() {
        return Ok(());
    }
    if main.settings().global.socket_files {
        let text = "WSGISocketPrefix, WSGISocketRotation and WSGIAcceptMutex have no effect: \
                    our sockets have no names in the file system and need no lock";
        main.log(level::DEBUG, text);
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
