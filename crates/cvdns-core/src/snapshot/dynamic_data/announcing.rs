//! What is announced, by what the mirrors of all fleets hold.

use super::Now;
use crate::health::{Health, State};
use crate::release::{Announced, MirrorVersions};
use crate::snapshot::static_data::{Plan, StaticData};

/// Decides what is announced now; none without a release.
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
    let fleets: Vec<Vec<MirrorVersions>> = fleets.collect();
    Some(Announced::new(offered.release, stamp, &fleets, static_data.settings.quorum, before))
}

/// Those whose versions count: the mirrors of a fleet that are up, and where none is, those that are old, for these are what is
/// answered. One that is up is taken to hold what is released, unless its versions are known; of an old one that
/// would be a bold guess.
fn holders(plan: &Plan, health: &Health, released: [u32; 3]) -> Vec<MirrorVersions> {
    let of = |state: State| {
        let mirrors = plan.fleet.enabled().filter(move |(index, _)| health.has(*index, state));
        mirrors.filter_map(|(index, mirror)| {
            let said = health.mirrors.get(index)?.versions;
            Some(MirrorVersions { capacity: mirror.capacity, versions: said })
        })
    };
    let holds = |holder: MirrorVersions| {
        let mut versions = holder.versions;
        versions
            .iter_mut()
            .zip(released)
            .for_each(|(said, released)| *said = said.or(Some(released)));
        MirrorVersions { versions, ..holder }
    };
    let up: Vec<MirrorVersions> = of(State::Up).map(holds).collect();
    if up.is_empty() { of(State::Old).collect() } else { up }
}
