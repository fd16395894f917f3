//! Pages of wsgi-status and wsgi-metrics that everybody may see.
//!
//! Who may see them is decided by other modules, so their lines are read as they are written. Only the plain case is
//! judged: a `<Location>` with a path, and nothing else that could guard it. What that is, see [`guards`]; who lets
//! everybody at metrics by a line of its own, mostly on a port of its own, has meant it.

use crate::apache::written::Line;
use crate::config::finding::{Finding, Severity};

/// Directives that may keep somebody out, or change who is.
const ACCESS: [&str; 8] =
    ["allow", "deny", "order", "satisfy", "sslverifyclient", "wsgiaccessscript", "limitexcept", "secrule"];
/// The same, by how they begin: Require and its sections, AuthType, AuthMerging, SSLRequireSSL, WSGIAuthUserScript.
const ACCESS_BEGIN: [&str; 6] = ["require", "<require", "auth", "sslrequire", "wsgiauth", "<limit"];

/// What is to be said of these lines: the whole configuration.
pub(super) fn look(lines: &[Line]) -> Vec<Finding> {
    if lines.iter().any(|line| line.name == "listen" && line.words.first().is_some_and(|to| !is_port(to))) {
        return Vec::new(); // an address may be one that few can reach
    }
    let is_anywhere = |address: &String| address.starts_with("*:") || address.starts_with("_default_:");
    let hosts = lines.iter().filter(|line| line.name == "<virtualhost" && line.words.iter().all(is_anywhere));
    let of_hosts = hosts.map(|host| host.within.as_slice());
    let judged = |host| locations(host).filter_map(move |section| judge(section, lines, host));
    let of_main = locations(lines).filter_map(|section| judge(section, lines, &[]));
    of_main.chain(of_hosts.flat_map(judged)).collect()
}

/// Whether `Listen` has only a port, or all addresses.
fn is_port(to: &str) -> bool {
    let port = ["*:", "0.0.0.0:", "[::]:"].iter().find_map(|all| to.strip_prefix(all)).unwrap_or(to);
    port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Sections for a path that is no pattern.
fn locations(lines: &[Line]) -> impl Iterator<Item = &Line> {
    lines.iter().filter(|line| path(line).is_some())
}

fn path(line: &Line) -> Option<&str> {
    let [path] = line.words.as_slice() else { return None };
    (line.name == "<location" && path.starts_with('/') && !path.contains(['*', '?', '['])).then_some(path)
}

/// The finding about one section, if it has one of our pages; `main` and `host` are the lines of its servers.
fn judge(section: &Line, main: &[Line], host: &[Line]) -> Option<Finding> {
    let handler = section.within.iter().rfind(|line| line.name == "sethandler")?;
    let (path, page) = (path(section)?, handler.words.first()?.as_str());
    let shown = match page {
        "wsgi-status" => "tracebacks and the paths of running requests",
        "wsgi-metrics" => "what the process groups do",
        _ => return None,
    };
    let own: Vec<_> = section.within.iter().filter(|line| is_access(line)).collect();
    if !own.iter().all(|line| is_for_all(line)) || is_guarded(section, path, main, host) {
        return None;
    }
    let what = if !own.is_empty() && page == "wsgi-status" {
        format!("{path} lets everybody see {shown}")
    } else if own.is_empty() && main.iter().chain(host).any(lets_all_in) {
        format!("{path} has no Require of its own, so whoever may see the site sees {shown}")
    } else {
        return None; // it is meant so, or mostly nobody may see anything
    };
    let remedy = "write Require local, or who else is to see it, into that <Location>";
    let subject = format!("SetHandler {page}");
    Some(Finding::of_directive(Severity::Warning, (&subject, Some(&handler.place)), what, remedy))
}

/// Whether something else may keep somebody from that section's path.
fn is_guarded(section: &Line, path: &str, main: &[Line], host: &[Line]) -> bool {
    // A section outside of all hosts holds in each of them.
    let of_main = |line: &Line| (host.is_empty() || line.name != "<virtualhost") && guards(line, path);
    let of_host = |line: &Line| guards(line, path) || line.name.starts_with("redirect");
    let is_other = |line: &&Line| !std::ptr::eq(*line, section);
    main.iter().filter(is_other).any(of_main) || host.iter().filter(is_other).any(of_host)
}

/// Whether a line may keep somebody from that path, as far as one can tell from here.
fn guards(line: &Line, path: &str) -> bool {
    match line.name.as_str() {
        "<location" if self::path(line).is_some_and(|outer| !is_below(path, outer)) => false,
        // Folders and files that nobody gets are usual: then nobody gets what has no Require of its own, either.
        "<directory" | "<directorymatch" | "<files" | "<filesmatch" => {
            line.within.iter().any(|line| guards(line, path) && !is_for_none(line))
        }
        "rewriterule"
            if line.words.last().is_some_and(|flags| flags.starts_with('[') && flags.contains('F')) =>
        {
            true
        }
        _ if line.words.iter().any(|word| word.contains(path)) => true, // it is about this path
        _ => is_access(line) && !is_for_all(line) || line.within.iter().any(|line| guards(line, path)),
    }
}

/// Whether it has to do with who may see something.
fn is_access(line: &Line) -> bool {
    ACCESS.contains(&line.name.as_str())
        || ACCESS_BEGIN.iter().any(|begin| line.name.starts_with(begin))
        || line.within.iter().any(is_access)
}

fn is_for_all(line: &Line) -> bool {
    line.name == "require" && line.words.iter().map(|word| word.to_ascii_lowercase()).eq(["all", "granted"])
}

fn is_for_none(line: &Line) -> bool {
    line.name == "require" && line.words.iter().map(|word| word.to_ascii_lowercase()).eq(["all", "denied"])
}

/// Whether a folder is for everybody.
fn lets_all_in(line: &Line) -> bool {
    line.name == "<directory" && line.within.iter().any(is_for_all)
}

/// Whether `path` is `outer`, or below it.
fn is_below(path: &str, outer: &str) -> bool {
    let outer = outer.trim_end_matches('/');
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
