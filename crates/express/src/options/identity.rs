//! Who httpd and the application run as.

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Identity")]
pub(crate) struct Identity {
    /// The user of httpd's children and of the application, as a name or #uid. For root, who must give one
    ///
    /// Becomes `User`
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Their group, as a name or #gid [default: that of the user]
    ///
    /// Becomes `Group`
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
}
