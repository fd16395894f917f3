//! Which URL is what: files of the document root and of aliases, and the application for the rest.
//!
//! The application is a fallback: what is no file goes to the handler `wsgi-handler`, by a rule of mod_rewrite in the
//! document root. httpd then takes the first part of the path for the script's name; the handler script mends that.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::conf::Conf;
use crate::locate::absolute;
use crate::options::pairs;
use crate::site::Site;

/// Writes the directives.
pub(super) fn write(conf: &mut Conf, site: &Site) {
    conf.comment("Files and URLs");
    let options = &site.options.files;
    conf.line("DocumentRoot", &[&site.document_root()]);
    document_root(conf, site);
    for (url, path) in aliases(&options.url_alias) {
        alias(conf, &url, &path);
    }
    for (status, url) in pairs(&options.error_document) {
        conf.line("ErrorDocument", &[status, url]);
    }
    if options.compress_responses {
        conf.fixed(
            "AddOutputFilterByType DEFLATE text/plain text/html text/xml text/css text/javascript application/xhtml+xml \
             application/javascript application/json",
        );
    }
}

/// The status page. It comes after what is said about access, which is for the application.
pub(super) fn status(conf: &mut Conf, site: &Site) {
    if site.options.observe.server_status {
        conf.comment("The status page");
        conf.fixed("ExtendedStatus On");
        conf.section("Location", &[&"/server-status"], |conf| {
            conf.fixed("SetHandler server-status");
            conf.fixed("Require local");
        });
    }
}

fn document_root(conf: &mut Conf, site: &Site) {
    let options = &site.options.files;
    conf.folder(&site.document_root(), |conf| {
        let mut allowed = String::from("FollowSymLinks");
        for (wanted, name) in [(options.directory_listing, " Indexes"), (options.with_cgi, " ExecCGI")] {
            allowed.push_str(if wanted { name } else { "" });
        }
        conf.fixed(&format!("Options {allowed}"));
        if options.allow_override.is_empty() {
            conf.fixed("AllowOverride None");
        }
        for kind in &options.allow_override {
            conf.split("AllowOverride", kind);
        }
        conf.fixed("Require all granted");
        match &options.directory_index {
            Some(file) => conf.line("DirectoryIndex", &[file]),
            None if site.has_application() => conf.fixed("DirectoryIndex disabled"),
            None => conf.fixed("DirectoryIndex index.html"),
        }
        if options.with_cgi {
            conf.fixed("AddHandler cgi-script .cgi");
        }
        for (place, (extension, _)) in pairs(&site.options.application.add_handler).enumerate() {
            conf.line("AddHandler", &[&format!("wsgi-resource-{place}"), extension]);
        }
        conf.fixed("RewriteEngine On");
        conf.file("Include", &site.file(options.rewrite_rules.as_ref(), "rewrite.conf"));
        if site.has_application() {
            fallback(conf, site);
        }
    });
}

/// What is no file is for the application.
fn fallback(conf: &mut Conf, site: &Site) {
    let options = &site.options;
    // A folder without a slash at its end is the application's, too.
    if options.files.directory_index.is_none() && !options.files.directory_listing {
        conf.fixed("DirectorySlash Off");
    } else {
        conf.fixed("RewriteCond %{REQUEST_FILENAME} !-d");
    }
    conf.fixed("RewriteCond %{REQUEST_FILENAME} !-f");
    if options.observe.server_status {
        conf.fixed("RewriteCond %{REQUEST_URI} !=/server-status");
    }
    if !site.mount.is_empty() {
        conf.line("RewriteCond", &[&"%{REQUEST_URI}", &format!("^{}(/|$)", regex(&site.mount))]);
    }
    conf.fixed("RewriteRule ^ - [H=wsgi-handler]");
}

/// The longest URL first, so that a part of a folder can be somewhere else.
fn aliases(given: &[OsString]) -> Vec<(String, PathBuf)> {
    let mut aliases: Vec<(String, PathBuf)> = pairs(given)
        .map(|(url, path)| {
            (format!("/{}", url.to_string_lossy().trim_matches('/')), absolute(Path::new(path)))
        })
        .collect();
    aliases.sort_by_key(|(url, _)| std::cmp::Reverse(url.len()));
    aliases
}

/// A folder, or one file of its folder. What does not exist yet will be a folder.
fn alias(conf: &mut Conf, url: &str, path: &Path) {
    conf.line("Alias", &[&url, &path]);
    let granted = |conf: &mut Conf| conf.fixed("Require all granted");
    match (path.is_file(), path.parent(), path.file_name()) {
        (true, Some(folder), Some(name)) => {
            conf.folder(folder, |conf| conf.file_section(name, granted));
        }
        _ => conf.folder(path, |conf| {
            conf.fixed("Options FollowSymLinks");
            granted(conf);
        }),
    }
}

/// A text as a regular expression that matches nothing else.
pub(super) fn regex(text: &str) -> String {
    let special = |character: char| r"\.^$|()[]{}*+?".contains(character);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}
