//! Finds the mirrors that are stuck, and takes them out unless they are too many.

use std::collections::HashSet;

use crate::health::Health;
use crate::release::{Stuck, StuckRule, is_suspect};
use crate::snapshot::now::Now;
use crate::snapshot::static_data::StaticData;

/// The mirrors that are stuck, each host once.
#[derive(Debug, Default)]
pub(super) struct StuckMirrors {
    /// Their hosts, sorted.
    pub(super) hosts: Vec<String>,
    /// Whether the release is suspect: they have more than half of the usable capacity, and none
    /// is left out.
    pub(super) suspect: bool,
}

/// Takes the usable mirrors that are stuck at a moment out of the healths of the plans, unless the
/// release is suspect.
pub(super) fn take_out(
    static_data: &StaticData,
    healths: &mut [Health],
    now: &Now<'_>,
) -> StuckMirrors {
    let found = find(static_data, healths, now);
    if found.is_empty() {
        return StuckMirrors::default();
    }
    let (mut hosts, mut seen) = (HashSet::new(), HashSet::new());
    let (mut stuck, mut usable) = (0, 0);
    for (number, (plan, health)) in static_data.plans.iter().zip(healths.iter()).enumerate() {
        for (index, mirror) in plan.fleet.enabled().filter(|(index, _)| health.is_usable(*index)) {
            let is_stuck = found.binary_search_by_key(&(number, index), |(at, _)| *at).is_ok();
            let capacity = u128::from(mirror.capacity);
            usable += if seen.insert(&mirror.host) { capacity } else { 0 };
            stuck += if is_stuck && hosts.insert(&mirror.host) { capacity } else { 0 };
        }
    }
    let mut hosts: Vec<String> = hosts.into_iter().cloned().collect();
    hosts.sort_unstable();
    let suspect = is_suspect(stuck, usable);
    if !suspect {
        for ((plan, index), stuck) in found {
            if let Some(health) = healths.get_mut(plan) {
                health.take_out_stuck(index, stuck);
            }
        }
    }
    StuckMirrors { hosts, suspect }
}

/// The usable mirrors that are stuck, by plan and index in the fleet, in ascending order.
fn find(
    static_data: &StaticData,
    healths: &[Health],
    now: &Now<'_>,
) -> Vec<((usize, usize), Stuck)> {
    let rule = StuckRule { lag: static_data.settings.lag, after: static_data.settings.stuck_after };
    let (Some(history), Some(feed)) = (now.history, now.inputs.feed) else { return Vec::new() };
    // What a coordinator says that does not trust itself was seen before: no time passes meanwhile.
    let moment = if feed.frozen.is_none() { Some(feed.generated) } else { history.until() };
    let Some(moment) = moment.filter(|_| !rule.after.is_zero()) else { return Vec::new() };
    let mut found = Vec::new();
    for (number, (plan, health)) in static_data.plans.iter().zip(healths).enumerate() {
        for (index, mirror) in plan.fleet.enabled().filter(|(index, _)| health.is_usable(*index)) {
            let versions = health.mirrors.get(index).map(|status| status.versions);
            let stuck =
                versions.and_then(|versions| history.stuck(&mirror.host, versions, rule, moment));
            found.extend(stuck.map(|stuck| ((number, index), stuck)));
        }
    }
    found
}
