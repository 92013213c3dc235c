//! What paths answer before and after the failures: read off the windows that would be sent.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use serde::Serialize;

use super::subject::DecidedPath;
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::Country;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::dynamic_data::{FirstPlaces, WindowSet};
use cvdns_core::snapshot::fallback::FallbackLevel;
use cvdns_core::snapshot::pools::Path;
use cvdns_core::snapshot::static_data::Plan;

/// A path, and the areas whose clients are answered along it.
#[derive(Debug, Clone)]
pub(super) struct AnsweredPath {
    pub decided: DecidedPath,
    pub areas: Vec<Area>,
}

/// How well a path is answered; the best level first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Addresses of usable mirrors, the furthest from the pool of this index on the path. The
    /// flag says whether the path begins in another country than the client's.
    Usable(usize, bool),
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
    pub mirrors: Rc<AnsweredMirrors>,
}

/// The mirrors of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AnsweredMirrors {
    /// Number of windows.
    windows: u32,
    /// How many windows each mirror leads, by its index in the fleet.
    pub firsts: BTreeMap<u32, u32>,
}

/// How an answer changes; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Later pools or worse mirrors are used, or there is no answer.
    FallsBack,
    /// Mirrors are gone.
    Loses,
    /// Other mirrors, or other shares.
    Changes,
    /// Mirrors are added.
    Gains,
    /// Later pools or worse mirrors are no longer used.
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
    let reader = |snapshot| AnswerReader::new(snapshot, plan, ipv6);
    let (mut before, mut after) = (reader(snapshots.before), reader(snapshots.after));
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
    /// The mirror of each address.
    owners: HashMap<IpAddr, u32>,
    /// What was read, by the place and number of the windows: many paths share them.
    read: HashMap<(usize, u32), Rc<AnsweredMirrors>>,
}

impl<'s> AnswerReader<'s> {
    fn new(snapshot: &'s Snapshot, plan: &'s Plan, ipv6: bool) -> Self {
        let mirrors = (0..).zip(&plan.fleet.mirrors);
        let owners = mirrors
            .flat_map(|(number, mirror)| mirror.addresses().map(move |address| (address, number)))
            .collect();
        Self { snapshot, plan, ipv6, owners, read: HashMap::new() }
    }

    /// The answer of a path.
    fn read(&mut self, (rule, path): DecidedPath) -> PathAnswer {
        let answer = self.snapshot.dynamic_data.pool(rule, path);
        let set = answer.map(|answer| answer.windows(self.ipv6)).filter(|set| set.count > 0);
        let Some(set) = set else {
            return PathAnswer { level: Level::NoData, mirrors: Rc::default() };
        };
        let mirrors = self.mirrors(set);
        let level = match set.fallback {
            FallbackLevel::Open => Level::Open,
            FallbackLevel::Lagging => Level::Lagging,
            FallbackLevel::Near | FallbackLevel::Further => {
                let pools = self.plan.paths.get(path).map(|path| mirrors.pools(self.plan, path));
                let furthest = pools.and_then(|pools| pools.into_values().max());
                Level::Usable(furthest.unwrap_or_default(), self.plan.paths.leads_away(path))
            }
        };
        PathAnswer { level, mirrors }
    }

    fn mirrors(&mut self, set: &WindowSet) -> Rc<AnsweredMirrors> {
        let place = (set.records().as_ptr().addr(), set.count);
        if let Some(read) = self.read.get(&place) {
            return Rc::clone(read);
        }
        let FirstPlaces { windows, firsts } = FirstPlaces::of(set, self.ipv6);
        let mut by_mirror: BTreeMap<u32, u32> = BTreeMap::new();
        for (address, count) in firsts {
            if let Some(mirror) = self.owners.get(&address) {
                *by_mirror.entry(*mirror).or_default() += count;
            }
        }
        let read = Rc::new(AnsweredMirrors { windows, firsts: by_mirror });
        self.read.insert(place, Rc::clone(&read));
        read
    }
}

impl AnsweredMirrors {
    /// The share of answers that a mirror leads; `None` if it is in none.
    pub(super) fn share(&self, mirror: u32) -> Option<f64> {
        let firsts = self.firsts.get(&mirror)?;
        Some(f64::from(*firsts) / f64::from(self.windows.max(1)))
    }

    /// The index of the pool that each mirror comes from: the first on the path that has it.
    pub(super) fn pools(&self, plan: &Plan, path: &Path) -> BTreeMap<u32, usize> {
        let pool = |number: &u32| {
            let mirror = plan.fleet.mirrors.get(*number as usize)?;
            let at = plan.paths.along(path).position(|members| members.pool.has(mirror))?;
            Some((*number, at))
        };
        self.firsts.keys().filter_map(pool).collect()
    }
}

impl PathAnswer {
    /// How this answer differs from the one `before`.
    fn change(&self, before: &Self) -> Change {
        let has = |answer: &Self, mirror: &u32| answer.mirrors.firsts.contains_key(mirror);
        let enters = self.mirrors.firsts.keys().any(|mirror| !has(before, mirror));
        let leaves = before.mirrors.firsts.keys().any(|mirror| !has(self, mirror));
        if self.level > before.level {
            return Change::FallsBack;
        }
        // Without any new mirror, the furthest ones have only failed.
        if self.level < before.level && enters {
            return Change::Recovers;
        }
        match (enters, leaves) {
            (true, false) => Change::Gains,
            (false, true) => Change::Loses,
            (false, false) if self.same_shares(before) => Change::Same,
            (true, true) | (false, false) => Change::Changes,
        }
    }

    /// Whether the same mirrors lead the same shares of answers.
    fn same_shares(&self, before: &Self) -> bool {
        let shares = |answer: &Self| -> Vec<Option<f64>> {
            answer.mirrors.firsts.keys().map(|mirror| answer.mirrors.share(*mirror)).collect()
        };
        self.mirrors == before.mirrors || shares(self) == shares(before)
    }
}

impl Level {
    /// The word for JSON, as other reports have it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Usable(0, false) => FallbackLevel::Near.label(),
            Self::Usable(..) => FallbackLevel::Further.label(),
            Self::Lagging => FallbackLevel::Lagging.label(),
            Self::Open => FallbackLevel::Open.label(),
            Self::NoData => "nodata",
        }
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
