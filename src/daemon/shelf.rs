//! Buffers between requests.
//!
//! httpd has hundreds of threads and goes round among them, so a buffer for each would soon hold as much memory as if all
//! of them were busy. Here there are as many as there were requests at a time, and the one that was used last comes first:
//! it is in the processor's caches.

use std::sync::{Mutex, PoisonError};

/// More than these are given back: so many requests at a time are a rush.
const MOST: usize = 64;

/// Buffers that nobody uses.
pub(super) struct Shelf<T>(Mutex<Vec<T>>);

impl<T: Default> Shelf<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The one that was used last, or a new one.
    pub(super) fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// For another request.
    pub(super) fn put(&self, buffer: T) {
        let mut buffers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < MOST {
            buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_comes_first_whatever_the_thread() {
        let shelf: Shelf<Vec<u8>> = Shelf::new();
        shelf.put(vec![1]);
        std::thread::scope(|threads| threads.spawn(|| shelf.put(vec![2])).join()).expect("no panic");
        assert_eq!([shelf.take(), shelf.take(), shelf.take()], [vec![2], vec![1], vec![]]);
    }

    #[test]
    fn those_of_a_rush_are_given_back() {
        let shelf: Shelf<Vec<u8>> = Shelf::new();
        for _ in 0..=MOST {
            shelf.put(vec![1]);
        }
        let left = (0..=MOST).filter(|_| !shelf.take().is_empty()).count();
        assert_eq!(left, MOST);
    }
}
