//! An exchange lent to the application for one request.
//!
//! `wsgi.input`, `start_response` and `write` reach the request through a [`Loan`]. Applications keep such things
//! longer than they may, and use them from other threads; when the request ends the loan is revoked, and a late call
//! gets [`Revoked`] instead of memory that is gone.

use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError, TryLockError};

use crate::wsgi::exchange::Exchange;

/// The request has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revoked;

/// A place for an exchange that may be gone.
#[derive(Debug, Default)]
pub(crate) struct Loan(Mutex<Option<NonNull<dyn Exchange>>>);

// SAFETY: an `Exchange` is `Send`, and the lock lets one thread at a time use it.
unsafe impl Send for Loan {}
// SAFETY: as above.
unsafe impl Sync for Loan {}

/// Revokes the loan when it is dropped; waits for a call that is in the exchange then.
#[derive(Debug)]
pub(crate) struct Lent<'l>(&'l Loan);

impl Loan {
    /// Lends `exchange` until the guard is dropped.
    pub(crate) fn lend<'l>(&'l self, exchange: &'l mut dyn Exchange) -> Lent<'l> {
        let exchange: NonNull<dyn Exchange + 'l> = NonNull::from(exchange);
        // SAFETY: only the lifetime is forgotten, and the guard, which ends before it, takes the pointer out again.
        let exchange =
            unsafe { std::mem::transmute::<NonNull<dyn Exchange + 'l>, NonNull<dyn Exchange>>(exchange) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(exchange);
        Lent(self)
    }

    /// Uses the exchange; waits for other users, so the caller must not be attached to Python.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut dyn Exchange) -> R) -> Result<R, Revoked> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let exchange = place.as_mut().ok_or(Revoked)?;
        // SAFETY: the guard has not been dropped, so the exchange lives; the lock makes this the only user.
        Ok(body(unsafe { exchange.as_mut() }))
    }

    /// As [`Loan::with`], but gives up when somebody (this thread, perhaps) is using the exchange.
    pub(crate) fn try_with<R>(&self, body: impl FnOnce(&mut dyn Exchange) -> R) -> Result<R, Revoked> {
        let mut place = match self.0.try_lock() {
            Ok(place) => place,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Revoked),
        };
        let exchange = place.as_mut().ok_or(Revoked)?;
        // SAFETY: as in `with`.
        Ok(body(unsafe { exchange.as_mut() }))
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
