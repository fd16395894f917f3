//! Judges the configuration before httpd serves with it: one function, configuration in, findings out.
//!
//! | file | looks at |
//! |---|---|
//! | [`essentials`] | what httpd does not start with |
//! | [`uses`] | which script runs where, as far as that is known before a request |
//! | [`paths`], [`access`] | files and folders of groups and scripts, and who may get at them |
//! | [`python`] | interpreters and virtual environments, by their files |
//! | [`probe`] | the same, and scripts, by asking the interpreter |
//! | [`preload`] | what groups with `preload=on` need |
//! | [`spool`] | folders for what slow clients send and take |
//! | [`status`] | pages of wsgi-status and wsgi-metrics that everybody may see |
//! | [`groups`] | groups that nothing uses, application groups, limits of the system |
//!
//! Contradictions between options and what is said of groups that are not there come from [`config`](crate::config).
//!
//! At every start it looks at what costs nothing; with `httpd -t` it also runs the interpreters, each as the user of its
//! group and for a bounded time. It runs no code of the application and writes nothing. Only errors stop httpd; whatever
//! goes wrong in here is a finding itself. The lines are in docs/troubleshooting.md.

mod access;
mod essentials;
mod groups;
mod paths;
mod preload;
mod probe;
mod python;
mod spool;
mod status;
mod uses;

use std::collections::HashSet;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use contract::level;
use serde_json::json;

use crate::apache::sections::Sections;
use crate::apache::{Server, process, written};
use crate::config::ProcessGroup;
use crate::config::check::{self, Site};
use crate::config::contradictions::{self, Conditions};
use crate::config::doubts::doubts;
use crate::config::finding::{Finding, Severity, Subject};
use crate::config::settings::Settings;
use crate::daemon::Identity;

use self::access::Reader;
use self::uses::{Purpose, Use, Where};

/// `httpd -t -D DUMP_WSGI_DOCTOR` prints the findings for programs.
const FOR_PROGRAMS: &std::ffi::CStr = c"DUMP_WSGI_DOCTOR";

/// What the doctor looks at.
struct Case<'s> {
    main: Server<'s>,
    sites: Vec<Site<'s>>,
    /// In the order of the files; those whose user is not known are missing.
    groups: Vec<Member<'s>>,
    /// Who runs httpd's own processes.
    httpd: Reader,
    uses: Vec<Use>,
    /// Everything that is said in a section or outside.
    settings: Vec<&'s Settings>,
}

/// A process group, and who its processes are.
struct Member<'s> {
    group: &'s ProcessGroup,
    identity: Identity,
    reader: Reader,
}

/// How closely the doctor looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    /// At what httpd does not start with.
    Essentials,
    /// At files and folders as well.
    Files,
    /// At all, and asks the interpreters.
    Interpreters,
}

/// The findings of the start, until they can be written to the error log.
struct Findings(Vec<Finding>);

/// Whether httpd can start with what it has read. Errors are said at once, the rest here (`httpd -t`) or by [`tell`].
pub(crate) fn judge(main: Server<'_>) -> bool {
    let is_test = process::is_config_test() && !process::is_listing();
    let depth = if is_test {
        Depth::Interpreters
    } else if process::is_real_pass() {
        Depth::Files
    } else {
        Depth::Essentials // of two passes of a start the first, or httpd only lists something
    };
    let findings = examine(main, depth);
    let is_sound = !findings.iter().any(|finding| finding.severity == Severity::Error);
    if is_test && process::is_defined(FOR_PROGRAMS) {
        print(&findings);
    }
    if is_test || !is_sound {
        findings.iter().for_each(|finding| say(main, finding, is_test));
    } else if process::is_real_pass() {
        main.attach(Findings(findings));
    }
    is_sound
}

/// Writes what was found at the start to the error log, which was not open then.
pub(crate) fn tell(main: Server<'_>) {
    if let Some(Findings(findings)) = main.attached() {
        findings.iter().for_each(|finding| say(main, finding, false));
    }
}

fn say(main: Server<'_>, finding: &Finding, is_test: bool) {
    let level = match finding.severity {
        Severity::Error => level::CRIT,
        Severity::Warning => level::WARN,
        Severity::Hint if is_test => level::WARN, // who asks gets all answers
        Severity::Hint => level::INFO,
    };
    main.log(level, &finding.to_string());
}

/// One JSON object in each line of the standard output.
fn print(findings: &[Finding]) {
    let mut out = std::io::stdout().lock();
    for finding in findings {
        let (group, directive) = match &finding.subject {
            Subject::Group(name) => (Some(name), None),
            Subject::Directive(name) => (None, Some(name)),
        };
        let place = finding.place.as_ref();
        let line = json!({
            "severity": finding.severity.as_str(),
            "group": group,
            "directive": directive,
            "file": place.map(|place| place.file()),
            "line": place.map(|place| place.line()),
            "path": finding.path.as_ref().map(|path| path.to_string_lossy()),
            "what": finding.what,
            "remedy": finding.remedy,
            "text": finding.to_string(),
        });
        if writeln!(out, "{line}").is_err() {
            return; // nobody reads it
        }
    }
}

