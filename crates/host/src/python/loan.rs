//! An exchange lent to the application for one request.
//!
//! `wsgi.input`, `start_response` and `write` reach the request through a [`Loan`]. Applications keep such things
//! longer than they may, and use them from other threads; when the request ends the loan is revoked, and a late call
//! gets [`Revoked`] instead of memory that is gone.
//!
//! Who reads the body may wait long for the client. Two things do not wait for him: log lines of other threads, which
//! he finds when he returns ([`Loan::log`]), and the end of the request, which breaks the read off ([`Interrupter`]).

use std::ffi::c_void;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::descriptor;
use super::posix::is_copy;
use crate::wsgi::exchange::Exchange;

/// So many bytes of memory hold log lines that wait for a reader; whoever has more waits for him as well.
const MOST_WAITING: usize = 1 << 20;

/// The request has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revoked;

/// A place for an exchange that may be gone.
#[derive(Debug, Default)]
pub(crate) struct Loan {
    place: Mutex<Option<NonNull<dyn Exchange>>>,
    /// Log lines that came while somebody used the exchange.
    lines: Mutex<Lines>,
    /// Whether there are such lines.
    kept: AtomicBool,
}

// SAFETY: an `Exchange` is `Send`, and the lock lets one thread at a time use it.
unsafe impl Send for Loan {}
// SAFETY: as above.
unsafe impl Sync for Loan {}

/// Lines that wait, and the memory that they take.
#[derive(Debug, Default)]
struct Lines {
    list: Vec<Line>,
    bytes: usize,
}

/// A text for the log, with its source place.
#[derive(Debug)]
struct Line {
    level: u8,
    text: Vec<u8>,
    file: Vec<u8>,
    line: u32,
}

/// How a read of the request body is broken off, on another thread than the one that is in it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interrupter {
    /// It never waits long.
    Nothing,
    /// It waits for this socket, which nobody will read again.
    Socket(RawFd),
    /// [`contract::abi::Server::interrupt`] and what it is given.
    Httpd(unsafe extern "C" fn(*mut c_void), *mut c_void),
}

/// Revokes the loan when it is dropped; a read that is in the exchange then is broken off and waited for.
#[derive(Debug)]
pub(crate) struct Lent<'l> {
    loan: &'l Loan,
    interrupter: Interrupter,
}

impl Loan {
    /// Lends `exchange` until the guard is dropped.
    pub(crate) fn lend<'l>(&'l self, exchange: &'l mut dyn Exchange) -> Lent<'l> {
        let interrupter = exchange.interrupter();
        let exchange: NonNull<dyn Exchange + 'l> = NonNull::from(exchange);
        // SAFETY: only the lifetime is forgotten, and the guard, which ends before it, takes the pointer out again.
        let exchange =
            unsafe { std::mem::transmute::<NonNull<dyn Exchange + 'l>, NonNull<dyn Exchange>>(exchange) };
        *self.locked() = Some(exchange);
        Lent { loan: self, interrupter }
    }

    /// Uses the exchange; waits for other users, so the caller must not be attached to Python.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut dyn Exchange) -> R) -> Result<R, Revoked> {
        let result = self.within(&mut self.locked(), body);
        self.write_kept();
        result
    }

    /// As [`Loan::with`], but gives up when somebody (this thread, perhaps) is using the exchange.
    pub(crate) fn try_with<R>(&self, body: impl FnOnce(&mut dyn Exchange) -> R) -> Result<R, Revoked> {
        let result = self.within(&mut self.try_locked().ok_or(Revoked)?, body);
        self.write_kept();
        result
    }

    /// Writes to the request's log and waits for nobody: while a thread (this one, perhaps) uses the exchange, the text
    /// is kept for it.
    pub(crate) fn log(&self, level: u8, text: &[u8], file: &[u8], line: u32) -> Result<(), Revoked> {
        let written = match self.try_locked() {
            Some(mut place) => self.within(&mut place, |exchange| exchange.log(level, text, file, line)),
            None if self.keep(Line { level, text: text.to_vec(), file: file.to_vec(), line }) => Ok(()),
            None => return self.with(|exchange| exchange.log(level, text, file, line)),
        };
        self.write_kept(); // the user may have left before he could see it
        written
    }

    fn within<R>(
        &self,
        place: &mut MutexGuard<'_, Option<NonNull<dyn Exchange>>>,
        body: impl FnOnce(&mut dyn Exchange) -> R,
    ) -> Result<R, Revoked> {
        let exchange = place.as_mut().filter(|_| !is_copy()).ok_or(Revoked)?;
        // SAFETY: the guard of `lend` has not been dropped, so the exchange lives; the lock makes this the only user.
        let exchange = unsafe { exchange.as_mut() };
        self.take_kept().into_iter().for_each(|line| line.write(exchange));
        let result = body(exchange);
        self.take_kept().into_iter().for_each(|line| line.write(exchange));
        Ok(result)
    }

