//! What each mirror gets of the demand.

use serde::Serialize;

use super::replay::{BeforeAfter, Replayed};
use cvdns_core::replay::{Level, PathAnswer};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::static_data::Plan;

/// The part of its capacity by which a mirror's rate may exceed it and still count as met. Shares
/// are counted in about a thousand windows, so that they are rounded to a thousandth of the demand.
const TOLERANCE: f64 = 0.01;

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
    /// Whether the rate is more than it can take, by more than the [`TOLERANCE`].
    pub exceeded: BeforeAfter<bool>,
}

/// One side of the comparison.
struct Side {
    /// What each mirror of the fleet gets.
    mirrors: Vec<MirrorLoad>,
    /// The demand that is answered with NODATA, in kbit/s.
    unanswered: f64,
}

/// What a mirror gets.
#[derive(Debug, Clone, Copy)]
struct MirrorLoad {
    /// In kbit/s.
    rate: f64,
    works: bool,
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
        let mut unmet = [before.unanswered, after.unanswered];
        for (index, mirror) in plan.fleet.enabled() {
            let sides = [before.of(index), after.of(index)];
            let excess = sides.map(|side| side.excess(mirror.capacity));
            for (sum, excess) in unmet.iter_mut().zip(excess) {
                *sum += excess;
            }
            mirrors.push(MirrorReport {
                host: mirror.host.clone(),
                country: mirror.country.code(),
                capacity: mirror.capacity,
                works: BeforeAfter::of(sides.map(|side| side.works)),
                share: BeforeAfter::of(sides.map(|side| side.rate / u64::max(demand, 1) as f64)),
                rate: BeforeAfter::of(sides.map(|side| whole(side.rate))),
                exceeded: BeforeAfter::of(excess.map(|excess| whole(excess) > 0)),
            });
        }
        Self { mirrors, demand, unmet: BeforeAfter::of(unmet.map(whole)) }
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
        let mirrors = (0..plan.fleet.mirrors.len())
            .map(|index| MirrorLoad { rate: 0.0, works: works(index) })
            .collect();
        let mut side = Self { mirrors, unanswered: 0.0 };
        for one in replayed {
            let Some(demand) = one.demand else { continue };
            let answer = answer(one);
            if answer.level == Level::NoData {
                side.unanswered += demand as f64;
            }
            for mirror in &answer.mirrors {
                if let Some(load) = side.mirrors.get_mut(mirror.index as usize) {
                    load.rate += demand as f64 * mirror.share;
                }
            }
        }
        side
    }

    fn of(&self, index: usize) -> MirrorLoad {
        self.mirrors.get(index).copied().unwrap_or(MirrorLoad { rate: 0.0, works: false })
    }
}

impl MirrorLoad {
    /// How much of the rate it cannot take, in kbit/s; 0 within the [`TOLERANCE`].
    fn excess(self, capacity: u64) -> f64 {
        let capacity = capacity as f64;
        match self.works {
            false => self.rate,
            true if self.rate > capacity * (1.0 + TOLERANCE) => self.rate - capacity,
            true => 0.0,
        }
    }
}

/// A rate as a whole number. Sums of shares miss whole numbers by their rounding.
#[allow(clippy::cast_sign_loss, reason = "rates are sums of positive numbers")]
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/simulate.md "Rates": over capacity is what is more than 1 % above it.
    #[test]
    fn a_hundredth_above_the_capacity_is_rounding() {
        let excess = |rate, works| whole(MirrorLoad { rate, works }.excess(1_000_000));
        assert_eq!([excess(0.0, true), excess(1_008_000.0, true)], [0, 0]);
        assert_eq!([excess(1_009_999.0, true), excess(1_011_000.0, true)], [0, 11_000]);
        // One that does not work takes nothing.
        assert_eq!([excess(0.0, false), excess(5_000.0, false)], [0, 5_000]);
    }
}
