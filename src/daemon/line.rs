//! The line in front of a full queue: this httpd child's requests for a group, first come, first served.
//!
//! The queue ([`super::queue`]) belongs to all children and holds `listen-backlog` requests. Whoever finds no room in it
//! has to try again and again; if all did, the one who is lucky would get in, and some would not for long. So only the
//! first of the line tries; the others sleep.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread::{Thread, current, park_timeout};
use std::time::Duration;

/// Who stands in it, the first in front.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<VecDeque<Thread>>);

/// This thread's place. Dropped, the one behind it moves up.
#[derive(Debug)]
pub(super) struct Place<'l>(&'l Line);

impl Line {
    /// Whether nobody stands in it.
    pub(super) fn is_empty(&self) -> bool {
        self.with(|threads| threads.is_empty())
    }

    /// Puts the calling thread at its end.
    pub(super) fn join(&self) -> Place<'_> {
        self.with(|threads| threads.push_back(current()));
        Place(self)
    }

    fn with<R>(&self, look: impl FnOnce(&mut VecDeque<Thread>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Place<'_> {
    /// Whether nobody stands before this thread.
    pub(super) fn is_first(&self) -> bool {
        let own = current().id();
        self.0.with(|threads| threads.front().is_some_and(|first| first.id() == own))
    }

    /// Sleeps until it may be the first; for at most `time`.
    pub(super) fn sleep(&self, time: Duration) {
        if !self.is_first() {
            park_timeout(time); // whoever moves it up wakes it, before this or while it sleeps
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let own = current().id();
        self.0.with(|threads| {
            threads.retain(|thread| thread.id() != own);
            if let Some(first) = threads.front() {
                first.unpark();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_first_to_come_is_the_first_to_go() {
        let line = Line::default();
        let (sender, came) = mpsc::channel();
        let first = line.join();
        assert!(first.is_first() && !line.is_empty());
        std::thread::scope(|scope| {
            for number in 0..5 {
                let (line, sender) = (&line, sender.clone());
                scope.spawn(move || {
                    let place = line.join();
                    sender.send(None).unwrap();
                    while !place.is_first() {
                        place.sleep(Duration::from_secs(60));
                    }
                    sender.send(Some(number)).unwrap();
                });
                assert_eq!(came.recv(), Ok(None), "it stands in the line before the next one joins");
            }
            drop(first);
            let order: Vec<_> = (0..5).map(|_| came.recv().unwrap()).collect();
            assert_eq!(order, (0..5).map(Some).collect::<Vec<_>>());
        });
        assert!(line.is_empty());
    }

    #[test]
    fn who_gives_up_is_passed_over() {
        let line = Line::default();
        let first = line.join();
        let (sender, came) = mpsc::channel();
        std::thread::scope(|scope| {
            let line = &line;
            scope.spawn(move || {
                drop(line.join());
                sender.send(()).unwrap();
            });
            came.recv().unwrap();
            assert!(first.is_first());
        });
        drop(first);
        assert!(line.is_empty());
    }
}
