//! Compiles snapshots, swaps them in for the workers, and frees those that nobody answers from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tracing::debug;

use cvdns_core::answer::{QueryCounterSet, Reclaimed, SnapshotReclaimer};
use cvdns_core::health::FeedRequirements;
use cvdns_core::problem::Problems;
use cvdns_core::release::Announced;
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_core::snapshot::{HeldFeed, Now, Snapshot, StaticData, compile};
use cvdns_net::memory::{give_back, prefer_huge_pages};

/// When to look again for snapshots that nobody answers from. Idle UDP workers take up the newest
/// snapshot within 200 ms, idle connections when they end.
const RECLAIM_DELAY: Duration = Duration::from_millis(500);

/// The snapshot that workers answer from.
pub(super) struct Publisher {
    snapshots: Arc<ArcSwap<Snapshot>>,
    reclaimer: Arc<SnapshotReclaimer>,
    queries: QueryCounterSet,
    /// Threads that have counters of their own.
    threads: usize,
    /// What the static data was compiled for.
    required: FeedRequirements,
    /// The moment that the newest snapshot was compiled for.
    published: Timestamp,
    /// How many snapshots were compiled.
    compiled: u64,
    /// How long it took to compile the newest one.
    compile_time: Duration,
}

/// A snapshot that is compiled and not yet in force.
pub(super) struct Compiled {
    pub snapshot: Snapshot,
    compile_time: Duration,
}

impl Publisher {
    /// Puts a first snapshot in force, after which nothing that was `announced` is taken back.
    /// `threads` have counters of their own.
    pub(super) fn new(
        static_data: StaticData,
        required: FeedRequirements,
        announced: Option<&Announced>,
        threads: usize,
        now: &Now<'_>,
    ) -> Self {
        let begun = Instant::now();
        let snapshot = Snapshot::remembering(announced, Arc::new(static_data), now);
        let compile_time = begun.elapsed();
        let snapshots = Arc::new(ArcSwap::from_pointee(snapshot.counting(threads)));
        Self {
            reclaimer: Arc::new(SnapshotReclaimer::new(snapshots.clone())),
            queries: QueryCounterSet::new(threads),
            snapshots,
            threads,
            required,
            published: now.time,
            compiled: 1,
            compile_time,
        }
    }

    /// The newest snapshot, as workers load it.
    pub(super) fn snapshots(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshots
    }

    /// The newest snapshot.
    pub(super) fn newest(&self) -> Arc<Snapshot> {
        self.snapshots.load_full()
    }

    /// The static data of the newest snapshot.
    pub(super) fn static_data(&self) -> Arc<StaticData> {
        self.snapshots.load().static_data.clone()
    }

    /// The answers that were given from each snapshot.
    pub(super) fn reclaimer(&self) -> &Arc<SnapshotReclaimer> {
        &self.reclaimer
    }

    /// The counters of queries.
    pub(super) fn queries(&self) -> &QueryCounterSet {
        &self.queries
    }

    /// What the static data was compiled for.
    pub(super) fn required(&self) -> &FeedRequirements {
        &self.required
    }

    /// The moment that the newest snapshot was compiled for.
    pub(super) fn published(&self) -> Timestamp {
        self.published
    }

    /// How many snapshots were compiled.
    pub(super) fn compiled(&self) -> u64 {
        self.compiled
    }

    /// How long it took to compile the newest one.
    pub(super) fn compile_time(&self) -> Duration {
        self.compile_time
    }

    /// Compiles static data for a feed that requires this, to be published next. Counts of download
    /// reports go on. Returns `None` if the inputs contradict each other.
    pub(super) fn compile_static(
        &mut self,
        inputs: &Inputs,
        required: FeedRequirements,
        problems: &mut Problems,
    ) -> Option<Arc<StaticData>> {
        let mut static_data = compile(inputs, &required, problems)?;
        static_data.download_reports.take_over(&self.static_data().download_reports);
        self.required = required;
        Some(Arc::new(static_data))
    }

    /// Compiles the snapshot that follows the newest one.
    pub(super) fn compile(
        &self,
        static_data: Arc<StaticData>,
        now: &Now<'_>,
        held: Option<HeldFeed>,
    ) -> Compiled {
        let begun = Instant::now();
        let snapshot = Snapshot::after(&self.snapshots.load(), static_data, now);
        let mut snapshot = snapshot.counting(self.threads);
        snapshot.meta.held = held;
        Compiled { snapshot, compile_time: begun.elapsed() }
    }

    /// Puts a snapshot in force that was compiled for this moment.
    pub(super) fn publish(&mut self, compiled: Compiled, time: Timestamp) {
        let Compiled { snapshot, compile_time } = compiled;
        debug!("compiled in {compile_time:?}");
        self.reclaimer.swap(Arc::new(snapshot));
        self.compiled += 1;
        (self.published, self.compile_time) = (time, compile_time);
    }

    /// Asks the system for huge pages for the tables of clients: each look-up is at another place
    /// of these megabytes. To be called after free memory was given back, which takes huge pages
    /// apart.
    pub(super) fn prefer_huge_pages(&self) {
        let static_data = self.static_data();
        let tables = static_data.plans.iter().flat_map(|plan| [&plan.clients, &plan.classes]);
        prefer_huge_pages(tables.flatten().flat_map(|table| table.places()));
    }

    /// Frees the snapshots that nobody answers from any more. Returns when to try again, or `None`
    /// if none is left but the newest.
    pub(super) fn reclaim(&self) -> Option<Duration> {
        let Reclaimed { static_data, more } = self.reclaimer.reclaim();
        if static_data {
            give_back();
            self.prefer_huge_pages();
        }
        more.then_some(RECLAIM_DELAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;

    #[test]
    fn a_snapshot_is_freed_once_nobody_holds_it() {
        let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cvdns.toml");
        let mut problems = Problems::default();
        let inputs = load(&config, &mut problems).unwrap().inputs;
        let none = FeedRequirements::default();
        let static_data = compile(&inputs, &none, &mut problems).unwrap();
        let [first, second] = [0, 60].map(|second| {
            let time = Timestamp::from_second(1_795_000_000 + second).unwrap();
            Now::new(None, time, Duration::from_secs(3600))
        });
        let mut publisher = Publisher::new(static_data, none, None, 2, &first);
        assert_eq!((publisher.compiled(), publisher.reclaim()), (1, None));

        let held = publisher.newest();
        let compiled = publisher.compile(publisher.static_data(), &second, None);
        assert!(Arc::ptr_eq(&held, &publisher.newest()), "it is not in force yet");
        publisher.publish(compiled, second.time);
        assert_eq!((publisher.compiled(), publisher.published()), (2, second.time));
        assert!(!Arc::ptr_eq(&held, &publisher.newest()));
        assert_eq!(publisher.reclaim(), Some(RECLAIM_DELAY));
        let held = Arc::downgrade(&{ held });
        assert_eq!((publisher.reclaim(), held.strong_count()), (None, 0));

        // Static data with another name is compiled apart from what is in force.
        let databases = ["extra".to_owned()].into();
        let required = FeedRequirements { databases, ..FeedRequirements::default() };
        let before = publisher.static_data();
        let static_data = publisher.compile_static(&inputs, required.clone(), &mut problems);
        assert!(!Arc::ptr_eq(&static_data.unwrap(), &before));
        assert_eq!(*publisher.required(), required);
        assert!(Arc::ptr_eq(&publisher.static_data(), &before));
    }
}
