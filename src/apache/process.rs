//! The processes: which one this is, what httpd knows of its children, and what outlives a restart.

use std::any::Any;
use std::ffi::{CStr, OsStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;
use std::sync::Mutex;

use contract::level;

use super::fence::{Nothing, fence};
use super::pool::Pool;
use super::request::text;
use crate::config::python::Environment;
use crate::sys;

/// Why httpd calls about a process that was registered with [`watch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChildEvent {
    /// It ended, with this wait status.
    Died(i32),
    /// httpd restarts or stops.
    Restart,
    /// It is no longer watched (the configuration goes).
    Unregistered,
    /// httpd looked and it was gone, with nothing known about its end.
    Lost,
    /// httpd looked and it was there.
    Running,
}

/// httpd's own user and group (User and Group directives).
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Whether this is the pass of httpd's start-up whose configuration will be used, and not a test of it.
pub(crate) fn is_real_pass() -> bool {
    // SAFETY: a query without side effects.
    let state = unsafe { sys::ap_state_query(sys::AP_SQ_MAIN_STATE) };
    state != sys::AP_SQ_MS_CREATE_PRE_CONFIG && !is_config_test()
}

/// Whether httpd only checks the configuration (`-t`).
pub(crate) fn is_config_test() -> bool {
    // SAFETY: a query without side effects.
    let mode = unsafe { sys::ap_state_query(sys::AP_SQ_RUN_MODE) };
    mode == sys::AP_SQ_RM_CONFIG_TEST || mode == sys::AP_SQ_RM_CONFIG_DUMP
}

/// Whether httpd only lists something (`-S`, `-M`), for which it reads its configuration, too.
pub(crate) fn is_listing() -> bool {
    // SAFETY: a query without side effects.
    (unsafe { sys::ap_state_query(sys::AP_SQ_RUN_MODE) }) == sys::AP_SQ_RM_CONFIG_DUMP
}

/// httpd's generation: 0 after the start, one more after each restart.
pub(crate) fn generation() -> u32 {
    mpm_query(sys::AP_MPMQ_GENERATION)
}

/// Whether the parent is about to stop (or not to run any more).
pub(crate) fn is_stopping() -> bool {
    mpm_query(sys::AP_MPMQ_MPM_STATE) == sys::AP_MPMQ_STOPPING as u32
}

/// What httpd says about itself and its processes.
pub(crate) fn environment() -> Environment {
    // SAFETY: returns a constant string of the MPM.
    let name = text(unsafe { sys::ap_show_mpm() });
    // SAFETY: returns a constant string.
    let built = text(unsafe { sys::ap_get_server_built() });
    let threads = mpm_query(sys::AP_MPMQ_MAX_THREADS);
    let processes = mpm_query(sys::AP_MPMQ_MAX_DAEMONS);
    Environment {
        log_level: level::DEBUG,
        httpd_version: httpd_version(),
        httpd_description: httpd_description(),
        httpd_built: built.map(CStr::to_string_lossy).unwrap_or_default().into_owned(),
        debug_mode: is_debug_mode(),
        mpm_name: name.map(CStr::to_string_lossy).unwrap_or_default().into_owned(),
        mpm_processes: processes,
        mpm_threads: if mpm_query(sys::AP_MPMQ_IS_THREADED) != 0 { threads } else { 1 },
        multiprocess: mpm_query(sys::AP_MPMQ_IS_FORKED) != 0 && processes > 1,
    }
}

/// `httpd -X`: one process, in the foreground.
fn is_debug_mode() -> bool {
    is_defined(c"DEBUG")
}

/// Whether httpd was started with `-D NAME`, or its configuration has `Define NAME`.
pub(crate) fn is_defined(name: &CStr) -> bool {
    // SAFETY: reads the list of names, which httpd completes before it calls about its configuration.
    (unsafe { sys::ap_exists_config_define(name.as_ptr()) }) != 0
}

fn mpm_query(what: c_int) -> u32 {
    let mut answer = 0;
    // SAFETY: `answer` is writable; an unknown query leaves it alone.
    let status = unsafe { sys::ap_mpm_query(what, &raw mut answer) };
    if status == 0 { u32::try_from(answer).unwrap_or(0) } else { 0 }
}

/// Whether child processes are run as another user, which needs root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// httpd's own user and group; final once the configuration has been read.
pub(crate) fn identity() -> Identity {
    let place = &raw const sys::ap_unixd_config;
    // SAFETY: httpd writes it while it reads its configuration, single-threaded.
    let config = unsafe { place.read() };
    Identity { uid: config.user_id, gid: config.group_id }
}

/// CoreDumpDirectory is set.
pub(crate) fn wants_core_dumps() -> bool {
    let place = &raw const sys::ap_coredumpdir_configured;
    // SAFETY: httpd writes it while it reads its configuration, single-threaded.
    (unsafe { place.read() }) != 0
}

/// Asks httpd to report on child process `pid`, from its once-a-second maintenance in the parent, until `pool` is
/// cleared.
pub(crate) fn watch<'p>(pool: Pool<'p>, pid: i32, report: impl FnMut(ChildEvent) + 'p) {
    let watched = pool.own(Watch { process: process(pid), report: Box::new(report) });
    let data = ptr::from_mut(watched);
    // SAFETY: `process` lives in `pool` as long as the registration.
    let process = unsafe { &raw mut (*data).process };
    // SAFETY: as above; `maintain` gets the data back that belongs to it, while the pool lives.
    unsafe {
        sys::apr_proc_other_child_register(
            process,
            Some(maintain),
            data.cast(),
            ptr::null_mut(),
            pool.as_ptr(),
        );
    }
}

struct Watch<'p> {
    process: sys::apr_proc_t,
    report: Box<dyn FnMut(ChildEvent) + 'p>,
}

