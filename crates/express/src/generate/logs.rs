//! Where logs go: files, rotated files, or the terminal.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::conf::{Conf, joined};
use crate::locate::{absolute, program_in_path, rotatelogs};
use crate::site::Site;

/// Writes the directives.
pub(super) fn write(conf: &mut Conf, site: &Site) {
    conf.comment("Logs");
    let options = &site.options.logs;
    conf.line("ErrorLog", &[&error_log(site)]);
    conf.split("LogLevel", &options.log_level);
    if let Some(format) = &options.error_log_format {
        conf.line("ErrorLogFormat", &[format]);
    }
    if options.access_log {
        let format = match options.access_log_format.to_str() {
            Some("common") => "%h %l %u %t \"%r\" %>s %b".into(),
            Some("combined") => "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\"".into(),
            _ => options.access_log_format.clone(),
        };
        conf.line("LogFormat", &[&format, &"express"]);
        conf.line("CustomLog", &[&access_log(site), &"express"]);
    }
}

/// Where errors go.
pub(crate) fn error_log(site: &Site) -> OsString {
    place(site, "/dev/stderr", &site.options.logs.error_log_name)
}

/// Where requests are logged.
pub(crate) fn access_log(site: &Site) -> OsString {
    place(site, "/dev/stdout", &site.options.logs.access_log_name)
}

/// The file in which httpd's words at its start are kept.
pub(crate) fn startup_log(site: &Site) -> PathBuf {
    folder(site).join(&site.options.logs.startup_log_name)
}

fn folder(site: &Site) -> PathBuf {
    site.options.logs.log_directory.as_deref().map_or_else(|| site.root.clone(), absolute)
}

fn place(site: &Site, device: &str, name: &OsStr) -> OsString {
    let options = &site.options.logs;
    if options.log_to_terminal && options.log_directory.is_none() {
        return terminal(device);
    }
    let file = folder(site).join(name);
    let program = options.rotatelogs_executable.clone().or_else(|| rotatelogs(&site.httpd));
    match program.filter(|_| options.rotate_logs) {
        Some(program) => {
            let mut target = file.into_os_string();
            target.push(".%Y-%m-%d-%H_%M_%S");
            let size = format!("{}M", options.max_log_size);
            joined(&[&"|", &escaped(program.as_os_str()), &" ", &escaped(&target), &" ", &size])
        }
        None => file.into_os_string(),
    }
}

/// A standard stream. One that is a socket, as under systemd, has no file to open: then a program copies the lines.
fn terminal(device: &str) -> OsString {
    let opened = std::fs::OpenOptions::new().append(true).open(device);
    match opened.err().and_then(|_| program_in_path(&["tee"])) {
        Some(tee) => joined(&[&"|", &escaped(tee.as_os_str())]),
        None => device.into(),
    }
}

/// A word of the command line of a program for logs, which httpd takes apart by itself.
fn escaped(word: &OsStr) -> OsString {
    let mut escaped = Vec::new();
    for byte in word.as_bytes() {
        if b" \t\"'\\".contains(byte) {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    OsString::from_vec(escaped)
}
