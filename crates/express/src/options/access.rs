//! Python scripts that decide who may come in.

use std::path::PathBuf;

/// Schemes of authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AuthType {
    #[value(name = "Basic")]
    Basic,
    #[value(name = "Digest")]
    Digest,
}

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct Access {
    /// A script with allow_access(environ, host)
    ///
    /// Becomes `WSGIAccessScript`
    #[arg(long, value_name = "FILE")]
    pub host_access_script: Option<PathBuf>,
    /// A script with check_password(environ, user, password), or get_realm_hash for Digest
    ///
    /// Becomes `WSGIAuthUserScript`
    #[arg(long, value_name = "FILE")]
    pub auth_user_script: Option<PathBuf>,
    /// How users prove who they are
    ///
    /// Becomes `AuthType`
    #[arg(long, value_enum, value_name = "TYPE", default_value_t = AuthType::Basic, ignore_case = true)]
    pub auth_type: AuthType,
    /// A script with groups_for_user(environ, user)
    ///
    /// Becomes `WSGIAuthGroupScript`
    #[arg(long, value_name = "FILE", requires = "auth_user_script")]
    pub auth_group_script: Option<PathBuf>,
    /// The group that users must be in
    ///
    /// Becomes `Require wsgi-group`
    #[arg(long, value_name = "NAME", default_value = "wsgi")]
    pub auth_group: String,
}
