//! A trie of IPv4 addresses that fits the cache: one step of 16 bits, then two of 8.
//!
//! A leaf has a number and a scope: the length of the prefix at which a trie of single bits, with
//! equal halves merged, would end. A step of 8 bits splits a network into 256 parts. An entry is
//! kept only where it differs from that of the part before, and counting bits finds it (after
//! Degermark et al. 1997 and Poptrie, 2015). So three reads find a /24, and a database of 400,000
//! IPv4 ranges takes less than 5 MB.

use std::ops::Range;

use super::lookup::{Lookup, ScopedValue};
use super::place::place;

/// Number of bits of the first step.
const LEAD: u32 = 16;

/// The numbers and scopes of all IPv4 addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trie {
    /// Indexed by the first 16 bits of an address.
    root: Box<[RootEntry]>,
    /// Four for each network that is split.
    quarters: Box<[Quarter]>,
    entries: Box<[TrieEntry]>,
}

/// A quarter of the 256 parts of a split network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quarter {
    /// Bit n is set where the entry of part n differs from that of part n − 1; bit 0 is always set.
    changes: u64,
    /// Index of the entry of part 0. The other entries follow it.
    first: u32,
}

/// A leaf (scope in bits 16 to 23, number in bits 0 to 15), or [`SPLIT`] with the number of a split
/// network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TrieEntry(u32);

/// The index of an entry, or [`SPLIT`] with the number of a split network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RootEntry(u32);

/// Marks the number of a split network.
const SPLIT: u32 = 1 << 31;

impl TrieEntry {
    fn leaf(value: u16, scope: u8) -> Self {
        Self(u32::from(scope) << 16 | u32::from(value))
    }

    fn split(network: usize) -> Self {
        Self(SPLIT | network as u32)
    }

    fn network(self) -> Option<u32> {
        (self.0 & SPLIT != 0).then_some(self.0 & !SPLIT)
    }

    fn scoped_value(self) -> ScopedValue {
        ScopedValue { value: self.0 as u16, scope: (self.0 >> 16) as u8 }
    }
}

impl Trie {
    /// Builds the trie from the starts of ranges and their numbers, in ascending order. The first
    /// range starts at the first address.
    pub(super) fn new(ranges: &[(u32, u16)]) -> Self {
        let mut builder = TrieBuilder::default();
        let mut parts = Vec::with_capacity(1 << LEAD);
        let (value, inner) =
            ranges.split_first().map_or((0, ranges), |((_, value), inner)| (*value, inner));
        let whole = Subnet { first: 0, length: 0, value, inner };
        builder.split(whole, LEAD as u8, &mut parts);
        let root = builder.root(&parts);
        Self { root, quarters: builder.quarters.into(), entries: builder.entries.into() }
    }

    /// Looks up one address.
    pub(super) fn get(&self, address: u32) -> ScopedValue {
        let entry = self.entry(self.index_for_24(address, self.root_entry(address)));
        self.leaf(address, entry).scoped_value()
    }

    /// Looks up several addresses, step by step.
    pub(super) fn get_all(&self, lookups: &mut [Lookup<u32>]) {
        for lookup in &mut *lookups {
            lookup.at.0 = self.root_entry(lookup.address).0;
        }
        for lookup in &mut *lookups {
            lookup.at.0 = self.index_for_24(lookup.address, RootEntry(lookup.at.0));
        }
        for lookup in &mut *lookups {
            lookup.at.0 = self.entry(lookup.at.0).0;
        }
        for lookup in lookups {
            lookup.result = self.leaf(lookup.address, TrieEntry(lookup.at.0)).scoped_value();
        }
    }

    #[inline]
    fn root_entry(&self, address: u32) -> RootEntry {
        self.root.get((address >> (32 - LEAD)) as usize).copied().unwrap_or(RootEntry(0))
    }

    /// Index of the entry for the /24 around the address.
    #[inline]
    fn index_for_24(&self, address: u32, root: RootEntry) -> u32 {
        let [_, _, third, _] = address.to_be_bytes();
        if root.0 & SPLIT == 0 { root.0 } else { self.index_for_part(root.0 & !SPLIT, third) }
    }

