//! The files of the server root, made from a [`Site`].
//!
//! Everything is readable on purpose: who wants to know what an option does looks into `httpd.conf`.

mod access;
mod apachectl;
mod application;
mod content;
mod handler;
mod hosts;
mod logs;
mod mpm;
mod proxies;
mod server;
mod services;

use crate::conf::Conf;
use crate::quote::Unwritable;
use crate::site::Site;
use crate::{locate, quote, root};

pub(crate) use logs::{access_log, error_log, startup_log};
pub(crate) use mpm::Sizes;

/// Why the files could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Locate(#[from] locate::Error),
    #[error(transparent)]
    Root(#[from] root::Error),
    #[error(transparent)]
    Value(#[from] Unwritable),
}

/// Writes everything.
pub(crate) fn write(site: &Site) -> Result<(), Error> {
    let conf = configuration(site)?;
    root::prepare(site)?;
    root::write(&site.root.join("httpd.conf"), &conf, 0o644)?;
    root::write(&site.root.join("apachectl"), &apachectl::script(site), 0o755)?;
    if site.has_application() {
        let script = site.root.join("handler.wsgi");
        root::write(&script, handler::script(site).as_bytes(), 0o644)?;
        if handler::watches(site) {
            root::give(&script, &site.identity)?;
        }
    }
    handler::resources(site)?;
    if site.options.files.rewrite_rules.is_none() {
        root::touch(&site.root.join("rewrite.conf"))?;
    }
    match &site.options.server.envvars_script {
        Some(given) => {
            let mut line = b". ".to_vec();
            line.extend(quote::shell(locate::absolute(given).as_os_str()));
            line.push(b'\n');
            root::write(&site.root.join("envvars"), &line, 0o644)?;
        }
        None => root::touch(&site.root.join("envvars"))?,
    }
    Ok(())
}

/// The text of httpd.conf.
pub(crate) fn configuration(site: &Site) -> Result<Vec<u8>, Error> {
    let mut conf = Conf::default();
    conf.fixed(
        "# Written by mod_wsgi-express, anew at each start: changes belong into a file for --include-file.",
    );
    server::modules(&mut conf, site)?;
    server::server(&mut conf, site);
    mpm::write(&mut conf, site);
    logs::write(&mut conf, site);
    application::write(&mut conf, site);
    content::write(&mut conf, site);
    access::write(&mut conf, site);
    proxies::write(&mut conf, site);
    hosts::write(&mut conf, site);
    services::write(&mut conf, site);
    content::status(&mut conf, site);
    server::includes(&mut conf, site);
    Ok(conf.finish()?)
}

/// `On` or `Off`.
fn on(value: bool) -> &'static str {
    if value { "On" } else { "Off" }
}
