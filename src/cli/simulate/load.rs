//! What each mirror gets of the demand.

use serde::Serialize;

use super::replay::{BeforeAfter, Level, PathAnswer, Replayed};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::static_data::Plan;

/// What each mirror gets of the demand, and what is left.
pub(super) struct MirrorLoads {
    /// All enabled mirrors, in the order of the fleet file.
    pub mirrors: Vec<MirrorReport>,
    /// The demand in kbit/s.
    pub demand: u64,
    /// What no mirror can take: what is above capacities, what goes to mirrors that do not work,
    /// and what is answered with NODATA. In kbit/s.
    pub unmet: BeforeAfter<u64>,
}

/// What becomes of a mirror.
#[derive(Serialize)]
pub(super) struct MirrorReport {
    pub host: String,
    pub country: &'static str,
    /// In kbit/s.
    pub capacity: u64,
    /// Whether it works: a mirror that does not takes nothing.
    pub works: BeforeAfter<bool>,
    /// The share of the demand that it leads, from 0 to 1.
    pub share: BeforeAfter<f64>,
    /// The demand that it leads, in kbit/s.
    pub rate: BeforeAfter<u64>,
    /// Whether the rate is more than it can take.
    pub exceeded: BeforeAfter<bool>,
}

/// One side of the comparison: what each mirror of the fleet gets, and whether it works.
struct Side {
    /// In kbit/s.
    rates: Vec<f64>,
    works: Vec<bool>,
    /// The demand that is answered with NODATA, in kbit/s.
    unanswered: u64,
}

impl MirrorLoads {
    pub(super) fn new(
        snapshots: BeforeAfter<&Snapshot>,
        (number, plan): (usize, &Plan),
        replayed: &[Replayed],
    ) -> Self {
        let side = |snapshot, answer| Side::new(snapshot, (number, plan), replayed, answer);
        let before = side(snapshots.before, |one| &one.answers.before);
        let after = side(snapshots.after, |one| &one.answers.after);
        let demand = replayed.iter().filter_map(|one| one.demand).sum();
        let mut mirrors = Vec::new();
        let mut unmet = BeforeAfter { before: before.unanswered, after: after.unanswered };
        for (index, mirror) in plan.fleet.enabled() {
            let [(was, did_work), (is, does_work)] = [before.of(index), after.of(index)];
            let beyond = |rate: u64, works: bool| {
                if works { rate.saturating_sub(mirror.capacity) } else { rate }
            };
            let over = BeforeAfter { before: beyond(was, did_work), after: beyond(is, does_work) };
            unmet.before = unmet.before.saturating_add(over.before);
            unmet.after = unmet.after.saturating_add(over.after);
            let share = |rate: u64| rate as f64 / u64::max(demand, 1) as f64;
            mirrors.push(MirrorReport {
                host: mirror.host.clone(),
                country: mirror.country.code(),
                capacity: mirror.capacity,
                works: BeforeAfter { before: did_work, after: does_work },
                share: BeforeAfter { before: share(was), after: share(is) },
                rate: BeforeAfter { before: was, after: is },
                exceeded: BeforeAfter { before: over.before > 0, after: over.after > 0 },
            });
        }
        Self { mirrors, demand, unmet }
    }
}

impl MirrorReport {
    /// Whether it changes or has too much.
    pub(super) fn is_noteworthy(&self) -> bool {
        self.rate.before != self.rate.after
            || self.works.before != self.works.after
            || self.exceeded.after
    }
}

impl Side {
    fn new(
        snapshot: &Snapshot,
        (number, plan): (usize, &Plan),
        replayed: &[Replayed],
        answer: fn(&Replayed) -> &PathAnswer,
    ) -> Self {
        let health = snapshot.dynamic_data.health(number as u32);
        let works = |index: usize| {
            let status = health.and_then(|health| health.mirrors.get(index));
            status.is_some_and(|status| {
                status.ipv4.iter().chain(&status.ipv6).any(|state| state.is_usable())
            })
        };
        let works = (0..plan.fleet.mirrors.len()).map(works).collect();
        let mut side = Self { rates: vec![0.0; plan.fleet.mirrors.len()], works, unanswered: 0 };
        for one in replayed {
            let Some(demand) = one.demand else { continue };
            let answer = answer(one);
            if answer.level == Level::NoData {
                side.unanswered = side.unanswered.saturating_add(demand);
            }
            for mirror in answer.mirrors.firsts.keys() {
                let share = answer.mirrors.share(*mirror).unwrap_or_default();
                if let Some(rate) = side.rates.get_mut(*mirror as usize) {
                    *rate += demand as f64 * share;
                }
            }
        }
        side
    }

    /// The rate of a mirror in kbit/s, and whether it works.
    #[allow(clippy::cast_sign_loss, reason = "rates are sums of positive numbers")]
    fn of(&self, index: usize) -> (u64, bool) {
        let rate = self.rates.get(index).copied().unwrap_or_default();
        (rate.round() as u64, self.works.get(index).copied().unwrap_or_default())
    }
}
