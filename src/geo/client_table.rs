//! From an address to a small number (a path's) and the ECS scope for which it holds.
//!
//! The whole address space is cut into ranges of one number each, adjacent equal ones merged. An entry is where a range
//! starts; the scope is computed from the range's two ends, which gives the prefix at which a merged bit trie would end.

use std::net::IpAddr;

use super::steps::Steps;

/// Leading bits of an IPv4 address that select its bucket.
const V4_BITS: u32 = 16;
/// Leading bits after `2000::/3` that select a bucket of global unicast addresses (RFC 4291 section 2.4).
const V6_BITS: u32 = 20;

/// What an address maps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number.
    pub value: u16,
    /// Length in bits of the longest prefix around the address in which every address has that number.
    pub scope: u8,
}

/// The flat table of all addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTable {
    v4: Buckets<u32>,
    v6: Buckets<u128>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Buckets<A> {
    starts: Box<[A]>,
    values: Box<[u16]>,
    /// For each bucket the first range that starts in it or later; one more at the end.
    index: Box<[u32]>,
}

impl ClientTable {
    /// Makes the table.
    pub fn new(v4: &Steps<u32, u16>, v6: &Steps<u128, u16>) -> Self {
        let v4_bucket = |address: u32| (address >> (32 - V4_BITS)) as usize;
        let v6_bucket = |address: u128| match address >> 125 {
            0 => 0,
            1 => (address >> (125 - V6_BITS)) as usize & ((1 << V6_BITS) - 1),
            _ => 1 << V6_BITS,
        };
        Self { v4: Buckets::new(v4, 1 << V4_BITS, v4_bucket), v6: Buckets::new(v6, 1 << V6_BITS, v6_bucket) }
    }

    /// Looks an address up.
    pub fn get(&self, address: IpAddr) -> Place {
        match address {
            IpAddr::V4(address) => self.get_v4(address.to_bits()),
            IpAddr::V6(address) => self.get_v6(address.to_bits()),
        }
    }

    /// Looks an IPv4 address up.
    pub fn get_v4(&self, address: u32) -> Place {
        let bucket = (address >> (32 - V4_BITS)) as usize;
        let (value, before, after) = self.v4.find(address, bucket, bucket + 1);
        // The longest prefix that excludes both neighbours is one bit longer than the longer common prefix with them.
        let common = |other: Option<u32>| other.map_or(0, |other| (address ^ other).leading_zeros() + 1);
        let before = before.and_then(|start| start.checked_sub(1));
        Place { value, scope: common(before).max(common(after)).min(32) as u8 }
    }

    /// Looks an IPv6 address up. IPv4-mapped (RFC 4291 section 2.5.5.2) and 6to4 (RFC 3056) addresses stand where their
    /// IPv4 address stands.
    pub fn get_v6(&self, address: u128) -> Place {
        if address >> 32 == 0xffff {
            return self.embedded((address & 0xffff_ffff) as u32, 96);
        }
        if address >> 112 == 0x2002 {
            return self.embedded((address >> 80 & 0xffff_ffff) as u32, 16);
        }
        let (low, high) = match address >> 125 {
            1 => {
                let bucket = (address >> (125 - V6_BITS)) as usize & ((1 << V6_BITS) - 1);
                (bucket, bucket + 1)
            }
            0 => (0, 1),
            _ => (1 << V6_BITS, usize::MAX),
        };
        let (value, before, after) = self.v6.find(address, low, high);
        let common = |other: Option<u128>| other.map_or(0, |other| (address ^ other).leading_zeros() + 1);
        let before = before.and_then(|start| start.checked_sub(1));
        Place { value, scope: common(before).max(common(after)).min(128) as u8 }
    }

    fn embedded(&self, address: u32, prefix: u8) -> Place {
        let place = self.get_v4(address);
        Place { scope: place.scope + prefix, ..place }
    }

    /// How many ranges it holds: IPv4, IPv6.
    pub fn sizes(&self) -> (usize, usize) {
        (self.v4.starts.len(), self.v6.starts.len())
    }
}

