//! What is announced, by what the mirrors of all fleets hold.

use std::collections::HashSet;

use super::Now;
use crate::health::{Health, State};
use crate::release::{Announced, Holder};
use crate::snapshot::frame::Frame;

/// Decides what is announced now; none without a release.
pub(super) fn announce(
    frame: &Frame,
    healths: &[Health],
    now: &Now<'_>,
    before: Option<&Announced>,
) -> Option<Announced> {
    let (offered, stamp) = (now.release?, now.stamp()?);
    let holders = holders(frame, healths);
    Some(Announced::new(offered.release, stamp, &holders, frame.settings.quorum, before))
}

/// Those whose versions count: the mirrors that are up. Where none is, all are answered, and all count.
fn holders(frame: &Frame, healths: &[Health]) -> Vec<Holder> {
    let (mut usable, mut others) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (plan, health) in frame.plans.iter().zip(healths) {
        for (index, mirror) in plan.fleet.enabled() {
            // Several zones may have one fleet.
            let is_new = frame.plans.len() == 1 || seen.insert(mirror.host.as_str());
            let Some(standing) = health.mirrors.get(index).filter(|_| is_new) else { continue };
            let holder = Holder { capacity: mirror.capacity, versions: standing.versions };
            if health.has(index, State::Up) { usable.push(holder) } else { others.push(holder) }
        }
    }
    if usable.is_empty() { others } else { usable }
}
