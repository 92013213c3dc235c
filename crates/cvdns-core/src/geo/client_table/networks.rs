//! IPv6 addresses by the starts of ranges: an index of the first 16 bits, then a short search.
//!
//! The scope is computed from the two ends of a range. It is the length of the prefix at which a
//! trie of single bits, with equal halves merged, would end. IPv6 networks are too sparse for the
//! trie of IPv4, which would take twice the time and 6 MB for them.

use std::ops::Range;

use super::lookup::{Lookup, ScopedValue};
use super::place::place;

/// Number of a /64 network that is split: its ranges are in [`Ipv6Ranges::inner`].
const SPLIT: u16 = u16::MAX - 1;

/// The numbers and scopes of all IPv6 addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ipv6Ranges {
    /// Ranges by the upper half of their starts. Hardly a range starts within a /64, so this takes
    /// half the memory, and a cache line has twice as many starts.
    upper: Ranges<u64>,
    /// Ranges within the /64 networks that are split.
    inner: Ranges<u128>,
}

impl Ipv6Ranges {
    /// Builds the table from the starts of ranges and their numbers (below 2^16 − 2), in ascending
    /// order. The first range starts at the first address.
    pub(super) fn new(ranges: &[(u128, u16)]) -> Self {
        let (upper, inner) = split_at_64(ranges);
        Self { upper: Ranges::new(&upper), inner: Ranges::new(&inner) }
    }

    /// Looks up one address.
    pub(super) fn get(&self, address: u128) -> ScopedValue {
        self.scoped_value(address, self.upper.seek((address >> 64) as u64))
    }

    /// Looks up several addresses, step by step.
    pub(super) fn get_all(&self, lookups: &mut [Lookup<u128>]) {
        for lookup in &mut *lookups {
            lookup.at = self.upper.seek((lookup.address >> 64) as u64);
        }
        for lookup in lookups {
            lookup.result = self.scoped_value(lookup.address, lookup.at);
        }
    }

    fn scoped_value(&self, address: u128, between: (u32, u32)) -> ScopedValue {
        let found = self.upper.scoped_value((address >> 64) as u64, between);
        if found.value == SPLIT {
            self.inner.scoped_value(address, self.inner.seek(address))
        } else {
            found
        }
    }

    /// Memory in use, in octets.
    pub(super) fn octets(&self) -> usize {
        self.upper.octets() + self.inner.octets()
    }

    /// Where its larger parts are in memory.
    pub(super) fn places(&self) -> [Range<*const u8>; 4] {
        let Ranges { starts, values, buckets, slots } = &self.upper;
        [place(starts), place(values), place(buckets), place(slots)]
    }
}

/// Starts of ranges and their numbers, in ascending order.
type StartList<A> = Vec<(A, u16)>;

/// Splits the list in two: the starts by their upper half, and the starts within split /64
/// networks. Each split /64 is a range with the number [`SPLIT`] in the first list.
///
/// Scopes are the same as with one list. For an address in a split /64, a start in that /64 is
/// nearer than any start that the second list leaves out. For an address outside, the longest
/// prefix that leaves out the end of a range is the same whether the range ends at the /64 or
/// within it.
fn split_at_64(ranges: &[(u128, u16)]) -> (StartList<u64>, StartList<u128>) {
    let (mut upper, mut inner) = (Vec::with_capacity(ranges.len()), Vec::new());
    let mut before = 0;
    for network in ranges.chunk_by(|(a, _), (b, _)| a >> 64 == b >> 64) {
        let (Some((first, value)), Some((last, behind))) = (network.first(), network.last()) else {
            continue;
        };
        let half = (first >> 64) as u64;
        // Replaces the start that marks the end of a split /64 right before this one.
        if upper.last().is_some_and(|(start, _)| *start == half) {
            upper.pop();
        }
        if *last as u64 == 0 {
            upper.push((half, *value));
        } else {
            upper.push((half, SPLIT));
            upper.extend(half.checked_add(1).map(|next| (next, *behind)));
            if *first as u64 != 0 {
                inner.push((u128::from(half) << 64, before));
            }
            inner.extend_from_slice(network);
        }
        before = *behind;
    }
    (upper, inner)
}

/// An IPv6 address, or its upper half.
trait AddressKey: Copy + Ord {
    /// The first 64 bits.
    fn leading_bits(self) -> u64;
    /// Length in bits of the shortest prefix around this address that leaves out the other one.
    fn separating_length(self, other: Self) -> u32;
    /// The address before; `None` for the lowest.
    fn before(self) -> Option<Self>;
}

