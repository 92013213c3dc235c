//! The gate decides which versions of a release are announced: those that enough mirrors have.
//! Newer versions wait.

use std::fmt;

use super::{CORE_DATABASES, Release};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// Name of the database.
    pub database: &'static str,
    /// Version in the release.
    pub released: u32,
    /// Version that is announced.
    pub announced: u32,
    /// Share of the usable mirrors' capacity that has the announced version or a later one: the
    /// lowest share among the fleets.
    pub held: Share,
    /// The same for the version in the release.
    pub released_held: Share,
    /// Share that a version needs to be announced.
    pub quorum: Share,
}

/// The capacity of a usable mirror, and the versions that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirrorVersions {
    /// Capacity of the mirror in kbit/s.
    pub capacity: u64,
    /// Versions of main, daily and bytecode; `None` if unknown.
    pub versions: [Option<u32>; 3],
}

/// A share of a whole, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Announced {
    /// Decides which versions of `release` are announced: those that the quorum of each fleet has.
    /// `fleets` lists the usable mirrors of each fleet. `before` is the announcement until now.
    /// Versions do not fall below it, unless the release has `rollback` set; the stamp never does.
    pub fn new(
        release: &Release,
        stamp: i64,
        fleets: &[Vec<MirrorVersions>],
        quorum: Share,
        before: Option<&Self>,
    ) -> Self {
        let mut gates = CORE_DATABASES.map(|database| Gate::undecided(database, quorum));
        let known = before.map(|before| before.release.core());
        for (number, (gate, released)) in gates.iter_mut().zip(release.core()).enumerate() {
            gate.released = released;
            let known = known.and_then(|known| known.get(number).copied());
            let held = fleets
                .iter()
                .filter_map(|fleet| HeldVersions::of(fleet, number))
                .collect::<Vec<_>>();
            gate.decide(&held, known, floor(known, released, release.rollback));
        }
        let mut announced = release.with_core(gates.map(|gate| gate.announced));
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

/// The versions of a database that the mirrors of a fleet have, from the newest, each with the
/// total capacity of the mirrors that have it or a later one. Mirrors with an unknown version do
/// not count.
struct HeldVersions(Vec<(u32, u128)>);

impl HeldVersions {
    /// `None` if the version of every mirror is unknown.
    fn of(fleet: &[MirrorVersions], database: usize) -> Option<Self> {
        let versions = fleet.iter().filter_map(|holder| {
            let version = holder.versions.get(database).copied().flatten()?;
            Some((version, u128::from(holder.capacity)))
        });
        let mut versions: Vec<(u32, u128)> = versions.collect();
        versions.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
        let mut sum = 0;
        for (_, capacity) in &mut versions {
            sum += *capacity;
            *capacity = sum;
        }
        (!versions.is_empty()).then_some(Self(versions))
    }

    /// Capacity of all mirrors whose version is known.
    fn total(&self) -> u128 {
        self.0.last().map_or(0, |(_, sum)| *sum)
    }

    /// Share of the capacity that has this version or a later one.
    fn held(&self, wanted: u32) -> Share {
        let holding = self.0.iter().take_while(|(version, _)| *version >= wanted).last();
        Share::of(holding.map_or(0, |(_, sum)| *sum), self.total())
    }

    /// The newest version that the quorum has.
    fn newest(&self, quorum: Share) -> Option<u32> {
        let reached = self.0.iter().find(|(_, sum)| quorum.is_reached(*sum, self.total()));
        reached.map(|(version, _)| *version)
    }
}

impl Gate {
    /// A gate that is not decided yet.
    fn undecided(database: &'static str, quorum: Share) -> Self {
        let (held, released_held) = (Share::WHOLE, Share::WHOLE);
        Self { database, released: 0, announced: 0, held, released_held, quorum }
    }

    /// Announces the newest version, up to the released one, that the quorum of each fleet has.
    fn decide(&mut self, fleets: &[HeldVersions], known: Option<u32>, floor: u32) {
        let newest = if self.quorum == Share::NONE {
            self.released
        } else {
            // If no mirror's version is known any more, the announced version stays.
            let of_all = fleets.iter().filter_map(|fleet| fleet.newest(self.quorum)).min();
            of_all.or(known).unwrap_or(self.released)
        };
        self.announced = newest.min(self.released).max(floor);
        let least =
            |version| fleets.iter().map(|fleet| fleet.held(version)).min().unwrap_or(Share::WHOLE);
        (self.held, self.released_held) = (least(self.announced), least(self.released));
    }

    /// Whether the released version is held back until more mirrors have it.
    pub fn waits(&self) -> bool {
        self.announced < self.released
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

    /// The share of a part in a whole. Every part of 0 is the whole.
    pub fn of(part: u128, whole: u128) -> Self {
        let millionths = part.saturating_mul(1_000_000).checked_div(whole);
        millionths.map_or(Self::WHOLE, |share| Self(share.min(1_000_000) as u32))
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

/// `daily 28129`, or `daily 28128 (28129 is held by 83 % of 90 %)`.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, released, announced, released_held, quorum, .. } = self;
        write!(f, "{database} {announced}")?;
        match announced.cmp(released) {
            std::cmp::Ordering::Less => {
                write!(f, " ({released} is held by {released_held} of {quorum})")
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn release(core: [u32; 3], rollback: bool) -> Release {
        let text = r#"{"software":"1.4.6","main":1,"daily":1,"bytecode":1,"flevel":90,"extra":{"test":6}}"#;
        let release: Release = serde_json::from_str(text).unwrap();
        Release { rollback, ..release.with_core(core) }
    }

    fn holder() -> impl Strategy<Value = MirrorVersions> {
        let version = || prop::option::weighted(0.9, 1u32..12);
        (1u64..5, [version(), version(), version()])
            .prop_map(|(capacity, versions)| MirrorVersions { capacity, versions })
    }

    /// In percent.
    fn quorum() -> impl Strategy<Value = u32> {
        prop_oneof![3 => Just(90u32), 1 => 0u32..=100]
    }

    proptest! {
        /// Compares with a search through all versions from the released one down.
        #[test]
        fn the_newest_version_of_the_quorum_is_announced(
            releases in prop::collection::vec(
                ([1u32..12, 1u32..12, 1u32..12], any::<bool>(),
                 prop::collection::vec(prop::collection::vec(holder(), 0..9), 0..3)), 1..6),
            quorum in quorum(),
        ) {
            let share = Share::new(f64::from(quorum) / 100.0).unwrap();
            let mut before: Option<Announced> = None;
            for (core, rollback, fleets) in releases {
                let now = Announced::new(&release(core, rollback), 0, &fleets, share, before.as_ref());
                for (number, released) in core.into_iter().enumerate() {
                    let capacity = |fleet: &[MirrorVersions], wanted: u32| -> u64 {
                        let holds = |h: &&MirrorVersions| h.versions[number].is_some_and(|version| version >= wanted);
                        fleet.iter().filter(holds).map(|h| h.capacity).sum()
                    };
                    let enough = |version: &u32| {
                        let of_fleet = |fleet: &Vec<MirrorVersions>| {
                            capacity(fleet, *version) * 100 >= capacity(fleet, 0) * u64::from(quorum)
                        };
                        quorum == 0 || fleets.iter().all(of_fleet)
                    };
                    let known = before.as_ref().map(|before| before.gates[number].announced);
                    let held = match known {
                        Some(known) if quorum > 0 && fleets.iter().all(|f| capacity(f, 0) == 0) => known.min(released),
                        _ => (1..=released).rev().find(enough).unwrap(),
                    };
                    let wanted = match known {
                        Some(known) if known > held && !rollback => known,
                        Some(known) if rollback => held.max(known.min(released)),
                        _ => held,
                    };
                    prop_assert_eq!(now.gates[number].announced, wanted);
                    prop_assert_eq!(now.release.core()[number], wanted);
                    let share = |version| {
                        let of = |f: &Vec<MirrorVersions>| capacity(f, version) as f64 / capacity(f, 0) as f64;
                        fleets.iter().filter(|f| capacity(f, 0) > 0).map(of).fold(1.0, f64::min)
                    };
                    prop_assert!((now.gates[number].held.ratio() - share(wanted)).abs() < 1e-5);
                    prop_assert!((now.gates[number].released_held.ratio() - share(released)).abs() < 1e-5);
                }
                before = Some(now);
            }
        }
    }

    #[test]
    fn a_quorum_is_reached_exactly() {
        let holders = |with: u64| {
            let of = |(capacity, version)| MirrorVersions {
                capacity,
                versions: [None, Some(version), None],
            };
            vec![of((with, 10)), of((100 - with, 9))]
        };
        let gate = |with| {
            Announced::new(&release([5, 10, 5], false), 0, &[holders(with)], Share::MOST, None)
                .gates[1]
        };
        assert_eq!(gate(90).announced, 10);
        assert_eq!(gate(89).announced, 9);
        assert_eq!(gate(89).to_string(), "daily 9 (10 is held by 89 % of 90 %)");
        assert_eq!(gate(89).held, Share::WHOLE);
        assert_eq!(Share::of(89_999, 100_000).to_string(), "89.9 %");
        assert_eq!((Share::new(1.1), Share::new(-0.1), Share::new(f64::NAN)), (None, None, None));
    }

    /// A coordinator without network knows the version of no mirror.
    #[test]
    fn announced_versions_stay_when_no_version_is_known() {
        let holder =
            |version| MirrorVersions { capacity: 1, versions: [Some(1), version, Some(1)] };
        let at = |daily, fleet: Vec<MirrorVersions>, before: Option<&Announced>| {
            Announced::new(&release([1, daily, 1], false), 0, &[fleet], Share::MOST, before)
        };
        let first = at(8, vec![holder(Some(8))], None);
        assert_eq!(at(9, vec![], Some(&first)).gates[1].announced, 8);
        assert_eq!(at(9, vec![holder(None)], Some(&first)).gates[1].announced, 8);
        assert_eq!(at(9, vec![], None).gates[1].announced, 9);
    }

    #[test]
    fn extra_databases_do_not_go_back_either() {
        let at = |version, rollback, before: Option<&Announced>| {
            let mut release = release([1, 1, 1], rollback);
            release.extra.insert("test".to_owned(), version);
            Announced::new(&release, 0, &[], Share::MOST, before)
        };
        let first = at(6, false, None);
        let second = at(5, false, Some(&first));
        assert_eq!(second.release.extra["test"], 6);
        assert_eq!(at(7, false, Some(&second)).release.extra["test"], 7);
        assert_eq!(at(5, true, Some(&second)).release.extra["test"], 5);
    }

    #[test]
    fn a_mirror_is_behind_by_its_worst_database() {
        let announced = Announced::new(&release([63, 100, 339], false), 0, &[], Share::MOST, None);
        assert_eq!(announced.behind([None; 3]), 0);
        assert_eq!(announced.behind([Some(63), Some(98), Some(339)]), 2);
        assert_eq!(announced.behind([Some(60), Some(120), None]), 3);
    }
}