    /// Keeps a line for who uses the exchange; false if there are too many.
    fn keep(&self, line: Line) -> bool {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.bytes > MOST_WAITING {
            return false;
        }
        lines.bytes += size_of::<Line>() + line.text.len() + line.file.len();
        lines.list.push(line);
        self.kept.store(true, SeqCst);
        true
    }

    fn take_kept(&self) -> Vec<Line> {
        if !self.kept.swap(false, SeqCst) {
            return Vec::new();
        }
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner)).list
    }

    /// Writes lines that were kept while nobody looked; if somebody uses the exchange now, he will.
    fn write_kept(&self) {
        while self.kept.load(SeqCst) {
            let Some(mut place) = self.try_locked() else { return };
            if self.within(&mut place, |_| ()).is_err() {
                self.take_kept().into_iter().for_each(Line::write_to_process);
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, Option<NonNull<dyn Exchange>>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: somebody is using it.
    fn try_locked(&self) -> Option<MutexGuard<'_, Option<NonNull<dyn Exchange>>>> {
        match self.place.try_lock() {
            Ok(place) => Some(place),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Line {
    fn write(self, exchange: &mut dyn Exchange) {
        exchange.log(self.level, &self.text, &self.file, self.line);
    }

    fn write_to_process(self) {
        crate::log::log(self.level, &String::from_utf8_lossy(&self.text));
    }
}

impl Interrupter {
    fn interrupt(self) {
        match self {
            Self::Nothing => {}
            Self::Socket(socket) => descriptor::end_reading(socket),
            // SAFETY: by the contract it may be called on any thread while the request lives, and it does.
            Self::Httpd(interrupt, exchange) => unsafe { interrupt(exchange) },
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut place = self.loan.try_locked().unwrap_or_else(|| {
            self.interrupter.interrupt();
            self.loan.locked()
        });
        let _ = self.loan.within(&mut place, |_| ());
        *place = None;
        drop(place);
        self.loan.write_kept();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::fd::{AsRawFd, BorrowedFd};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::{Sender, channel};

    use contract::response::FilePart;

    use super::*;
    use crate::wsgi::exchange::ClientGone;

    /// Reads from a socket; says so before.
    struct Slow {
        socket: UnixStream,
        reading: Sender<()>,
        logged: Vec<Vec<u8>>,
    }

    impl Exchange for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reading.send(()).expect("somebody listens");
            io::Read::read(&mut self.socket, buffer)
        }
        fn head(&mut self, _: Vec<u8>) -> Result<(), ClientGone> {
            Ok(())
        }
        fn body(&mut self, _: &[u8]) -> Result<(), ClientGone> {
            Ok(())
        }
        fn file(&mut self, _: BorrowedFd<'_>, _: FilePart) -> Result<(), ClientGone> {
            Ok(())
        }
        fn log(&mut self, _: u8, text: &[u8], _: &[u8], _: u32) {
            self.logged.push(text.to_vec());
        }
        fn verdict(&mut self, _: Vec<u8>) -> Result<(), ClientGone> {
            Ok(())
        }
        fn ssl_lookup(&mut self, _: &[u8]) -> io::Result<Option<Vec<u8>>> {
            Ok(None)
        }
        fn interrupter(&self) -> Interrupter {
            Interrupter::Socket(self.socket.as_raw_fd())
        }
    }

    #[test]
    fn lines_do_not_wait_for_a_reader_and_the_end_breaks_the_read_off() {
        let (client, socket) = UnixStream::pair().expect("a pair");
        let (reading, begun) = channel();
        let mut slow = Slow { socket, reading, logged: Vec::new() };
        let loan = Loan::default();
        std::thread::scope(|scope| {
            let lent = loan.lend(&mut slow);
            let reader = scope.spawn(|| loan.with(|exchange| exchange.read(&mut [0; 8])));
            begun.recv().expect("the read begins");
            loan.log(5, b"one", b"", 0).expect("not revoked");
            loan.log(5, b"two", b"", 0).expect("not revoked");
            drop(lent); // hangs if the read is not broken off
            assert!(matches!(reader.join(), Ok(Ok(Ok(0)))));
        });
        assert_eq!(loan.log(5, b"late", b"", 0), Err(Revoked));
        assert_eq!(slow.logged, [b"one", b"two"]);
        drop(client);
    }

    #[test]
    fn lines_without_text_take_memory_too() {
        let loan = Loan::default();
        let empty = || Line { level: 5, text: Vec::new(), file: Vec::new(), line: 0 };
        let kept = (0..MOST_WAITING).take_while(|_| loan.keep(empty())).count();
        assert!((1..MOST_WAITING / 8).contains(&kept), "{kept}");
        assert_eq!(loan.take_kept().len(), kept);
        assert!(loan.keep(empty()), "there is room again");
    }
}
