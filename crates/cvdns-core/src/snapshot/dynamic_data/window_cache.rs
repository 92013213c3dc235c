//! Makes each distinct set of windows once. Paths and rules with equal yields share it, and the
//! next snapshot takes it over unless the feed has changed the yield.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::window_set::{Address, PoolAnswer, WindowParameters, WindowSet};
use crate::snapshot::static_data::Rule;
use crate::snapshot::windows::shuffle;
use crate::snapshot::yields::{Candidate, Yield};

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
        candidates: &[Candidate<A>],
        parameters: WindowParameters,
    ) -> WindowSet {
        if candidates.is_empty() {
            return WindowSet::default();
        }
        let fingerprint = fingerprint(candidates, parameters);
        if let Some(cached) = self.find(fingerprint, candidates, parameters) {
            return cached.windows.clone();
        }
        let cached = match before.find(fingerprint, candidates, parameters) {
            Some(cached) => Arc::clone(cached),
            None => Arc::new(CachedWindows::new(candidates, parameters)),
        };
        let windows = cached.windows.clone();
        self.0.entry(fingerprint).or_default().push(cached);
        windows
    }

    fn find(
        &self,
        fingerprint: u64,
        candidates: &[Candidate<A>],
        parameters: WindowParameters,
    ) -> Option<&Arc<CachedWindows<A>>> {
        self.0.get(&fingerprint)?.iter().find(|cached| cached.is_made_from(candidates, parameters))
    }

    fn octets(&self) -> usize {
        self.0.values().flatten().map(|cached| cached.windows.octets()).sum()
    }
}

impl<A: Address> CachedWindows<A> {
    fn new(candidates: &[Candidate<A>], parameters: WindowParameters) -> Self {
        let of = candidates.iter().map(|candidate| (candidate.address, candidate.capacity));
        Self {
            candidates: of.collect(),
            parameters,
            windows: WindowSet::new(candidates, parameters),
        }
    }

    fn is_made_from(&self, candidates: &[Candidate<A>], parameters: WindowParameters) -> bool {
        let of = candidates.iter().map(|candidate| (candidate.address, candidate.capacity));
        self.parameters == parameters && self.candidates.iter().copied().eq(of)
    }
}

fn fingerprint<A: Address>(candidates: &[Candidate<A>], parameters: WindowParameters) -> u64 {
    let start =
        shuffle(parameters.day ^ u64::from(parameters.ttl) << 32 ^ u64::from(parameters.max));
    candidates.iter().fold(start, |sum, candidate| {
        shuffle(sum ^ candidate.address.key()).wrapping_add(candidate.capacity)
    })
}
