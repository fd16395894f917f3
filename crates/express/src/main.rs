//! `mod_wsgi-express`: an httpd of one's own for a Python web application.
//!
//! It writes files and starts httpd; what then runs is httpd with mod_wsgi.so, which this program is no part of. So it
//! uses none of the other crates.
//!
//! The map, top down:
//! - [`cli`]: the commands; [`options`]: the one table of options; [`arguments`]: the command line before it is parsed
//! - [`site`]: options and what was found on this machine, with nothing left open; from [`locate`] (httpd, modules),
//!   [`python`], and [`identity`]; [`checks`]: what options ask of each other
//! - [`generate`]: the files of the server root, through [`conf`], [`quote`] and [`root`]
//! - [`launch`]: httpd; [`banner`]: what is said before; [`install`]: the module for a system's httpd
//! - [`doctor`]: what mod_wsgi finds in a configuration
//! - [`describe`]: manual page, completions and the table of options for others

#![forbid(unsafe_code)]

mod arguments;
mod banner;
mod checks;
mod cli;
mod conf;
mod describe;
mod doctor;
mod generate;
mod identity;
mod install;
mod launch;
mod locate;
mod options;
mod python;
mod quote;
mod root;
mod site;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::FromArgMatches;
use cli::{Cli, Command};
use options::Options;
use site::Site;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Doctor(#[from] doctor::Error),
    #[error(transparent)]
    Generate(#[from] generate::Error),
    #[error(transparent)]
    Install(#[from] install::Error),
    #[error(transparent)]
    Launch(#[from] launch::Error),
    #[error("standard output: {0}")]
    Output(#[from] std::io::Error),
    #[error(transparent)]
    Site(#[from] site::Error),
}

fn main() -> ExitCode {
    let arguments = arguments::expanded(std::env::args_os());
    let parsed =
        cli::command().try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let command = match parsed {
        Ok(cli) => cli.command,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(command, arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "mod_wsgi-express: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, arguments: Vec<OsString>) -> Result<u8, Error> {
    let mut out = std::io::stdout().lock();
    match command {
        Command::StartServer(options) => {
            drop(out);
            return serve(*options, arguments, false);
        }
        Command::SetupServer(options) => {
            drop(out);
            return serve(*options, arguments, true);
        }
        Command::Doctor { conf, json, httpd_executable } => {
            drop(out);
            return Ok(doctor::run(conf.as_deref(), httpd_executable, json)?);
        }
        Command::ModuleConfig => write!(out, "{}", install::lines(&install::location()?)?)?,
        Command::InstallModule { modules_directory } => {
            let module = install::install(modules_directory.as_deref())?;
            write!(out, "{}", install::lines(&module)?)?;
        }
        Command::ModuleLocation => writeln!(out, "{}", install::location()?.display())?,
        Command::Completions { shell } => describe::completions(shell, &mut out)?,
        Command::Man => describe::manual_page(&mut out)?,
        Command::Options => describe::options(&mut out)?,
    }
    Ok(0)
}

/// Makes a server, and runs it unless it is only to be set up.
fn serve(options: Options, arguments: Vec<OsString>, is_setup: bool) -> Result<u8, Error> {
    let is_setup = is_setup || options.server.setup_only;
    for (option, why) in options.legacy.notes() {
        writeln!(std::io::stderr(), "mod_wsgi-express: {option} has no effect: {why}")?;
    }
    let site = Site::resolve(options, arguments)?;
    if !is_setup {
        launch::check_ports(&site)?;
    }
    generate::write(&site)?;
    launch::check_configuration(&site)?;
    let mut out = std::io::stdout().lock();
    out.write_all(banner::text(&site, is_setup).as_bytes())?;
    out.flush()?;
    drop(out);
    if is_setup { Ok(0) } else { Ok(launch::run(&site)?) }
}
