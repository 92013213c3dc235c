//! The difference between the answers of two snapshots of the same inputs, found by the same walks
//! that answers are made of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::Snapshot;
use super::dynamic_data::PoolAnswer;
use super::first_places::FirstPlaces;
use super::pools::{Path, PathChoice, PathId, Pool};
use super::static_data::{Answer, Plan, StaticData};
use super::yields::{FamilyYield, Yield};
use crate::geo::area::Area;
use crate::geo::country::Country;
use crate::wire::rtype;
use crate::zone::file::Families;

/// A change of the answers of a path for one type.
#[derive(Debug, Clone, PartialEq)]
pub struct PathChange<'s> {
    /// Number of the plan.
    pub plan: usize,
    /// The path.
    pub path: PathId,
    /// A or AAAA.
    pub rtype: u16,
    /// The path is followed until this many addresses are found.
    pub min: u16,
    /// Whether the name has AAAA alone, so that IPv6 addresses are counted.
    pub ipv6_alone: bool,
    /// The answers before.
    pub before: Served<'s>,
    /// The answers now.
    pub after: Served<'s>,
    /// The mirrors of which different addresses are answered, in the order of their hosts.
    pub mirrors: Vec<MirrorChange<'s>>,
}

/// The answers of a path for one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served<'s> {
    /// The pools that the addresses are from.
    pub pools: Vec<&'s Pool>,
    /// Number of addresses.
    pub addresses: usize,
    /// Quality of the mirrors.
    pub quality: Quality,
}

/// Quality of the mirrors in an answer; the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// The mirrors are usable.
    Usable,
    /// The mirrors work, but are too far behind the announced release.
    Lagging,
    /// No mirror is known to work (fail-open).
    Open,
}

/// A change of the part that a mirror has in answers.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorChange<'s> {
    /// Host of the mirror.
    pub host: &'s str,
    /// Its share of the first places of answers before, from 0 to 1; `None` when it was not
    /// answered. Mirrors that fill answers up have no first places.
    pub before: Option<f64>,
    /// Its share now, likewise.
    pub after: Option<f64>,
    /// How many of its addresses are answered now and were not before.
    pub enter: usize,
    /// How many of its addresses are no longer answered.
    pub leave: usize,
}

/// The kind of change of a path's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Addresses are added.
    Gains,
    /// Addresses are removed.
    Loses,
    /// Some addresses are added, others removed.
    Changes,
    /// Later pools or worse mirrors are used.
    FallsBack,
    /// Later pools or worse mirrors are no longer used.
    Recovers,
}

/// Plan, `min`, families and path: what a yield depends on, besides health.
type PathKey = (u32, u16, Families, PathId);

/// An address, and its mirror.
type ServedAddress = (IpAddr, u32);

/// The changes of answers from one snapshot to another, ordered by plan, path and limits.
pub fn changes<'s>(before: &'s Snapshot, after: &'s Snapshot) -> Vec<PathChange<'s>> {
    let mut out = Vec::new();
    for (key, types) in answered_paths(&after.static_data) {
        let (Some(old), Some(new)) = (Walked::new(before, key), Walked::new(after, key)) else {
            continue;
        };
        out.extend(types.into_iter().filter_map(|rtype| compare(&old, &new, key, rtype)));
    }
    out.sort_by_key(|change| {
        (change.plan, change.path, change.min, change.ipv6_alone, change.rtype)
    });
    out
}

/// The paths that names are answered with, and the types they are answered for.
fn answered_paths(static_data: &StaticData) -> HashMap<PathKey, BTreeSet<u16>> {
    let mut out: HashMap<PathKey, BTreeSet<u16>> = HashMap::new();
    for entry in &static_data.answers {
        let Answer::Pool { rule, choice } = entry.answer else { continue };
        let Some(rule) = static_data.rules.get(rule as usize) else { continue };
        let Some(plan) = static_data.plans.get(rule.plan as usize) else { continue };
        let paths = match choice {
            PathChoice::Path(path) => BTreeSet::from([path]),
            PathChoice::Client => client_paths(plan),
        };
        for path in paths {
            out.entry((rule.plan, rule.min, rule.families, path)).or_default().insert(entry.rtype);
        }
    }
    out
}

/// The paths that clients can have.
fn client_paths(plan: &Plan) -> BTreeSet<PathId> {
    let areas = Country::all().map(Area::Country).chain([Area::Unknown]);
    let continents = plan.paths.of_continents().iter().map(|(_, path)| *path);
    areas.map(|area| plan.paths.of_client(area)).chain(continents).collect()
}

/// A path and its yield in one of the snapshots.
struct Walked<'s> {
    plan: &'s Plan,
    path: &'s Path,
    path_yield: Yield,
    /// The answers, under the first rule with these limits.
    answer: &'s PoolAnswer,
}

impl<'s> Walked<'s> {
    fn new(snapshot: &'s Snapshot, (plan, min, families, path): PathKey) -> Option<Self> {
        let health = snapshot.dynamic_data.health(plan)?;
        let rule = snapshot
            .static_data
            .rules
            .iter()
            .position(|rule| (rule.plan, rule.min, rule.families) == (plan, min, families))?;
        let plan = snapshot.static_data.plans.get(plan as usize)?;
        let answer = snapshot.dynamic_data.pool(rule as u32, path)?;
        let path = plan.paths.get(path)?;
        let path_yield = plan.walk(min, families, health).along(path);
        Some(Self { plan, path, path_yield, answer })
    }

    /// The addresses that are answered for a type.
    fn addresses(&self, of: u16) -> Vec<ServedAddress> {
        fn all<A: Into<IpAddr> + Copy>(found: &FamilyYield<A>) -> Vec<ServedAddress> {
            found.candidates.iter().map(|c| (c.address.into(), c.mirror)).collect()
        }
        if of == rtype::A { all(&self.path_yield.ipv4) } else { all(&self.path_yield.ipv6) }
    }

