//! What paths answer: read off the windows that would be sent.

use std::collections::{BTreeMap, HashSet};
use std::iter::repeat_n;
use std::net::IpAddr;

use super::subject::DecidedPath;
use crate::geo::area::Area;
use crate::geo::country::Country;
use crate::snapshot::Snapshot;
use crate::snapshot::dynamic_data::WindowSet;
use crate::snapshot::fallback::FallbackLevel;
use crate::snapshot::first_places::{FirstPlaces, address};
use crate::snapshot::static_data::Plan;
use crate::snapshot::yields::FamilyYield;

/// Where the data of a prepared record start, in octets.
const RDATA: usize = 12;

/// A path, and the areas whose clients are answered along it.
#[derive(Debug, Clone)]
pub struct AnsweredPath {
    /// The rule and path.
    pub decided: DecidedPath,
    /// The areas.
    pub areas: Vec<Area>,
}

/// How good the mirrors of an answer are; the best level first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Addresses of usable mirrors.
    Usable,
    /// Addresses of mirrors that are too far behind the record.
    Lagging,
    /// Addresses of mirrors that are not known to work.
    Open,
    /// NODATA.
    NoData,
}

/// The answer of a path.
#[derive(Debug, Clone)]
pub struct PathAnswer {
    /// How good its mirrors are.
    pub level: Level,
    /// Index on the path of the nearest pool in the front group, whose mirrors lead the answers; 0
    /// if there is no answer.
    pub front: usize,
    /// How far the path is followed, as other reports have it.
    pub reach: &'static str,
    /// The mirrors that are answered, ordered by index.
    pub mirrors: Vec<AnsweredMirror>,
}

/// A mirror in an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnsweredMirror {
    /// Index in the fleet.
    pub index: u32,
    /// Index of its pool on the path.
    pub pool: usize,
    /// Whether it only fills up: of its pool, as many are drawn as others lack.
    pub drawn: bool,
    /// Share of the answers that it leads, from 0 to 1.
    pub share: f64,
}

impl AnsweredPath {
    /// Puts the areas with the same rule and path together.
    pub fn group(decisions: Vec<(Area, DecidedPath)>) -> Vec<Self> {
        let mut areas: BTreeMap<DecidedPath, Vec<Area>> = BTreeMap::new();
        for (area, decided) in decisions {
            areas.entry(decided).or_default().push(area);
        }
        areas.into_iter().map(|(decided, areas)| Self { decided, areas }).collect()
    }

    /// The countries among the areas.
    pub fn countries(&self) -> impl Iterator<Item = Country> {
        self.areas.iter().filter_map(|area| area.country())
    }
}

/// Reads the answers of a snapshot for the fleet of one plan.
#[derive(Debug, Clone, Copy)]
pub struct AnswerReader<'s> {
    /// The snapshot.
    pub snapshot: &'s Snapshot,
    /// The plan that the paths are of.
    pub plan: &'s Plan,
    /// Whether AAAA is asked for instead of A.
    pub ipv6: bool,
}

impl AnswerReader<'_> {
    /// The answer of a path.
    pub fn read(&self, (rule, path): DecidedPath) -> PathAnswer {
        let Self { snapshot, plan, ipv6 } = *self;
        let answer = snapshot.dynamic_data.pool(rule, path).map(|answer| answer.windows(ipv6));
        let rule = snapshot.static_data.rules.get(rule as usize);
        let (Some(set), Some(rule), Some(pools)) =
            (answer.filter(|set| set.count > 0), rule, plan.paths.get(path))
        else {
            let (front, reach, mirrors) = (0, "nodata", Vec::new());
            return PathAnswer { level: Level::NoData, front, reach, mirrors };
        };
        // The windows were made of the same walk.
        let health = snapshot.dynamic_data.health(rule.plan);
        let (front, mirrors) = health.map_or_else(Default::default, |health| {
            let found = plan.walk(rule.min, rule.families, health).along(pools);
            if ipv6 { answered(&found.ipv6, set) } else { answered(&found.ipv4, set) }
        });
        let level = match set.fallback {
            FallbackLevel::Open => Level::Open,
            FallbackLevel::Lagging => Level::Lagging,
            FallbackLevel::Near | FallbackLevel::Further => Level::Usable,
        };
        PathAnswer { level, front, reach: set.fallback.label(), mirrors }
    }
}

/// The mirrors of a yield that are in any of the windows, ordered by index, and the index on the
/// path of the nearest pool of the front group.
fn answered<A: Copy + Into<IpAddr>>(
    family_yield: &FamilyYield<A>,
    set: &WindowSet,
) -> (usize, Vec<AnsweredMirror>) {
    let places = FirstPlaces::new(family_yield, set);
    let record = if set.size == 0 { 1 } else { set.numbered(0).len() / usize::from(set.size) };
    let rdata = set.records().chunks_exact(record.max(1)).filter_map(|record| record.get(RDATA..));
    let sent: HashSet<IpAddr> = rdata.filter_map(address).collect();
    let mut mirrors: BTreeMap<u32, AnsweredMirror> = BTreeMap::new();
    for (number, (group, candidates)) in family_yield.groups().enumerate() {
        let drawn = number > 0 && group.take < group.len();
        let pools = group.pools.iter().flat_map(|part| repeat_n(part.at, part.addresses));
        for (candidate, pool) in candidates.iter().zip(pools) {
            if sent.contains(&candidate.address.into()) {
                let (index, share) = (candidate.mirror, places.share(candidate.mirror));
                mirrors.entry(index).or_insert(AnsweredMirror { index, pool, drawn, share });
            }
        }
    }
    let front = family_yield.groups.first().and_then(|group| group.pools.first());
    (front.map_or(0, |part| part.at), mirrors.into_values().collect())
}
