//! A request within a request: a page by an application that includes another (mod_include), or an access script that is
//! asked for such a part. The thread is in the host already, with what belongs to the outer request in its thread
//! states, so a helper thread runs the inner one while this one waits.
//!
//! A thread that needs a helper keeps it: thread states of Python stay with their threads, and what the application
//! keeps for its threads lasts from request to request.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// The host's function that runs a request.
type Serve = unsafe extern "C" fn(*mut c_void, *const u8, usize) -> c_int;

/// As much as httpd's own threads should have: Python recurses in C.
const STACK: usize = 8 << 20;

thread_local! {
    static IS_SERVING: Cell<bool> = const { Cell::new(false) };
    static HELPER: RefCell<Option<Helper>> = const { RefCell::new(None) };
}

/// A request for the helper.
struct Job {
    serve: Serve,
    /// The address of the exchange, which lives until the answer has come.
    exchange: usize,
    payload: Vec<u8>,
}

/// A thread that waits for requests until its sender is gone.
struct Helper {
    jobs: Sender<Job>,
    answers: Receiver<c_int>,
}

/// Has `serve` run a request: on this thread, or apart from it if it runs one already. `None`: there can be no thread.
///
/// # Safety
/// `exchange` and `payload` are what `serve` expects, during the call.
pub(super) unsafe fn run(serve: Serve, exchange: *mut c_void, payload: &[u8]) -> Option<c_int> {
    if IS_SERVING.replace(true) {
        let job = Job { serve, exchange: exchange.expose_provenance(), payload: payload.to_vec() };
        return HELPER.with_borrow_mut(|helper| Helper::of(helper)?.run(job));
    }
    // SAFETY: by the caller.
    let code = unsafe { serve(exchange, payload.as_ptr(), payload.len()) };
    IS_SERVING.set(false);
    Some(code)
}

impl Helper {
    fn of(place: &mut Option<Self>) -> Option<&Self> {
        if place.is_none() {
            *place = Self::start();
        }
        place.as_ref()
    }

    fn start() -> Option<Self> {
        let (jobs, to_do) = mpsc::channel::<Job>();
        let (done, answers) = mpsc::channel();
        let work = move || {
            for Job { serve, exchange, payload } in to_do {
                // SAFETY: the one who has sent the job waits for the answer, and vouches for the exchange.
                let code = unsafe { run(serve, std::ptr::with_exposed_provenance_mut(exchange), &payload) };
                if done.send(code.unwrap_or(500)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("wsgi nested".into()).stack_size(STACK).spawn(work).ok()?;
        Some(Self { jobs, answers })
    }

    fn run(&self, job: Job) -> Option<c_int> {
        self.jobs.send(job).ok()?;
        self.answers.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs itself again as often as the payload says, and counts in what `counter` points to.
    unsafe extern "C" fn again(counter: *mut c_void, payload: *const u8, _: usize) -> c_int {
        // SAFETY: the test's payload has one byte.
        let depth = unsafe { *payload };
        // SAFETY: the test's counter; one thread at a time uses it.
        unsafe { *counter.cast::<u32>() += 1 };
        if depth == 0 {
            return 0;
        }
        // SAFETY: as this call.
        unsafe { run(again, counter, &[depth - 1]) }.unwrap_or(500)
    }

    #[test]
    fn a_request_within_a_request_runs_on_another_thread() {
        let mut counter = 0_u32;
        for _ in 0..3 {
            // SAFETY: the counter outlives the call.
            assert_eq!(unsafe { run(again, (&raw mut counter).cast(), &[4]) }, Some(0));
        }
        assert_eq!(counter, 15);
        assert!(!IS_SERVING.get());
    }
}
