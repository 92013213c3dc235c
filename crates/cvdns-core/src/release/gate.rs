//! The gate: which versions of a release are announced. Those that enough mirrors hold; the rest waits.

use std::fmt;

use super::{CORE_DATABASES, Release};

/// What is announced of a release, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The release as it is announced.
    pub release: Release,
    /// How it came to that, for main, daily and bytecode, in this order. Nobody says who holds extra databases: they are
    /// announced as they are released.
    pub gates: [Gate; 3],
    /// The stamp of its records, in Unix seconds.
    pub stamp: i64,
}

/// How the announced version of a database follows from what mirrors hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// The database.
    pub database: &'static str,
    /// The version that the release has.
    pub released: u32,
    /// The version that is announced.
    pub announced: u32,
    /// The share of the usable mirrors' capacity that holds the announced version, or a later one; of several fleets the
    /// least.
    pub held: Share,
    /// The same of the released version.
    pub released_held: Share,
    /// The share that it takes.
    pub quorum: Share,
}

/// What a usable mirror holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its capacity in kbit/s.
    pub capacity: u64,
    /// Its versions of main, daily and bytecode; none: it says nothing of that database.
    pub versions: [Option<u32>; 3],
}

/// A share of a whole, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Announced {
    /// Decides what is announced of `release`, to clients of these fleets' usable mirrors: what the quorum of each holds.
    /// `before` is what was announced until now: versions do not go back below it, nor does the stamp, but for versions
    /// that the release itself takes back.
    pub fn new(
        release: &Release,
        stamp: i64,
        fleets: &[Vec<Holder>],
        quorum: Share,
        before: Option<&Self>,
    ) -> Self {
        let mut gates = CORE_DATABASES.map(|database| Gate::closed(database, quorum));
        let known = before.map(|before| before.release.core());
        for (number, (gate, released)) in gates.iter_mut().zip(release.core()).enumerate() {
            gate.released = released;
            let known = known.and_then(|known| known.get(number).copied());
            let tallies =
                fleets.iter().filter_map(|fleet| Tally::of(fleet, number)).collect::<Vec<_>>();
            gate.open(&tallies, known, floor(known, released, release.rollback));
        }
        let mut announced = release.with_core(gates.map(|gate| gate.announced));
        for (name, version) in &mut announced.extra {
            let known = before.and_then(|before| before.release.extra.get(name).copied());
            *version = floor(known, *version, release.rollback).max(*version);
        }
        let stamp = before.map_or(stamp, |before| before.stamp.max(stamp));
        Self { release: announced, gates, stamp }
    }

    /// What was announced by another who is gone, as far as it is known: for what must not be taken back.
    pub fn known(release: &Release, stamp: i64) -> Self {
        let mut gates = CORE_DATABASES.map(|database| Gate::closed(database, Share::NONE));
        for (gate, version) in gates.iter_mut().zip(release.core()) {
            (gate.released, gate.announced) = (version, version);
        }
        Self { release: release.clone(), gates, stamp }
    }

    /// By how many versions a mirror is behind the record, in the database in which it is the farthest.
    pub fn behind(&self, versions: [Option<u32>; 3]) -> u32 {
        let behind =
            |(gate, held): (&Gate, Option<u32>)| gate.announced.saturating_sub(held?).into();
        self.gates.iter().zip(versions).filter_map(behind).max().unwrap_or_default()
    }
}

/// The lowest version that may be announced, when `known` was until now.
fn floor(known: Option<u32>, released: u32, rollback: bool) -> u32 {
    match known {
        None => 0,
        Some(known) if rollback => known.min(released),
        Some(known) => known,
    }
}

/// What the mirrors of a fleet that say something hold of a database: each version, from the newest, with the capacity of
/// those that hold it or a later one.
struct Tally(Vec<(u32, u128)>);

impl Tally {
    /// None: nobody says anything.
    fn of(fleet: &[Holder], database: usize) -> Option<Self> {
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

    fn total(&self) -> u128 {
        self.0.last().map_or(0, |(_, sum)| *sum)
    }

    /// The share that holds this version, or a later one.
    fn held(&self, wanted: u32) -> Share {
        let holding = self.0.iter().take_while(|(version, _)| *version >= wanted).last();
        Share::of(holding.map_or(0, |(_, sum)| *sum), self.total())
    }

    /// The newest version that a quorum holds.
    fn newest(&self, quorum: Share) -> Option<u32> {
        let reached = self.0.iter().find(|(_, sum)| quorum.is_reached(*sum, self.total()));
        reached.map(|(version, _)| *version)
    }
}

impl Gate {
    fn closed(database: &'static str, quorum: Share) -> Self {
        let (held, released_held) = (Share::WHOLE, Share::WHOLE);
        Self { database, released: 0, announced: 0, held, released_held, quorum }
    }

