//! Where httpd's children count the requests that they run themselves: an area with one slot, without a worker, which
//! all of them map, and which lasts as long as httpd.

use std::io;
use std::sync::PoisonError;

use contract::area::Area;
use contract::counters::Loss;
use contract::thread::clock;

use crate::apache::process;

/// Kept by httpd's parent over restarts; its children inherit the mapping.
#[derive(Default)]
struct Counted(Option<&'static Area>);

/// In the parent: makes it the first time that it is `wanted`. (Whether or not, httpd has a place for it from here on:
/// children have threads, and must not make one.)
pub(super) fn prepare(wanted: bool) -> io::Result<()> {
    let kept = process::retained::<Counted>(KEY);
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if wanted && kept.0.is_none() {
        let (area, _file) = Area::create(1, 0)?;
        kept.0 = Some(Box::leak(Box::new(area)));
    }
    Ok(())
}

const KEY: &std::ffi::CStr = c"mod_wsgi: counters of embedded mode";

/// What the children have counted; `None`: none of them ever ran Python.
pub(crate) fn counted() -> Option<&'static Area> {
    process::retained::<Counted>(KEY).lock().unwrap_or_else(PoisonError::into_inner).0
}

/// A request cannot be run for this reason.
pub(super) fn lost(reason: &str) {
    if let Some(area) = counted() {
        area.group().lost.add(Loss::Failing);
        area.group().last_error.write(reason.as_bytes(), clock());
    }
}
