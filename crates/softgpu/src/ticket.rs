//! A ticket for work that was put in a queue: whoever holds one can ask whether it is done, wait, and learn when it was.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    done: Mutex<Option<Instant>>,
    changed: Condvar,
}

impl Ticket {
    /// For work that is done already.
    pub(crate) fn done_now() -> Self {
        Self { done: Mutex::new(Some(Instant::now())), changed: Condvar::new() }
    }

    pub(crate) fn finish(&self) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.get_or_insert_with(Instant::now);
        self.changed.notify_all();
    }

    /// When the work was done, if it is.
    pub(crate) fn time(&self) -> Option<Instant> {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.time().is_some()
    }

    pub(crate) fn wait(&self) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while done.is_none() {
            done = self.changed.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
