//! Each set of windows once: paths and rules that yield the same share it, and what a feed does not change is taken over from
//! the snapshot before.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::PoolAnswer;
use super::window_set::{Address, Terms, WindowSet};
use crate::snapshot::static_data::Rule;
use crate::snapshot::windows::shuffle;
use crate::snapshot::yields::{Candidate, Yield};

/// Longest TTL in seconds of an answer given although no mirror is known to work.
const FAIL_OPEN_TTL: u32 = 30;

/// All windows of a snapshot, by what they follow from.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    ipv4: WindowCache<Ipv4Addr>,
    ipv6: WindowCache<Ipv6Addr>,
}

/// Those of one family, by the fingerprint of what they follow from. Not by that itself: it would have to be copied before
/// it can be looked up.
#[derive(Debug)]
struct WindowCache<A>(HashMap<u64, Vec<Arc<Block<A>>>>);

/// Windows and all that they follow from.
#[derive(Debug)]
struct Block<A> {
    /// Addresses and capacities.
    candidates: Box<[(A, u64)]>,
    terms: Terms,
    windows: WindowSet,
}

impl Blocks {
    /// The answer that a yield makes under a rule: from here, else from `before`, else laid out.
    pub(super) fn answer(
        &mut self,
        before: &Self,
        found: &Yield,
        rule: &Rule,
        day: u64,
    ) -> PoolAnswer {
        // A TTL of 0 stays what it is; none becomes that.
        let ttl = if found.unsettled { (rule.ttl / 2).max(rule.ttl.min(1)) } else { rule.ttl };
        let terms = |open| Terms {
            ttl: if open { ttl.min(FAIL_OPEN_TTL) } else { ttl },
            max: rule.max,
            day,
        };
        PoolAnswer {
            ipv4: self.ipv4.windows(&before.ipv4, &found.ipv4, terms(found.ipv4_open)),
            ipv6: self.ipv6.windows(&before.ipv6, &found.ipv6, terms(found.ipv6_open)),
        }
    }

    /// Octets of the windows.
    pub(super) fn octets(&self) -> usize {
        self.ipv4.octets() + self.ipv6.octets()
    }
}

impl<A> Default for WindowCache<A> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<A: Address> WindowCache<A> {
    fn windows(&mut self, before: &Self, candidates: &[Candidate<A>], terms: Terms) -> WindowSet {
        if candidates.is_empty() {
            return WindowSet::default();
        }
        let fingerprint = fingerprint(candidates, terms);
        if let Some(block) = self.find(fingerprint, candidates, terms) {
            return block.windows.clone();
        }
        let block = match before.find(fingerprint, candidates, terms) {
            Some(block) => Arc::clone(block),
            None => Arc::new(Block::new(candidates, terms)),
        };
        let windows = block.windows.clone();
        self.0.entry(fingerprint).or_default().push(block);
        windows
    }

    fn find(
        &self,
        fingerprint: u64,
        candidates: &[Candidate<A>],
        terms: Terms,
    ) -> Option<&Arc<Block<A>>> {
        self.0.get(&fingerprint)?.iter().find(|block| block.is_of(candidates, terms))
    }

    fn octets(&self) -> usize {
        self.0.values().flatten().map(|block| block.windows.octets()).sum()
    }
}

impl<A: Address> Block<A> {
    fn new(candidates: &[Candidate<A>], terms: Terms) -> Self {
        let of = candidates.iter().map(|candidate| (candidate.address, candidate.capacity));
        Self { candidates: of.collect(), terms, windows: WindowSet::new(candidates, terms) }
    }

    fn is_of(&self, candidates: &[Candidate<A>], terms: Terms) -> bool {
        let of = candidates.iter().map(|candidate| (candidate.address, candidate.capacity));
        self.terms == terms && self.candidates.iter().copied().eq(of)
    }
}

fn fingerprint<A: Address>(candidates: &[Candidate<A>], terms: Terms) -> u64 {
    let start = shuffle(terms.day ^ u64::from(terms.ttl) << 32 ^ u64::from(terms.max));
    candidates.iter().fold(start, |sum, candidate| {
        shuffle(sum ^ candidate.address.key()).wrapping_add(candidate.capacity)
    })
}
