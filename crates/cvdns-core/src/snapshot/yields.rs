//! What a path yields now: the usable addresses of as many of its pools as are needed, and why the rest is left out.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::pools::{Members, Path, Paths};
use crate::fleet::{Fleet, Mirror};
use crate::health::{Health, MirrorStatus, State};
use crate::zone::file::Families;

/// An address that may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<A> {
    /// The address.
    pub address: A,
    /// Capacity of its mirror in kbit/s.
    pub capacity: u64,
    /// Its mirror's index in the fleet.
    pub mirror: u32,
}

/// What a path yields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
pub struct Yield {
    /// How many of the path's pools were drawn from.
    pub pools: usize,
    /// The same for IPv6: addresses that are kept are of another walk.
    pub ipv6_pools: usize,
    /// IPv4 addresses.
    pub ipv4: Vec<Candidate<Ipv4Addr>>,
    /// IPv6 addresses, from the same pools.
    pub ipv6: Vec<Candidate<Ipv6Addr>>,
    /// No IPv4 address on the whole path was usable: these are answered as if all were up.
    pub ipv4_open: bool,
    /// The same of IPv6.
    pub ipv6_open: bool,
    /// All mirrors of the path that work lag behind the record: these lag least.
    pub lagging: bool,
    /// They do not for IPv6: these addresses are usable.
    pub ipv6_kept: bool,
    /// A member of one of the pools changed its state in the last 10 minutes: soon the path may yield something else.
    pub unsettled: bool,
}

/// Whom a walk takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    /// Mirrors that are usable, those that are up first.
    Usable,
    /// Mirrors that work and are this many versions behind the record.
    Behind(u32),
    /// All, as if they were up.
    All,
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
    /// Walks a path. An empty answer helps nobody: where nothing is usable, those that lag least are taken, and where nothing
    /// works, all mirrors count as up.
    pub fn along(&self, path: &Path) -> Yield {
        let counts_ipv6 = self.families == Families::V6 || !self.has_ipv4(path);
        let counted = |found: &Yield| if counts_ipv6 { found.ipv6.len() } else { found.ipv4.len() };
        let found = self.gather(path, Take::Usable, counted);
        if counted(&found) > 0 {
            return Yield { ipv6_pools: found.pools, ..found };
        }
        let lagging = self.least_behind(path, counts_ipv6);
        let take = lagging.map_or(Take::All, Take::Behind);
        let rest = self.gather(path, take, counted);
        let open = take == Take::All;
        // Addresses of the family that is not counted stay when they are known to work: they are the better answer.
        let keeps_ipv6 = !counts_ipv6 && !found.ipv6.is_empty();
        Yield {
            ipv4_open: open && !rest.ipv4.is_empty(),
            ipv6_open: open && !keeps_ipv6 && !rest.ipv6.is_empty(),
            lagging: !open,
            ipv6_kept: keeps_ipv6,
            ipv6_pools: if keeps_ipv6 { found.pools } else { rest.pools },
            // The first walk went over all pools, to no avail.
            unsettled: found.unsettled,
            ipv6: if keeps_ipv6 { found.ipv6 } else { rest.ipv6 },
            ..rest
        }
    }

    /// Whether any mirror of the path has an IPv4 address: where none has, IPv6 ones are what is counted.
    fn has_ipv4(&self, path: &Path) -> bool {
        self.paths.along(path).any(|members| members.has_ipv4)
    }

    /// By how many versions those mirrors of the path are behind the record which work and are behind it least.
    fn least_behind(&self, path: &Path, ipv6: bool) -> Option<u32> {
        let mirrors = self.paths.along(path).flat_map(|members| &members.mirrors);
        let standings = mirrors.filter_map(|index| self.health.mirrors.get(*index as usize));
        let works = |standing: &&MirrorStatus| {
            let states = if ipv6 { &standing.ipv6 } else { &standing.ipv4 };
            states.iter().any(|state| state.is_usable())
        };
        standings.filter(works).map(|standing| standing.behind).min()
    }

    fn gather(&self, path: &Path, take: Take, counted: impl Fn(&Yield) -> usize) -> Yield {
        let mut found = Yield::default();
        let mut earlier: Vec<&Members> = Vec::new();
        for members in self.paths.along(path) {
            found.pools += 1;
            self.add(members, &earlier, State::Up, take, &mut found);
            if counted(&found) < self.min {
                self.add(members, &earlier, State::Old, take, &mut found);
            }
            if counted(&found) >= self.min {
                break;
            }
            earlier.push(members);
        }
        found
    }

    /// Adds the addresses of a pool's mirrors, but for those in the earlier pools: of these all that is up or old was taken,
    /// or the path would have ended there. Fleets have each address once.
    fn add(
        &self,
        members: &Members,
        earlier: &[&Members],
        wanted: State,
        take: Take,
        found: &mut Yield,
    ) {
        let all = take == Take::All;
        if all && wanted != State::Up {
            return;
        }
        let usable = |state: State| all || state == wanted;
        for &index in &members.mirrors {
            found.unsettled |= self.health.is_unsettled(index as usize);
            if take == Take::Usable && !self.health.has(index as usize, wanted) {
                continue;
            }
            let Some((mirror, standing)) = self.mirror(index) else { continue };
            let is_other = matches!(take, Take::Behind(behind) if standing.behind != behind);
            if is_other || earlier.iter().any(|earlier| earlier.pool.has(mirror)) {
                continue;
            }
            let capacity = mirror.capacity;
            for (address, state) in mirror.ipv4.iter().zip(&standing.ipv4) {
                if usable(*state) {
                    found.ipv4.push(Candidate { address: *address, capacity, mirror: index });
                }
            }
            for (address, state) in mirror.ipv6.iter().zip(&standing.ipv6) {
                if usable(*state) {
                    found.ipv6.push(Candidate { address: *address, capacity, mirror: index });
                }
            }
        }
    }

    fn mirror(&self, index: u32) -> Option<(&Mirror, &MirrorStatus)> {
        let index = index as usize;
        Some((self.fleet.mirrors.get(index)?, self.health.mirrors.get(index)?))
    }
}
