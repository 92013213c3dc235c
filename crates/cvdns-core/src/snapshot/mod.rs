//! Snapshots: all data that answers are made from, compiled and immutable.
//!
//! [`StaticData`] is compiled from the files when they are read. [`DynamicData`] is compiled from
//! feed and clock whenever one of them changes. A snapshot contains both and is replaced as a
//! whole.

mod budget;
pub mod combined_windows;
mod compile;
pub mod difference;
pub mod download_reports;
pub mod dynamic_data;
pub mod exclusions;
pub mod extended_error;
pub mod fallback;
pub mod first_places;
pub mod inputs;
mod loss;
mod loss_window;
mod meta;
pub mod name_class;
pub mod names;
mod now;
pub mod nsec_chain;
mod path_builder;
pub mod path_counts;
pub mod pools;
pub mod signatures;
pub mod static_data;
pub mod template;
mod unavailable;
pub mod windows;
pub mod yields;
mod zone_serials;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::health::MirrorCondition;
use crate::release::Announced;

use path_counts::PathCounts;
use signatures::{SignatureStore, Signatures, ToSign};

pub use budget::DiagnosticsBudget;
pub use compile::compile;
pub use dynamic_data::DynamicData;
pub use loss::{Loss, LossKind, LossLimit, PoolLoss};
pub use loss_window::{LossWindow, UsableHosts};
pub use meta::{FeedInForce, HeldFeed, SnapshotMeta};
pub use now::Now;
pub use static_data::StaticData;
pub use unavailable::Unavailable;
pub use zone_serials::{SOA_NUMBERS, ZoneSerials, put_serial};

/// The data that workers answer from.
#[derive(Debug)]
pub struct Snapshot {
    /// The part that neither feed nor clock change.
    pub static_data: Arc<StaticData>,
    /// The part that feed and clock change.
    pub dynamic_data: DynamicData,
    /// How often each path was answered. These counters and those of download reports are all that
    /// workers write to a snapshot.
    pub counts: PathCounts,
    /// Facts for diagnostics that no answer depends on.
    pub meta: SnapshotMeta,
    /// Time that diagnostics may take.
    pub budget: DiagnosticsBudget,
    /// The serials of zones that are transferred to other servers.
    pub serials: ZoneSerials,
    /// The signatures of answers; empty until [`Self::sign`] makes them.
    pub signatures: Arc<Signatures>,
}

impl Snapshot {
    /// Compiles the snapshot of a moment.
    pub fn new(static_data: Arc<StaticData>, now: &Now<'_>) -> Self {
        let dynamic_data = DynamicData::compile(&static_data, now);
        Self::of(static_data, dynamic_data, now)
    }

    /// Compiles the snapshot of a moment after a restart, of which `announced` is all that was
    /// kept: an announcement is not taken back.
    pub fn remembering(
        announced: Option<&Announced>,
        static_data: Arc<StaticData>,
        now: &Now<'_>,
    ) -> Self {
        let dynamic_data = DynamicData::remembering(announced, &static_data, now);
        Self::of(static_data, dynamic_data, now)
    }

    /// Compiles the snapshot of a moment, and takes over what has not changed since `before`.
    pub fn after(before: &Self, static_data: Arc<StaticData>, now: &Now<'_>) -> Self {
        let dynamic_data = DynamicData::after(&before.dynamic_data, &static_data, now);
        Self::of(static_data, dynamic_data, now)
    }

    fn of(static_data: Arc<StaticData>, dynamic_data: DynamicData, now: &Now<'_>) -> Self {
        let (meta, budget, counts) =
            (SnapshotMeta::at(now), DiagnosticsBudget::default(), PathCounts::default());
        let (serials, signatures) = (ZoneSerials::default(), Arc::default());
        Self { static_data, dynamic_data, counts, meta, budget, serials, signatures }
    }

    /// Signs what the snapshot answers at a moment, in Unix seconds, after its serials are known.
    /// What the signatures of the snapshot `before` have in common with that is taken over. Sets of
    /// addresses that were never signed before are left for [`Signatures::fill`].
    pub fn sign(&mut self, before: &Signatures, store: &SignatureStore, now: i64) {
        let Self { static_data, dynamic_data, serials, .. } = self;
        let to_sign = ToSign { static_data, dynamic_data, serials, now };
        self.signatures = Arc::new(Signatures::after(before, to_sign, store));
    }

    /// Adds counters of answers: a lane for each of this many threads, and one that all others
    /// share.
    #[must_use]
    pub fn counting(mut self, threads: usize) -> Self {
        self.counts = PathCounts::new(self.dynamic_data.slots(), threads + 1);
        self
    }

    /// How many mirrors of all fleets are in each condition. Each host counts once, as in the first
    /// fleet that has it.
    pub fn mirrors_by_condition(&self) -> BTreeMap<MirrorCondition, u64> {
        let mut counts: BTreeMap<MirrorCondition, u64> =
            MirrorCondition::ALL.into_iter().map(|condition| (condition, 0)).collect();
        for (_, condition) in self.mirror_conditions() {
            *counts.entry(condition).or_default() += 1;
        }
        counts
    }

    /// Each mirror of all fleets by its host, with its condition in the first fleet that has it.
    pub fn mirror_conditions(&self) -> impl Iterator<Item = (&str, MirrorCondition)> {
        let mut seen = HashSet::new();
        let lag = self.static_data.settings.lag;
        let plans = self.static_data.plans.iter().enumerate();
        let all = plans.flat_map(|(number, plan)| {
            let statuses = self.dynamic_data.health(number as u32).map(|health| &health.mirrors);
            plan.fleet.mirrors.iter().zip(statuses.into_iter().flatten())
        });
        let first = all.filter(move |(mirror, _)| seen.insert(&mirror.host));
        first.map(move |(mirror, status)| {
            (mirror.host.as_str(), MirrorCondition::of(mirror, status, lag))
        })
    }

    /// How many paths, over all sets of limits, are answered although no mirror is known to work
    /// (fail-open).
    pub fn fail_open_paths(&self) -> usize {
        self.dynamic_data.fail_open()
    }
}
