//! The yield of a path: the usable addresses of as many of its pools as are needed, in the groups
//! in which they are answered.

#[cfg(test)]
mod tests;

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

/// Addresses that are answered together: those of a pool, or of the pools that share a demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The pools that its addresses are from. Several pools share a demand.
    pub pools: Vec<PoolPart>,
    /// Most of its addresses in one answer, whatever `max` is.
    pub take: usize,
}

/// The part that a pool has in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolPart {
    /// Index of the pool on the path.
    pub at: usize,
    /// Number of its addresses.
    pub addresses: usize,
    /// How much of the demand it takes, in kbit/s; 0 without a demand.
    pub takes: u64,
}

/// The addresses of one family that a path yields. An answer has addresses of the first group, then
/// of the second, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyYield<A> {
    /// The addresses, in the order of groups and pools.
    pub candidates: Vec<Candidate<A>>,
    /// The groups, none of which is empty.
    pub groups: Vec<Group>,
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
    pub ipv4: FamilyYield<Ipv4Addr>,
    /// IPv6 addresses.
    pub ipv6: FamilyYield<Ipv6Addr>,
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
    /// How much of the demand is more than the capacity of all usable mirrors of the path, in
    /// kbit/s. The last pool takes it all the same.
    pub unmet: u64,
    /// Whether a mirror of a visited pool changed its state in the last 10 minutes, so that the
    /// yield may soon change again.
    pub unsettled: bool,
}

impl Yield {
    /// Whether there are IPv6 addresses as near as those in front of IPv4 answers. Where there are
    /// none, AAAA is NODATA: hosts prefer IPv6, and pools that only fill answers up would send all
    /// of them abroad although a mirror is near. True without IPv4 addresses.
    fn has_ipv6_at_home(&self) -> bool {
        let home = self.ipv4.groups.first().and_then(|home| home.pools.last());
        let Some(home) = home else { return true };
        let nearest = self.ipv6.groups.iter().flat_map(|group| &group.pools).map(|pool| pool.at);
        nearest.min().is_some_and(|nearest| nearest <= home.at)
    }
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

/// Where the addresses of a visited pool end, and what it takes of the demand, in kbit/s.
#[derive(Debug, Clone, Copy)]
struct PoolEnd {
    ipv4: usize,
    ipv6: usize,
    takes: u64,
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
    /// The path is followed until this many addresses are found. All addresses of earlier pools
    /// come first in each answer; of the last pool only as many are answered as are missing.
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
        let found = self.gather(path, Selection::Usable, counts_ipv6);
        if counted(&found) > 0 {
            return Yield { ipv6_pools: found.pools, ..found };
        }
        let lagging = self.least_behind(path, counts_ipv6);
        let selection = lagging.map_or(Selection::All, Selection::Behind);
        let rest = self.gather(path, selection, counts_ipv6);
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

    /// Visits the pools of a path until `min` addresses are counted and the demand is met.
    fn gather(&self, path: &Path, selection: Selection, counts_ipv6: bool) -> Yield {
        let counted = |found: &Yield| if counts_ipv6 { found.ipv6.len() } else { found.ipv4.len() };
        let mut found = Yield::default();
        let mut earlier: Vec<&PoolMembers> = Vec::new();
        let mut ends: Vec<PoolEnd> = Vec::new();
        let mut unmet = path.demand.unwrap_or_default();
        for members in self.paths.along(path) {
            let before = counted(&found);
            self.add(members, &earlier, State::Up, selection, &mut found);
            if counted(&found) < self.min {
                self.add(members, &earlier, State::Old, selection, &mut found);
            }
            let takes = if unmet == 0 {
                0
            } else if counts_ipv6 {
                capacity(found.ipv6.candidates.get(before..)).min(unmet)
            } else {
                capacity(found.ipv4.candidates.get(before..)).min(unmet)
            };
            unmet -= takes;
            ends.push(PoolEnd { ipv4: found.ipv4.len(), ipv6: found.ipv6.len(), takes });
            if counted(&found) >= self.min && unmet == 0 {
                break;
            }
            earlier.push(members);
        }
        // The last pool that has anything to give takes the rest.
        if let Some(end) = ends.iter_mut().rev().find(|end| end.takes > 0) {
            end.takes += unmet;
        }
        found.unmet = unmet;
        found.pools = ends.len();
        let min = (counted(&found) >= self.min).then_some(self.min);
        found.ipv4.form_groups(ends.iter().map(|end| (end.ipv4, end.takes)), min);
        found.ipv6.form_groups(ends.iter().map(|end| (end.ipv6, end.takes)), min);
        if !counts_ipv6 && !found.has_ipv6_at_home() {
            found.ipv6 = FamilyYield::default();
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
                    found.ipv4.candidates.push(Candidate {
                        address: *address,
                        capacity,
                        mirror: index,
                    });
                }
            }
            for (address, state) in mirror.ipv6.iter().zip(&status.ipv6) {
                if usable(*state) {
                    found.ipv6.candidates.push(Candidate {
                        address: *address,
                        capacity,
                        mirror: index,
                    });
                }
            }
        }
    }

    fn mirror(&self, index: u32) -> Option<(&Mirror, &MirrorStatus)> {
        let index = index as usize;
        Some((self.fleet.mirrors.get(index)?, self.health.mirrors.get(index)?))
    }
}

