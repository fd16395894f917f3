//! Asks the interpreters themselves, with `probe.py`: whether they start, what they are, and what they think of the
//! scripts. Each is run once for all groups with the same interpreter and user, as that user, and all of them within
//! [`BUDGET`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::access::{self, Reader};
use super::python::{OLDEST, interpreter_of};
use super::uses::{Purpose, Use, Where};
use super::{Case, Member, folder};
use crate::apache::process;
use crate::config::ProcessGroup;
use crate::config::finding::{Finding, Severity};
use crate::config::interpreter::minor;
use crate::config::values::Name;
use crate::config::words::Place;
use crate::daemon::{self, Identity, Trial, TrialError};
use crate::embedded;

/// For all interpreters together.
const BUDGET: Duration = Duration::from_secs(30);
/// For one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Packages whose C or Rust code works in one interpreter of a process only, or did so for long.
const FOR_ONE_INTERPRETER: &[&str] = &[
    "bcrypt",
    "cryptography",
    "h5py",
    "numpy",
    "orjson",
    "pandas",
    "polars",
    "pydantic_core",
    "rpds",
    "scipy",
    "tensorflow",
    "tokenizers",
    "torch",
];

/// A group and what it runs; embedded mode is one, too.
struct Question<'c> {
    group: &'c ProcessGroup,
    identity: Identity,
    home: Option<&'c Path>,
    /// Where Python finds modules beside its own packages.
    folders: Vec<PathBuf>,
    uses: Vec<&'c Use>,
    reader: &'c Reader,
    is_embedded: bool,
}

/// What the interpreters say, as far as there is time.
pub(super) fn ask(case: &Case<'_>) -> Vec<Finding> {
    let until = Instant::now() + BUDGET;
    let embedded_group = ProcessGroup::new(Name::empty(), Place::default());
    let groups = case.groups.iter().filter(|member| member.group.chroot.is_none());
    let mut questions: Vec<Question<'_>> = groups.map(|member| of_group(case, member)).collect();
    questions.extend(of_embedded(case, &embedded_group));
    let mut answers: BTreeMap<(PathBuf, u32, Vec<String>), Result<Value, String>> = BTreeMap::new();
    let (mut findings, mut skipped) = (Vec::new(), 0u32);
    for question in &questions {
        let Some(interpreter) = interpreter_of(case, question.group) else { continue };
        let key = (interpreter.clone(), question.identity.uid, question.scripts());
        if !answers.contains_key(&key) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                skipped += 1;
                continue;
            }
            answers.insert(key.clone(), question.put(&interpreter, left.min(PATIENCE)));
        }
        match answers.get(&key) {
            Some(Ok(answer)) => findings.extend(question.judge(case, &interpreter, answer)),
            Some(Err(what)) => findings.push(question.failed(&interpreter, what)),
            None => {}
        }
    }
    if skipped > 0 {
        let what = format!("{skipped} process groups were not looked at: the time for it was over");
        let finding =
            Finding::of_directive(Severity::Hint, ("WSGIDaemonProcess", None), what, "check them alone");
        findings.push(finding);
    }
    findings
}

fn of_group<'c>(case: &'c Case<'_>, member: &'c Member<'_>) -> Question<'c> {
    let place = Where::Group(member.group.name.to_string());
    let own = member.group.home.iter().chain(&member.group.python_path).cloned();
    Question {
        group: member.group,
        identity: member.identity.clone(),
        home: case.home(member.group),
        folders: own.collect(),
        uses: case.uses_in(&place).collect(),
        reader: &member.reader,
        is_embedded: false,
    }
}

/// The question about embedded mode, if something runs there.
fn of_embedded<'c>(case: &'c Case<'_>, group: &'c ProcessGroup) -> Option<Question<'c>> {
    let uses: Vec<&Use> = case.uses_in(&Where::Embedded).collect();
    let global = &case.main.settings().global;
    let identity = Identity::of(group).ok().filter(|_| !uses.is_empty())?;
    let folders = global.interpreters.python_path.clone();
    Some(Question {
        group,
        identity,
        home: global.python_home.as_deref(),
        folders,
        uses,
        reader: &case.httpd,
        is_embedded: true,
    })
}