fn process(pid: i32) -> sys::apr_proc_t {
    sys::apr_proc_t { pid, in_: ptr::null_mut(), out: ptr::null_mut(), err: ptr::null_mut() }
}

/// No signal has this number or a higher one, in Linux; so exit statuses of ours begin here.
const FIRST_STATUS: c_int = 65;
/// A bit in the system's wait status.
const CORE_DUMPED: c_int = 128;

/// The system's wait status of a child that has died. The MPMs tell what APR has made of it, the exit status or the number of
/// the signal, and not which; apr_proc_other_child_refresh tells the system's.
fn wait_status(status: c_int) -> c_int {
    if (FIRST_STATUS..CORE_DUMPED).contains(&status) { status << 8 } else { status }
}

unsafe extern "C" fn maintain(reason: c_int, data: *mut c_void, status: c_int) {
    fence("child maintenance", || {
        let event = match reason {
            sys::APR_OC_REASON_DEATH => ChildEvent::Died(wait_status(status)),
            sys::APR_OC_REASON_RESTART => ChildEvent::Restart,
            sys::APR_OC_REASON_UNREGISTER => ChildEvent::Unregistered,
            sys::APR_OC_REASON_LOST => ChildEvent::Lost,
            _ => ChildEvent::Running,
        };
        if matches!(event, ChildEvent::Died(_) | ChildEvent::Lost) {
            // APR has taken the process out of its record, and meets a null pointer if the record stays in its list.
            // SAFETY: the record is in the list, since APR has just found it there.
            unsafe { sys::apr_proc_other_child_unregister(data) };
        }
        // Unregistering comes back here: no reference to the record is held meanwhile.
        // SAFETY: `watch` registered this record, and its pool lives.
        let report = unsafe { &raw mut (*data.cast::<Watch<'_>>()).report };
        // SAFETY: as above; httpd calls from the parent's one thread.
        unsafe { (*report)(event) };
        Nothing
    });
}

/// The process-wide value under `key`, made at the first call; it survives restarts. For the parent, whose library
/// stays mapped (`-z nodelete`).
pub(crate) fn retained<T: Any + Send + Default>(key: &'static CStr) -> &'static Mutex<T> {
    // SAFETY: httpd looks the key up.
    let found = unsafe { sys::ap_retained_data_get(key.as_ptr()) }.cast::<*mut Mutex<T>>();
    let place = if found.is_null() {
        // SAFETY: httpd makes zeroed memory of that size in the process pool.
        let made = unsafe { sys::ap_retained_data_create(key.as_ptr(), size_of::<*mut Mutex<T>>()) };
        let made = made.cast::<*mut Mutex<T>>();
        // SAFETY: of the right size, and memory of a pool is aligned for pointers.
        unsafe { made.write(Box::into_raw(Box::default())) };
        made
    } else {
        found
    };
    // SAFETY: written above, in this call or an earlier one.
    let value = unsafe { place.read() };
    // SAFETY: it is never freed.
    unsafe { &*value }
}

/// ThreadStackSize, if it was set.
pub(crate) fn thread_stack_size() -> Option<usize> {
    let place = &raw const sys::ap_thread_stacksize;
    // SAFETY: httpd writes it while it reads its configuration.
    let size = unsafe { place.read() };
    Some(size).filter(|size| *size > 0)
}

/// httpd's version, as 2, 4, 71.
fn httpd_version() -> (u32, u32, u32) {
    let mut version = sys::ap_version_t { major: 0, minor: 0, patch: 0, add_string: ptr::null() };
    // SAFETY: the place is writable.
    unsafe { sys::ap_get_server_revision(&raw mut version) };
    let number = |part: c_int| u32::try_from(part).unwrap_or(0);
    (number(version.major), number(version.minor), number(version.patch))
}

/// httpd's description of itself.
fn httpd_description() -> String {
    // SAFETY: returns a text that lives as long as the configuration.
    let text = text(unsafe { sys::ap_get_server_description() });
    text.map(CStr::to_string_lossy).unwrap_or_default().into_owned()
}

/// The name that httpd was called by, without its folder.
pub(crate) fn program_name() -> String {
    let place = &raw const sys::ap_server_argv0;
    // SAFETY: httpd sets it when it begins, before it loads modules.
    let name = text(unsafe { place.read() });
    name.map_or_else(|| "httpd".into(), |name| name.to_string_lossy().into_owned())
}

/// Adds a word to httpd's banner, as `mod_wsgi/6.1.1`.
pub(crate) fn announce(configuration: Pool<'_>, component: &str) {
    let component = configuration.string(component.as_bytes());
    // SAFETY: pool and text live as long as the configuration.
    unsafe { sys::ap_add_version_component(configuration.as_ptr(), component.as_ptr()) };
}

/// The file of this library, beside which its companions are installed.
pub(crate) fn own_file() -> PathBuf {
    let mut facts = MaybeUninit::<libc::Dl_info>::zeroed();
    let inside = (&raw const super::wsgi_module).cast();
    // SAFETY: the address lies in this library, and the place is writable.
    let found = unsafe { libc::dladdr(inside, facts.as_mut_ptr()) };
    // SAFETY: all zero is a valid value, and the call fills it if it succeeds.
    let facts = unsafe { facts.assume_init() };
    let name = text(facts.dli_fname).filter(|_| found != 0).unwrap_or(c"mod_wsgi.so");
    PathBuf::from(OsStr::from_bytes(name.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_children_are_told_apart() {
        for (told, meant) in
            [(0, 0), (9, 9), (64, 64), (78, 78 << 8), (11 | CORE_DUMPED, 139), (78 << 8, 78 << 8)]
        {
            assert_eq!(wait_status(told), meant, "{told}");
        }
    }
}
