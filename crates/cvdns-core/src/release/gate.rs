//! The gate decides which versions of a release are announced: those that enough mirrors have.
//! Newer versions wait.

use std::collections::HashSet;
use std::fmt;

use jiff::Timestamp;

use super::{CORE_DATABASES, Release, VersionHistory};

/// The announced release, and how its versions were chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The release with the announced versions.
    pub release: Release,
    /// How the versions of main, daily and bytecode were chosen, in this order. Feeds do not say
    /// which mirrors have extra databases: these are announced as they are released.
    pub gates: [Gate; 3],
    /// Stamp of the records, in Unix seconds.
    pub stamp: i64,
}

/// How the announced version of a database follows from the versions that mirrors have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Name of the database.
    pub database: &'static str,
    /// Version in the release.
    pub released: u32,
    /// Version that is announced.
    pub announced: u32,
    /// Share of the usable mirrors' capacity, over all fleets, that has the announced version or a
    /// later one.
    pub held: Share,
    /// The same for the version in the release.
    pub released_held: Share,
    /// Whether the version of any usable mirror is known. If not, nothing is known of the shares.
    pub is_known: bool,
    /// Share that a version needs to be announced.
    pub quorum: Share,
    /// The mirrors that do not have the version in the release, while it waits.
    pub holding_back: HoldingBack,
    /// Since when the release has had a later version than the announced one, if that is known.
    pub waits_since: Option<Timestamp>,
}

/// Mirrors that hold a version back, as they do not have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldingBack {
    /// Hosts of the largest ones, and their share of the usable mirrors' capacity.
    pub largest: Vec<(String, Share)>,
    /// How many others there are.
    pub more: usize,
}

/// The capacity of a usable mirror, and the versions that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirrorVersions<'h> {
    /// Host of the mirror.
    pub host: &'h str,
    /// Capacity of the mirror in kbit/s.
    pub capacity: u64,
    /// Versions of main, daily and bytecode; `None` if unknown.
    pub versions: [Option<u32>; 3],
}

/// A share of a whole, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Announced {
    /// Decides which versions of `release` are announced: those that the quorum of all fleets
    /// together has. `fleets` lists the usable mirrors of each fleet; a host in several of them
    /// counts once, as in the first. `before` is the announcement until now.
    /// Versions do not fall below it, unless the release has `rollback` set; the stamp never does.
    pub fn new(
        release: &Release,
        stamp: i64,
        fleets: &[Vec<MirrorVersions<'_>>],
        quorum: Share,
        before: Option<&Self>,
    ) -> Self {
        let mut gates = CORE_DATABASES.map(|database| Gate::undecided(database, quorum));
        let known = before.map(|before| before.release.core());
        let voters = voters(fleets);
        for (number, (gate, released)) in gates.iter_mut().zip(release.core()).enumerate() {
            gate.released = released;
            let known = known.and_then(|known| known.get(number).copied());
            let held = HeldVersions::of(&voters, number);
            gate.decide(&held, known, floor(known, released, release.rollback));
            if gate.waits() {
                gate.holding_back = HoldingBack::of(&voters, number, released, held.total());
            }
        }
        let mut announced = release.with_core(gates.each_ref().map(|gate| gate.announced));
        for (name, version) in &mut announced.extra {
            let known = before.and_then(|before| before.release.extra.get(name).copied());
            *version = floor(known, *version, release.rollback).max(*version);
        }
        let stamp = before.map_or(stamp, |before| before.stamp.max(stamp));
        Self { release: announced, gates, stamp }
    }

    /// The announcement of a process that ended, as far as it is known: the versions and the stamp
    /// that must not go back.
    pub fn known(release: &Release, stamp: i64) -> Self {
        let mut gates = CORE_DATABASES.map(|database| Gate::undecided(database, Share::NONE));
        for (gate, version) in gates.iter_mut().zip(release.core()) {
            (gate.released, gate.announced) = (version, version);
        }
        Self { release: release.clone(), gates, stamp }
    }

    /// The same announcement, with the moments from which versions wait.
    #[must_use]
    pub fn with_history(mut self, history: &VersionHistory) -> Self {
        for (number, gate) in self.gates.iter_mut().enumerate().filter(|(_, gate)| gate.waits()) {
            gate.waits_since = history.passed(number, gate.announced, 0);
        }
        self
    }

    /// Number of versions by which a mirror is behind the record, in the database in which it is
    /// farthest behind.
    pub fn behind(&self, versions: [Option<u32>; 3]) -> u32 {
        let behind =
            |(gate, held): (&Gate, Option<u32>)| gate.announced.saturating_sub(held?).into();
        self.gates.iter().zip(versions).filter_map(behind).max().unwrap_or_default()
    }
}

