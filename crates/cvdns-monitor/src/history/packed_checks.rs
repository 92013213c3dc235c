//! The checks of an address on one day, packed: mostly one to three octets for each.
//!
//! An octet of 128 and more is a check that found the same as the one before it, after a gap that
//! differs by its lower seven bits less 64 seconds from the gap before that. Any other octet has
//! what was found in its lower three bits, then whether it was withheld, and whether state, reason
//! and versions differ from those before and follow. The gap from the check before follows it.

use super::note::{Found, code, state};
use super::varint::{Damaged, Octets, put, put_signed, unzigzag, zigzag};
use cvdns_core::health::State;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// Marks a check that found the same as the one before.
const SAME: u8 = 0x80;
/// Half the range of differences between two gaps that fit beside [`SAME`].
const HALF: i64 = 64;
const WITHHELD: u8 = 0x08;
const STATE: u8 = 0x10;
const REASON: u8 = 0x20;
const VERSIONS: u8 = 0x40;

/// A check, with its reason by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Unix seconds.
    pub(super) second: i64,
    pub(super) outcome: Outcome,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) found: Found,
    pub(super) withheld: bool,
    pub(super) state: Option<State>,
    /// The number of its reason; 0 for none.
    pub(super) reason: u64,
    pub(super) versions: Option<[u32; 3]>,
}

impl Outcome {
    /// What a day begins with.
    const NOTHING: Self =
        Self { found: Found::Serves, withheld: false, state: None, reason: 0, versions: None };
}

/// The checks of a day, to which more can be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackedChecks {
    octets: Vec<u8>,
    last: Entry,
    gap: i64,
}

impl PackedChecks {
    /// A day, as days since 1970, without any check.
    pub(super) fn new(date: i64) -> Self {
        let last = Entry { second: date.saturating_mul(DAY), outcome: Outcome::NOTHING };
        Self { octets: Vec::new(), last, gap: 0 }
    }

    /// Goes on with packed checks. Returns whether all of them could be read; what is behind
    /// damage is left out.
    pub(super) fn resume(date: i64, octets: &[u8]) -> (Self, bool) {
        let mut reader = Reader::new(date, octets);
        let mut whole = octets.len();
        let good = loop {
            let before = reader.octets.0.len();
            match reader.next() {
                None => break true,
                Some(Ok(_)) => {}
                Some(Err(Damaged)) => {
                    whole = octets.len().saturating_sub(before);
                    break false;
                }
            }
        };
        let octets = octets.get(..whole).unwrap_or_default().to_vec();
        (Self { octets, last: reader.last, gap: reader.gap }, good)
    }

    /// Adds a check.
    pub(super) fn push(&mut self, entry: Entry) {
        let gap = entry.second.saturating_sub(self.last.second);
        let longer = gap.saturating_sub(self.gap).saturating_add(HALF);
        let (was, is) = (self.last.outcome, entry.outcome);
        let near = u8::try_from(longer).ok().filter(|longer| longer & SAME == 0);
        if let Some(longer) = near.filter(|_| was == is && !self.octets.is_empty()) {
            self.octets.push(SAME | longer);
        } else {
            let mut head = found_code(is.found);
            let flags = [
                (is.withheld, WITHHELD),
                (was.state != is.state, STATE),
                (was.reason != is.reason, REASON),
                (was.versions != is.versions, VERSIONS),
            ];
            for (_, flag) in flags.into_iter().filter(|(is_set, _)| *is_set) {
                head |= flag;
            }
            self.octets.push(head);
            put_signed(&mut self.octets, gap);
            if head & STATE != 0 {
                self.octets.push(code(is.state));
            }
            if head & REASON != 0 {
                put(&mut self.octets, is.reason);
            }
            if head & VERSIONS != 0 {
                put_versions(&mut self.octets, was.versions, is.versions);
            }
        }
        (self.last, self.gap) = (entry, gap);
    }

    /// The packed form.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// The checks of a day in the order in which they were recorded, and whether all could be read.
pub(super) fn read(date: i64, octets: &[u8]) -> (Vec<Entry>, bool) {
    let mut entries = Vec::new();
    for entry in Reader::new(date, octets) {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(Damaged) => return (entries, false),
        }
    }
    (entries, true)
}

struct Reader<'o> {
    octets: Octets<'o>,
    last: Entry,
    gap: i64,
}

impl<'o> Reader<'o> {
    fn new(date: i64, octets: &'o [u8]) -> Self {
        let PackedChecks { last, gap, .. } = PackedChecks::new(date);
        Self { octets: Octets(octets), last, gap }
    }

