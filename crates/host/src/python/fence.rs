//! The panic fence: the whole body of every function that C calls.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use contract::level;

/// Runs `body`; a panic is logged under `name` and becomes `on_panic`.
pub(crate) fn fence<R>(name: &str, on_panic: R, body: impl FnOnce() -> R) -> R {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            crate::log::log(level::CRIT, &format!("panic in {name}: {}", text(&*payload)));
            discard(payload);
            on_panic
        }
    }
}

/// What a panic said.
pub(crate) fn text(payload: &(dyn Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Drops a panic's payload, whose own `drop` may panic.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        #[expect(clippy::mem_forget, reason = "it panics when dropped, and there may be no end to that")]
        std::mem::forget(second);
    }
}