    /// Announces the newest version, up to the released one, that the quorum of each fleet holds.
    fn open(&mut self, fleets: &[Tally], known: Option<u32>, floor: u32) {
        let newest = if self.quorum == Share::NONE {
            self.released
        } else {
            // When nobody says anything any more, nothing is known that clients could be told.
            let of_all = fleets.iter().filter_map(|fleet| fleet.newest(self.quorum)).min();
            of_all.or(known).unwrap_or(self.released)
        };
        self.announced = newest.min(self.released).max(floor);
        let least =
            |version| fleets.iter().map(|fleet| fleet.held(version)).min().unwrap_or(Share::WHOLE);
        (self.held, self.released_held) = (least(self.announced), least(self.released));
    }

    /// Whether the released version waits for mirrors.
    pub fn waits(&self) -> bool {
        self.announced < self.released
    }
}

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The quorum of a configuration that names none.
    pub const MOST: Self = Self(900_000);
    /// The most that a feed may take away where nobody says otherwise.
    pub const HALF: Self = Self(500_000);
    /// All.
    pub const WHOLE: Self = Self(1_000_000);

    /// A share given as a number from 0 to 1; none when it is not within that.
    #[allow(clippy::cast_sign_loss, reason = "it is within 0 to 1")]
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then(|| Self((share * 1e6).round() as u32))
    }

    /// Of a part in a whole; all of nothing is all.
    pub fn of(part: u128, whole: u128) -> Self {
        let millionths = part.saturating_mul(1_000_000).checked_div(whole);
        millionths.map_or(Self::WHOLE, |share| Self(share.min(1_000_000) as u32))
    }

    /// Whether a part is this share of the whole, or more.
    fn is_reached(self, part: u128, whole: u128) -> bool {
        part.saturating_mul(1_000_000) >= whole.saturating_mul(self.0.into())
    }

    /// As a number from 0 to 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

/// In percent, never rounded up: what is 89.99 % has not reached 90 %.
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

    fn holder() -> impl Strategy<Value = Holder> {
        let version = || prop::option::weighted(0.9, 1u32..12);
        (1u64..5, [version(), version(), version()])
            .prop_map(|(capacity, versions)| Holder { capacity, versions })
    }

    /// In hundredths.
    fn quorum() -> impl Strategy<Value = u32> {
        prop_oneof![3 => Just(90u32), 1 => 0u32..=100]
    }

    proptest! {
        /// Against one version after the other, from the released one down.
        #[test]
        fn what_is_announced_is_held_and_no_older_than_it_must_be(
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
                    let capacity = |fleet: &[Holder], wanted: u32| -> u64 {
                        let holds = |h: &&Holder| h.versions[number].is_some_and(|version| version >= wanted);
                        fleet.iter().filter(holds).map(|h| h.capacity).sum()
                    };
                    let enough = |version: &u32| {
                        let of_fleet = |fleet: &Vec<Holder>| {
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
                        let of = |f: &Vec<Holder>| capacity(f, version) as f64 / capacity(f, 0) as f64;
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
            let of =
                |(capacity, version)| Holder { capacity, versions: [None, Some(version), None] };
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

    /// A coordinator that has lost its network knows nobody's version any more.
    #[test]
    fn when_nobody_says_anything_what_was_announced_stays() {
        let holder = |version| Holder { capacity: 1, versions: [Some(1), version, Some(1)] };
        let at = |daily, fleet: Vec<Holder>, before: Option<&Announced>| {
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
    fn who_is_behind_is_so_by_the_worst_database() {
        let announced = Announced::new(&release([63, 100, 339], false), 0, &[], Share::MOST, None);
        assert_eq!(announced.behind([None; 3]), 0);
        assert_eq!(announced.behind([Some(63), Some(98), Some(339)]), 2);
        assert_eq!(announced.behind([Some(60), Some(120), None]), 3);
    }
}
