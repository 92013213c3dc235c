//! What one snapshot answers otherwise than another of the same inputs: found by the walks that answers are made of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::Snapshot;
use super::pools::{Along, Path, PathId, Pool};
use super::static_data::{Answer, Plan, StaticData};
use super::yields::{Candidate, Yield};
use crate::geo::area::Area;
use crate::geo::country::Country;
use crate::wire::rtype;
use crate::zone::file::Families;

/// The answers of a path, of one type, that change.
#[derive(Debug, Clone, PartialEq)]
pub struct PathChange<'s> {
    /// The number of the plan.
    pub plan: usize,
    /// The path.
    pub path: PathId,
    /// A or AAAA.
    pub rtype: u16,
    /// The path is followed until there are this many addresses.
    pub min: u16,
    /// Whether AAAA alone is asked at the name, which then counts IPv6 addresses.
    pub ipv6_alone: bool,
    /// What was answered.
    pub before: Served<'s>,
    /// What is answered now.
    pub after: Served<'s>,
    /// The mirrors of which other addresses are answered, by host.
    pub mirrors: Vec<MirrorChange<'s>>,
}

/// What a path is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served<'s> {
    /// The pools that the addresses are of.
    pub pools: Vec<&'s Pool>,
    /// How many addresses there are.
    pub addresses: usize,
    /// How good they are.
    pub quality: Quality,
}

/// How good mirrors are that are answered: the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// They are usable.
    Usable,
    /// They work and are too far behind the record.
    Lagging,
    /// None is known to work.
    Open,
}

/// The share of the answers' capacity that a mirror has.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorChange<'s> {
    /// The mirror.
    pub host: &'s str,
    /// Before, from 0 to 1; none: it was not answered.
    pub before: Option<f64>,
    /// Now.
    pub after: Option<f64>,
    /// How many of its addresses are answered that were not.
    pub enter: usize,
    /// How many are no longer.
    pub leave: usize,
}

/// In one word what happens to a path's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only further addresses.
    Gains,
    /// Only fewer.
    Loses,
    /// Some come, others go.
    Changes,
    /// Later pools have to help, or worse mirrors.
    FallsBack,
    /// They need not any more.
    Recovers,
}

/// Under which limits a path is asked for: the plan, the least number of addresses, types of the name, the path.
type Asked = (u32, u16, Families, PathId);

/// An address, its mirror and the capacity that it stands for.
type Entry = (IpAddr, u32, u64);

/// The answers that change, by plan, path and limits.
pub fn changes<'s>(before: &'s Snapshot, after: &'s Snapshot) -> Vec<PathChange<'s>> {
    let mut out = Vec::new();
    for (asked, types) in asked(&after.static_data) {
        let (Some(old), Some(new)) = (Walked::new(before, asked), Walked::new(after, asked)) else {
            continue;
        };
        out.extend(types.into_iter().filter_map(|rtype| compare(&old, &new, asked, rtype)));
    }
    let key = |c: &PathChange<'_>| (c.plan, c.path, c.min, c.ipv6_alone, c.rtype);
    out.sort_by_key(key);
    out
}

/// What names ask for, with the types that they have.
fn asked(static_data: &StaticData) -> HashMap<Asked, BTreeSet<u16>> {
    let mut out: HashMap<Asked, BTreeSet<u16>> = HashMap::new();
    for holding in &static_data.holdings {
        let Answer::Pool { rule, along } = holding.answer else { continue };
        let Some(rule) = static_data.rules.get(rule as usize) else { continue };
        let Some(plan) = static_data.plans.get(rule.plan as usize) else { continue };
        let paths = match along {
            Along::Path(path) => BTreeSet::from([path]),
            Along::Client => of_clients(plan),
        };
        for path in paths {
            out.entry((rule.plan, rule.min, rule.families, path))
                .or_default()
                .insert(holding.rtype);
        }
    }
    out
}

/// The paths that clients can have.
fn of_clients(plan: &Plan) -> BTreeSet<PathId> {
    let areas = Country::all().map(Area::Country).chain([Area::Unknown]);
    let continents = plan.paths.of_continents().iter().map(|(_, path)| *path);
    areas.map(|area| plan.paths.of_client(area)).chain(continents).collect()
}

/// A walk along a path.
struct Walked<'s> {
    plan: &'s Plan,
    path: &'s Path,
    found: Yield,
}

