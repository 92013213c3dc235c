//! Look-ups of addresses, one or many at a time, and their results.

use std::net::IpAddr;

use crate::geo::embedded::ipv4_of;

/// The number of an address, and how far around the address it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopedValue {
    /// The number.
    pub value: u16,
    /// Length in bits of the longest prefix around the address in which every address has that
    /// number.
    pub scope: u8,
}

/// Addresses that are looked up together. Its owner keeps it to reuse the memory.
#[derive(Debug, Clone, Default)]
pub struct LookupBatch {
    pub(super) v4: Vec<Lookup<u32>>,
    pub(super) v6: Vec<Lookup<u128>>,
}

/// One look-up of a batch. Each step is taken for all look-ups before the next: the steps wait for
/// memory, and short loops of one step let the processor have many reads under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lookup<A> {
    pub(super) address: A,
    /// The caller's number for the address.
    number: usize,
    /// What the next step reads: an index, an entry, or two indices between which to search, as
    /// the table defines it.
    pub(super) at: (u32, u32),
    /// Length in bits of the prefix behind which an IPv4 address is embedded; 0 for a plain one.
    pub(super) embedding: u8,
    pub(super) result: ScopedValue,
}

impl LookupBatch {
    /// Removes all addresses and keeps the memory.
    pub fn clear(&mut self) {
        self.v4.clear();
        self.v6.clear();
    }

    /// Adds an address. `number` identifies it in [`LookupBatch::results`].
    pub fn push(&mut self, number: usize, address: IpAddr) {
        let (at, result) = ((0, 0), ScopedValue { value: 0, scope: 0 });
        match ipv4_of(address) {
            Ok((address, embedding)) => {
                self.v4.push(Lookup { address, number, at, embedding, result });
            }
            Err(address) => self.v6.push(Lookup { address, number, at, embedding: 0, result }),
        }
    }

    /// The caller's numbers with the results of their addresses, in no particular order.
    pub fn results(&self) -> impl Iterator<Item = (usize, ScopedValue)> {
        let v4 = self.v4.iter().map(|lookup| (lookup.number, lookup.result));
        v4.chain(self.v6.iter().map(|lookup| (lookup.number, lookup.result)))
    }
}
