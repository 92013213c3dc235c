//! The states of all mirrors at a moment, and the announcement that follows from them.

use std::collections::HashSet;

use super::announcing;
use super::stuck::{self, StuckMirrors};
use crate::health::Health;
use crate::release::Announced;
use crate::snapshot::now::Now;
use crate::snapshot::static_data::StaticData;

/// The states of all mirrors at a moment, and what is announced on account of them.
pub(in crate::snapshot) struct MirrorAssessment {
    /// The states of the mirrors of each plan.
    pub(in crate::snapshot) healths: Vec<Health>,
    /// What is announced; `None` without a release.
    pub(super) announced: Option<Announced>,
    /// How many mirrors work but are too far behind the announced release.
    pub(super) lagging: usize,
    /// How many mirrors work but changed their state too often.
    pub(super) settling: usize,
    /// The mirrors that work but are stuck.
    pub(super) stuck: StuckMirrors,
}

impl MirrorAssessment {
    /// Assesses the mirrors at a moment, after `before` was announced last.
    pub(in crate::snapshot) fn new(
        static_data: &StaticData,
        now: &Now<'_>,
        before: Option<&Announced>,
    ) -> Self {
        let mut healths: Vec<Health> =
            static_data.plans.iter().map(|plan| plan.health(now)).collect();
        let stuck = stuck::take_out(static_data, &mut healths, now);
        let announced = announcing::announce(static_data, &healths, now, before);
        let (mut lagging, mut settling) = (HashSet::new(), HashSet::new());
        for (plan, health) in static_data.plans.iter().zip(&mut healths) {
            let host = |index: usize| plan.fleet.mirrors.get(index).map(|mirror| &mirror.host);
            let behind = announced
                .iter()
                .flat_map(|announced| health.compare(announced, static_data.settings.lag));
            // Several zones may share a fleet: each host is counted once.
            lagging.extend(behind.filter_map(host));
            settling.extend(health.settling().filter_map(host));
        }
        Self { healths, announced, lagging: lagging.len(), settling: settling.len(), stuck }
    }
}
