//! Snapshots that were in force.

use std::sync::Arc;
use std::time::Duration;

use crate::snapshot::Snapshot;

/// How long until the next look at who has left. Idle UDP workers leave within 200 ms, idle connections when they end.
const LOOK: Duration = Duration::from_millis(500);

/// Those that somebody may still answer from. They are kept here until nobody does: the last to hold one has to free it,
/// which can take a millisecond, and no query is to wait for that.
#[derive(Debug, Default)]
pub(super) struct Retired(Vec<Arc<Snapshot>>);

impl Retired {
    /// Takes one that is no longer in force.
    pub(super) fn add(&mut self, snapshot: Arc<Snapshot>) {
        self.0.push(snapshot);
    }

    /// Frees those that everybody has left; true when a frame was freed with one.
    pub(super) fn free(&mut self) -> bool {
        let mut frame = false;
        self.0.retain(|snapshot| {
            // What is not in force is never taken up again: when nobody else holds it, nobody will.
            let held = Arc::strong_count(snapshot) > 1;
            frame |= !held && Arc::strong_count(&snapshot.frame) == 1;
            held
        });
        frame
    }

    /// In what time to look again; none when there is nothing to free.
    pub(super) fn look(&self) -> Option<Duration> {
        (!self.0.is_empty()).then_some(LOOK)
    }
}