    /// The leaf of the address, from the entry for its /24.
    #[inline]
    fn leaf(&self, address: u32, entry: TrieEntry) -> TrieEntry {
        let [.., fourth] = address.to_be_bytes();
        entry.network().map_or(entry, |network| self.entry(self.index_for_part(network, fourth)))
    }

    /// Index of the entry for one part of a split network.
    #[inline]
    fn index_for_part(&self, network: u32, octet: u8) -> u32 {
        let quarter = self.quarters.get(network as usize * 4 + usize::from(octet >> 6));
        quarter.map_or(0, |quarter| {
            let up_to_part = quarter.changes & (u64::MAX >> (63 - (octet & 63)));
            quarter.first + up_to_part.count_ones() - 1
        })
    }

    #[inline]
    fn entry(&self, at: u32) -> TrieEntry {
        self.entries.get(at as usize).copied().unwrap_or(TrieEntry::leaf(0, 0))
    }

    /// Memory in use, in octets.
    pub(super) fn octets(&self) -> usize {
        size_of_val(&*self.root) + size_of_val(&*self.quarters) + size_of_val(&*self.entries)
    }

    /// Where its parts are in memory.
    pub(super) fn places(&self) -> [Range<*const u8>; 3] {
        [place(&self.root), place(&self.quarters), place(&self.entries)]
    }
}

/// A trie under construction.
#[derive(Default)]
struct TrieBuilder {
    quarters: Vec<Quarter>,
    entries: Vec<TrieEntry>,
}

/// A network and the ranges in it.
struct Subnet<'s> {
    first: u32,
    /// Prefix length in bits.
    length: u8,
    /// The number of the first address.
    value: u16,
    /// The ranges that start in the network, after its first address.
    inner: &'s [(u32, u16)],
}

impl TrieBuilder {
    /// The root table of the entries for all /16 networks.
    fn root(&mut self, parts: &[TrieEntry]) -> Box<[RootEntry]> {
        let mut before = None;
        let root_entry = |part: &TrieEntry| {
            if part.network().is_none() && before != Some(*part) {
                self.entries.push(*part);
            }
            before = Some(*part);
            RootEntry(
                part.network().map_or(self.entries.len() as u32 - 1, |network| SPLIT | network),
            )
        };
        parts.iter().map(root_entry).collect()
    }

    /// Appends the entries for the parts of the subnet, in order; `depth` is their prefix length.
    fn split(&mut self, subnet: Subnet<'_>, depth: u8, parts: &mut Vec<TrieEntry>) {
        if subnet.inner.is_empty() {
            let count = 1 << (depth - subnet.length);
            return parts
                .extend(std::iter::repeat_n(TrieEntry::leaf(subnet.value, subnet.length), count));
        }
        if subnet.length == depth {
            let network = self.network(subnet);
            return parts.push(network);
        }
        let (left, right) = subnet.halves();
        self.split(left, depth, parts);
        self.split(right, depth, parts);
    }

    /// Adds a split network and returns its entry.
    fn network(&mut self, subnet: Subnet<'_>) -> TrieEntry {
        let mut parts = Vec::with_capacity(256);
        let depth = subnet.length + 8;
        self.split(subnet, depth, &mut parts);
        let network = self.quarters.len() / 4;
        for parts in parts.chunks(64) {
            let mut quarter = Quarter { changes: 0, first: self.entries.len() as u32 };
            let mut before = None;
            for (at, part) in parts.iter().enumerate() {
                if before != Some(part) {
                    quarter.changes |= 1 << at;
                    self.entries.push(*part);
                }
                before = Some(part);
            }
            self.quarters.push(quarter);
        }
        TrieEntry::split(network)
    }
}

impl Subnet<'_> {
    fn halves(self) -> (Self, Self) {
        let middle = self.first | (1 << 31) >> self.length;
        let (left, right) =
            self.inner.split_at(self.inner.partition_point(|(start, _)| *start < middle));
        let (value, inner) = match right.split_first() {
            Some(((start, value), behind)) if *start == middle => (*value, behind),
            _ => (left.last().map_or(self.value, |(_, value)| *value), right),
        };
        let length = self.length + 1;
        (Self { inner: left, length, ..self }, Self { first: middle, length, value, inner })
    }
}
