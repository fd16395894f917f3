//! What httpd knows about a request beyond its own fields: names, addresses, permissions, the core's settings.

use std::ffi::{CStr, c_char};
use std::net::IpAddr;

use super::request::{Raw, Request, field, text};
use crate::config::Alias;
use crate::sys;

/// The note that says which alias has mapped a URL.
const ALIAS: &CStr = c"mod_wsgi.alias";

/// What the URL was mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Nothing is there.
    Nothing,
    /// A directory.
    Directory,
    /// A file of some kind.
    File,
}

impl<'r> Request<'r> {
    /// The name of the server for URLs that lead back to it (UseCanonicalName).
    pub(crate) fn server_name(self) -> Option<&'r CStr> {
        // SAFETY: the request is alive; the name lives as long.
        text(unsafe { sys::ap_get_server_name_for_url(self.as_ptr()) })
    }

    /// The port of the server (UseCanonicalPhysicalPort and kin).
    pub(crate) fn server_port(self) -> u16 {
        // SAFETY: the request is alive.
        unsafe { sys::ap_get_server_port(self.as_ptr()) }
    }

    /// httpd's banner, subject to ServerTokens.
    pub(crate) fn server_banner(self) -> Option<&'r CStr> {
        // SAFETY: no arguments; the banner lives as long as the configuration.
        text(unsafe { sys::ap_get_server_banner() })
    }

    /// `http` or `https`, as httpd has it.
    pub(crate) fn scheme(self) -> Option<&'r CStr> {
        // SAFETY: the request is alive; schemes are constants.
        text(unsafe { sys::ap_run_http_scheme(self.as_ptr()) })
    }

    /// DocumentRoot.
    pub(crate) fn document_root(self) -> Option<&'r CStr> {
        // SAFETY: the request is alive; so is the answer.
        text(unsafe { sys::ap_document_root(self.as_ptr()) })
    }

    /// The part of the URL that Alias and the like took.
    pub(crate) fn context_prefix(self) -> Option<&'r CStr> {
        // SAFETY: as above.
        text(unsafe { sys::ap_context_prefix(self.as_ptr()) })
    }

    /// The folder that belongs to it.
    pub(crate) fn context_document_root(self) -> Option<&'r CStr> {
        // SAFETY: as above.
        text(unsafe { sys::ap_context_document_root(self.as_ptr()) })
    }

    /// The server's address on this connection.
    pub(crate) fn local_ip(self) -> Option<&'r CStr> {
        let connection = self.connection();
        text(field!(connection.local_ip))
    }

    /// The port that the client connects from.
    pub(crate) fn client_port(self) -> u16 {
        let connection = self.connection();
        let address = Raw(field!(connection.client_addr));
        field!(address.port)
    }

    /// Host and port of the address that listens; a wildcard has no host.
    pub(crate) fn listener(self) -> (Option<&'r CStr>, u16) {
        let connection = self.connection();
        let address = Raw(field!(connection.local_addr));
        (text(field!(address.hostname)), field!(address.port))
    }

    /// The id under which httpd logs the request; made now if it has none yet.
    pub(crate) fn id(self) -> Option<&'r CStr> {
        if field!(self.log_id).is_null() {
            let connection = self.connection().as_ptr();
            // SAFETY: the request is alive.
            let place = unsafe { &raw mut (*self.as_ptr()).log_id };
            // SAFETY: as above; httpd allocates the id in the request's pool.
            unsafe { sys::ap_run_generate_log_id(connection, self.as_ptr(), place) };
        }
        text(field!(self.log_id))
    }

    /// The id under which httpd logs the connection, if it has one.
    pub(crate) fn connection_id(self) -> Option<&'r CStr> {
        let connection = self.connection();
        text(field!(connection.log_id))
    }

    /// Maps the URL to a file and what follows it; false, and nothing is changed, if there is no regular file. What the
    /// system says about the file is kept where httpd's directory walk looks for it.
    pub(crate) fn set_script(self, file: &'r CStr, path_info: &'r CStr) -> bool {
        let raw = self.as_ptr();
        // SAFETY: the request is alive; the place is a field of it.
        let found = unsafe { &raw mut (*raw).finfo };
        // SAFETY: `found` is writable, and the pool lives as long as the request, as what is kept there must.
        let status = unsafe {
            sys::apr_stat(found, file.as_ptr(), sys::APR_FINFO_MIN as sys::apr_int32_t, self.pool().as_ptr())
        };
        if status != 0 || field!(self.finfo.filetype) != sys::APR_REG {
            // SAFETY: as above: httpd looks itself.
            unsafe { (*raw).finfo.filetype = sys::APR_NOFILE };
            return false;
        }
        // SAFETY: as above; httpd writes to the copy that it makes of it.
        unsafe { (*raw).path_info = path_info.as_ptr().cast_mut() };
        self.set_filename(file);
        true
    }

    /// What the URL was mapped to.
    pub(crate) fn file_kind(self) -> FileKind {
        match field!(self.finfo.filetype) {
            sys::APR_NOFILE => FileKind::Nothing,
            sys::APR_DIR => FileKind::Directory,
            _ => FileKind::File,
        }
    }

    /// When the file that the URL was mapped to was changed last, in microseconds since the epoch, if that is `script` and
    /// httpd has looked; else 0.
    pub(crate) fn modified(self, script: &[u8]) -> u64 {
        let known = self.file_kind() == FileKind::File
            && field!(self.finfo.valid) & sys::APR_FINFO_MTIME as sys::apr_int32_t != 0
            && self.filename().is_some_and(|name| name.to_bytes() == script);
        if known { u64::try_from(field!(self.finfo.mtime)).unwrap_or(0) } else { 0 }
    }

    /// Options ExecCGI holds here.
    pub(crate) fn may_execute(self) -> bool {
        // SAFETY: the request is alive.
        let options = unsafe { sys::ap_allow_options(self.as_ptr()) };
        i64::from(options) & i64::from(sys::OPT_EXECCGI) != 0
    }

    /// AcceptPathInfo is Off.
    pub(crate) fn refuses_path_info(self) -> bool {
        i64::from(field!(self.used_path_info)) == i64::from(sys::AP_REQ_REJECT_PATH_INFO)
    }

    /// LimitRequestBody; `None` is no limit.
    pub(crate) fn body_limit(self) -> Option<u64> {
        // SAFETY: the request is alive.
        let limit = unsafe { sys::ap_get_limit_req_body(self.as_ptr()) };
        u64::try_from(limit).ok().filter(|limit| *limit > 0)
    }

    /// Whether an output filter before httpd's own protocol filters looks at the content.
    pub(crate) fn has_content_filter(self) -> bool {
        let filter = Raw(field!(self.output_filters));
        if filter.as_ptr().is_null() {
            return false;
        }
        let record = Raw(field!(filter.frec));
        field!(record.ftype) < sys::AP_FTYPE_PROTOCOL
    }

    /// `CGIPassAuth On`
    pub(crate) fn passes_authorization(self) -> bool {
        let core = self.core();
        // SAFETY: the core's settings of a request are alive with it.
        (unsafe { sys::wsgi_passes_authorization(core) }) != 0
    }

    /// `EnableSendfile On`
    pub(crate) fn enables_sendfile(self) -> bool {
        let core = self.core();
        // SAFETY: as above.
        (unsafe { sys::wsgi_enables_sendfile(core) }) != 0
    }

    /// `QualifyRedirectURL On`
    pub(crate) fn qualifies_redirect_url(self) -> bool {
        let core = self.core();
        // SAFETY: as above.
        (unsafe { sys::wsgi_qualifies_redirect_url(core) }) != 0
    }

    /// The full URL of `path` on this server.
    pub(crate) fn full_url(self, path: &CStr) -> Option<&'r CStr> {
        let pool = self.pool().as_ptr();
        // SAFETY: request and path are alive; the answer is made in the request's pool.
        text(unsafe { sys::ap_construct_url(pool, path.as_ptr(), self.as_ptr()) })
    }

    /// `CGIVar REQUEST_URI current-uri`
    pub(crate) fn wants_current_uri(self) -> bool {
        let core = Raw(self.core().cast_mut());
        let rules = field!(core.cgi_var_rules);
        if rules.is_null() {
            return false;
        }
        // SAFETY: a look-up by a C string.
        let rule = unsafe {
            sys::apr_hash_get(rules, c"REQUEST_URI".as_ptr().cast(), sys::APR_HASH_KEY_STRING as isize)
        };
        text(rule.cast::<c_char>()).is_some_and(|rule| rule == c"current-uri")
    }

    fn core(self) -> *const sys::core_dir_config {
        let vector = field!(self.per_dir_config);
        // SAFETY: every request has the core's settings.
        unsafe { sys::ap_get_core_module_config(vector) }.cast_const().cast()
    }

    /// The alias that mapped the URL. httpd hands notes over where it puts another request in the place of this one, as
    /// for DirectoryIndex and FallbackResource.
    pub(crate) fn alias(self) -> Option<&'r Alias> {
        let index: usize = self.notes().get(ALIAS)?.to_str().ok()?.parse().ok()?;
        self.server().settings().aliases.get(index)
    }

    /// Notes the alias that mapped the URL: the place of it among those of the server.
    pub(crate) fn set_alias(self, index: usize) {
        self.notes().set(ALIAS, self.pool().string(index.to_string().as_bytes()));
    }

    /// The client's address as mod_remoteip left it.
    pub(crate) fn client_address(self) -> Option<IpAddr> {
        self.client_ip()?.to_str().ok()?.parse().ok()
    }
}
