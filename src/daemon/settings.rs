//! What a leader starts with: its settings, its identity and its environment, from the directives and the system.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::launch::Leader;
use contract::variables::Variables;
use rustix::process::{Resource, getpriority_process, getrlimit};
use thiserror::Error;

use super::environment::{self, EnvironmentError};
use super::{root, syslog};
use crate::apache::account::{User, group_id, user_id};
use crate::apache::{Server, process};
use crate::config::interpreter;
use crate::config::python::{self, Environment};
use crate::config::{Account, ProcessGroup};

/// The leader's file name.
pub(super) const LEADER: &str = "mod_wsgi_leader";
/// Where the leader is, if not beside the module: SELinux has httpd execute what is here, but nothing among its modules.
const PROGRAMS: &str = "/usr/libexec";

/// Why a group cannot be started. All but the last two stop httpd.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    /// No such user or group.
    #[error(
        "WSGIDaemonProcess {group} at {place}: there is no {kind} `{name}` on this system; correct `{kind}=` (or what httpd has as User and Group), or create it"
    )]
    Account {
        /// The process group.
        group: String,
        /// Where it is defined.
        place: String,
        /// The option: `user`, `group`, `script-user` …
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The user is root.
    #[error(
        "WSGIDaemonProcess {group} at {place}: its processes would run as root; give it `user=` and `group=` of an account without rights"
    )]
    Root {
        /// The process group.
        group: String,
        /// Where it is defined.
        place: String,
    },
    /// The file with the environment cannot be used.
    #[error("WSGIDaemonProcess {group} at {place}: {source}")]
    Environment {
        /// The process group.
        group: String,
        /// Where it is defined.
        place: String,
        /// Why not.
        source: EnvironmentError,
    },
    /// The leader is missing.
    #[error("cannot open {file}: {source}; install it beside mod_wsgi.so")]
    Leader {
        /// The file.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The system refuses something.
    #[error(
        "cannot make the sockets and the process of the group: {0}; look at httpd's limits on open files and processes"
    )]
    System(#[from] std::io::Error),
}

/// The leader's program, which need not be there.
pub(super) fn program(module: &Path) -> PathBuf {
    let beside = module.with_file_name(LEADER);
    let apart = Path::new(PROGRAMS).join(LEADER);
    if !beside.exists() && apart.exists() { apart } else { beside }
}

/// Who a group's processes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// All groups, the primary one included; none without root.
    pub(crate) groups: Vec<u32>,
    pub(crate) user: Option<User>,
    /// Another user than httpd's own.
    pub(crate) is_other: bool,
}

impl Identity {
    /// Looks up who the processes of `group` are.
    pub(crate) fn of(group: &ProcessGroup) -> Result<Self, StartError> {
        let httpd = process::identity();
        if !process::is_root() {
            let uid = rustix::process::geteuid().as_raw();
            let gid = rustix::process::getegid().as_raw();
            let user = User::find(&Account::Id(uid));
            return Ok(Self { uid, gid, groups: Vec::new(), user, is_other: false });
        }
        let account = group.user.clone().unwrap_or(Account::Id(httpd.uid));
        let user = User::find(&account);
        let uid = user_id(&account, user.as_ref()).ok_or_else(|| unknown(group, "user", &account))?;
        if uid == 0 {
            return Err(StartError::Root { group: group.name.to_string(), place: group.place.to_string() });
        }
        let number = |kind, account: &Account| group_id(account).ok_or_else(|| unknown(group, kind, account));
        let gid = number("group", group.group.as_ref().unwrap_or(&Account::Id(httpd.gid)))?;
        let groups = match (&group.supplementary_groups, &user) {
            (Some(accounts), _) => accounts
                .iter()
                .map(|account| number("supplementary-groups", account))
                .chain([Ok(gid)])
                .collect::<Result<_, _>>()?,
            (None, Some(user)) => user.groups(gid),
            (None, None) => vec![gid],
        };
        Ok(Self { uid, gid, groups, user, is_other: uid != httpd.uid })
    }
}

pub(super) fn unknown(group: &ProcessGroup, kind: &'static str, account: &Account) -> StartError {
    let name = match account {
        Account::Name(name) => name.clone(),
        Account::Id(id) => format!("#{id}"),
    };
    StartError::Account { group: group.name.to_string(), place: group.place.to_string(), kind, name }
}

