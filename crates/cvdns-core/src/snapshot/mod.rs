//! Everything that answering needs, compiled and immutable.
//!
//! The frame is what files say, compiled when they are read; the live part is what feed and clock say, compiled whenever one of
//! them changes. A snapshot is both, and is replaced as a whole.

mod budget;
mod compile;
pub mod difference;
pub mod download_reports;
pub mod dynamic_data;
pub mod extended_error;
pub mod fallback;
pub mod inputs;
mod loss;
mod meta;
pub mod name_class;
pub mod names;
mod owners;
pub mod path_counts;
pub mod pools;
pub mod static_data;
pub mod template;
pub mod windows;
pub mod yields;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::health::MirrorCondition;
use crate::release::Announced;

use path_counts::PathCounts;

pub use budget::Budget;
pub use compile::compile;
pub use dynamic_data::{DynamicData, Now};
pub use loss::{Loss, PoolLoss};
pub use meta::{FeedInForce, HeldFeed, SnapshotMeta};
pub use static_data::StaticData;

/// What workers answer from.
#[derive(Debug)]
pub struct Snapshot {
    /// What neither feed nor clock change.
    pub static_data: Arc<StaticData>,
    /// What they do change.
    pub dynamic_data: DynamicData,
    /// How many answers each path has given. Workers write these, and nothing else of a snapshot but the counts of reports.
    pub counts: PathCounts,
    /// What is told beside answers.
    pub meta: SnapshotMeta,
    /// How much time that may take.
    pub budget: Budget,
}

impl Snapshot {
    /// Compiles what holds now over a frame.
    pub fn new(static_data: Arc<StaticData>, now: &Now<'_>) -> Self {
        let dynamic_data = DynamicData::compile(&static_data, now);
        Self::of(static_data, dynamic_data, now)
    }

    /// The same, where `announced` is all that is known of before: it is not taken back.
    pub fn remembering(
        announced: Option<&Announced>,
        static_data: Arc<StaticData>,
        now: &Now<'_>,
    ) -> Self {
        let dynamic_data = DynamicData::remembering(announced, &static_data, now);
        Self::of(static_data, dynamic_data, now)
    }

    /// The same, where `before` was in force: what is still the same is not compiled again.
    pub fn after(before: &Self, static_data: Arc<StaticData>, now: &Now<'_>) -> Self {
        let dynamic_data = DynamicData::after(&before.dynamic_data, &static_data, now);
        Self::of(static_data, dynamic_data, now)
    }

    fn of(static_data: Arc<StaticData>, dynamic_data: DynamicData, now: &Now<'_>) -> Self {
        let (meta, budget, counts) =
            (SnapshotMeta::at(now), Budget::default(), PathCounts::default());
        Self { static_data, dynamic_data, counts, meta, budget }
    }

    /// The same, with counters of answers for this many threads that have one each, and a lane that all others share.
    #[must_use]
    pub fn counting(mut self, threads: usize) -> Self {
        self.counts = PathCounts::new(self.dynamic_data.places(), threads + 1);
        self
    }

    /// How many mirrors stand how, over all fleets; each host counts once, as the first fleet that has it says.
    pub fn mirrors_by_condition(&self) -> BTreeMap<MirrorCondition, u64> {
        let mut seen = HashSet::new();
        let mut counts: BTreeMap<MirrorCondition, u64> =
            MirrorCondition::ALL.into_iter().map(|condition| (condition, 0)).collect();
        for (number, plan) in self.static_data.plans.iter().enumerate() {
            let Some(health) = self.dynamic_data.health(number as u32) else { continue };
            for (mirror, standing) in plan.fleet.mirrors.iter().zip(&health.mirrors) {
                if seen.insert(&mirror.host) {
                    *counts
                        .entry(MirrorCondition::of(mirror, standing, self.static_data.settings.lag))
                        .or_default() += 1;
                }
            }
        }
        counts
    }

    /// How many paths, over all limits, have no usable mirror and are answered all the same.
    pub fn fail_open_paths(&self) -> usize {
        self.dynamic_data.fail_open()
    }
}
