//! Maps an address to a small number (the path that serves it) and to the ECS scope of that answer.
//!
//! The address space is cut into ranges of one number each; equal neighbours are merged. The scope
//! is the length of the longest prefix around an address that lies within its range.

mod lookup;
mod networks;
mod place;
#[cfg(test)]
mod tests;
mod trie;

use std::net::IpAddr;
use std::ops::Range;

pub use self::lookup::{LookupBatch, ScopedValue};
use self::networks::Ipv6Ranges;
use self::trie::Trie;
use super::embedded::{IPV4_MAPPED, SIX_TO_FOUR, ipv4_of};
use super::range_map::RangeMap;

/// Number of the IPv6 ranges that embed IPv4 addresses; those are looked up as IPv4.
const EMBEDDED_IPV4: u16 = u16::MAX;

/// The number and scope of every IPv4 and IPv6 address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTable {
    v4: Trie,
    v6: Ipv6Ranges,
    /// Shortest scope in bits of an IPv4 address: 0 if all addresses have the same number, else 1,
    /// because scope 0 covers IPv6 too (RFC 7871 section 7.3.1).
    min_scope: u8,
}

impl ClientTable {
    /// Builds the table. Numbers must be below 2^16 − 2; the two highest are reserved.
    pub fn new(v4: &RangeMap<u32, u16>, mut v6: RangeMap<u128, u16>) -> Self {
        for (first, last) in [IPV4_MAPPED, SIX_TO_FOUR] {
            v6.set_range(first, last, EMBEDDED_IPV4);
        }
        let of_v6 = v6.iter().map(|(_, value)| *value).filter(|value| *value != EMBEDDED_IPV4);
        let mut values = v4.iter().map(|(_, value)| *value).chain(of_v6);
        let first = values.next().unwrap_or_default();
        let uniform = values.all(|value| value == first);
        if uniform {
            v6 = RangeMap::uniform(first);
        }
        Self { v4: Trie::new(v4), v6: Ipv6Ranges::new(&v6), min_scope: u8::from(!uniform) }
    }

    /// Looks up one address.
    pub fn get(&self, address: IpAddr) -> ScopedValue {
        match ipv4_of(address) {
            Ok((address, embedding)) => self.of_v4(self.v4.get(address), embedding),
            Err(address) => self.v6.get(address),
        }
    }

    /// Looks up all addresses of a batch, which costs less than one after the other.
    pub fn get_all(&self, batch: &mut LookupBatch) {
        self.v4.get_all(&mut batch.v4);
        self.v6.get_all(&mut batch.v6);
        for lookup in &mut batch.v4 {
            lookup.result = self.of_v4(lookup.result, lookup.embedding);
        }
    }

    /// Adjusts the scope of an IPv4 address that was looked up behind a prefix of `embedding` bits.
    ///
    /// IPv4-mapped and 6to4 addresses have the number of their IPv4 address, and the scope of no
    /// other address reaches into these prefixes.
    fn of_v4(&self, found: ScopedValue, embedding: u8) -> ScopedValue {
        let scope = match embedding {
            0 => found.scope.max(self.min_scope),
            // A scope may span the whole embedding prefix, but reaches beyond it only as scope 0.
            prefix => found.scope + if self.min_scope == 0 { 0 } else { prefix },
        };
        ScopedValue { scope, ..found }
    }

    /// Memory in use, in octets.
    pub fn octets(&self) -> usize {
        self.v4.octets() + self.v6.octets()
    }

    /// Where the table is in memory, for whoever asks the system to keep it in large pages.
    pub fn places(&self) -> impl Iterator<Item = Range<*const u8>> {
        self.v4.places().into_iter().chain(self.v6.places())
    }
}