/// The leader's settings for a group that is defined in the server `home`.
pub(super) fn leader(main: Server<'_>, home: Server<'_>, group: &ProcessGroup, takes_over: bool) -> Leader {
    let module = process::own_file();
    let global = &main.settings().global;
    let environment = Environment { log_level: home.log_level(), ..process::environment() };
    let mut imports = python::imports(main.iter().map(Server::own_settings), group.name.as_str());
    if let Some(root) = group.chroot.as_deref().filter(|_| process::is_root()) {
        for import in &mut imports {
            if let Some(inside) = root::below(root, import.script.as_os_str().as_bytes()) {
                import.script = OsStr::from_bytes(inside).into();
            }
        }
    }
    let python = python::daemon(global, group, environment, imports);
    Leader {
        contract: contract::VERSION,
        host: global.host(&module),
        interpreter: interpreter(python.home.as_deref(), group.chroot.as_deref()),
        module,
        generation: process::generation(),
        processes: group.processes(),
        elastic: group.elastic(),
        threads: group.threads,
        takes_over,
        waits_for_turn: false, // said at the start
        passes_turn: false,
        httpd_pid: i32::try_from(std::process::id()).unwrap_or(0),
        display_name: group.shown_name(),
        stack_size: group.stack_size.and_then(|size| usize::try_from(size).ok()),
        limits: group.limits,
        rolling: group.rolling,
        socket_timeout: socket_timeout(home, group),
        core_dumps: process::wants_core_dumps(),
        environment: Variables::default(), // of the start
        locale: group.locale.clone(),
        syslog: syslog::of(main, home),
        python,
    }
}

/// `socket-timeout`, by default the server's Timeout, in seconds.
pub(super) fn socket_timeout(home: Server<'_>, group: &ProcessGroup) -> u32 {
    let default = Duration::from_micros(home.timeout()).as_secs();
    group.socket_timeout.map_or(u32::try_from(default).unwrap_or(0), |time| time.0)
}

/// The group's interpreter, as it is seen below its root directory. That there is one was checked with the
/// configuration; if it has gone since, the leader says so.
fn interpreter(home: Option<&Path>, root: Option<&Path>) -> PathBuf {
    let Some(root) = root else {
        return interpreter::find(home)
            .unwrap_or_else(|_| home.unwrap_or(Path::new("/usr")).join("bin/python3"));
    };
    let home = home.unwrap_or(Path::new("/usr"));
    let seen = root.join(home.strip_prefix("/").unwrap_or(home));
    let found = interpreter::find(Some(&seen)).unwrap_or_else(|_| seen.join("bin/python3"));
    Path::new("/").join(found.strip_prefix(root).unwrap_or(&found))
}

/// The environment of a group's processes: httpd's own, and what belongs to the group.
pub(super) fn environment(group: &ProcessGroup, identity: &Identity) -> Vec<CString> {
    let user = identity.user.as_ref();
    let name = user.map(|user| user.name.clone().into());
    let own = [
        ("LANG", group.lang.clone().map(OsString::from)),
        ("LC_ALL", group.locale.clone().map(OsString::from)),
        ("HOME", user.map(|user| user.home.clone().into())),
        ("USER", name.clone()),
        ("LOGNAME", name),
    ];
    merge(std::env::vars_os(), &own)
}

fn merge(
    inherited: impl Iterator<Item = (OsString, OsString)>,
    own: &[(&str, Option<OsString>)],
) -> Vec<CString> {
    let replaced = |name: &OsString| own.iter().any(|(own, value)| value.is_some() && name == own);
    inherited
        .filter(|(name, _)| name != "PYTHONHOME" && !replaced(name))
        .chain(own.iter().filter_map(|(name, value)| Some(((*name).into(), value.clone()?))))
        .filter_map(|(name, value)| {
            CString::new([name.into_vec(), vec![b'='], value.into_vec()].concat()).ok()
        })
        .collect()
}

/// What the group's options add to the environment of its workers.
pub(super) fn variables(group: &ProcessGroup) -> Result<Variables, StartError> {
    environment::environment(group).map_err(|source| {
        let (group, place) = (group.name.to_string(), group.place.to_string());
        StartError::Environment { group, place, source }
    })
}

