//! A stop flag that wakes waiting threads.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The stop flag. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Sets the flag and wakes all waiting threads.
    pub(super) fn stop(&self) {
        let (flag, woken) = &*self.0;
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        woken.notify_all();
    }

    /// Whether the flag is set.
    pub(super) fn is_stopped(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `duration`, or until the flag is set. Returns whether it is set.
    pub(super) fn wait(&self, duration: Duration) -> bool {
        let (flag, woken) = &*self.0;
        let guard = flag.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = woken.wait_timeout_while(guard, duration, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