impl<A> Default for FamilyYield<A> {
    fn default() -> Self {
        Self { candidates: Vec::new(), groups: Vec::new() }
    }
}

impl<A> FamilyYield<A> {
    /// Number of addresses.
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Whether there is no address.
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The groups with their addresses.
    pub fn groups(&self) -> impl Iterator<Item = (&Group, &[Candidate<A>])> {
        let mut rest = self.candidates.as_slice();
        self.groups.iter().map(move |group| {
            let (own, others) = rest.split_at_checked(group.len()).unwrap_or((rest, &[]));
            rest = others;
            (group, own)
        })
    }
}

impl<A: Copy> FamilyYield<A> {
    /// Forms the groups. `ends` gives for each visited pool where its addresses end, and what it
    /// takes of the demand. Several pools that share the demand form the first group; each other
    /// pool is a group. `min` is the number of addresses that was reached with the last pool: of
    /// that, only those are answered that earlier ones lack. `None` when all pools have fewer.
    fn form_groups(&mut self, ends: impl Iterator<Item = (usize, u64)>, min: Option<usize>) {
        let mut parts: Vec<PoolPart> = Vec::new();
        let (mut start, mut last) = (0, 0);
        for (at, (end, takes)) in ends.enumerate() {
            parts.push(PoolPart { at, addresses: end - start, takes });
            (start, last) = (end, at);
        }
        let (shared, mut alone): (Vec<PoolPart>, Vec<PoolPart>) =
            parts.iter().partition(|part| part.takes > 0 && part.addresses > 0);
        if let [_, _, ..] = shared.as_slice() {
            self.move_forward(&parts);
            let take = shared.iter().map(|part| part.addresses).sum();
            self.groups.push(Group { pools: shared, take });
        } else {
            alone = parts;
        }
        for part in alone.into_iter().filter(|part| part.addresses > 0) {
            let earlier: usize = self.groups.iter().map(Group::len).sum();
            let missing = match min {
                Some(min) if part.at == last && earlier > 0 => min.saturating_sub(earlier),
                _ => part.addresses,
            };
            if missing == 0 {
                self.candidates.truncate(earlier);
            } else {
                let take = missing.min(part.addresses);
                self.groups.push(Group { pools: vec![part], take });
            }
        }
    }

    /// Moves the addresses of pools that take a part of the demand in front of the others.
    fn move_forward(&mut self, parts: &[PoolPart]) {
        let mut pools: Vec<(bool, &[Candidate<A>])> = Vec::with_capacity(parts.len());
        let mut rest = self.candidates.as_slice();
        for part in parts {
            let (own, others) = rest.split_at_checked(part.addresses).unwrap_or((rest, &[]));
            pools.push((part.takes == 0, own));
            rest = others;
        }
        // The sort is stable.
        pools.sort_by_key(|(takes_nothing, _)| *takes_nothing);
        self.candidates = pools.into_iter().flat_map(|(_, own)| own).copied().collect();
    }
}

impl Group {
    /// Number of its addresses.
    pub fn len(&self) -> usize {
        self.pools.iter().map(|part| part.addresses).sum()
    }

    /// Whether it has no address.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For each pool, the number of its addresses and what it takes of the demand, in kbit/s.
    pub fn demand(&self) -> Vec<(usize, u64)> {
        self.pools.iter().map(|part| (part.addresses, part.takes)).collect()
    }

    /// Whether answers are drawn alike from this group and another one of the same addresses.
    pub fn is_drawn_like(&self, other: &Self) -> bool {
        let alike = |(own, other): (&PoolPart, &PoolPart)| {
            (own.addresses, own.takes) == (other.addresses, other.takes)
        };
        self.take == other.take
            && self.pools.len() == other.pools.len()
            && self.pools.iter().zip(&other.pools).all(alike)
    }
}

/// The capacity in kbit/s of the mirrors with these addresses, each of which counts once.
fn capacity<A>(candidates: Option<&[Candidate<A>]>) -> u64 {
    let candidates = candidates.unwrap_or_default();
    let mut mirrors: Vec<(u32, u64)> =
        candidates.iter().map(|candidate| (candidate.mirror, candidate.capacity)).collect();
    mirrors.sort_unstable();
    mirrors.dedup();
    mirrors.iter().fold(0, |sum, (_, capacity)| sum.saturating_add(*capacity))
}
