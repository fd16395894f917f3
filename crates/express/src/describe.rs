//! The table of options for others: the manual page, completions, and JSON for Django's runmodwsgi.

use std::io::{self, Write};

use clap::{Arg, ArgAction};
use clap_complete::Shell;

use crate::cli;

/// Completions for a shell.
pub(crate) fn completions(shell: Shell, out: &mut impl Write) {
    clap_complete::generate(shell, &mut cli::command(), "mod_wsgi-express", out);
}

/// The manual page: what the program is for, then the options of start-server, then the other commands.
pub(crate) fn manual_page(out: &mut impl Write) -> io::Result<()> {
    let command = cli::command();
    let page = clap_mangen::Man::new(command.clone()).section("8");
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_subcommands_section(out)?;
    if let Some(start) = command.find_subcommand("start-server") {
        let start = clap_mangen::Man::new(start.clone().disable_help_flag(true)).section("8");
        start.render_options_section(out)?;
    }
    Ok(())
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
        becomes: long.split_once("\n\n").map(|(_, directive)| directive.trim_matches('`').to_owned()),
        hidden: argument.is_hide_set(),
    })
}
