//! The moment until which the server's end waits for the collector.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Tells the thread that the server ends, and until when it may go on.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<OnceLock<Instant>>);

impl Stop {
    /// Asks for the end within this time. Only the first call counts.
    pub(super) fn within(&self, time: Duration) {
        let now = Instant::now();
        let _ = self.0.set(now.checked_add(time).unwrap_or(now));
    }

    /// The moment; `None` as long as the server goes on.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.get().copied()
    }

    /// Whether the server ends.
    pub(super) fn is_asked(&self) -> bool {
        self.deadline().is_some()
    }

    /// Whether the moment has passed.
    pub(super) fn is_past(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }
}
