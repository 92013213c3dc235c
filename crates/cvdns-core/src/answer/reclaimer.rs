//! Puts snapshots in force and frees them once nobody answers from them.

use std::sync::atomic::{Ordering::Acquire, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;

use super::stats::AnswerStats;
use crate::snapshot::{Snapshot, StaticData};

/// The snapshot in force, the earlier ones that somebody may still answer from, and the statistics
/// of those that were freed.
///
/// Each snapshot counts its own answers. At any moment a snapshot is in exactly one of these three
/// places, so that a sum over them neither loses an answer nor counts one twice.
#[derive(Debug)]
pub struct SnapshotReclaimer {
    in_force: Arc<ArcSwap<Snapshot>>,
    retired: Mutex<Retired>,
}

#[derive(Debug, Default)]
struct Retired {
    /// Snapshots that are no longer in force. The last holder of a snapshot frees it, which can
    /// take a millisecond. They are kept here so that this holder is never a worker with a query.
    snapshots: Vec<Arc<Snapshot>>,
    /// Statistics of the snapshots that were freed.
    freed: Arc<AnswerStats>,
}

/// What [`SnapshotReclaimer::reclaim`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reclaimed {
    /// Static data was freed with one of the snapshots.
    pub static_data: bool,
    /// Retired snapshots remain that somebody still holds.
    pub more: bool,
}

impl SnapshotReclaimer {
    /// Begins with the snapshot that is in force.
    pub fn new(in_force: Arc<ArcSwap<Snapshot>>) -> Self {
        Self { in_force, retired: Mutex::default() }
    }

    /// Puts another snapshot in force and retires the one before it.
    pub fn swap(&self, snapshot: Arc<Snapshot>) {
        let mut retired = self.retired();
        let before = self.in_force.swap(snapshot);
        retired.snapshots.push(before);
    }

    /// Frees the retired snapshots that nobody else holds, after adding their answers to the
    /// statistics. To be called by one thread only.
    pub fn reclaim(&self) -> Reclaimed {
        let (unused, freed) = {
            let retired = self.retired();
            // A retired snapshot is never taken up again: without another holder there will be
            // none.
            let unused = retired.snapshots.iter().filter(|old| Arc::strong_count(old) == 1);
            (unused.cloned().collect::<Vec<_>>(), retired.freed.clone())
        };
        if !unused.is_empty() {
            // Pairs with the release in the last holder's drop: what it counted is visible here.
            fence(Acquire);
            let mut freed = (*freed).clone();
            for snapshot in &unused {
                freed.add(snapshot, false);
            }
            let mut retired = self.retired();
            retired.freed = Arc::new(freed);
            retired.snapshots.retain(|old| !unused.iter().any(|unused| Arc::ptr_eq(unused, old)));
        }
        let static_data: Vec<Weak<StaticData>> =
            unused.iter().map(|unused| Arc::downgrade(&unused.static_data)).collect();
        drop(unused);
        let static_data = static_data.iter().any(|data| data.strong_count() == 0);
        let more = !self.retired().snapshots.is_empty();
        Reclaimed { static_data, more }
    }

    /// The statistics of all snapshots since the start. Counting goes on meanwhile, so they are not
    /// of a single instant. With many mirrors the sum takes some milliseconds.
    pub fn stats(&self) -> AnswerStats {
        let (snapshots, freed) = {
            let retired = self.retired();
            let mut snapshots = retired.snapshots.clone();
            snapshots.push(self.in_force.load_full());
            (snapshots, retired.freed.clone())
        };
        let mut stats = (*freed).clone();
        let newest = snapshots.len() - 1;
        for (number, snapshot) in snapshots.iter().enumerate() {
            stats.add(snapshot, number == newest);
        }
        stats
    }

    fn retired(&self) -> MutexGuard<'_, Retired> {
        // A poisoned lock is no harm: nothing panics between two changes that belong together.
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