/// The lowest version that may be announced if `known` was announced until now.
fn floor(known: Option<u32>, released: u32, rollback: bool) -> u32 {
    match known {
        None => 0,
        Some(known) if rollback => known.min(released),
        Some(known) => known,
    }
}

/// The mirrors of all fleets, each host once.
fn voters<'v>(fleets: &'v [Vec<MirrorVersions<'v>>]) -> Vec<&'v MirrorVersions<'v>> {
    if let [fleet] = fleets {
        return fleet.iter().collect();
    }
    let mut seen = HashSet::new();
    fleets.iter().flatten().filter(|mirror| seen.insert(mirror.host)).collect()
}

/// The versions of a database that the mirrors have, from the newest, each with the total capacity
/// of the mirrors that have it or a later one. Mirrors with an unknown version do not count.
struct HeldVersions(Vec<(u32, u128)>);

impl HeldVersions {
    fn of(voters: &[&MirrorVersions<'_>], database: usize) -> Self {
        let versions = voters
            .iter()
            .filter_map(|holder| Some((holder.version(database)?, u128::from(holder.capacity))));
        let mut versions: Vec<(u32, u128)> = versions.collect();
        versions.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
        let mut sum = 0;
        for (_, capacity) in &mut versions {
            sum += *capacity;
            *capacity = sum;
        }
        Self(versions)
    }

    /// Capacity of all mirrors whose version is known.
    fn total(&self) -> u128 {
        self.0.last().map_or(0, |(_, sum)| *sum)
    }

    /// Share of the capacity that has this version or a later one: all of it if no version is
    /// known.
    fn held(&self, wanted: u32) -> Share {
        let holding = self.0.iter().take_while(|(version, _)| *version >= wanted).last();
        Share::of(holding.map_or(0, |(_, sum)| *sum), self.total())
    }

    /// The newest version that the quorum has; `None` if no version is known.
    fn newest(&self, quorum: Share) -> Option<u32> {
        let reached = self.0.iter().find(|(_, sum)| quorum.is_reached(*sum, self.total()));
        reached.map(|(version, _)| *version)
    }
}

impl Gate {
    /// A gate that is not decided yet.
    fn undecided(database: &'static str, quorum: Share) -> Self {
        let (held, released_held) = (Share::WHOLE, Share::WHOLE);
        Self {
            database,
            released: 0,
            announced: 0,
            held,
            released_held,
            is_known: false,
            quorum,
            holding_back: HoldingBack::default(),
            waits_since: None,
        }
    }

    /// Announces the newest version, up to the released one, that the quorum has.
    fn decide(&mut self, held: &HeldVersions, known: Option<u32>, floor: u32) {
        let newest = if self.quorum == Share::NONE {
            self.released
        } else {
            // If no mirror's version is known any more, the announced version stays.
            held.newest(self.quorum).or(known).unwrap_or(self.released)
        };
        self.announced = newest.min(self.released).max(floor);
        (self.held, self.released_held) = (held.held(self.announced), held.held(self.released));
        self.is_known = !held.0.is_empty();
    }

    /// Whether the released version is held back until more mirrors have it.
    pub fn waits(&self) -> bool {
        self.announced < self.released
    }
}

impl MirrorVersions<'_> {
    /// The version of the database at this position in [`CORE_DATABASES`], if it is known.
    fn version(&self, database: usize) -> Option<u32> {
        self.versions.get(database).copied().flatten()
    }
}

