//! What came of notifications, for status, metrics and log.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{debug, info, warn};

use super::secondary::SecondaryId;

/// What came of notifications.
#[derive(Debug, Default)]
pub struct NotifyState {
    answered: AtomicU64,
    failed: AtomicU64,
    secondaries: Mutex<HashMap<SecondaryId, Notified>>,
}

/// What came of the notifications of one secondary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notified {
    /// How many it has answered.
    pub answered: u64,
    /// How many it has not, or not with the right answer.
    pub failed: u64,
    /// Why the last one failed; `None` after one that was answered.
    pub error: Option<String>,
}

/// What came of a notification.
#[derive(Debug)]
pub(super) struct NotifyOutcome {
    pub secondary: SecondaryId,
    pub zone: String,
    pub serial: u32,
    /// `Err` has the reason in words.
    pub result: Result<(), String>,
}

impl NotifyState {
    /// How many notifications were answered, and how many not.
    pub fn counts(&self) -> (u64, u64) {
        (self.answered.load(Relaxed), self.failed.load(Relaxed))
    }

    /// What came of those of a secondary.
    pub fn of(&self, secondary: &SecondaryId) -> Notified {
        self.lock().get(secondary).cloned().unwrap_or_default()
    }

    /// Notes what came of a notification, and logs it if that is something else than before.
    pub(super) fn note(&self, outcome: NotifyOutcome) {
        let NotifyOutcome { secondary, zone, serial, result } = outcome;
        let address = secondary.address.clone();
        let mut secondaries = self.lock();
        let notified = secondaries.entry(secondary).or_default();
        match result {
            Ok(()) => {
                self.answered.fetch_add(1, Relaxed);
                notified.answered = notified.answered.saturating_add(1);
                debug!(zone, "{address} was notified of {zone} with serial {serial}");
                if notified.error.take().is_some() {
                    info!(address, "{address} answers notifications again");
                }
            }
            Err(error) => {
                self.failed.fetch_add(1, Relaxed);
                notified.failed = notified.failed.saturating_add(1);
                if notified.error.as_ref() != Some(&error) {
                    warn!(
                        address,
                        zone,
                        error,
                        "{address} could not be notified of {zone}: {error}; it is tried again, \
                         and the secondary looks by itself as the zone's REFRESH says"
                    );
                }
                notified.error = Some(error);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecondaryId, Notified>> {
        // Nothing can panic while it is held.
        self.secondaries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