impl Question<'_> {
    /// The scripts that can be read, each once; of the others it has been said.
    fn scripts(&self) -> Vec<String> {
        let is_open = |script: &&PathBuf| access::obstacle(script, access::READ, self.reader).is_none();
        let files = self.uses.iter().map(|one| &one.script).filter(|script| script.is_file()).filter(is_open);
        let mut scripts: Vec<String> = files.filter_map(|script| Some(script.to_str()?.to_owned())).collect();
        scripts.sort();
        scripts.dedup();
        scripts
    }

    /// Runs the interpreter; `Err` is what went wrong, as words after its name.
    fn put(&self, interpreter: &Path, limit: Duration) -> Result<Value, String> {
        let input = json!({
            "scripts": self.scripts(),
            "folders": self.folders,
            "home": self.home,
            "modules": FOR_ONE_INTERPRETER,
        });
        let arguments = ["-I", "-S", "-B", "-c", include_str!("probe.py")];
        let input = input.to_string();
        let trial =
            daemon::trial((self.group, &self.identity), interpreter, &arguments, input.as_bytes(), limit);
        match trial {
            Ok(trial) => answer(&trial),
            Err(error @ TrialError::Late(_)) => {
                Err(format!("was asked about itself and its scripts, and {error}"))
            }
            Err(TrialError::System(error)) => Err(format!("cannot be run: {error}")),
        }
    }

    fn failed(&self, interpreter: &Path, what: &str) -> Finding {
        let text = format!("the interpreter {} {what}", interpreter.display());
        let remedy = if what.contains("encodings") {
            "name a virtual environment or a complete Python installation with python-home"
        } else {
            "run it by hand, as the user of the group, and mend what it says"
        };
        self.about(Severity::Warning, text, remedy.to_owned()).at(interpreter)
    }

    /// A finding about the group, or about embedded mode.
    fn about(&self, severity: Severity, what: String, remedy: String) -> Finding {
        if self.is_embedded {
            return Finding::of_directive(severity, ("embedded mode", None), what, remedy);
        }
        Finding::of_group(severity, self.group, what, remedy)
    }

    fn judge(&self, case: &Case<'_>, interpreter: &Path, answer: &Value) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.unfit(case, interpreter, answer).into_iter().collect();
        let scripts = self.scripts();
        let looks = answer.get("scripts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (script, look) in scripts.iter().zip(looks) {
            for one in self.uses.iter().filter(|one| one.script.to_str() == Some(script)) {
                findings.extend(of_script(one, look));
            }
        }
        findings.extend(self.crowded(answer));
        findings
    }

    /// A Python that the host cannot run in.
    fn unfit(&self, case: &Case<'_>, interpreter: &Path, answer: &Value) -> Option<Finding> {
        let number = |at: usize| answer.get("version")?.get(at)?.as_u64();
        let version = format!("{}.{}.{}", number(0)?, number(1)?, number(2)?);
        let kind = answer.get("implementation").and_then(Value::as_str).unwrap_or_default();
        let told =
            |what: String, remedy: String| Some(self.about(Severity::Warning, what, remedy).at(interpreter));
        let name = interpreter.display();
        if kind != "cpython" {
            return told(
                format!("{name} is {kind}, and only CPython can be used"),
                "name a CPython with python-home".into(),
            );
        }
        if minor(&version).is_some_and(|version| version < OLDEST) {
            let (major, minor) = OLDEST;
            let remedy = format!("name a Python {major}.{minor} or later with python-home");
            return told(format!("{name} is Python {version}, which is too old"), remedy);
        }
        let free_threaded = answer.get("free_threaded").and_then(Value::as_bool) == Some(true);
        let host = case.main.settings().global.host(&process::own_file());
        if free_threaded && !self.is_embedded && !embedded::has_host(&host, &version, true) {
            let what =
                format!("{name} is a free-threaded Python {version}, which needs a host library of its own");
            return told(what, format!("build and install it with `make host PYTHON={name}`"));
        }
        None
    }

    /// Packages with C code that do not like the application group.
    fn crowded(&self, answer: &Value) -> Vec<Finding> {
        let installed =
            answer.get("installed").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let installed: Vec<&str> = installed.iter().filter_map(Value::as_str).collect();
        if installed.is_empty() {
            return Vec::new();
        }
        let crowded = self
            .uses
            .iter()
            .filter(|one| one.application_group.as_ref().is_some_and(|name| !name.is_empty()));
        crowded
            .filter(|one| one.script.is_file())
            .map(|one| {
                let what = format!(
                    "it runs in an interpreter of its own (application group {}), and {} is installed, which may work in \
                     the main interpreter only",
                    one.application_group.as_deref().unwrap_or_default(),
                    installed.join(", ")
                );
                let remedy = "if it uses that, set application-group=%{GLOBAL}, with a process group for each application";
                Finding::of_directive(Severity::Hint, (one.directive, Some(&one.place)), what, remedy).at(&one.script)
            })
            .collect()
    }
}