impl HoldingBack {
    /// Most mirrors that are named.
    const NAMED: usize = 3;

    /// Those that have an older version of a database than `wanted`.
    fn of(voters: &[&MirrorVersions<'_>], database: usize, wanted: u32, total: u128) -> Self {
        let is_behind = |voter: &&&MirrorVersions<'_>| {
            voter.version(database).is_some_and(|version| version < wanted)
        };
        let mut behind: Vec<&MirrorVersions<'_>> =
            voters.iter().filter(is_behind).copied().collect();
        behind.sort_by_key(|voter| (std::cmp::Reverse(voter.capacity), voter.host));
        let more = behind.len().saturating_sub(Self::NAMED);
        behind.truncate(Self::NAMED);
        let largest = behind
            .iter()
            .map(|voter| (voter.host.to_owned(), Share::of(voter.capacity.into(), total)));
        Self { largest: largest.collect(), more }
    }

    /// Whether no mirror holds the version back.
    pub fn is_empty(&self) -> bool {
        self.largest.is_empty()
    }
}

/// `a.example (12 %), b.example (3.5 %) and 4 more`
impl fmt::Display for HoldingBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (host, share)) in self.largest.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{host} ({share})")?;
        }
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

impl Share {
    /// 0 %.
    pub const NONE: Self = Self(0);
    /// 90 %, the default quorum.
    pub const MOST: Self = Self(900_000);
    /// 50 %, the default of `max-loss`.
    pub const HALF: Self = Self(500_000);
    /// 100 %.
    pub const WHOLE: Self = Self(1_000_000);

    /// A share given as a number from 0 to 1; `None` if the number is outside this range.
    #[allow(clippy::cast_sign_loss, reason = "the share is within 0 to 1")]
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then(|| Self((share * 1e6).round() as u32))
    }

    /// A share given as a number above 0 and up to 1; `None` if it is not. What is less than a
    /// millionth counts as one.
    pub fn above_zero(share: f64) -> Option<Self> {
        Self::new(share).filter(|_| share > 0.0).map(|share| share.max(Self(1)))
    }

    /// The share of a part in a whole. Every part of 0 is the whole.
    pub fn of(part: u128, whole: u128) -> Self {
        let millionths = part.saturating_mul(1_000_000).checked_div(whole);
        millionths.map_or(Self::WHOLE, |share| Self(share.min(1_000_000) as u32))
    }

    /// This share of a whole number, rounded down, but at least 1.
    pub fn of_number(self, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(self.0) / 1_000_000;
        u64::try_from(part).unwrap_or(whole).max(1)
    }

    /// Whether a part is at least this share of the whole.
    fn is_reached(self, part: u128, whole: u128) -> bool {
        part.saturating_mul(1_000_000) >= whole.saturating_mul(self.0.into())
    }

    /// The share as a number from 0 to 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

/// In percent, rounded down: 89.99 % has not reached 90 %.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10_000, self.0 / 1_000 % 10) {
            (percent, 0) => write!(f, "{percent} %"),
            (percent, tenths) => write!(f, "{percent}.{tenths} %"),
        }
    }
}

/// `daily 28129`, or `daily 28128 (28129 is held by 83 % of 90 %, not by a.example (17 %))`.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, released, announced, released_held, quorum, holding_back, .. } = self;
        write!(f, "{database} {announced}")?;
        match announced.cmp(released) {
            std::cmp::Ordering::Less if !self.is_known => {
                write!(f, " ({released} waits: the version of no usable mirror is known)")
            }
            std::cmp::Ordering::Less => {
                write!(f, " ({released} is held by {released_held} of {quorum}")?;
                let none = holding_back.is_empty();
                if none { f.write_str(")") } else { write!(f, ", not by {holding_back})") }
            }
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => {
                let only = "only `\"rollback\": true` takes back";
                write!(f, " (the release has {released}, which is older: {only})")
            }
        }
    }
}

#[cfg(test)]
mod tests;
