//! What a path yields now: the usable addresses of as many of its pools as are needed, and why the rest is left out.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::pools::{Path, Paths};
use crate::fleet::{Fleet, Mirror};
use crate::health::{Health, Standing, State};
use crate::zone::file::Families;

/// An address that may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<A> {
    /// The address.
    pub address: A,
    /// Capacity of its mirror in kbit/s.
    pub capacity: u64,
    /// Its mirror's index in the fleet.
    pub mirror: usize,
}

/// What a path yields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Yield {
    /// How many of the path's pools were drawn from.
    pub pools: usize,
    /// IPv4 addresses.
    pub ipv4: Vec<Candidate<Ipv4Addr>>,
    /// IPv6 addresses, from the same pools.
    pub ipv6: Vec<Candidate<Ipv6Addr>>,
    /// Nothing on the whole path was usable: these are answered as if all were up.
    pub fail_open: bool,
}

/// What the walk along a path looks at.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'w> {
    /// The fleet.
    pub fleet: &'w Fleet,
    /// How it stands.
    pub health: &'w Health,
    /// Its pools and paths.
    pub paths: &'w Paths,
    /// The path is followed until there are this many addresses.
    pub min: usize,
    /// Which types the name has: AAAA alone counts IPv6 addresses, otherwise IPv4 ones are counted and IPv6 ones come
    /// from the pools that those are drawn from. A client would else be sent abroad for IPv6 although a mirror is near.
    pub families: Families,
}

impl Walk<'_> {
    /// Walks a path. An empty answer helps nobody: where nothing is usable, all mirrors count as up.
    pub fn along(&self, path: &Path) -> Yield {
        let found = self.gather(path, false);
        if self.counted(&found) > 0 {
            return found;
        }
        let open = self.gather(path, true);
        if self.counted(&open) == 0 {
            return found;
        }
        // With no usable IPv4 address, the IPv6 ones that are known to work stay the better answer.
        let ipv6 =
            if found.ipv6.is_empty() || self.families == Families::V6 { open.ipv6 } else { found.ipv6 };
        Yield { ipv6, fail_open: true, ..open }
    }

    fn counted(&self, found: &Yield) -> usize {
        if self.families == Families::V6 { found.ipv6.len() } else { found.ipv4.len() }
    }

    fn gather(&self, path: &Path, all_up: bool) -> Yield {
        let mut found = Yield { fail_open: all_up, ..Yield::default() };
        let mut seen: HashSet<IpAddr> = HashSet::new();
        for number in &path.pools {
            let Some((_, members)) = self.paths.pools.get(*number) else { continue };
            found.pools += 1;
            self.add(members, State::Up, all_up, &mut found, &mut seen);
            if self.counted(&found) < self.min {
                self.add(members, State::Old, all_up, &mut found, &mut seen);
            }
            if self.counted(&found) >= self.min {
                break;
            }
        }
        found
    }

    fn add(
        &self,
        members: &[usize],
        wanted: State,
        all_up: bool,
        found: &mut Yield,
        seen: &mut HashSet<IpAddr>,
    ) {
        let usable = |state: State| if all_up { wanted == State::Up } else { state == wanted };
        for &index in members {
            let Some((mirror, standing)) = self.mirror(index) else { continue };
            let candidate = |address| Candidate { address, capacity: mirror.capacity, mirror: index };
            for (address, state) in mirror.ipv4.iter().zip(&standing.ipv4) {
                if usable(*state) && seen.insert((*address).into()) {
                    found.ipv4.push(candidate(*address));
                }
            }
            let candidate = |address| Candidate { address, capacity: mirror.capacity, mirror: index };
            for (address, state) in mirror.ipv6.iter().zip(&standing.ipv6) {
                if usable(*state) && seen.insert((*address).into()) {
                    found.ipv6.push(candidate(*address));
                }
            }
        }
    }

    fn mirror(&self, index: usize) -> Option<(&Mirror, &Standing)> {
        Some((self.fleet.mirrors.get(index)?, self.health.mirrors.get(index)?))
    }
}
