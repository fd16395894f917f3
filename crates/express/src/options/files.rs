//! Files beside the application, and error pages.

use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Static files and errors")]
pub(crate) struct Files {
    /// Files in this folder come before the application [default: htdocs in the server root, empty]
    ///
    /// Becomes `DocumentRoot`
    #[arg(long, value_name = "DIR")]
    pub document_root: Option<PathBuf>,
    /// Serves a file, or the files of a folder, at a URL. May be repeated
    ///
    /// Becomes `Alias`
    #[arg(long, num_args = 2, value_names = ["URL", "PATH"])]
    pub url_alias: Vec<OsString>,
    /// The file that is served for a folder of the document root
    ///
    /// Becomes `DirectoryIndex`
    #[arg(long, value_name = "FILE")]
    pub directory_index: Option<OsString>,
    /// Lists folders of the document root
    ///
    /// Becomes `Options Indexes`
    #[arg(long)]
    pub directory_listing: bool,
    /// What .htaccess files in the document root may set. May be repeated
    ///
    /// Becomes `AllowOverride`
    #[arg(long, value_name = "TYPE")]
    pub allow_override: Vec<String>,
    /// The URL that answers for a status. May be repeated
    ///
    /// Becomes `ErrorDocument`
    #[arg(long, num_args = 2, value_names = ["STATUS", "URL"])]
    pub error_document: Vec<OsString>,
    /// httpd's error pages replace those of the application
    ///
    /// Becomes `WSGIErrorOverride`
    #[arg(long)]
    pub error_override: bool,
    /// Compresses text, HTML, XML, CSS, JavaScript and JSON
    ///
    /// Becomes `AddOutputFilterByType`
    #[arg(long)]
    pub compress_responses: bool,
    /// Executable files named *.cgi in the document root run as CGI programs
    ///
    /// Becomes `AddHandler`
    #[arg(long)]
    pub with_cgi: bool,
    /// A file with rewrite rules for the document root [default: rewrite.conf in the server root, empty]
    ///
    /// Becomes `Include`
    #[arg(long, value_name = "FILE")]
    pub rewrite_rules: Option<PathBuf>,
    /// A file with media types [default: the first that Python knows]
    ///
    /// Becomes `TypesConfig`
    #[arg(long, value_name = "FILE")]
    pub mime_types: Option<PathBuf>,
}