macro_rules! key {
    ($type:ty, $address:ident => $leading_bits:expr) => {
        impl AddressKey for $type {
            fn leading_bits(self) -> u64 {
                let $address = self;
                $leading_bits
            }
            fn separating_length(self, other: Self) -> u32 {
                (self ^ other).leading_zeros() + 1
            }
            fn before(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    };
}

key!(u64, address => address);
key!(u128, address => (address >> 64) as u64);

/// Ranges by their starts, with an index that finds one in few steps.
///
/// A bucket has the starts with the same first 16 bits. Buckets are uneven: two /16 networks have a
/// third of the IPv6 ranges of a country database. So each bucket is divided into equal slots, one
/// for every four to eight starts, which leaves few starts to search. More slots were not faster:
/// the index then displaces the starts from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ranges<A> {
    starts: Box<[A]>,
    /// The numbers of the ranges. They are kept apart from the starts, because padding between them
    /// would double the memory.
    values: Box<[u16]>,
    /// Indexed by the first 16 bits; ends at the last bucket in which a range starts.
    buckets: Box<[Bucket]>,
    /// For each slot, the index of the first range that starts in it or later. A last element has
    /// the number of ranges.
    slots: Box<[u32]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    first_slot: u32,
    /// How many of the 48 bits after the bucket's do not select the slot.
    shift: u8,
}

/// Number of leading bits that select the bucket.
const BUCKET_BITS: u32 = 16;
/// Number of the bits that follow, of the first 64.
const REST_BITS: u32 = 64 - BUCKET_BITS;

fn bucket_of(leading_bits: u64) -> usize {
    (leading_bits >> REST_BITS) as usize
}

impl Bucket {
    fn slot(self, leading_bits: u64) -> usize {
        let rest = leading_bits & ((1 << REST_BITS) - 1);
        self.first_slot as usize + (rest >> self.shift) as usize
    }
}

impl<A: AddressKey> Ranges<A> {
    fn new(ranges: &[(A, u16)]) -> Self {
        let starts: Box<[A]> = ranges.iter().map(|(start, _)| *start).collect();
        let values = ranges.iter().map(|(_, value)| *value).collect();
        let (mut buckets, mut slots) = (Vec::new(), Vec::new());
        let mut position = 0;
        for within in
            starts.chunk_by(|a, b| bucket_of(a.leading_bits()) == bucket_of(b.leading_bits()))
        {
            let leading_bits = within.first().map_or(0, |start| start.leading_bits());
            while buckets.len() < bucket_of(leading_bits) {
                buckets.push(Bucket { first_slot: slots.len() as u32, shift: REST_BITS as u8 });
                slots.push(position);
            }
            let bits = within.len().ilog2().saturating_sub(2);
            let bucket = Bucket { first_slot: slots.len() as u32, shift: (REST_BITS - bits) as u8 };
            buckets.push(bucket);
            for start in within {
                slots.resize(slots.len().max(bucket.slot(start.leading_bits()) + 1), position);
                position += 1;
            }
            slots.resize(bucket.first_slot as usize + (1 << bits), position);
        }
        slots.push(position);
        Self { starts, values, buckets: buckets.into(), slots: slots.into() }
    }

    /// The two indices between which the first range that starts after the address is. Both are the
    /// number of ranges when no range starts in the bucket of the address or later.
    fn seek(&self, address: A) -> (u32, u32) {
        let leading_bits = address.leading_bits();
        let slot = self
            .buckets
            .get(bucket_of(leading_bits))
            .map_or(usize::MAX, |bucket| bucket.slot(leading_bits));
        let ends = slot.checked_add(2).and_then(|end| self.slots.get(slot..end));
        match ends {
            Some([low, high]) => (*low, *high),
            _ => (self.starts.len() as u32, self.starts.len() as u32),
        }
    }

    fn scoped_value(&self, address: A, (low, high): (u32, u32)) -> ScopedValue {
        let within = self.starts.get(low as usize..high as usize).unwrap_or_default();
        let next = low as usize + within.partition_point(|start| *start <= address);
        let at = next.checked_sub(1);
        // The shortest prefix that leaves out both neighbours is the one that leaves out the
        // nearer.
        let before = at.and_then(|at| self.starts.get(at)?.before());
        let after = self.starts.get(next);
        let scope = before.map_or(0, |before| address.separating_length(before));
        let scope = scope.max(after.map_or(0, |after| address.separating_length(*after)));
        let value = at.and_then(|at| self.values.get(at).copied());
        ScopedValue { value: value.unwrap_or_default(), scope: scope as u8 }
    }

    fn octets(&self) -> usize {
        size_of_val(&*self.starts)
            + size_of_val(&*self.values)
            + size_of_val(&*self.buckets)
            + size_of_val(&*self.slots)
    }
}
