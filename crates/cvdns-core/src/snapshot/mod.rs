//! Everything that answering needs, compiled and immutable.
//!
//! The frame is what files say, compiled when they are read; the live part is what feed and clock say, compiled whenever one of
//! them changes. A snapshot is both, and is replaced as a whole.

mod about;
mod budget;
mod compile;
pub mod difference;
pub mod frame;
pub mod inputs;
pub mod live;
mod loss;
pub mod name_class;
pub mod names;
mod owners;
pub mod path_counts;
pub mod pings;
pub mod pools;
pub mod reach;
pub mod template;
pub mod windows;
pub mod yields;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::health::MirrorCondition;
use crate::release::Announced;

use path_counts::PathCounts;

pub use about::{About, FeedInForce, HeldFeed};
pub use budget::Budget;
pub use compile::compile;
pub use frame::Frame;
pub use live::{Live, Now};
pub use loss::{Loss, PoolLoss};

/// What workers answer from.
#[derive(Debug)]
pub struct Snapshot {
    /// What neither feed nor clock change.
    pub frame: Arc<Frame>,
    /// What they do change.
    pub live: Live,
    /// How many answers each path has given. Workers write these, and nothing else of a snapshot but the counts of reports.
    pub counts: PathCounts,
    /// What is told beside answers.
    pub about: About,
    /// How much time that may take.
    pub budget: Budget,
}

impl Snapshot {
    /// Compiles what holds now over a frame.
    pub fn new(frame: Arc<Frame>, now: &Now<'_>) -> Self {
        let live = Live::compile(&frame, now);
        Self::of(frame, live, now)
    }

    /// The same, where `announced` is all that is known of before: it is not taken back.
    pub fn remembering(announced: Option<&Announced>, frame: Arc<Frame>, now: &Now<'_>) -> Self {
        let live = Live::remembering(announced, &frame, now);
        Self::of(frame, live, now)
    }

    /// The same, where `before` was in force: what is still the same is not compiled again.
    pub fn after(before: &Self, frame: Arc<Frame>, now: &Now<'_>) -> Self {
        let live = Live::after(&before.live, &frame, now);
        Self::of(frame, live, now)
    }

    fn of(frame: Arc<Frame>, live: Live, now: &Now<'_>) -> Self {
        let (about, budget, counts) = (About::at(now), Budget::default(), PathCounts::default());
        Self { frame, live, counts, about, budget }
    }

    /// The same, with counters of answers for this many threads that have one each, and a lane that all others share.
    #[must_use]
    pub fn counting(mut self, threads: usize) -> Self {
        self.counts = PathCounts::new(self.live.places(), threads + 1);
        self
    }

    /// How many mirrors stand how, over all fleets; each host counts once, as the first fleet that has it says.
    pub fn mirrors_by_condition(&self) -> BTreeMap<MirrorCondition, u64> {
        let mut seen = HashSet::new();
        let mut counts: BTreeMap<MirrorCondition, u64> =
            MirrorCondition::ALL.into_iter().map(|condition| (condition, 0)).collect();
        for (number, plan) in self.frame.plans.iter().enumerate() {
            let Some(health) = self.live.health(number as u32) else { continue };
            for (mirror, standing) in plan.fleet.mirrors.iter().zip(&health.mirrors) {
                if seen.insert(&mirror.host) {
                    *counts
                        .entry(MirrorCondition::of(mirror, standing, self.frame.settings.lag))
                        .or_default() += 1;
                }
            }
        }
        counts
    }

    /// How many paths, over all limits, have no usable mirror and are answered all the same.
    pub fn fail_open_paths(&self) -> usize {
        self.live.fail_open()
    }
}
