//! The options of `start-server`, `setup-server` and Django's `runmodwsgi`: the one table of them.
//!
//! A field is an option: its comment is its help, and what stands below an empty line in it (Becomes …) is its directive in
//! httpd's configuration. Parsing, `--help`, the manual page, shell completions and docs/express.md are made from these
//! fields by clap; `crate::generate` turns their values into configuration. No file is opened here.

mod access;
mod application;
mod debug;
mod files;
mod https;
mod identity;
mod legacy;
mod limits;
mod listen;
mod logs;
mod observe;
mod processes;
mod proxy;
mod server;
mod services;
mod timeouts;

use std::ffi::OsString;

pub(crate) use access::{Access, AuthType};
pub(crate) use application::{Application, Kind};
pub(crate) use debug::Debug;
pub(crate) use files::Files;
pub(crate) use https::Https;
pub(crate) use identity::Identity;
pub(crate) use legacy::Legacy;
pub(crate) use limits::{Limits, MapHead};
pub(crate) use listen::Listen;
pub(crate) use logs::Logs;
pub(crate) use observe::Observe;
pub(crate) use processes::{Mpm, Processes};
pub(crate) use proxy::Proxy;
pub(crate) use server::Server;
pub(crate) use services::Services;
pub(crate) use timeouts::Timeouts;

/// Every option.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub application: Application,
    #[command(flatten)]
    pub listen: Listen,
    #[command(flatten)]
    pub https: Https,
    #[command(flatten)]
    pub processes: Processes,
    #[command(flatten)]
    pub timeouts: Timeouts,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub files: Files,
    #[command(flatten)]
    pub proxy: Proxy,
    #[command(flatten)]
    pub access: Access,
    #[command(flatten)]
    pub identity: Identity,
    #[command(flatten)]
    pub logs: Logs,
    #[command(flatten)]
    pub services: Services,
    #[command(flatten)]
    pub observe: Observe,
    #[command(flatten)]
    pub server: Server,
    #[command(flatten)]
    pub debug: Debug,
    #[command(flatten)]
    pub legacy: Legacy,
}

/// The values of an option that takes two words and may be repeated.
pub(crate) fn pairs(values: &[OsString]) -> impl Iterator<Item = (&OsString, &OsString)> {
    values.chunks_exact(2).filter_map(|pair| match pair {
        [first, second] => Some((first, second)),
        _ => None,
    })
}
