//! How many windows begin with each mirror of a yield: clients use the first address that answers.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::dynamic_data::WindowSet;
use super::yields::FamilyYield;

/// The first places of an answer, counted over all its windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstPlaces {
    /// How many windows begin with each mirror, by its index in the fleet. Mirrors that are first
    /// in no window are missing.
    pub of_mirrors: BTreeMap<u32, u64>,
    /// Number of windows.
    pub windows: u64,
}

impl FirstPlaces {
    /// Counts the windows that were made of a yield.
    pub fn new<A: Copy + Into<IpAddr>>(family_yield: &FamilyYield<A>, windows: &WindowSet) -> Self {
        let candidates = family_yield.candidates.iter();
        let mirrors: HashMap<IpAddr, u32> =
            candidates.map(|candidate| (candidate.address.into(), candidate.mirror)).collect();
        let mut places = Self::default();
        for rdata in windows.first_places() {
            places.windows += 1;
            if let Some(mirror) = address(rdata).and_then(|address| mirrors.get(&address)) {
                *places.of_mirrors.entry(*mirror).or_default() += 1;
            }
        }
        places
    }

    /// The share of the windows that begin with a mirror, from 0 to 1.
    pub fn share(&self, mirror: u32) -> f64 {
        let first = self.of_mirrors.get(&mirror).copied().unwrap_or_default();
        first as f64 / self.windows.max(1) as f64
    }
}

/// The address in the data of an A or AAAA record.
pub fn address(rdata: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(rdata).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    v4.or_else(|_| <[u8; 16]>::try_from(rdata).map(|octets| IpAddr::V6(Ipv6Addr::from(octets))))
        .ok()
}