/// What of a group's limits this httpd may set. What it may not is no reason to be without the group.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Restrictions {
    pub(super) limits: Vec<(Resource, u64)>,
    /// The nice value.
    pub(super) priority: Option<i32>,
    /// What is left out, and why.
    pub(super) warnings: Vec<String>,
}

impl Restrictions {
    pub(super) fn of(group: &ProcessGroup) -> Self {
        let mut new = Self::default();
        let root = process::is_root();
        let limits = [
            ("memory-limit", Resource::Data, group.memory_limit),
            ("virtual-memory-limit", Resource::As, group.virtual_memory_limit),
        ];
        for (name, resource, limit) in limits.into_iter().filter(|(.., limit)| *limit > 0) {
            new.limit(name, (resource, limit), getrlimit(resource).maximum.filter(|_| !root));
        }
        if let Some(priority) = group.cpu_priority {
            new.priority(priority, getpriority_process(None).unwrap_or(0), root);
        }
        new
    }

    fn limit(&mut self, name: &str, limit: (Resource, u64), highest: Option<u64>) {
        match highest.filter(|highest| *highest < limit.1) {
            None => self.limits.push(limit),
            Some(highest) => self.warnings.push(format!(
                "{name} cannot be set: httpd itself is limited to {highest} bytes, and its processes with it"
            )),
        }
    }

    fn priority(&mut self, wanted: i32, own: i32, root: bool) {
        if root || wanted >= own {
            self.priority = Some(wanted);
        } else {
            self.warnings.push(format!(
                "cpu-priority={wanted} cannot be set: only root may go below httpd's own nice value of {own}"
            ));
        }
    }
}

/// Where a group's processes start; `Err`: only if it is there.
pub(super) fn directory(group: &ProcessGroup, identity: &Identity) -> Option<Result<PathBuf, PathBuf>> {
    if let Some(home) = &group.home {
        return Some(Ok(home.clone()));
    }
    let user = identity.user.as_ref().filter(|_| identity.is_other)?;
    Some(Err(user.home.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_variables_replace_inherited_ones() {
        let inherited = [("PATH", "/bin"), ("PYTHONHOME", "/x"), ("HOME", "/root"), ("LANG", "C")];
        let inherited = inherited.map(|(name, value)| (name.into(), value.into()));
        let own = [("HOME", Some("/srv".into())), ("LANG", None)];
        let merged = merge(inherited.into_iter(), &own);
        let merged: Vec<_> = merged.iter().map(|variable| variable.to_str().unwrap()).collect();
        assert_eq!(merged, ["PATH=/bin", "LANG=C", "HOME=/srv"]);
    }

    #[test]
    fn what_cannot_be_set_is_left_out_and_said() {
        let mut told = Restrictions::default();
        told.limit("memory-limit", (Resource::Data, 500), Some(400));
        told.limit("virtual-memory-limit", (Resource::As, 500), None);
        told.priority(-5, 0, false);
        assert_eq!((told.limits.len(), told.priority, told.warnings.len()), (1, None, 2));
        assert!(
            told.warnings[0].starts_with("memory-limit cannot be set") && told.warnings[1].contains("-5")
        );
        let mut free = Restrictions::default();
        free.limit("memory-limit", (Resource::Data, 500), Some(500));
        free.priority(-5, 0, true);
        assert_eq!((free.limits.len(), free.priority, free.warnings.len()), (1, Some(-5), 0));
    }

    #[test]
    fn interpreters_are_seen_below_the_root() {
        assert_eq!(interpreter(Some(Path::new("/nowhere")), None), Path::new("/nowhere/bin/python3"));
        let root = std::env::temp_dir().join(format!("mod_wsgi-root-{}", std::process::id()));
        std::fs::create_dir_all(root.join("venv/bin")).unwrap();
        std::fs::write(root.join("venv/bin/python"), "").unwrap();
        assert_eq!(interpreter(Some(Path::new("/venv")), Some(&root)), Path::new("/venv/bin/python"));
        assert_eq!(interpreter(Some(&root.join("venv")), None), root.join("venv/bin/python"));
        assert_eq!(interpreter(None, Some(&root)), Path::new("/usr/bin/python3"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
