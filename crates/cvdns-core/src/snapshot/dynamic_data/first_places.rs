//! Reads off windows which addresses clients get, and how often each of them is in front.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::window_set::{A_SIZE, AAAA_SIZE, WindowSet};

/// The addresses of a set of windows. Each window is answered equally often, so that
/// `firsts / windows` is the share of answers that an address leads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FirstPlaces {
    /// Number of windows.
    pub windows: u32,
    /// For each address, how many windows it leads; 0 for an address that is only behind others.
    pub firsts: BTreeMap<IpAddr, u32>,
}

impl FirstPlaces {
    /// Reads the windows of one address family.
    pub fn of(set: &WindowSet, ipv6: bool) -> Self {
        let size = if ipv6 { AAAA_SIZE } else { A_SIZE };
        let all = set.records().chunks_exact(size).filter_map(address);
        let mut firsts: BTreeMap<IpAddr, u32> = all.map(|address| (address, 0)).collect();
        for number in 0..set.count {
            let first = set.numbered(number as usize).get(..size).and_then(address);
            if let Some(count) = first.and_then(|first| firsts.get_mut(&first)) {
                *count += 1;
            }
        }
        Self { windows: set.count, firsts }
    }
}

/// The address in a prepared A or AAAA record.
fn address(record: &[u8]) -> Option<IpAddr> {
    let rdata = record.get(12..)?;
    let ipv4 = <[u8; 4]>::try_from(rdata).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    ipv4.or_else(|_| <[u8; 16]>::try_from(rdata).map(|octets| IpAddr::V6(Ipv6Addr::from(octets))))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::super::window_set::WindowParameters;
    use super::*;
    use crate::snapshot::yields::Candidate;
    use proptest::prelude::*;

    fn candidates(capacities: &[u64]) -> Vec<Candidate<Ipv4Addr>> {
        let of = |(number, capacity): (u32, &u64)| Candidate {
            address: Ipv4Addr::from_bits(0xc000_0200 + number),
            capacity: *capacity,
            mirror: number,
        };
        (0..).zip(capacities).map(of).collect()
    }

    fn read(capacities: &[u64], max: u16) -> FirstPlaces {
        let parameters = WindowParameters { ttl: 60, max, day: 20_000 };
        FirstPlaces::of(&WindowSet::new(&candidates(capacities), parameters), false)
    }

    #[test]
    fn first_places_follow_capacity() {
        for max in [1, 2, 3, 0] {
            let places = read(&[1_000_000, 100_000, 100_000], max);
            let firsts: Vec<u32> = places.firsts.values().copied().collect();
            assert_eq!((places.windows, firsts), (12, vec![10, 1, 1]), "max = {max}");
        }
        assert_eq!(FirstPlaces::of(&WindowSet::default(), false), FirstPlaces::default());
    }

    proptest! {
        /// Every address is there, and every window has one first place.
        #[test]
        fn each_window_has_one_first_place(
            capacities in proptest::collection::vec(1u64..10_000_000, 1..40), max in 0u16..12,
        ) {
            let places = read(&capacities, max);
            prop_assert_eq!(places.firsts.len(), capacities.len());
            prop_assert_eq!(places.firsts.values().sum::<u32>(), places.windows);
        }
    }
}
