//! Random bytes for ids, bought from the kernel for many requests at once: a system call for each would cost more than
//! all the rest of a trace's context.
//!
//! Each thread has its own store. Only threads of httpd's children answer requests, and no child is forked from one that
//! does, so no two processes have the same store.

use std::cell::RefCell;

use rustix::rand::{GetRandomFlags, getrandom};

/// Bytes that one id needs, and how many ids one call brings.
const NEEDED: usize = 24;
const AT_ONCE: usize = 32;

thread_local! {
    static STORE: RefCell<Vec<[u8; NEEDED]>> = const { RefCell::new(Vec::new()) };
}

/// Bytes that nobody else has; `None` if the kernel gives none, as very early at its start.
pub(super) fn bytes() -> Option<[u8; NEEDED]> {
    STORE.with_borrow_mut(|store| {
        if store.is_empty() {
            let mut fresh = [0; NEEDED * AT_ONCE];
            let count = getrandom(&mut fresh[..], GetRandomFlags::NONBLOCK).unwrap_or(0);
            let fresh = fresh.get(..count).unwrap_or_default();
            store.extend(fresh.chunks_exact(NEEDED).filter_map(|chunk| <[u8; NEEDED]>::try_from(chunk).ok()));
        }
        store.pop()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_bytes_come_twice() {
        let here = || (0..3 * AT_ONCE).map(|_| bytes().unwrap()).collect::<Vec<_>>();
        let there = std::thread::spawn(here).join().unwrap();
        let all: BTreeSet<_> = here().into_iter().chain(there).collect();
        assert_eq!(all.len(), 6 * AT_ONCE);
    }
}
