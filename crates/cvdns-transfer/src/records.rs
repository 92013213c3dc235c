//! Sets of records of a zone.

use cvdns_core::wire::class;
use cvdns_core::wire::name::wire_length;

/// Records of a zone but its SOA, each once, sorted by their octets. They lie one behind the other
/// as in a message without compression: a record takes four octets more than in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordSet {
    octets: Box<[u8]>,
    /// Where each record begins.
    starts: Box<[u32]>,
}

/// A record of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneRecord<'r> {
    /// The owner name in wire form.
    pub owner: &'r [u8],
    /// The type.
    pub rtype: u16,
    /// The TTL in seconds.
    pub ttl: u32,
    /// The data without compression.
    pub rdata: &'r [u8],
}

/// Most octets of a set that is gathered: 4 GiB, and room for the signatures of a SOA record.
const MOST: usize = u32::MAX as usize - (1 << 20);

/// Gathers records for a [`RecordSet`].
#[derive(Debug, Default)]
pub struct RecordCollector {
    octets: Vec<u8>,
    starts: Vec<u32>,
}

impl RecordCollector {
    /// Adds a record. Beyond 4 GiB, none is added, and the result is `None`.
    pub fn add(&mut self, record: ZoneRecord<'_>) -> Option<()> {
        if self.octets.len() > MOST {
            return None;
        }
        let start = self.octets.len() as u32;
        let length = u16::try_from(record.rdata.len()).ok()?;
        self.starts.push(start);
        self.octets.extend(record.owner);
        self.octets.extend(record.rtype.to_be_bytes());
        self.octets.extend(class::IN.to_be_bytes());
        self.octets.extend(record.ttl.to_be_bytes());
        self.octets.extend(length.to_be_bytes());
        self.octets.extend(record.rdata);
        Some(())
    }

    /// The records, sorted, each once.
    pub fn finish(self) -> RecordSet {
        let Self { octets, starts } = self;
        let mut ranges: Vec<&[u8]> = Vec::with_capacity(starts.len());
        let ends = starts.iter().skip(1).map(|start| *start as usize).chain([octets.len()]);
        for (start, end) in starts.iter().zip(ends) {
            ranges.extend(octets.get(*start as usize..end));
        }
        ranges.sort_unstable();
        ranges.dedup();
        RecordSet::of_sorted(&ranges)
    }
}

impl RecordSet {
    /// The set of these records, which are sorted and differ.
    fn of_sorted(records: &[&[u8]]) -> Self {
        let mut octets = Vec::with_capacity(records.iter().map(|record| record.len()).sum());
        let mut starts = Vec::with_capacity(records.len());
        for record in records {
            starts.push(octets.len() as u32);
            octets.extend_from_slice(record);
        }
        Self { octets: octets.into(), starts: starts.into() }
    }

    /// Reads the set that [`RecordSet::octets`] returned. `None` if it is none.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (mut starts, mut at): (Vec<u32>, usize) = (Vec::new(), 0);
        let mut before: &[u8] = &[];
        while at < octets.len() {
            let rest = octets.get(at..)?;
            let length = encoded_length(rest)?;
            let record = rest.get(..length)?;
            if record <= before {
                return None;
            }
            before = record;
            starts.push(u32::try_from(at).ok()?);
            at += length;
        }
        Some(Self { octets: octets.into(), starts: starts.into() })
    }

    /// All records, one behind the other.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The record with this number.
    pub fn get(&self, number: usize) -> Option<ZoneRecord<'_>> {
        decoded(self.encoded(number)?)
    }

    /// All records.
    pub fn iter(&self) -> impl Iterator<Item = ZoneRecord<'_>> {
        (0..self.len()).filter_map(|number| self.get(number))
    }

    fn all_encoded(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|number| self.encoded(number))
    }

    fn encoded(&self, number: usize) -> Option<&[u8]> {
        let start = *self.starts.get(number)? as usize;
        let next = number.checked_add(1).and_then(|next| self.starts.get(next));
        self.octets.get(start..next.map_or(self.octets.len(), |next| *next as usize))
    }

    /// The records of both sets. The other one is small: [`RecordCollector`] leaves room for it.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut records: Vec<&[u8]> = self.all_encoded().chain(other.all_encoded()).collect();
        records.sort_unstable();
        records.dedup();
        Self::of_sorted(&records)
    }

    /// The records that are only in this set, and those that are only in the other one.
    pub fn compare(&self, other: &Self) -> (Self, Self) {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        let (mut left, mut right) = (0, 0);
        loop {
            match (self.encoded(left), other.encoded(right)) {
                (Some(one), Some(two)) if one == two => {
                    left += 1;
                    right += 1;
                }
                (Some(one), two) if two.is_none_or(|two| one < two) => {
                    own.push(one);
                    left += 1;
                }
                (_, Some(two)) => {
                    others.push(two);
                    right += 1;
                }
                (_, None) => break,
            }
        }
        (Self::of_sorted(&own), Self::of_sorted(&others))
    }
}

/// Octets of a record at the beginning of these.
fn encoded_length(octets: &[u8]) -> Option<usize> {
    let head = wire_length(octets)?.checked_add(10)?;
    let length = octets.get(..head)?.last_chunk::<2>()?;
    head.checked_add(u16::from_be_bytes(*length).into())
}

fn decoded(octets: &[u8]) -> Option<ZoneRecord<'_>> {
    let (owner, rest) = octets.split_at_checked(wire_length(octets)?)?;
    let (head, rdata) = rest.split_first_chunk::<10>()?;
    let [t1, t0, _, _, l3, l2, l1, l0, ..] = *head;
    Some(ZoneRecord {
        owner,
        rtype: u16::from_be_bytes([t1, t0]),
        ttl: u32::from_be_bytes([l3, l2, l1, l0]),
        rdata,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    type Owned = (u8, u16, u32, Vec<u8>);

    fn set(records: &[Owned]) -> RecordSet {
        let mut collector = RecordCollector::default();
        for (owner, rtype, ttl, rdata) in records {
            let owner = [1, *owner, 0];
            let record = ZoneRecord { owner: &owner, rtype: *rtype, ttl: *ttl, rdata };
            collector.add(record).unwrap();
        }
        collector.finish()
    }

    fn back(set: &RecordSet) -> BTreeSet<Owned> {
        set.iter().map(|r| (r.owner[1], r.rtype, r.ttl, r.rdata.to_vec())).collect()
    }

    fn records() -> impl Strategy<Value = Vec<Owned>> {
        let rdata = proptest::collection::vec(0u8..3, 0..3);
        proptest::collection::vec((b'a'..b'd', 1u16..3, 0u32..2, rdata), 0..12)
    }

    proptest! {
        /// Against sets of the standard library.
        #[test]
        fn sets_differ_by_what_only_one_of_them_has(one in records(), two in records()) {
            let (first, second) = (set(&one), set(&two));
            let (one, two) = (BTreeSet::from_iter(one), BTreeSet::from_iter(two));
            prop_assert_eq!(&back(&first), &one);
            let (own, others) = first.compare(&second);
            prop_assert_eq!(back(&own), one.difference(&two).cloned().collect());
            prop_assert_eq!(back(&others), two.difference(&one).cloned().collect());
            prop_assert_eq!(RecordSet::from_octets(first.octets()), Some(first));
        }

        #[test]
        fn any_octets_are_a_set_or_none(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(set) = RecordSet::from_octets(&octets) {
                prop_assert_eq!(set.octets(), &octets);
                prop_assert_eq!(set.iter().count(), set.len());
            }
        }
    }
}
