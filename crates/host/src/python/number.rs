//! The numbers of httpd's threads in this child (`mod_wsgi.thread_id`). Threads come and go (mod_http2), so the number
//! of one that has ended is given out again: whatever is kept by number stays as small as the most threads at a time.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Numbers that were given out and are free again, and the highest one so far.
#[derive(Debug)]
struct Numbers {
    free: BTreeSet<u32>,
    last: u32,
}

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers { free: BTreeSet::new(), last: 0 });

/// A number while its thread lives.
struct Number(u32);

thread_local! {
    static NUMBER: Number = Number(with(Numbers::take));
}

/// The number of this thread: at its first request the lowest one from 1 that no other has.
pub(super) fn of_this_thread() -> u32 {
    NUMBER.with(|number| number.0)
}

impl Numbers {
    fn take(&mut self) -> u32 {
        self.free.pop_first().unwrap_or_else(|| {
            self.last += 1;
            self.last
        })
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        with(|numbers| numbers.free.insert(self.0));
    }
}

fn with<R>(body: impl FnOnce(&mut Numbers) -> R) -> R {
    body(&mut NUMBERS.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_ended_threads_are_given_out_again() {
        let own = of_this_thread();
        let numbers: Vec<u32> =
            (0..5).map(|_| std::thread::spawn(of_this_thread).join().expect("no panic")).collect();
        assert_eq!(numbers, [own + 1; 5]);
        assert_eq!(of_this_thread(), own);
    }
}
