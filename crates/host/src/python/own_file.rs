//! The file that this library was loaded from: the host for all Pythons, or one for the Python of this process alone.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// As the loader was given it; `None` when it does not know.
pub(crate) fn own_file() -> Option<PathBuf> {
    // SAFETY: a C structure of pointers, for all of which zero is a value.
    let mut facts: libc::Dl_info = unsafe { std::mem::zeroed() };
    let inside = own_file as *const ();
    // SAFETY: an address within this library, and a place.
    if unsafe { libc::dladdr(inside.cast(), &raw mut facts) } == 0 || facts.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader's own text, which lives as long as the library.
    let name = unsafe { CStr::from_ptr(facts.dli_fname) };
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_test_is_its_own_program() {
        let own = super::own_file().expect("the loader knows");
        assert_eq!(own.file_name(), std::env::current_exe().expect("a program").file_name());
    }
}
