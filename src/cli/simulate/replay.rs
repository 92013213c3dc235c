//! What paths answer before and after the failures: read off the windows that would be sent.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::iter::repeat_n;
use std::net::IpAddr;

use serde::Serialize;

use super::subject::DecidedPath;
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::Country;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::dynamic_data::WindowSet;
use cvdns_core::snapshot::fallback::FallbackLevel;
use cvdns_core::snapshot::first_places::{FirstPlaces, address};
use cvdns_core::snapshot::static_data::Plan;
use cvdns_core::snapshot::yields::FamilyYield;

/// Where the data of a prepared record start, in octets.
const RDATA: usize = 12;

/// A path, and the areas whose clients are answered along it.
#[derive(Debug, Clone)]
pub(super) struct AnsweredPath {
    pub decided: DecidedPath,
    pub areas: Vec<Area>,
}

/// How good the mirrors of an answer are; the best level first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
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
pub(super) struct PathAnswer {
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
pub(super) struct AnsweredMirror {
    /// Index in the fleet.
    pub index: u32,
    /// Index of its pool on the path.
    pub pool: usize,
    /// Whether it only fills up: of its pool, as many are drawn as others lack.
    pub drawn: bool,
    /// Share of the answers that it leads, from 0 to 1.
    pub share: f64,
}

/// How an answer changes; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// The first places move to a later pool, worse mirrors are used, or there is no answer.
    FallsBack,
    /// Mirrors are gone.
    Loses,
    /// Other mirrors, or other shares.
    Changes,
    /// Mirrors are added.
    Gains,
    /// The first places move back to an earlier pool, or better mirrors are used.
    Recovers,
    /// Nothing.
    Same,
}

/// A value before the failures and after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct BeforeAfter<T> {
    pub before: T,
    pub after: T,
}

/// A path with its answers.
pub(super) struct Replayed {
    pub path: AnsweredPath,
    pub answers: BeforeAfter<PathAnswer>,
    /// The demand of its countries in kbit/s.
    pub demand: Option<u64>,
    pub change: Change,
}

impl<T> BeforeAfter<T> {
    /// The values, that before the failures first.
    pub(super) fn of([before, after]: [T; 2]) -> Self {
        Self { before, after }
    }
}

/// Reads the answers of paths in both snapshots. `rates` is the demand of each country.
pub(super) fn replay(
    snapshots: BeforeAfter<&Snapshot>,
    plan: &Plan,
    ipv6: bool,
    paths: Vec<AnsweredPath>,
    rates: &BTreeMap<Country, u64>,
) -> Vec<Replayed> {
    let reader = |snapshot| AnswerReader { snapshot, plan, ipv6 };
    let (before, after) = (reader(snapshots.before), reader(snapshots.after));
    let of = |path: AnsweredPath| {
        let answers =
            BeforeAfter { before: before.read(path.decided), after: after.read(path.decided) };
        let known: Vec<u64> =
            path.countries().filter_map(|country| rates.get(&country).copied()).collect();
        let demand = (!known.is_empty()).then(|| known.iter().sum());
        let change = answers.after.change(&answers.before);
        Replayed { path, answers, demand, change }
    };
    paths.into_iter().map(of).collect()
}

impl AnsweredPath {
    /// Puts the areas with the same rule and path together.
    pub(super) fn group(decisions: Vec<(Area, DecidedPath)>) -> Vec<Self> {
        let mut areas: BTreeMap<DecidedPath, Vec<Area>> = BTreeMap::new();
        for (area, decided) in decisions {
            areas.entry(decided).or_default().push(area);
        }
        areas.into_iter().map(|(decided, areas)| Self { decided, areas }).collect()
    }

    /// The countries among the areas.
    pub(super) fn countries(&self) -> impl Iterator<Item = Country> {
        self.areas.iter().filter_map(|area| area.country())
    }
}

/// Reads the answers of a snapshot for the fleet of one plan.
struct AnswerReader<'s> {
    snapshot: &'s Snapshot,
    plan: &'s Plan,
    ipv6: bool,
}

impl AnswerReader<'_> {
    /// The answer of a path.
    fn read(&self, (rule, path): DecidedPath) -> PathAnswer {
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

impl PathAnswer {
    /// How this answer differs from the one `before`.
    fn change(&self, before: &Self) -> Change {
        match self.level.cmp(&before.level).then(self.front.cmp(&before.front)) {
            Ordering::Greater => return Change::FallsBack,
            // Of mirrors that lag, nearer ones may be those that lag more.
            Ordering::Less if self.level != Level::Lagging => return Change::Recovers,
            Ordering::Less | Ordering::Equal => {}
        }
        let (new, old) = (self.indexes(), before.indexes());
        let (enters, leaves) = (!new.is_subset(&old), !old.is_subset(&new));
        match (enters, leaves) {
            (true, false) => Change::Gains,
            (false, true) => Change::Loses,
            (false, false) if self.mirrors == before.mirrors => Change::Same,
            (true, true) | (false, false) => Change::Changes,
        }
    }

    fn indexes(&self) -> BTreeSet<u32> {
        self.mirrors.iter().map(|mirror| mirror.index).collect()
    }
}

impl Change {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::FallsBack => "falls back",
            Self::Loses => "loses",
            Self::Changes => "changes",
            Self::Gains => "gains",
            Self::Recovers => "recovers",
            Self::Same => "same",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(level: Level, front: usize, indexes: &[u32]) -> PathAnswer {
        let of = |index: &u32| {
            let share = 1.0 / indexes.len() as f64;
            AnsweredMirror { index: *index, pool: front, drawn: false, share }
        };
        PathAnswer { level, front, reach: "", mirrors: indexes.iter().map(of).collect() }
    }

    /// docs/simulate.md "What is asked".
    #[test]
    fn the_first_places_tell_who_falls_back() {
        let usable = |front, indexes: &[u32]| answer(Level::Usable, front, indexes);
        let lagging = |front, indexes: &[u32]| answer(Level::Lagging, front, indexes);
        let open = answer(Level::Open, 0, &[0, 1, 2]);
        let nothing = answer(Level::NoData, 0, &[]);
        for (before, after, change) in [
            (usable(0, &[0, 1]), usable(1, &[1]), Change::FallsBack),
            (usable(0, &[0, 1]), usable(0, &[0]), Change::Loses),
            (usable(0, &[0, 1]), usable(0, &[0, 2]), Change::Changes),
            (usable(0, &[0]), usable(0, &[0, 1]), Change::Gains),
            (usable(0, &[0]), usable(0, &[0]), Change::Same),
            (usable(1, &[1]), usable(0, &[0]), Change::Recovers),
            (usable(1, &[1]), lagging(0, &[0]), Change::FallsBack),
            (lagging(0, &[0]), lagging(1, &[1]), Change::FallsBack),
            (lagging(1, &[1]), lagging(0, &[0]), Change::Changes),
            (lagging(0, &[0]), open.clone(), Change::FallsBack),
            (open.clone(), usable(2, &[2]), Change::Recovers),
            (open, nothing.clone(), Change::FallsBack),
            (nothing.clone(), nothing, Change::Same),
        ] {
            assert_eq!(after.change(&before), change, "{before:?} {after:?}");
        }
    }
}
