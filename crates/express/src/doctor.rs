//! `doctor`: what mod_wsgi finds in a configuration, each finding with its remedy.
//!
//! The findings are mod_wsgi's own (`httpd -t -D DUMP_WSGI_DOCTOR`); here they are only asked for and shown. The
//! configuration is read as whoever starts that server reads it: through the control script of a server root, with the
//! variables that a distribution keeps beside its configuration.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::locate::{self, Httpd, absolute};
use crate::options::Server;

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0} does not exist: name the configuration's file, or a server root")]
    Absent(PathBuf),
    #[error(transparent)]
    Locate(#[from] locate::Error),
    #[error("{0} does not load mod_wsgi: there is nothing to look at")]
    NotLoaded(PathBuf),
    #[error(transparent)]
    Output(#[from] io::Error),
    #[error("{0} -V does not say which configuration it reads: name the file")]
    Unknown(PathBuf),
}

/// What was found.
#[derive(Debug)]
struct Report {
    conf: PathBuf,
    /// Each as the module says it.
    findings: Vec<Value>,
    /// What httpd says besides.
    said: Vec<String>,
    is_accepted: bool,
}

/// Looks at a configuration, the system's own unless one is given, and says what was found. The status is 1 where httpd
/// would not start.
pub(crate) fn run(conf: Option<&Path>, program: Option<PathBuf>, as_json: bool) -> Result<u8, Error> {
    let options = Server { httpd_executable: program, ..Server::default() };
    let report = examine(conf, &options)?;
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut out, &report.as_json()).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        let is_coloured =
            out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        report.show(&mut out, is_coloured)?;
    }
    Ok(u8::from(!report.is_accepted))
}

fn examine(conf: Option<&Path>, options: &Server) -> Result<Report, Error> {
    let conf = match conf {
        Some(given) => configuration(absolute(given))?,
        None => default_configuration(&Httpd::program(options)?)?,
    };
    let output = ask(&conf, options, &["-t", "-D", "DUMP_WSGI_DOCTOR"])?;
    let report = Report::new(conf, &output);
    let is_silent = report.is_accepted && report.findings.is_empty();
    if is_silent
        && !contains(&ask(&report.conf, options, &["-t", "-D", "DUMP_MODULES"])?.stdout, "wsgi_module")
    {
        return Err(Error::NotLoaded(report.conf));
    }
    Ok(report)
}

/// The file of a configuration; that of a server root, if this is one.
fn configuration(given: PathBuf) -> Result<PathBuf, Error> {
    let file = if given.is_dir() { given.join("httpd.conf") } else { given.clone() };
    if file.is_file() { Ok(file) } else { Err(Error::Absent(given)) }
}

/// What httpd reads unless it is told otherwise.
fn default_configuration(program: &Path) -> Result<PathBuf, Error> {
    let said = Command::new(program).arg("-V").output()?.stdout;
    let said = String::from_utf8_lossy(&said);
    let value = |name: &str| {
        let line = said
            .lines()
            .find_map(|line| line.trim().strip_prefix("-D ")?.strip_prefix(name)?.strip_prefix("=\""));
        line.map(|rest| rest.trim_end_matches('"').to_owned())
    };
    let file = value("SERVER_CONFIG_FILE").ok_or_else(|| Error::Unknown(program.to_path_buf()))?;
    configuration(Path::new(&value("HTTPD_ROOT").unwrap_or_default()).join(file))
}

/// Runs httpd on a configuration as its own control script would.
fn ask(conf: &Path, options: &Server, arguments: &[&str]) -> Result<Output, Error> {
    let control = conf.with_file_name("apachectl");
    if conf.ends_with("httpd.conf") && locate::is_executable(&control) {
        return Ok(Command::new(control).args(arguments).output()?);
    }
    let program = Httpd::program(options)?;
    let variables = conf.with_file_name("envvars");
    let mut command = if variables.is_file() {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", ". \"$0\" && exec \"$@\""]).arg(variables).arg(program);
        shell
    } else {
        Command::new(program)
    };
    Ok(command.arg("-f").arg(conf).args(arguments).output()?)
}

fn contains(text: &[u8], wanted: &str) -> bool {
    String::from_utf8_lossy(text).contains(wanted)
}

impl Report {
    fn new(conf: PathBuf, output: &Output) -> Self {
        let out = String::from_utf8_lossy(&output.stdout);
        let findings: Vec<Value> = out
            .lines()
            .filter(|line| line.starts_with('{'))
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let texts: Vec<&str> = findings.iter().filter_map(|finding| finding.get("text")?.as_str()).collect();
        let error = String::from_utf8_lossy(&output.stderr);
        let is_known = |line: &str| texts.iter().any(|text| line.contains(text)) || line == "Syntax OK";
        let said = error.lines().filter(|line| !is_known(line)).map(str::to_owned).collect();
        Self { conf, said, is_accepted: output.status.success(), findings }
    }

    fn as_json(&self) -> Value {
        json!({
            "configuration": self.conf.to_string_lossy(),
            "starts": self.is_accepted,
            "findings": self.findings,
            "messages": self.said,
        })
    }

    fn show(&self, out: &mut impl Write, is_coloured: bool) -> io::Result<()> {
        for finding in &self.findings {
            let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default();
            let severity = text("severity");
            let colour = match severity {
                "error" => "1;31",
                "warning" => "1;33",
                _ => "1;36",
            };
            writeln!(out, "{} {}", painted(severity, colour, is_coloured), place(finding))?;
            writeln!(out, "    {}", text("what"))?;
            writeln!(out, "    {} {}", painted("remedy:", "1;32", is_coloured), text("remedy"))?;
            writeln!(out)?;
        }
        let count = |severity: &str| {
            let is_one = |finding: &&Value| finding.get("severity").and_then(Value::as_str) == Some(severity);
            self.findings.iter().filter(is_one).count()
        };
        if !self.is_accepted {
            for line in &self.said {
                writeln!(out, "{line}")?;
            }
        }
        let starts = if self.is_accepted { "httpd starts with it" } else { "httpd does not start with it" };
        let (errors, warnings, hints) = (count("error"), count("warning"), count("hint"));
        writeln!(
            out,
            "{}: {starts}; {errors} errors, {warnings} warnings, {hints} hints",
            self.conf.display()
        )
    }
}

/// What a finding is about, and where that is written.
fn place(finding: &Value) -> String {
    let text = |name: &str| finding.get(name).and_then(Value::as_str);
    let subject = match (text("group"), text("directive")) {
        (Some(group), _) => format!("process group `{group}`"),
        (None, Some(directive)) => directive.to_owned(),
        (None, None) => String::new(),
    };
    match (text("file"), finding.get("line").and_then(Value::as_u64)) {
        (Some(file), Some(line)) => format!("{subject}, {file}:{line}"),
        _ => subject,
    }
}

fn painted(text: &str, colour: &str, is_coloured: bool) -> String {
    if is_coloured { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}