impl<'s> Walked<'s> {
    fn new(snapshot: &'s Snapshot, (plan, min, families, path): Asked) -> Option<Self> {
        let health = snapshot.dynamic_data.health(plan)?;
        let plan = snapshot.static_data.plans.get(plan as usize)?;
        let path = plan.paths.get(path)?;
        Some(Self { plan, path, found: plan.walk(min, families, health).along(path) })
    }

    fn entries(&self, of: u16) -> Vec<Entry> {
        fn all<A: Into<IpAddr> + Copy>(candidates: &[Candidate<A>]) -> Vec<Entry> {
            candidates.iter().map(|c| (c.address.into(), c.mirror, c.capacity)).collect()
        }
        if of == rtype::A { all(&self.found.ipv4) } else { all(&self.found.ipv6) }
    }

    fn served(&self, entries: &[Entry], of: u16) -> Served<'s> {
        let mirror = |entry: &Entry| self.plan.fleet.mirrors.get(entry.1 as usize);
        let pools = || self.plan.paths.along(self.path).map(|members| &members.pool);
        let own =
            |entry| mirror(entry).and_then(|mirror| pools().position(|pool| pool.has(mirror)));
        let numbers: BTreeSet<usize> = entries.iter().filter_map(own).collect();
        let open = if of == rtype::A { self.found.ipv4_open } else { self.found.ipv6_open };
        let quality = match (open, self.found.lagging) {
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
    (plan, min, families, path): Asked,
    rtype: u16,
) -> Option<PathChange<'s>> {
    let [old_entries, new_entries] = [old.entries(rtype), new.entries(rtype)];
    let (before, after) = (old.served(&old_entries, rtype), new.served(&new_entries, rtype));
    let mirrors = mirrors(new.plan, &old_entries, &new_entries);
    if mirrors.is_empty() && before.quality == after.quality {
        return None;
    }
    let ipv6_alone = families == Families::V6;
    Some(PathChange { plan: plan as usize, path, rtype, min, ipv6_alone, before, after, mirrors })
}

/// Mirrors of which other addresses are answered than before.
fn mirrors<'s>(plan: &'s Plan, before: &[Entry], after: &[Entry]) -> Vec<MirrorChange<'s>> {
    let (before, after) = (by_mirror(before), by_mirror(after));
    let numbers: BTreeSet<u32> = before.keys().chain(after.keys()).copied().collect();
    let change = |number: u32| {
        let host = plan.fleet.mirrors.get(number as usize)?.host.as_str();
        let (old, new) = (before.get(&number), after.get(&number));
        let beyond = |one: Option<&Part>, other: Option<&Part>| {
            let has =
                |address: &&IpAddr| other.is_some_and(|other| other.addresses.contains(*address));
            one.map_or(0, |one| one.addresses.iter().filter(|address| !has(address)).count())
        };
        let (enter, leave) = (beyond(new, old), beyond(old, new));
        let share = |part: Option<&Part>| part.map(|part| part.share);
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

/// What a mirror has of an answer.
#[derive(Default)]
struct Part {
    addresses: BTreeSet<IpAddr>,
    share: f64,
}

/// The addresses of each mirror, and its share of the capacity.
fn by_mirror(entries: &[Entry]) -> BTreeMap<u32, Part> {
    let total: u128 = entries.iter().map(|entry| u128::from(entry.2)).sum();
    let mut out: BTreeMap<u32, Part> = BTreeMap::new();
    for &(address, mirror, capacity) in entries {
        let part = out.entry(mirror).or_default();
        part.addresses.insert(address);
        part.share += capacity as f64 / total.max(1) as f64;
    }
    out
}

impl PathChange<'_> {
    /// In one word what happens.
    pub fn change(&self, plan: &Plan) -> Change {
        let reach = |served: &Served<'_>| -> Option<usize> {
            let (path, last) = (plan.paths.get(self.path)?, served.pools.last()?);
            plan.paths.along(path).position(|members| members.pool == **last)
        };
        let standing = |served: &Served<'_>| (served.quality, reach(served));
        let (before, after) = (standing(&self.before), standing(&self.after));
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

    /// The pools of its path.
    pub fn pools<'p>(&self, plan: &'p Plan) -> Vec<&'p Pool> {
        let path = plan.paths.get(self.path);
        path.into_iter()
            .flat_map(|path| plan.paths.along(path))
            .map(|members| &members.pool)
            .collect()
    }

    /// The countries whose clients are served along it.
    pub fn countries(&self, plan: &Plan) -> Vec<Country> {
        Country::all().filter(|country| plan.paths.of_client(*country) == self.path).collect()
    }
}
