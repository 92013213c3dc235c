//! How far a path had to be followed for an answer, and the text of the extended error that says so
//! (RFC 8914).

use super::pools::{PathId, Pool};
use super::static_data::Plan;
use super::yields::{PoolPart, Yield};
use crate::health::Health;

/// How far a path had to be followed for the addresses of an answer; the best level first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FallbackLevel {
    /// All mirrors are in the first pool of the path.
    #[default]
    Near,
    /// Some mirrors are in a later pool, be it only to fill up to `min`, or the client's country
    /// has no mirrors.
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
        let last = self.parts(ipv6).map(|part| part.at).max()?;
        let path = self.plan.paths.get(self.path)?;
        self.plan.paths.along(path).nth(last).map(|members| (last, &members.pool))
    }

    /// The parts that pools have in the answer.
    fn parts(&self, ipv6: bool) -> impl Iterator<Item = &'f PoolPart> {
        let groups = if ipv6 { &self.path_yield.ipv6.groups } else { &self.path_yield.ipv4.groups };
        groups.iter().flat_map(|group| &group.pools)
    }

    /// EXTRA-TEXT of an answer with addresses of a later pool: `JP has 0 of 4 mirrors usable: path
    /// followed to KR`, or `JP has 1 of 4 mirrors usable: filled up from KR` where addresses of the
    /// first pool are in the answer too.
    pub(super) fn extra_text(&self, health: &Health, ipv6: bool) -> Option<String> {
        let (_, last) = self.furthest(ipv6)?;
        if self.plan.paths.leads_away(self.path) {
            return Some(format!("no mirror in the country: path followed to {last}"));
        }
        let path = self.plan.paths.get(self.path)?;
        let first = self.plan.paths.along(path).next()?;
        let usable =
            first.mirrors.iter().filter(|mirror| health.is_usable(**mirror as usize)).count();
        let all = first.mirrors.len();
        let takes = self.parts(ipv6).find(|part| part.at == 0).map(|part| part.takes);
        let how = match (takes, path.demand) {
            (None, _) => "path followed to",
            (Some(1..), Some(demand)) if takes < Some(demand) => "demand shared as far as",
            _ => "filled up from",
        };
        Some(format!("{} has {usable} of {all} mirrors usable: {how} {last}", first.pool))
    }
}