/// What the interpreter has answered, or the last that it said.
fn answer(trial: &Trial) -> Result<Value, String> {
    if let Ok(answer) = serde_json::from_slice::<Value>(&trial.output) {
        if trial.status.exit_status() == Some(0) {
            return Ok(answer);
        }
    }
    let last = trial.errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it has said nothing");
    let last: String = last.trim().chars().filter(|letter| !letter.is_control()).take(300).collect();
    Err(match trial.status.terminating_signal() {
        Some(signal) => format!("was killed by signal {signal} when it was asked about its scripts: {last}"),
        None => format!("does not start, or cannot be asked: {last}"),
    })
}

/// What is the matter with a script.
fn of_script(one: &Use, look: &Value) -> Option<Finding> {
    let directive = (one.directive, Some(&one.place));
    let script = one.script.display();
    let told = |what: String, remedy: String| {
        Some(Finding::of_directive(Severity::Warning, directive, what, remedy).at(&one.script))
    };
    if let Some(message) = look.get("message").and_then(Value::as_str) {
        let number = |key| look.get(key).and_then(Value::as_u64);
        let place = match (number("line"), number("column")) {
            (Some(line), Some(column)) => format!(", line {line}, column {column}"),
            (Some(line), None) => format!(", line {line}"),
            _ => String::new(),
        };
        return told(
            format!("{script}{place} is not valid Python: {message}"),
            "correct the script".to_owned(),
        );
    }
    if let Some(reason) = look.get("unreadable").and_then(Value::as_str) {
        let remedy = format!("let that user read it and enter {}", folder(&one.script).display());
        return told(format!("{script} cannot be read by the user that runs it: {reason}"), remedy);
    }
    let binds: Vec<&str> = look.get("binds")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let missing =
        !one.callables.is_empty() && !one.callables.iter().any(|name| binds.contains(&name.as_str()));
    if !missing || has_htaccess(&one.script) {
        return None;
    }
    let names = one.callables.join("` or `");
    let like = binds.iter().find(|name| ["app", "application", "wsgi", "wsgi_app", "main"].contains(name));
    let remedy = match (like, one.purpose) {
        (Some(name), Purpose::Alias) => format!("define it, or add callable-object={name}"),
        (None, Purpose::Alias) => "define it, or name what it defines with callable-object=".to_owned(),
        _ => "define it".to_owned(),
    };
    told(format!("{script} defines no top-level `{names}`"), remedy)
}

/// Whether a .htaccess may say another callable.
fn has_htaccess(script: &Path) -> bool {
    script.ancestors().skip(1).any(|folder| folder.join(".htaccess").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::uses::Purpose;

    fn one(callables: &[&str]) -> Use {
        Use {
            script: "/srv/site/wsgi.py".into(),
            place: Place::default(),
            directive: "WSGIScriptAlias",
            purpose: Purpose::Alias,
            runs: Where::Embedded,
            application_group: None,
            callables: callables.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn what_interpreters_think_of_scripts() {
        let told = |callables: &[&str], look: Value| {
            of_script(&one(callables), &look).map(|found| found.to_string())
        };
        let error = json!({"line": 3, "column": 7, "message": "SyntaxError: invalid syntax"});
        assert!(
            told(&[], error).unwrap().contains("wsgi.py, line 3, column 7 is not valid Python: SyntaxError")
        );
        let nul = json!({"line": null, "column": null, "message": "ValueError: null bytes"});
        assert!(told(&[], nul).unwrap().contains("wsgi.py is not valid Python"));
        let binds = |names: &[&str]| json!({"binds": names});
        assert_eq!(told(&["application"], binds(&["application", "os"])), None);
        assert_eq!(told(&["application"], json!({"binds": null})), None, "code decides");
        assert_eq!(told(&["check_password", "get_realm_hash"], binds(&["get_realm_hash"])), None);
        assert_eq!(told(&[], binds(&[])), None);
        let app = told(&["application"], binds(&["app"])).unwrap();
        assert!(app.contains("no top-level `application`; define it, or add callable-object=app"), "{app}");
        assert!(
            told(&["x"], json!({"unreadable": "Permission denied"})).unwrap().contains("Permission denied")
        );
    }
}
