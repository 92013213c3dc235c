//! How far a path had to be followed for an answer, and the text of the extended error that says so
//! (RFC 8914).

use super::pools::{PathId, Pool};
use super::static_data::Plan;
use super::yields::Yield;
use crate::health::Health;

/// How far a path had to be followed for the addresses of an answer; the best level first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FallbackLevel {
    /// All mirrors are in the first pool of the path.
    #[default]
    Near,
    /// Some mirrors are in a later pool, or the client's country has no mirrors.
    Further,
    /// All working mirrors of the path are too far behind the announced release, these included.
    Lagging,
    /// No mirror of the path is known to work; all are answered nevertheless (fail-open).
    Open,
}

impl FallbackLevel {
    /// The name of the level in JSON and in text for operators.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Further => "further",
            Self::Lagging => "lagging",
            Self::Open => "open",
        }
    }
}

/// A path of a plan and the addresses found along it.
#[derive(Debug, Clone, Copy)]
pub struct FollowedPath<'f> {
    /// The plan.
    pub plan: &'f Plan,
    /// Number of the path.
    pub path: PathId,
    /// The addresses found along the path.
    pub path_yield: &'f Yield,
}

impl<'f> FollowedPath<'f> {
    /// How far the path had to be followed for the addresses of one family.
    pub fn level(&self, ipv6: bool) -> FallbackLevel {
        let found = self.path_yield;
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

    /// The last pool on the path that has addresses of the family, and its index on the path;
    /// `None` when there are no addresses.
    pub fn furthest(&self, ipv6: bool) -> Option<(usize, &'f Pool)> {
        // Candidates are in the order of their pools.
        let last = if ipv6 {
            self.path_yield.ipv6.last().map(|candidate| candidate.mirror)
        } else {
            self.path_yield.ipv4.last().map(|candidate| candidate.mirror)
        };
        let mirror = self.plan.fleet.mirrors.get(last? as usize)?;
        let path = self.plan.paths.get(self.path)?;
        let pools = self.plan.paths.along(path).map(|members| &members.pool);
        pools.enumerate().find(|(_, pool)| pool.has(mirror))
    }

    /// EXTRA-TEXT of an answer from a later pool: `JP has 1 of 4 mirrors usable: path followed to
    /// KR`.
    pub(super) fn extra_text(&self, health: &Health, ipv6: bool) -> Option<String> {
        let (_, last) = self.furthest(ipv6)?;
        if self.plan.paths.leads_away(self.path) {
            return Some(format!("no mirror in the country: path followed to {last}"));
        }
        let first = self.plan.paths.along(self.plan.paths.get(self.path)?).next()?;
        let usable =
            first.mirrors.iter().filter(|mirror| health.is_usable(**mirror as usize)).count();
        let all = first.mirrors.len() + first.left_out.len();
        Some(format!(
            "{} has {usable} of {all} mirrors usable: path followed to {last}",
            first.pool
        ))
    }
}
