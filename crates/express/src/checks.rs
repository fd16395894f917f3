//! What options ask of each other and of the file system, so that a mistake is named before anything is written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::locate::absolute;
use crate::options::{Options, pairs};
use crate::site::Error;

/// What options ask of each other.
pub(crate) fn consistent(options: &Options) -> Result<(), Error> {
    if let Some((option, instead)) = options.legacy.refusals().into_iter().next() {
        return Err(Error::Refused { option, instead });
    }
    let https = &options.https;
    if let Some(option) = https.wish().filter(|_| https.https_port.is_none()) {
        return Err(Error::Goes { option, needed: "--https-port" });
    }
    let goes = |given: bool, option, has_needed: bool, needed| match given && !has_needed {
        true => Err(Error::Goes { option, needed }),
        false => Ok(()),
    };
    let certificate =
        "a certificate: --ssl-certificate, or --ssl-certificate-file and --ssl-certificate-key-file";
    goes(https.https_port.is_some(), "--https-port", https.certificate().is_some(), certificate)?;
    goes(
        !https.ssl_verify_client.is_empty(),
        "--ssl-verify-client",
        https.ssl_ca_certificate_file.is_some(),
        "--ssl-ca-certificate-file",
    )?;
    goes(https.hsts_policy.is_some(), "--hsts-policy", https.https_only, "--https-only")?;
    goes(
        !options.listen.server_alias.is_empty(),
        "--server-alias",
        options.listen.server_name.is_some(),
        "--server-name",
    )?;
    goes(
        options.listen.allow_localhost,
        "--allow-localhost",
        options.listen.server_name.is_some(),
        "--server-name",
    )?;
    goes(options.debug.enable_debugger, "--enable-debugger", options.debug.debug_mode, "--debug-mode")?;
    if https.https_port == Some(options.listen.port) {
        let problem = "it is the same as --port; HTTP and HTTPS need a port each".to_owned();
        return Err(Error::Meaning { option: "--https-port", problem });
    }
    services_are_named(options)
}

/// A user, a group or a log of a service that there is not would have no effect.
fn services_are_named(options: &Options) -> Result<(), Error> {
    let services = &options.services;
    let names: Vec<_> = pairs(&services.service_script).map(|(name, _)| name).collect();
    for (option, values) in [
        ("--service-user", &services.service_user),
        ("--service-group", &services.service_group),
        ("--service-log-file", &services.service_log_file),
    ] {
        if let Some((name, _)) = pairs(values).find(|(name, _)| !names.contains(name)) {
            let problem = format!("there is no --service-script {}", name.to_string_lossy());
            return Err(Error::Meaning { option, problem });
        }
    }
    Ok(())
}

/// Files that options name, and without which something would fail only later.
pub(crate) fn files_exist(options: &Options) -> Result<(), Error> {
    let (https, access, server) = (&options.https, &options.access, &options.server);
    let certificate = https.certificate();
    let single = [
        ("--document-root", options.files.document_root.as_ref()),
        ("--rewrite-rules", options.files.rewrite_rules.as_ref()),
        ("--mime-types", options.files.mime_types.as_ref()),
        ("--envvars-script", server.envvars_script.as_ref()),
        ("--host-access-script", access.host_access_script.as_ref()),
        ("--auth-user-script", access.auth_user_script.as_ref()),
        ("--auth-group-script", access.auth_group_script.as_ref()),
        ("the certificate", certificate.as_ref().map(|(file, _)| file)),
        ("the certificate's key", certificate.as_ref().map(|(_, key)| key)),
        ("--ssl-certificate-chain-file", https.ssl_certificate_chain_file.as_ref()),
        ("--ssl-ca-certificate-file", https.ssl_ca_certificate_file.as_ref()),
        ("--log-directory", options.logs.log_directory.as_ref()),
    ];
    let second = |values: &[OsString]| pairs(values).map(|(_, path)| PathBuf::from(path)).collect::<Vec<_>>();
    let several = [
        ("--include-file", server.include_file.clone()),
        ("--service-script", second(&options.services.service_script)),
        ("--add-handler", second(&options.application.add_handler)),
    ];
    for (option, path) in single.into_iter().filter_map(|(option, path)| path.map(|path| (option, path))) {
        existing(option, path)?;
    }
    for (option, path) in
        several.iter().flat_map(|(option, paths)| paths.iter().map(move |path| (*option, path)))
    {
        existing(option, path)?;
    }
    match options.application.python_path.iter().find(|path| crate::conf::has_colon(path)) {
        Some(path) => Err(Error::Colon { option: "--python-path", path: path.clone() }),
        None => Ok(()),
    }
}

/// The path, unless nothing is there.
pub(crate) fn existing(option: &'static str, path: &Path) -> Result<PathBuf, Error> {
    let path = absolute(path);
    if path.exists() { Ok(path) } else { Err(Error::Absent { option, path }) }
}