/// All findings, the worst first, each once.
fn examine(main: Server<'_>, depth: Depth) -> Vec<Finding> {
    let sites = sites(main);
    let conditions = Conditions { is_root: process::is_root(), is_test: process::is_config_test() };
    let mut findings = essentials::regular_expressions(main);
    findings.extend(check::process_groups(&sites));
    findings.extend(check::groups(&sites).flat_map(|(_, group)| contradictions::of(group, conditions)));
    let (groups, unusable) = essentials::members(&sites);
    findings.extend(unusable);
    findings.extend(essentials::interpreters(main, &groups));
    findings.extend(essentials::environments(&groups));
    let is_sound = !findings.iter().any(|finding| finding.severity == Severity::Error);
    // What goes wrong here must not be in the way of a start, nor of the errors.
    let further = catch_unwind(AssertUnwindSafe(|| {
        if depth < Depth::Files {
            return Vec::new();
        }
        let mut further = doubts(&sites);
        let case = case(main, sites, groups);
        further.extend(paths::look(&case));
        further.extend(python::look(&case));
        further.extend(groups::look(&case));
        further.extend(preload::look(&case));
        further.extend(spool::look(&case));
        further.extend(status::look(&written::lines(main)));
        if depth == Depth::Interpreters && is_sound {
            further.extend(probe::ask(&case));
        }
        further
    }));
    findings.extend(further.unwrap_or_else(|_| vec![failed()]));
    let mut said = HashSet::new();
    findings.retain(|finding| said.insert(finding.to_string()));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn failed() -> Finding {
    let what = "looking for further mistakes has failed, by a bug of mod_wsgi; nothing is known about them";
    Finding::of_directive(Severity::Hint, ("mod_wsgi", None), what, "please report the line before this one")
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

fn case<'s>(main: Server<'s>, sites: Vec<Site<'s>>, groups: Vec<Member<'s>>) -> Case<'s> {
    let (mut uses, mut settings, mut known) = (Vec::<Use>::new(), Vec::new(), HashSet::new());
    for server in main.iter() {
        let (own, sections) = (server.settings(), Sections::of(server));
        let aliased = own.aliases.iter().filter_map(|alias| uses::of_alias(alias, &sections));
        let of_server = server.own_settings();
        let imported = of_server.imports.iter().map(|import| Use {
            script: import.script.clone(),
            place: import.place.clone(),
            directive: "WSGIImportScript",
            purpose: Purpose::Import,
            runs: match import.process_group.as_str() {
                "" => Where::Embedded,
                name => Where::Group(name.to_owned()),
            },
            application_group: Some(import.application_group.to_string()),
            callables: Vec::new(),
        });
        let all = aliased.chain(imported).chain(of_server.hooks.iter().map(uses::of_hook));
        uses.extend(all.filter(|one| known.insert(one.clone()))); // virtual hosts inherit aliases
        let Sections { outside, directories, locations } = sections;
        for section in [outside].into_iter().chain(directories).chain(locations) {
            settings.push(section.settings);
            settings.extend(section.within);
        }
    }
    Case { main, sites, groups, httpd: httpd(), uses, settings }
}

/// Who runs httpd's own processes.
fn httpd() -> Reader {
    if !process::is_root() {
        return Reader::Own;
    }
    let own = process::identity();
    Reader::Other { uid: own.uid, gids: vec![own.gid] }
}

impl<'s> Case<'s> {
    fn member(&self, name: &str) -> Option<&Member<'s>> {
        self.groups.iter().find(|member| member.group.name.as_str() == name)
    }

    /// Those of the uses that run in a group, or in embedded mode.
    fn uses_in(&self, place: &Where) -> impl Iterator<Item = &Use> {
        self.uses.iter().filter(move |one| one.runs == *place)
    }

    /// The Python home of a group.
    fn home(&self, group: &'s ProcessGroup) -> Option<&'s Path> {
        group.python_home.as_deref().or(self.main.settings().global.python_home.as_deref())
    }
}

impl Member<'_> {
    /// The name of the user, for commands.
    fn user(&self) -> String {
        let user = self.identity.user.as_ref().map(|user| user.name.clone());
        user.unwrap_or_else(|| self.identity.uid.to_string())
    }
}

/// The folders of a script.
fn folder(script: &Path) -> PathBuf {
    script.parent().map(Path::to_owned).unwrap_or_default()
}