    /// The first places of the answers for a type.
    fn first_places(&self, of: u16) -> FirstPlaces {
        if of == rtype::A {
            FirstPlaces::new(&self.path_yield.ipv4, &self.answer.ipv4)
        } else {
            FirstPlaces::new(&self.path_yield.ipv6, &self.answer.ipv6)
        }
    }

    fn served(&self, entries: &[ServedAddress], of: u16) -> Served<'s> {
        let mirror = |entry: &ServedAddress| self.plan.fleet.mirrors.get(entry.1 as usize);
        let pools = || self.plan.paths.along(self.path).map(|members| &members.pool);
        let own =
            |entry| mirror(entry).and_then(|mirror| pools().position(|pool| pool.has(mirror)));
        let numbers: BTreeSet<usize> = entries.iter().filter_map(own).collect();
        let open =
            if of == rtype::A { self.path_yield.ipv4_open } else { self.path_yield.ipv6_open };
        let quality = match (open, self.path_yield.lagging) {
            (true, _) => Quality::Open,
            (_, true) => Quality::Lagging,
            _ => Quality::Usable,
        };
        let pools = pools()
            .enumerate()
            .filter(|(number, _)| numbers.contains(number))
            .map(|(_, pool)| pool);
        Served { pools: pools.collect(), addresses: entries.len(), quality }
    }
}

fn compare<'s>(
    old: &Walked<'s>,
    new: &Walked<'s>,
    (plan, min, families, path): PathKey,
    rtype: u16,
) -> Option<PathChange<'s>> {
    let [old_addresses, new_addresses] = [old.addresses(rtype), new.addresses(rtype)];
    let (before, after) = (old.served(&old_addresses, rtype), new.served(&new_addresses, rtype));
    let (before_places, after_places) = (old.first_places(rtype), new.first_places(rtype));
    let mirrors = mirrors(
        new.plan,
        &by_mirror(&old_addresses, &before_places),
        &by_mirror(&new_addresses, &after_places),
    );
    if mirrors.is_empty() && before.quality == after.quality {
        return None;
    }
    let ipv6_alone = families == Families::V6;
    Some(PathChange { plan: plan as usize, path, rtype, min, ipv6_alone, before, after, mirrors })
}

/// The mirrors of which different addresses are answered than before.
fn mirrors<'s>(
    plan: &'s Plan,
    before: &BTreeMap<u32, MirrorPart>,
    after: &BTreeMap<u32, MirrorPart>,
) -> Vec<MirrorChange<'s>> {
    let numbers: BTreeSet<u32> = before.keys().chain(after.keys()).copied().collect();
    let change = |number: u32| {
        let host = plan.fleet.mirrors.get(number as usize)?.host.as_str();
        let (old, new) = (before.get(&number), after.get(&number));
        let beyond = |one: Option<&MirrorPart>, other: Option<&MirrorPart>| {
            let has =
                |address: &&IpAddr| other.is_some_and(|other| other.addresses.contains(*address));
            one.map_or(0, |one| one.addresses.iter().filter(|address| !has(address)).count())
        };
        let (enter, leave) = (beyond(new, old), beyond(old, new));
        let share = |part: Option<&MirrorPart>| part.map(|part| part.share);
        (enter + leave > 0).then(|| MirrorChange {
            host,
            before: share(old),
            after: share(new),
            enter,
            leave,
        })
    };
    let mut out: Vec<_> = numbers.into_iter().filter_map(change).collect();
    out.sort_by_key(|change| change.host);
    out
}

/// The part of an answer that a mirror has.
#[derive(Default)]
struct MirrorPart {
    addresses: BTreeSet<IpAddr>,
    share: f64,
}

/// The addresses of each mirror, with its share of the first places.
fn by_mirror(entries: &[ServedAddress], places: &FirstPlaces) -> BTreeMap<u32, MirrorPart> {
    let mut out: BTreeMap<u32, MirrorPart> = BTreeMap::new();
    for &(address, mirror) in entries {
        let part = out.entry(mirror).or_default();
        part.addresses.insert(address);
        part.share = places.share(mirror);
    }
    out
}

impl PathChange<'_> {
    /// The kind of this change.
    pub fn change(&self, plan: &Plan) -> Change {
        let last_pool = |served: &Served<'_>| -> Option<usize> {
            let (path, last) = (plan.paths.get(self.path)?, served.pools.last()?);
            plan.paths.along(path).position(|members| members.pool == **last)
        };
        let rank = |served: &Served<'_>| (served.quality, last_pool(served));
        let (before, after) = (rank(&self.before), rank(&self.after));
        let enters = self.mirrors.iter().any(|mirror| mirror.enter > 0);
        let leaves = self.mirrors.iter().any(|mirror| mirror.leave > 0);
        if after.1.is_some() && before.1.is_some() && after != before {
            return if after > before { Change::FallsBack } else { Change::Recovers };
        }
        match (enters, leaves) {
            (true, false) => Change::Gains,
            (false, true) => Change::Loses,
            _ => Change::Changes,
        }
    }

    /// The pools of the path.
    pub fn pools<'p>(&self, plan: &'p Plan) -> Vec<&'p Pool> {
        let path = plan.paths.get(self.path);
        path.into_iter()
            .flat_map(|path| plan.paths.along(path))
            .map(|members| &members.pool)
            .collect()
    }

    /// The countries whose clients have this path.
    pub fn countries(&self, plan: &Plan) -> Vec<Country> {
        Country::all().filter(|country| plan.paths.of_client(*country) == self.path).collect()
    }
}
