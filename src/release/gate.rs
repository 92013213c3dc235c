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
    /// The share of the usable mirrors' capacity that holds the released version, or a later one.
    pub held: Share,
    /// The share that it takes.
    pub quorum: Share,
}

/// What a usable mirror holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its capacity in kbit/s.
    pub capacity: u64,
    /// Its versions of main, daily and bytecode; none: it is taken to hold what is released.
    pub versions: [Option<u32>; 3],
}

/// A share of a whole, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Announced {
    /// Decides what is announced of `release`. `before` is what was announced until now: versions do not go back below it,
    /// nor does the stamp, but for versions that the release itself takes back.
    pub fn new(
        release: &Release,
        stamp: i64,
        holders: &[Holder],
        quorum: Share,
        before: Option<&Self>,
    ) -> Self {
        let mut gates = CORE_DATABASES.map(|database| Gate::closed(database, quorum));
        let known = before.map(|before| before.release.core());
        for (number, (gate, released)) in gates.iter_mut().zip(release.core()).enumerate() {
            gate.released = released;
            let held = |holder: &Holder| holder.versions.get(number).copied().flatten().unwrap_or(released);
            let mut held: Vec<(u32, u64)> =
                holders.iter().map(|holder| (held(holder), holder.capacity)).collect();
            let known = known.and_then(|known| known.get(number).copied());
            gate.open(&mut held, floor(known, released, release.rollback));
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
        let behind = |(gate, held): (&Gate, Option<u32>)| gate.announced.saturating_sub(held?).into();
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

impl Gate {
    fn closed(database: &'static str, quorum: Share) -> Self {
        Self { database, released: 0, announced: 0, held: Share::WHOLE, quorum }
    }

    /// Announces the newest version up to the released one that the quorum holds, by versions with capacities.
    fn open(&mut self, held: &mut [(u32, u64)], floor: u32) {
        held.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
        let sum = |sum: &mut u128, (version, capacity): &(u32, u64)| {
            *sum += u128::from(*capacity);
            Some((*version, *sum))
        };
        let sums = || held.iter().scan(0, sum);
        let total = sums().last().map_or(0, |(_, sum)| sum);
        let newest = sums().find(|(_, sum)| self.quorum.is_reached(*sum, total));
        // Where there is nobody, or nobody is asked, nobody holds it back.
        let newest =
            newest.filter(|_| self.quorum != Share::NONE).map_or(self.released, |(version, _)| version);
        self.announced = newest.min(self.released).max(floor);
        let holding = sums().take_while(|(version, _)| *version >= self.released).last();
        self.held = Share::of(holding.map_or(0, |(_, sum)| sum), total);
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
        let Self { database, released, announced, held, quorum } = self;
        write!(f, "{database} {announced}")?;
        match announced.cmp(released) {
            std::cmp::Ordering::Less => write!(f, " ({released} is held by {held} of {quorum})"),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => {
                write!(
                    f,
                    " (the release has {released}, which is older: only `\"rollback\": true` takes back)"
                )
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
                ([1u32..12, 1u32..12, 1u32..12], any::<bool>(), prop::collection::vec(holder(), 0..9)), 1..6),
            quorum in quorum(),
        ) {
            let share = Share::new(f64::from(quorum) / 100.0).unwrap();
            let mut before: Option<Announced> = None;
            for (core, rollback, holders) in releases {
                let now = Announced::new(&release(core, rollback), 0, &holders, share, before.as_ref());
                for (number, released) in core.into_iter().enumerate() {
                    let capacity = |wanted: u32| -> u64 {
                        let holds = |h: &&Holder| h.versions[number].unwrap_or(released) >= wanted;
                        holders.iter().filter(holds).map(|h| h.capacity).sum()
                    };
                    let enough = |version: &u32| {
                        quorum == 0 || capacity(*version) * 100 >= capacity(0) * u64::from(quorum)
                    };
                    let held = (1..=released).rev().find(enough).unwrap();
                    let known = before.as_ref().map(|before| before.gates[number].announced);
                    let wanted = match known {
                        Some(known) if known > held && !rollback => known,
                        Some(known) if rollback => held.max(known.min(released)),
                        _ => held,
                    };
                    prop_assert_eq!(now.gates[number].announced, wanted);
                    prop_assert_eq!(now.release.core()[number], wanted);
                }
                before = Some(now);
            }
        }
    }

    #[test]
    fn a_quorum_is_reached_exactly() {
        let holders = |with: u64| {
            [(with, 10), (100 - with, 9)]
                .map(|(capacity, version)| Holder { capacity, versions: [None, Some(version), None] })
        };
        let gate =
            |with| Announced::new(&release([5, 10, 5], false), 0, &holders(with), Share::MOST, None).gates[1];
        assert_eq!(gate(90).announced, 10);
        assert_eq!(gate(89).announced, 9);
        assert_eq!(gate(89).to_string(), "daily 9 (10 is held by 89 % of 90 %)");
        assert_eq!(Share::of(89_999, 100_000).to_string(), "89.9 %");
        assert_eq!((Share::new(1.1), Share::new(-0.1), Share::new(f64::NAN)), (None, None, None));
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
