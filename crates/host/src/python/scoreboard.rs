//! httpd's scoreboard in embedded mode: through the module's table.

use std::ffi::c_void;

use contract::abi::Server;
use contract::scoreboard::Scoreboard;

use super::fence::fence;

/// Asks the module. `None`: httpd has none.
pub(super) fn ask(server: &Server) -> Option<Scoreboard> {
    let mut bytes = Vec::<u8>::new();
    // SAFETY: `take` gets back the vector, which lives beyond the call.
    let result = unsafe { (server.scoreboard)(take, (&raw mut bytes).cast()) };
    (result == 0).then(|| Scoreboard::decode(&bytes).ok()).flatten()
}

/// [`contract::abi::Take`]
unsafe extern "C" fn take(context: *mut c_void, bytes: *const u8, length: usize) {
    fence("the scoreboard", (), || {
        // SAFETY: `ask` has passed its vector, which nothing else uses meanwhile.
        let vector = unsafe { &mut *context.cast::<Vec<u8>>() };
        // SAFETY: the module passes so many bytes.
        vector.extend_from_slice(unsafe { std::slice::from_raw_parts(bytes, length) });
    });
}
