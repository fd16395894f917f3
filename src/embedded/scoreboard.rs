//! httpd's scoreboard for the host in this process.

use std::ffi::{c_int, c_void};

use contract::abi::Take;

use crate::apache::fence::{Answered, fence};
use crate::apache::scoreboard;

/// [`contract::abi::Server::scoreboard`]
pub(super) unsafe extern "C" fn scoreboard(take: Take, context: *mut c_void) -> c_int {
    fence("embedded scoreboard", || {
        let Some(scoreboard) = scoreboard::scoreboard() else { return Answered(-1) };
        let bytes = scoreboard.encode();
        // SAFETY: the host's own function and its context; the bytes live beyond the call.
        unsafe { take(context, bytes.as_ptr(), bytes.len()) };
        Answered(0)
    })
}
