//! Chooses the versions to announce, by what the mirrors of all fleets have.

use crate::health::{Health, State};
use crate::release::{Announced, MirrorVersions};
use crate::snapshot::now::Now;
use crate::snapshot::static_data::{Plan, StaticData};

/// Chooses what is announced at a moment, after `before` was announced last; `None` without a
/// release.
pub(super) fn announce(
    static_data: &StaticData,
    healths: &[Health],
    now: &Now<'_>,
    before: Option<&Announced>,
) -> Option<Announced> {
    let (offered, stamp) = (now.release?, now.stamp()?);
    let released = offered.release.core();
    let fleets =
        static_data.plans.iter().zip(healths).map(|(plan, health)| holders(plan, health, released));
    let fleets: Vec<Vec<MirrorVersions<'_>>> = fleets.collect();
    let quorum = static_data.settings.quorum;
    let announced = Announced::new(offered.release, stamp, &fleets, quorum, before);
    Some(match now.history {
        Some(history) => announced.with_history(history),
        None => announced,
    })
}

/// The mirrors of a fleet whose versions count: those that are up, or those that are old when none
/// is up, because these are what is answered. A mirror that is up and whose versions are unknown is
/// assumed to have the released versions; the same is not assumed of an old mirror.
fn holders<'p>(plan: &'p Plan, health: &Health, released: [u32; 3]) -> Vec<MirrorVersions<'p>> {
    let in_state = |state: State| {
        let mirrors = plan.fleet.enabled().filter(move |(index, _)| health.has(*index, state));
        mirrors.filter_map(|(index, mirror)| {
            let versions = health.mirrors.get(index)?.versions;
            Some(MirrorVersions { host: &mirror.host, capacity: mirror.capacity, versions })
        })
    };
    let assume_released = |holder: MirrorVersions<'p>| {
        let mut versions = holder.versions;
        versions
            .iter_mut()
            .zip(released)
            .for_each(|(version, released)| *version = version.or(Some(released)));
        MirrorVersions { versions, ..holder }
    };
    let up: Vec<MirrorVersions<'_>> = in_state(State::Up).map(assume_released).collect();
    if up.is_empty() { in_state(State::Old).collect() } else { up }
}
