//! Makes each distinct set of windows once. Paths and rules with equal yields share it, and the
//! next snapshot takes it over unless the feed has changed the yield.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::window_set::{Address, PoolAnswer, WindowParameters, WindowSet};
use crate::snapshot::static_data::Rule;
use crate::snapshot::windows::shuffle;
use crate::snapshot::yields::{Candidate, FamilyYield, Group, Yield};

/// Longest TTL in seconds of an answer given although no mirror is known to work.
const FAIL_OPEN_TTL: u32 = 30;

/// All windows of a snapshot, by what they are made from.
#[derive(Debug, Default)]
pub(super) struct WindowCache {
    ipv4: FamilyCache<Ipv4Addr>,
    ipv6: FamilyCache<Ipv6Addr>,
}

/// The windows of one address family, by a fingerprint of what they are made from. A map keyed by
/// that itself would require a copy for each look-up.
#[derive(Debug)]
struct FamilyCache<A>(HashMap<u64, Vec<Arc<CachedWindows<A>>>>);

/// Windows and all that they are made from.
#[derive(Debug)]
struct CachedWindows<A> {
    /// Addresses and capacities, in order.
    candidates: Box<[(A, u64)]>,
    groups: Box<[Group]>,
    parameters: WindowParameters,
    windows: WindowSet,
}

impl WindowCache {
    /// The answers made of a yield under a rule: from this cache, or else from `before`, or else
    /// newly made. `day` is [`Now::day`](crate::snapshot::Now).
    pub(super) fn answer(
        &mut self,
        before: &Self,
        path_yield: &Yield,
        rule: &Rule,
        day: u64,
    ) -> PoolAnswer {
        // Half the TTL, but neither raised from 0 nor lowered to 0.
        let ttl = if path_yield.unsettled { (rule.ttl / 2).max(rule.ttl.min(1)) } else { rule.ttl };
        let parameters = |open| WindowParameters {
            ttl: if open { ttl.min(FAIL_OPEN_TTL) } else { ttl },
            max: rule.max,
            day,
        };
        PoolAnswer {
            ipv4: self.ipv4.windows(
                &before.ipv4,
                &path_yield.ipv4,
                parameters(path_yield.ipv4_open),
            ),
            ipv6: self.ipv6.windows(
                &before.ipv6,
                &path_yield.ipv6,
                parameters(path_yield.ipv6_open),
            ),
        }
    }

    /// Size of all windows in octets.
    pub(super) fn octets(&self) -> usize {
        self.ipv4.octets() + self.ipv6.octets()
    }
}

impl<A> Default for FamilyCache<A> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<A: Address> FamilyCache<A> {
    fn windows(
        &mut self,
        before: &Self,
        family_yield: &FamilyYield<A>,
        parameters: WindowParameters,
    ) -> WindowSet {
        if family_yield.is_empty() {
            return WindowSet::default();
        }
        let fingerprint = fingerprint(family_yield, parameters);
        if let Some(cached) = self.find(fingerprint, family_yield, parameters) {
            return cached.windows.clone();
        }
        let cached = match before.find(fingerprint, family_yield, parameters) {
            Some(cached) => Arc::clone(cached),
            None => Arc::new(CachedWindows::new(family_yield, parameters)),
        };
        let windows = cached.windows.clone();
        self.0.entry(fingerprint).or_default().push(cached);
        windows
    }

    fn find(
        &self,
        fingerprint: u64,
        family_yield: &FamilyYield<A>,
        parameters: WindowParameters,
    ) -> Option<&Arc<CachedWindows<A>>> {
        let found = self.0.get(&fingerprint)?;
        found.iter().find(|cached| cached.is_made_from(family_yield, parameters))
    }

    fn octets(&self) -> usize {
        self.0.values().flatten().map(|cached| cached.windows.octets()).sum()
    }
}

impl<A: Address> CachedWindows<A> {
    fn new(family_yield: &FamilyYield<A>, parameters: WindowParameters) -> Self {
        Self {
            candidates: addresses(family_yield).collect(),
            groups: family_yield.groups.iter().cloned().collect(),
            parameters,
            windows: WindowSet::new(family_yield, parameters),
        }
    }

    fn is_made_from(&self, family_yield: &FamilyYield<A>, parameters: WindowParameters) -> bool {
        let groups = &family_yield.groups;
        self.parameters == parameters
            && self.candidates.iter().copied().eq(addresses(family_yield))
            && self.groups.len() == groups.len()
            && self.groups.iter().zip(groups).all(|(own, other)| own.is_drawn_like(other))
    }
}

fn addresses<A: Copy>(family_yield: &FamilyYield<A>) -> impl Iterator<Item = (A, u64)> {
    let of = |candidate: &Candidate<A>| (candidate.address, candidate.capacity);
    family_yield.candidates.iter().map(of)
}

fn fingerprint<A: Address>(family_yield: &FamilyYield<A>, parameters: WindowParameters) -> u64 {
    let WindowParameters { ttl, max, day } = parameters;
    let start = shuffle(day ^ u64::from(ttl) << 32 ^ u64::from(max));
    let groups = family_yield.groups.iter().fold(start, |sum, group| {
        group.pools.iter().fold(shuffle(sum ^ group.take as u64), |sum, part| {
            shuffle(sum ^ part.addresses as u64).wrapping_add(part.takes)
        })
    });
    family_yield.candidates.iter().fold(groups, |sum, candidate| {
        shuffle(sum ^ candidate.address.key()).wrapping_add(candidate.capacity)
    })
}
