//! The sections of a server: what our directives said in `<Directory>`, `<Location>` and outside of them.
//!
//! For whoever judges the configuration before there is a request: httpd itself merges sections for requests only.

use std::ffi::{CStr, c_void};

use super::module;
use super::request::{Raw, field, text};
use super::server::Server;
use crate::config::Settings;
use crate::sys;

/// One section.
pub(crate) struct Section<'s> {
    /// The folder or the URL path; `None`: a pattern.
    pub(crate) path: Option<&'s [u8]>,
    pub(crate) settings: &'s Settings,
    /// What is said of some files or requests within: `<Files>`, `<If>`.
    pub(crate) within: Vec<&'s Settings>,
}

/// All of a server, with those of the main server before those of a virtual host; in the order in which they count.
pub(crate) struct Sections<'s> {
    /// What stands outside.
    pub(crate) outside: Section<'s>,
    pub(crate) directories: Vec<Section<'s>>,
    pub(crate) locations: Vec<Section<'s>>,
}

impl<'s> Sections<'s> {
    /// Those of `server`, once httpd has read its configuration.
    pub(crate) fn of(server: Server<'s>) -> Self {
        let outside = Raw(server.as_ptr());
        let (defaults, vector) = (field!(outside.lookup_defaults), field!(outside.module_config));
        // SAFETY: the core has settings in every server.
        let core = Raw(unsafe { sys::ap_get_core_module_config(vector) }.cast::<sys::core_server_config>());
        Self {
            outside: section(defaults),
            directories: vectors(field!(core.sec_dir)).map(section).collect(),
            locations: vectors(field!(core.sec_url)).map(section).collect(),
        }
    }
}

fn section<'s>(vector: *mut sys::ap_conf_vector_t) -> Section<'s> {
    let core = core(vector);
    // SAFETY: the core has settings in every section.
    let path = text(unsafe { sys::wsgi_section_path(core.as_ptr()) }).map(CStr::to_bytes);
    Section { path, settings: settings(vector), within: within(&core, DEEPEST) }
}

/// How deep sections within sections are followed.
const DEEPEST: usize = 8;

fn within<'s>(core: &Raw<sys::core_dir_config>, depth: usize) -> Vec<&'s Settings> {
    if depth == 0 {
        return Vec::new();
    }
    let inner = vectors(field!(core.sec_file)).chain(vectors(field!(core.sec_if)));
    inner
        .flat_map(|vector| {
            let mut all = within(&self::core(vector), depth - 1);
            all.push(settings(vector));
            all
        })
        .collect()
}

fn core(vector: *mut sys::ap_conf_vector_t) -> Raw<sys::core_dir_config> {
    // SAFETY: a vector of httpd's, in which the core has settings.
    Raw(unsafe { sys::ap_get_core_module_config(vector) }.cast())
}

fn settings<'s>(vector: *mut sys::ap_conf_vector_t) -> &'s Settings {
    static NOTHING: Settings = Settings::NOTHING;
    // SAFETY: a vector of httpd's.
    let raw: *mut c_void = unsafe { sys::ap_get_module_config(vector, module()) };
    // SAFETY: `create_location` made it, and it lives as long as the configuration.
    unsafe { raw.cast::<Settings>().cast_const().as_ref() }.unwrap_or(&NOTHING)
}

/// The configuration vectors in an array of httpd's.
fn vectors(array: *mut sys::apr_array_header_t) -> impl Iterator<Item = *mut sys::ap_conf_vector_t> {
    let (elements, count) = if array.is_null() {
        (std::ptr::null_mut(), 0)
    } else {
        let array = Raw(array);
        (field!(array.elts).cast::<*mut sys::ap_conf_vector_t>(), field!(array.nelts))
    };
    (0..usize::try_from(count).unwrap_or(0)).map(move |at| {
        // SAFETY: below the length.
        let place = unsafe { elements.add(at) };
        // SAFETY: httpd has filled it.
        unsafe { place.read() }
    })
}
