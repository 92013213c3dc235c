//! How far a path had to be followed for an answer, and the words for it that go with the answer (RFC 8914).

use super::pools::{PathId, Pool};
use super::static_data::Plan;
use super::yields::Yield;
use crate::health::Health;

/// How far a path had to be followed for the addresses of an answer: the best first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FallbackLevel {
    /// They are of its first pool.
    #[default]
    Near,
    /// Some are of a pool further along, or the client's own country has no pool.
    Further,
    /// Their mirrors are too far behind the record, as all others.
    Lagging,
    /// Nothing of the path is usable, and these are answered all the same.
    Open,
}

impl FallbackLevel {
    /// How people and programs are told it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Further => "further",
            Self::Lagging => "lagging",
            Self::Open => "open",
        }
    }
}

/// A path of a plan, and what it yields.
#[derive(Debug, Clone, Copy)]
pub struct Followed<'f> {
    /// The plan.
    pub plan: &'f Plan,
    /// The path.
    pub path: PathId,
    /// What it yields.
    pub found: &'f Yield,
}

impl<'f> Followed<'f> {
    /// How far it had to be followed, for IPv4 or IPv6 addresses.
    pub fn reach(&self, ipv6: bool) -> FallbackLevel {
        let found = self.found;
        let open = if ipv6 { found.ipv6_open } else { found.ipv4_open };
        if open {
            FallbackLevel::Open
        } else if found.lagging && !(ipv6 && found.ipv6_kept) {
            FallbackLevel::Lagging
        } else if self.plan.paths.leads_away(self.path)
            || self.furthest(ipv6).is_some_and(|(at, _)| at > 0)
        {
            FallbackLevel::Further
        } else {
            FallbackLevel::Near
        }
    }

    /// The last pool of which there are addresses, and its place on the path.
    pub fn furthest(&self, ipv6: bool) -> Option<(usize, &'f Pool)> {
        // Pools are drawn from one after the other.
        let last = if ipv6 {
            self.found.ipv6.last().map(|candidate| candidate.mirror)
        } else {
            self.found.ipv4.last().map(|candidate| candidate.mirror)
        };
        let mirror = self.plan.fleet.mirrors.get(last? as usize)?;
        let path = self.plan.paths.get(self.path)?;
        let pools = self.plan.paths.along(path).map(|members| &members.pool);
        pools.enumerate().find(|(_, pool)| pool.has(mirror))
    }

    /// The words for an answer from further along: `JP has 1 of 4 mirrors usable: path followed to KR`.
    pub(super) fn words(&self, health: &Health, ipv6: bool) -> Option<String> {
        let (_, last) = self.furthest(ipv6)?;
        if self.plan.paths.leads_away(self.path) {
            return Some(format!("no mirror in the country: path followed to {last}"));
        }
        let first = self.plan.paths.along(self.plan.paths.get(self.path)?).next()?;
        let usable =
            first.mirrors.iter().filter(|mirror| health.is_usable(**mirror as usize)).count();
        let all = first.mirrors.len();
        Some(format!(
            "{} has {usable} of {all} mirrors usable: path followed to {last}",
            first.pool
        ))
    }
}
