//! The memory of the process's arguments, which is what `ps` shows.

/// Replaces what `ps` shows after `argv[0]` (which must stay: Python finds its virtual environment through it).
/// Text that does not fit is cut. Does nothing when the arguments are not known.
pub(crate) fn set_title(title: &[u8]) {
    let _ = title;
}
