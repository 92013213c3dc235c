//! The yield of a path: the usable addresses of as many of its pools as are needed.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::pools::{Path, Paths, PoolMembers};
use crate::fleet::{Fleet, Mirror};
use crate::health::{Health, MirrorStatus, State};
use crate::zone::file::Families;

/// An address that may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<A> {
    /// The address.
    pub address: A,
    /// Capacity of the mirror in kbit/s.
    pub capacity: u64,
    /// Index of the mirror in the fleet.
    pub mirror: u32,
}

/// The addresses that a path yields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "the flags are independent of each other")]
pub struct Yield {
    /// How many pools of the path were visited.
    pub pools: usize,
    /// How many pools were visited for the IPv6 addresses. It differs from `pools` when `ipv6_kept`
    /// is set.
    pub ipv6_pools: usize,
    /// IPv4 addresses.
    pub ipv4: Vec<Candidate<Ipv4Addr>>,
    /// IPv6 addresses.
    pub ipv6: Vec<Candidate<Ipv6Addr>>,
    /// Whether no mirror of the path is known to work, and the IPv4 addresses are answered as if
    /// all were up (fail-open).
    pub ipv4_open: bool,
    /// The same for the IPv6 addresses.
    pub ipv6_open: bool,
    /// Whether all working mirrors of the path lag too far behind the announced release, and those
    /// that lag least are answered.
    pub lagging: bool,
    /// Whether the IPv6 addresses are usable, although `lagging` or `ipv4_open` is set for IPv4.
    pub ipv6_kept: bool,
    /// Whether a mirror of a visited pool changed its state in the last 10 minutes, so that the
    /// yield may soon change again.
    pub unsettled: bool,
}

/// Which mirrors a walk selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Selection {
    /// Usable mirrors, those that are up first.
    Usable,
    /// Working mirrors that are this many versions behind the announced release.
    Behind(u32),
    /// All mirrors, as if they were up.
    All,
}

/// A walk along the paths of a fleet: what it visits, and under which limits.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'w> {
    /// The fleet.
    pub fleet: &'w Fleet,
    /// The state of each mirror.
    pub health: &'w Health,
    /// The pools and paths of the fleet.
    pub paths: &'w Paths,
    /// The path is followed until this many addresses are found.
    pub min: usize,
    /// The address families of the name. For AAAA alone, IPv6 addresses are counted. Otherwise IPv4
    /// addresses are counted, and IPv6 addresses are taken from the same pools: if they were
    /// counted on their own, clients would be sent abroad for IPv6 although a mirror is near.
    pub families: Families,
}

impl Walk<'_> {
    /// Walks a path. Since an empty answer helps nobody, the mirrors that lag least are selected
    /// when none is usable, and all mirrors when none works.
    pub fn along(&self, path: &Path) -> Yield {
        let counts_ipv6 = self.families == Families::V6 || !self.has_ipv4(path);
        let counted = |found: &Yield| if counts_ipv6 { found.ipv6.len() } else { found.ipv4.len() };
        let found = self.gather(path, Selection::Usable, counted);
        if counted(&found) > 0 {
            return Yield { ipv6_pools: found.pools, ..found };
        }
        let lagging = self.least_behind(path, counts_ipv6);
        let selection = lagging.map_or(Selection::All, Selection::Behind);
        let rest = self.gather(path, selection, counted);
        let open = selection == Selection::All;
        // Usable addresses of the family that is not counted are kept: they are the better answer.
        let keeps_ipv6 = !counts_ipv6 && !found.ipv6.is_empty();
        Yield {
            ipv4_open: open && !rest.ipv4.is_empty(),
            ipv6_open: open && !keeps_ipv6 && !rest.ipv6.is_empty(),
            lagging: !open,
            ipv6_kept: keeps_ipv6,
            ipv6_pools: if keeps_ipv6 { found.pools } else { rest.pools },
            // The first walk visited all pools.
            unsettled: found.unsettled,
            ipv6: if keeps_ipv6 { found.ipv6 } else { rest.ipv6 },
            ..rest
        }
    }

    /// Whether any mirror of the path has an IPv4 address. Otherwise IPv6 addresses are counted.
    fn has_ipv4(&self, path: &Path) -> bool {
        self.paths.along(path).any(|members| members.has_ipv4)
    }

    /// The lag, in versions, of the working mirrors of the path that lag least; `None` when none
    /// works.
    fn least_behind(&self, path: &Path, ipv6: bool) -> Option<u32> {
        let mirrors = self.paths.along(path).flat_map(|members| &members.mirrors);
        let statuses = mirrors.filter_map(|index| self.health.mirrors.get(*index as usize));
        let works = |status: &&MirrorStatus| {
            let states = if ipv6 { &status.ipv6 } else { &status.ipv4 };
            states.iter().any(|state| state.is_usable())
        };
        statuses.filter(works).map(|status| status.behind).min()
    }

    /// Visits the pools of a path until `min` addresses are counted.
    fn gather(
        &self,
        path: &Path,
        selection: Selection,
        counted: impl Fn(&Yield) -> usize,
    ) -> Yield {
        let mut found = Yield::default();
        let mut earlier: Vec<&PoolMembers> = Vec::new();
        for members in self.paths.along(path) {
            found.pools += 1;
            self.add(members, &earlier, State::Up, selection, &mut found);
            if counted(&found) < self.min {
                self.add(members, &earlier, State::Old, selection, &mut found);
            }
            if counted(&found) >= self.min {
                break;
            }
            earlier.push(members);
        }
        found
    }

    /// Adds the addresses of a pool's mirrors in the state `wanted`, except for mirrors that are
    /// also in an earlier pool: all of those have been added, or the walk would have ended there.
    /// No address is added twice, because fleets have each address once.
    fn add(
        &self,
        members: &PoolMembers,
        earlier: &[&PoolMembers],
        wanted: State,
        selection: Selection,
        found: &mut Yield,
    ) {
        let all = selection == Selection::All;
        if all && wanted != State::Up {
            return;
        }
        let usable = |state: State| all || state == wanted;
        for &index in &members.mirrors {
            found.unsettled |= self.health.is_unsettled(index as usize);
            if selection == Selection::Usable && !self.health.has(index as usize, wanted) {
                continue;
            }
            let Some((mirror, status)) = self.mirror(index) else { continue };
            let is_other =
                matches!(selection, Selection::Behind(behind) if status.behind != behind);
            if is_other || earlier.iter().any(|earlier| earlier.pool.has(mirror)) {
                continue;
            }
            let capacity = status.weight.of_number(mirror.capacity);
            for (address, state) in mirror.ipv4.iter().zip(&status.ipv4) {
                if usable(*state) {
                    found.ipv4.push(Candidate { address: *address, capacity, mirror: index });
                }
            }
            for (address, state) in mirror.ipv6.iter().zip(&status.ipv6) {
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