impl<A: Copy + Ord> Buckets<A> {
    fn new(steps: &Steps<A, u16>, buckets: usize, bucket_of: impl Fn(A) -> usize) -> Self {
        let starts: Box<[A]> = steps.iter().map(|(start, _)| *start).collect();
        let values = steps.iter().map(|(_, value)| *value).collect();
        let mut index = Vec::with_capacity(buckets + 1);
        for (position, start) in starts.iter().enumerate() {
            // Bucket numbers never fall, as starts rise.
            let bucket = bucket_of(*start).min(buckets);
            if index.len() <= bucket {
                index.resize(bucket + 1, position as u32);
            }
        }
        index.resize(buckets + 1, starts.len() as u32);
        Self { starts, values, index: index.into() }
    }

    /// The value of the range around `address`, its start and the start of the next.
    fn find(&self, address: A, low: usize, high: usize) -> (u16, Option<A>, Option<A>) {
        let bound = |bucket, beyond| self.index.get(bucket).map_or(beyond, |position| *position as usize);
        let (low, high) = (bound(low, 0), bound(high, self.starts.len()));
        let within = self.starts.get(low..high).unwrap_or_default();
        let next = low + within.partition_point(|start| *start <= address);
        let at = next.saturating_sub(1);
        let value = self.values.get(at).copied().unwrap_or_default();
        (value, self.starts.get(at).copied(), self.starts.get(next).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::steps::Steps;
    use proptest::prelude::*;

    /// The longest prefix around `address` with one value throughout, by trying every address of a small space.
    fn plain_scope(values: &[u16], at: usize, bits: u32) -> u32 {
        (0..=bits)
            .find(|length| {
                let size = 1usize << (bits - length);
                let block = &values[at / size * size..at / size * size + size];
                block.iter().all(|value| *value == values[at])
            })
            .unwrap()
    }

    proptest! {
        /// A space of 256 networks at the top of each family, painted at random, against plain lists.
        #[test]
        fn value_and_scope_equal_the_plain_way(
            strokes in proptest::collection::vec((0u32..256, 0u32..256, 1u16..4), 0..12),
            base in prop::sample::select(vec![0u32, 0xc000_0000, 0xffff_0000]),
        ) {
            let mut v4 = Steps::flat(0u16);
            let mut v6 = Steps::flat(0u16);
            let mut plain = [0u16; 256];
            let v6_base = 0x2001_0db8_u128 << 96;
            for (a, b, value) in strokes {
                let (a, b) = (a.min(b), a.max(b));
                v4.paint(base + (a << 8), base + (b << 8) + 255, value);
                v6.paint(v6_base + (u128::from(a) << 72), v6_base + (u128::from(b) << 72) + ((1 << 72) - 1), value);
                for slot in &mut plain[a as usize..=b as usize] { *slot = value; }
            }
            let table = ClientTable::new(&v4, &v6);
            let uniform = plain.iter().all(|value| *value == plain[0]);
            for at in 0..256usize {
                let v4 = table.get_v4(base + ((at as u32) << 8) + 7);
                let v6 = table.get_v6(v6_base + ((at as u128) << 72) + 7);
                prop_assert_eq!((v4.value, v6.value), (plain[at], plain[at]));
                if !uniform {
                    let scope = plain_scope(&plain, at, 8);
                    // The block as a whole may join what surrounds it, which has the value 0.
                    if scope > 0 {
                        prop_assert_eq!(u32::from(v4.scope), 16 + scope);
                        prop_assert_eq!(u32::from(v6.scope), 48 + scope);
                    }
                }
            }
        }
    }

    #[test]
    fn one_value_everywhere_has_scope_0() {
        let table = ClientTable::new(&Steps::flat(7), &Steps::flat(7));
        for address in ["0.0.0.0", "255.255.255.255", "::", "2001:db8::1", "ffff::1"] {
            assert_eq!(table.get(address.parse().unwrap()), Place { value: 7, scope: 0 }, "{address}");
        }
    }

    #[test]
    fn ipv4_in_ipv6_is_placed_by_its_ipv4_address() {
        let mut v4 = Steps::flat(0);
        v4.paint(0xc633_6400, 0xc633_64ff, 5);
        let table = ClientTable::new(&v4, &Steps::flat(0));
        assert_eq!(table.get("::ffff:198.51.100.7".parse().unwrap()), Place { value: 5, scope: 120 });
        assert_eq!(table.get("2002:c633:6407::1".parse().unwrap()), Place { value: 5, scope: 40 });
    }
}