    fn entry(&mut self, head: u8) -> Result<Entry, Damaged> {
        let mut outcome = self.last.outcome;
        let gap = if head & SAME != 0 {
            self.gap.checked_add(i64::from(head & !SAME)).and_then(|gap| gap.checked_sub(HALF))
        } else {
            outcome.found = found(head & 0x07).ok_or(Damaged)?;
            outcome.withheld = head & WITHHELD != 0;
            let gap = self.octets.signed()?;
            if head & STATE != 0 {
                outcome.state = state(self.octets.octet()?)?;
            }
            if head & REASON != 0 {
                outcome.reason = self.octets.unsigned()?;
            }
            if head & VERSIONS != 0 {
                outcome.versions = versions(&mut self.octets, outcome.versions)?;
            }
            Some(gap)
        };
        let gap = gap.ok_or(Damaged)?;
        let second = self.last.second.checked_add(gap).ok_or(Damaged)?;
        // Checks are kept with their day.
        if second.div_euclid(DAY) != self.last.second.div_euclid(DAY) {
            return Err(Damaged);
        }
        (self.last, self.gap) = (Entry { second, outcome }, gap);
        Ok(self.last)
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Entry, Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        let head = self.octets.next()?;
        Some(self.entry(head))
    }
}

/// Appends versions by their differences from those before. The first number is one higher, for 0
/// means that none are known.
fn put_versions(out: &mut Vec<u8>, was: Option<[u32; 3]>, is: Option<[u32; 3]>) {
    let Some(is) = is else { return put(out, 0) };
    let differences = was.unwrap_or_default().into_iter().zip(is);
    let mut differences = differences.map(|(was, is)| zigzag(i64::from(is) - i64::from(was)));
    put(out, differences.next().unwrap_or_default().saturating_add(1));
    for difference in differences {
        put(out, difference);
    }
}

fn versions(octets: &mut Octets<'_>, was: Option<[u32; 3]>) -> Result<Option<[u32; 3]>, Damaged> {
    let Some(first) = octets.unsigned()?.checked_sub(1) else { return Ok(None) };
    let differences = [unzigzag(first), octets.signed()?, octets.signed()?];
    let mut is = was.unwrap_or_default();
    for (version, difference) in is.iter_mut().zip(differences) {
        let sum = i64::from(*version).checked_add(difference).ok_or(Damaged)?;
        *version = u32::try_from(sum).map_err(|_| Damaged)?;
    }
    Ok(Some(is))
}

fn found_code(found: Found) -> u8 {
    match found {
        Found::Serves => 0,
        Found::Faulty => 1,
        Found::Dead => 2,
        Found::Unchecked => 3,
        Found::Away => 4,
    }
}

fn found(code: u8) -> Option<Found> {
    let all = [Found::Serves, Found::Faulty, Found::Dead, Found::Unchecked, Found::Away];
    all.get(usize::from(code)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DATE: i64 = 20_000;

    fn entry() -> impl Strategy<Value = Entry> {
        // Few values, so that many checks repeat those before.
        let state = prop::sample::select(vec![None, Some(State::Up), Some(State::Down)]);
        let versions = prop::option::of(prop::sample::select(vec![
            [63, 28_129, 339],
            [63, 28_130, 339],
            [u32::MAX, 0, 1],
        ]));
        let second = prop_oneof![0..DAY, Just(300), Just(600), Just(901)];
        let reason = prop::sample::select(vec![0, 1, u64::MAX]);
        (0u8..5, any::<bool>(), state, reason, versions, second).prop_map(
            |(code, withheld, state, reason, versions, second)| Entry {
                second: DATE * DAY + second,
                outcome: Outcome { found: found(code).unwrap(), withheld, state, reason, versions },
            },
        )
    }

    proptest! {
        /// Clocks go back too: the order is that of recording.
        #[test]
        fn checks_are_read_as_written(entries in prop::collection::vec(entry(), 0..60), at in 0usize..60) {
            let mut packed = PackedChecks::new(DATE);
            for (number, entry) in entries.iter().enumerate() {
                if number == at {
                    let (resumed, good) = PackedChecks::resume(DATE, packed.octets());
                    prop_assert!(good && resumed == packed);
                    packed = resumed;
                }
                packed.push(*entry);
            }
            prop_assert_eq!(read(DATE, packed.octets()), (entries, true));
        }

        #[test]
        fn damage_is_noticed_or_harmless(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            let (entries, good) = read(DATE, &octets);
            let (mut packed, whole) = PackedChecks::resume(DATE, &octets);
            prop_assert_eq!(good, whole);
            prop_assert_eq!(read(DATE, packed.octets()), (entries.clone(), true));
            let more = Entry { second: DATE * DAY + 7, outcome: Outcome::NOTHING };
            packed.push(more);
            let all = [entries, vec![more]].concat();
            prop_assert_eq!(read(DATE, packed.octets()), (all, true));
        }
    }

    #[test]
    fn a_check_like_the_one_before_takes_one_octet() {
        let mut packed = PackedChecks::new(DATE);
        let outcome = Outcome {
            found: Found::Dead,
            withheld: false,
            state: Some(State::Down),
            reason: 9,
            versions: None,
        };
        for n in 0..288 {
            packed.push(Entry { second: DATE * DAY + n * 300 + n % 7, outcome });
        }
        assert!(packed.octets().len() < 296, "{}", packed.octets().len());
    }
}
