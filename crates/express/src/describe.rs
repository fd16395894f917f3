//! The table of options for others: the manual page, completions, and JSON for Django's runmodwsgi.

use std::io::{self, Write};

use clap::{Arg, ArgAction};
use clap_complete::Shell;

use crate::cli;

/// Completions for a shell.
pub(crate) fn completions(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "mod_wsgi-express", &mut script);
    // For bash clap_complete writes a name with a hyphen in two ways, and then nothing fits.
    let script = String::from_utf8_lossy(&script).replace("mod_wsgi__subcmd__express", "mod_wsgi__express");
    out.write_all(script.as_bytes())
}

/// The manual page: what the program is for, then the commands and the options of start-server.
pub(crate) fn manual_page(out: &mut impl Write) -> io::Result<()> {
    let command = cli::command();
    let page = clap_mangen::Man::new(command.clone()).section("8");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_subcommands_section(&mut text)?;
    if let Some(start) = command.find_subcommand("start-server") {
        let start = clap_mangen::Man::new(start.clone().disable_help_flag(true)).section("8");
        start.render_options_section(&mut text)?;
    }
    // The commands have no pages of their own to refer to.
    let mut text = String::from_utf8_lossy(&text).into_owned();
    for name in command.get_subcommands().map(|command| command.get_name().replace('-', "\\-")) {
        text = text.replace(&format!("mod_wsgi\\-express\\-{name}(8)"), &name);
    }
    out.write_all(text.as_bytes())
}

/// One option, as far as another parser has to know it.
#[derive(serde::Serialize)]
struct Described {
    name: String,
    heading: Option<String>,
    values: Vec<String>,
    repeatable: bool,
    choices: Vec<String>,
    default: Option<String>,
    help: String,
    becomes: Option<String>,
    hidden: bool,
}

/// The options of start-server, in the order of the table.
pub(crate) fn options(out: &mut impl Write) -> io::Result<()> {
    let command = cli::command();
    let start = command.find_subcommand("start-server");
    let rows: Vec<Described> =
        start.into_iter().flat_map(clap::Command::get_arguments).filter_map(described).collect();
    serde_json::to_writer_pretty(&mut *out, &rows)?;
    writeln!(out)
}

fn described(argument: &Arg) -> Option<Described> {
    let name = argument.get_long().filter(|name| *name != "help")?;
    let flag = matches!(argument.get_action(), ArgAction::SetTrue);
    let text = |text: Option<&clap::builder::StyledStr>| text.map(ToString::to_string);
    let default = argument.get_default_values().first().filter(|_| !flag);
    let long = text(argument.get_long_help()).unwrap_or_default();
    Some(Described {
        name: format!("--{name}"),
        heading: argument.get_help_heading().map(str::to_owned),
        values: if flag {
            Vec::new()
        } else {
            argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect()
        },
        repeatable: matches!(argument.get_action(), ArgAction::Append),
        choices: if flag {
            Vec::new()
        } else {
            argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()
        },
        default: default.map(|value| value.to_string_lossy().into_owned()),
        help: text(argument.get_help()).unwrap_or_default(),
        becomes: long.split_once("\n\nBecomes ").map(|(_, directive)| directive.trim_matches('`').to_owned()),
        hidden: argument.is_hide_set(),
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/express.md");
    const BEGIN: &str = "<!-- The tables are written by UPDATE_DOCS=1 cargo test docs_are -->\n";
    const END: &str = "<!-- End of the tables -->\n";

    fn rows() -> Vec<Described> {
        let command = cli::command();
        let start = command.find_subcommand("start-server").unwrap();
        start.get_arguments().filter_map(described).collect()
    }

    /// The tables of docs/express.md.
    fn tables() -> String {
        let mut page = String::new();
        let mut heading = None;
        for row in rows().iter().filter(|row| !row.hidden) {
            if row.heading != heading {
                heading.clone_from(&row.heading);
                let title = heading.as_deref().unwrap_or("Others");
                let _ = write!(
                    page,
                    "\n### {title}\n\n| option | default | meaning | becomes |\n|---|---|---|---|\n"
                );
            }
            let values: String = row.values.iter().map(|value| format!(" {value}")).collect();
            let default = row.default.as_ref().map(|value| format!("`{value}`")).unwrap_or_default();
            let becomes = row.becomes.as_ref().map(|line| format!("`{line}`")).unwrap_or_default();
            let name = format!("{}{values}", row.name).replace('|', "\\|");
            let choices: Vec<String> = row.choices.iter().map(|choice| format!("`{choice}`")).collect();
            let choices =
                if choices.is_empty() { String::new() } else { format!(": {}", choices.join(", ")) };
            let _ = writeln!(
                page,
                "| `{name}` | {default} | {}{choices} | {becomes} |",
                row.help.replace('|', "\\|")
            );
        }
        page.push('\n');
        page
    }

    #[test]
    fn docs_are_up_to_date() {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let expected = format!("{before}{BEGIN}{}{END}{after}", tables());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            return std::fs::write(PAGE, &expected).unwrap();
        }
        assert!(page == expected, "docs/express.md is not up to date: UPDATE_DOCS=1 cargo test docs_are");
    }

    #[test]
    fn every_option_is_explained_in_one_line_without_a_full_stop() {
        for row in rows().iter().filter(|row| !row.hidden) {
            assert!(
                !row.help.is_empty() && !row.help.ends_with('.') && !row.help.contains('\n'),
                "{}: {}",
                row.name,
                row.help
            );
            assert!(row.heading.is_some(), "{}", row.name);
        }
    }

    #[test]
    fn no_option_is_there_twice() {
        cli::command().debug_assert();
        let mut names: Vec<String> = rows().into_iter().map(|row| row.name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn the_manual_page_has_every_option() {
        let mut page = Vec::new();
        manual_page(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap().replace("\\-", "-");
        assert!(page.contains("\ndoctor\n") && !page.contains("express-doctor"));
        for row in rows().iter().filter(|row| !row.hidden) {
            assert!(page.contains(&row.name), "{}", row.name);
        }
    }
}
