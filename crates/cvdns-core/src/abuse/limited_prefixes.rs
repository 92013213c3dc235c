//! Which prefixes were limited, for the log.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network that has a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// Its first address.
    pub address: IpAddr,
    /// Its length in bits.
    pub length: u8,
}

/// The prefixes that were limited since somebody looked, as far as there is room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitedPrefixes {
    named: [Option<(Prefix, u64)>; Self::ROOM],
    /// Limited answers to clients whose prefixes found no room.
    pub others: u64,
}

impl LimitedPrefixes {
    /// Most prefixes that are named.
    pub const ROOM: usize = 8;

    /// Counts a limited answer.
    pub fn add(&mut self, prefix: Prefix) {
        self.add_many(prefix, 1);
    }

    /// Adds what another thread has counted.
    pub fn merge(&mut self, other: &Self) {
        for (prefix, count) in other.named.iter().flatten() {
            self.add_many(*prefix, *count);
        }
        self.others = self.others.saturating_add(other.others);
    }

    /// The prefixes and how many answers were limited, the most limited first.
    pub fn by_count(&self) -> Vec<(Prefix, u64)> {
        let mut named: Vec<_> = self.named.iter().flatten().copied().collect();
        named.sort_by_key(|(prefix, count)| (std::cmp::Reverse(*count), *prefix));
        named
    }

    /// Whether nothing was limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add_many(&mut self, prefix: Prefix, count: u64) {
        // Places are taken from the first on.
        for place in &mut self.named {
            match place {
                Some((known, sum)) if *known == prefix => {
                    *sum = sum.saturating_add(count);
                    return;
                }
                Some(_) => {}
                None => {
                    *place = Some((prefix, count));
                    return;
                }
            }
        }
        self.others = self.others.saturating_add(count);
    }
}

impl Prefix {
    /// The network of this length that an address is in; `bits` are its first 64 bits.
    pub(super) fn new(is_ipv4: bool, bits: u64, length: u8) -> Self {
        let address = if is_ipv4 {
            IpAddr::V4(Ipv4Addr::from_bits(bits as u32))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(bits) << 64))
        };
        Self { address, length }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_merged_and_what_finds_no_room_is_counted() {
        let prefix = |number: u8| Prefix { address: [192, 0, 2, number].into(), length: 32 };
        let mut first = LimitedPrefixes::default();
        assert!(first.is_empty());
        for number in 0..10 {
            first.add(prefix(number));
        }
        let mut second = LimitedPrefixes::default();
        second.add(prefix(3));
        second.add(prefix(3));
        second.add(prefix(9));
        first.merge(&second);
        assert_eq!((first.by_count().len(), first.others), (LimitedPrefixes::ROOM, 3));
        assert_eq!(first.by_count()[..2], [(prefix(3), 3), (prefix(0), 1)]);
        assert_eq!(prefix(7).to_string(), "192.0.2.7/32");
    }
}
