//! Groups with `preload=on`: whether it is known what to load, and whether all of it is in the main interpreter. What only
//! a request can tell is refused in the worker, with 500.

use super::uses::Where;
use super::{Case, Member};
use crate::apache::Server;
use crate::config::ProcessGroup;
use crate::config::finding::{Finding, Severity};
use crate::config::python;
use crate::config::values::Name;

/// Why nothing may be elsewhere.
const WHY: &str = "its processes are forked, and no copy of a process lives on that has another interpreter";

/// All that stands in the way.
pub(super) fn look(case: &Case<'_>) -> Vec<Finding> {
    let preloading = case.groups.iter().map(|Member { group, .. }| *group).filter(|group| group.preload);
    preloading.flat_map(|group| [nothing_to_load(case, group), elsewhere(case, group)].concat()).collect()
}

fn nothing_to_load(case: &Case<'_>, group: &ProcessGroup) -> Vec<Finding> {
    let name = group.name.as_str();
    if !python::imports(case.main.iter().map(Server::own_settings), name).is_empty() {
        return Vec::new();
    }
    let what = "preload=on, and no script is named that is to be loaded before the first request";
    let remedy = format!(
        "add `process-group={name} application-group=%{{GLOBAL}}` to its WSGIScriptAlias, or a line `WSGIImportScript \
         PATH process-group={name} application-group=%{{GLOBAL}}`; or remove preload"
    );
    vec![Finding::of_group(Severity::Error, group, what, remedy)]
}

fn elsewhere(case: &Case<'_>, group: &ProcessGroup) -> Vec<Finding> {
    let name = group.name.as_str();
    let mut findings = Vec::new();
    for one in case.uses_in(&Where::Group(name.to_owned())) {
        let Some(interpreter) = one.application_group.as_ref().filter(|name| !name.is_empty()) else {
            continue;
        };
        let (what, remedy) = refusal(name, interpreter);
        findings.push(
            Finding::of_directive(Severity::Error, (one.directive, Some(&one.place)), what, remedy)
                .at(&one.script),
        );
    }
    for handler in case.settings.iter().filter_map(|settings| settings.handler_scripts.as_deref()).flatten() {
        let elsewhere = handler.application_group.as_ref().map(Name::as_str).filter(|name| !name.is_empty());
        if let (Some(_), Some(interpreter)) =
            (handler.process_group.as_ref().filter(|own| own.as_str() == name), elsewhere)
        {
            let (what, remedy) = refusal(name, interpreter);
            let what = format!("the handler that `WSGIHandlerScript {}` registers: {what}", handler.name);
            findings.push(Finding::of_group(Severity::Error, group, what, remedy).at(handler.path.as_str()));
        }
    }
    findings
}

fn refusal(group: &str, interpreter: &str) -> (String, String) {
    let what = format!(
        "it runs in application group `{interpreter}` of the process group `{group}`, which has preload=on: {WHY}"
    );
    let remedy = "write application-group=%{GLOBAL} there (or WSGIApplicationGroup %{GLOBAL} for it), or use a group \
                  without preload";
    (what, remedy.to_owned())
}
