//! Detects updates of the feed that take away many usable mirrors at once: such an update is more
//! often a failure of the coordinator than of the mirrors.

use std::collections::BTreeSet;
use std::fmt;

use super::dynamic_data::MirrorAssessment;
use super::exclusions::Exclusions;
use super::loss_window::{LossWindow, UsableHosts};
use super::now::Now;
use super::pools::Pool;
use super::static_data::{Plan, StaticData};
use crate::geo::area::Area;
use crate::geo::country::Country;
use crate::health::{Cause, Feed, Health, State};
use crate::release::{Announced, Share};

/// Fewest usable mirrors of a pool for its loss to be judged by itself.
const MIN_USABLE: usize = 4;

/// A loss of more usable mirrors than an update may take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The pools that lose too many, the largest share first; never empty.
    pub pools: Vec<PoolLoss>,
}

/// The loss of a fleet ([`Pool::World`]) or of one of its pools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolLoss {
    /// The pool.
    pub pool: Pool,
    /// In what way the mirrors are lost.
    pub kind: LossKind,
    /// Hosts of the mirrors that are no longer usable.
    pub hosts: BTreeSet<String>,
    /// How many mirrors were usable when most were.
    pub usable: usize,
}

/// In what way a feed takes mirrors away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossKind {
    /// They are no longer usable.
    Whole,
    /// They have no usable IPv4 address any more.
    Ipv4,
    /// They are no longer for clients of this country (`not-for`).
    For(Country),
}

/// Which losses are too large.
#[derive(Debug, Clone, Copy)]
pub struct LossLimit<'l> {
    /// The largest share that may be lost.
    pub most: Share,
    /// The mirrors that were usable by earlier feeds, and may not be lost step by step.
    pub window: &'l LossWindow,
}

impl Loss {
    /// The loss to `after`, if it exceeds the limit's share of the usable mirrors of a fleet, or of
    /// a pool with at least 4 of them; `None` otherwise. It is the loss from `before`, or from the
    /// moment of the limit's window at which the fleet or pool had the most usable mirrors.
    ///
    /// `before` and `after` are assessed with `announced` as the last announcement, and differ by
    /// the feed alone. That mirrors are stuck is the server's conclusion, and no loss.
    pub fn between(
        static_data: &StaticData,
        announced: Option<&Announced>,
        before: &Now<'_>,
        after: &Now<'_>,
        limit: LossLimit<'_>,
    ) -> Option<Self> {
        let feeds = [before.inputs.feed, after.inputs.feed];
        let [before, after] = [before, after].map(|now| {
            let now = Now { history: None, ..*now };
            MirrorAssessment::new(static_data, &now, announced).healths
        });
        let fleets = static_data.plans.iter().zip(before.iter().zip(&after));
        let mut pools: Vec<PoolLoss> = Vec::new();
        for (plan, (before, after)) in fleets {
            let fleet = FleetLoss::new(plan, before, after, limit.window);
            let found = fleet.of_pools().chain(fleet.of_ipv4()).chain(fleet.of_clients(feeds));
            let found = found.filter(|loss| loss.share() > limit.most);
            for loss in found.collect::<Vec<_>>() {
                // A mirror that is lost for everybody is said once.
                let is_said = |said: &PoolLoss| said.pool == loss.pool && said.hosts == loss.hosts;
                if !pools.iter().any(is_said) {
                    pools.push(loss);
                }
            }
        }
        pools.sort_by_key(|loss| std::cmp::Reverse((loss.share(), loss.usable)));
        (!pools.is_empty()).then_some(Self { pools })
    }

    /// The loss that two successive updates have in common, if that alone exceeds `most`; `None`
    /// otherwise.
    pub fn agreed(&self, earlier: &Self, most: Share) -> Option<Self> {
        let both = |loss: &PoolLoss| {
            let before = earlier
                .pools
                .iter()
                .find(|earlier| earlier.pool == loss.pool && earlier.kind == loss.kind)?;
            let hosts = loss.hosts.intersection(&before.hosts).cloned().collect();
            Some(PoolLoss { hosts, ..loss.clone() }).filter(|loss| loss.share() > most)
        };
        let pools: Vec<PoolLoss> = self.pools.iter().filter_map(both).collect();
        (!pools.is_empty()).then_some(Self { pools })
    }
}

impl PoolLoss {
    fn share(&self) -> Share {
        Share::of(self.hosts.len() as u128, self.usable.max(1) as u128)
    }
}

/// Finds what a fleet and its pools lose.
struct FleetLoss<'f> {
    plan: &'f Plan,
    before: &'f Health,
    after: &'f Health,
    /// The usable mirrors of the fleet at each moment of the window, by index.
    earlier: Vec<UsableMirrors>,
}

/// Whether each mirror of a fleet was usable, by index.
type UsableMirrors = Vec<bool>;

impl<'f> FleetLoss<'f> {
    fn new(plan: &'f Plan, before: &'f Health, after: &'f Health, window: &LossWindow) -> Self {
        let hosts: Vec<Option<usize>> =
            plan.fleet.mirrors.iter().map(|mirror| window.number(&mirror.host)).collect();
        // What an override, a downtime or flapping decides now is as it is now: the feed takes
        // nothing away there.
        let is_by_feed = |index: usize| {
            let cause = after.mirrors.get(index).map(|status| &status.cause);
            matches!(cause, Some(Cause::Feed | Cause::Unmentioned))
        };
        let earlier = window.moments().map(|usable: &UsableHosts| {
            let was_usable = |(index, number): (usize, &Option<usize>)| {
                if is_by_feed(index) {
                    number.is_some_and(|number| usable.contains(number))
                } else {
                    after.is_usable(index)
                }
            };
            hosts.iter().enumerate().map(was_usable).collect()
        });
        Self { plan, before, after, earlier: earlier.collect() }
    }

    /// The losses of the fleet and of its pools that are large enough.
    fn of_pools(&self) -> impl Iterator<Item = PoolLoss> {
        let all: Vec<u32> = self.plan.fleet.enabled().map(|(index, _)| index as u32).collect();
        let whole = std::iter::once(self.of_pool(&Pool::World, &all));
        let others = self.plan.paths.whole_pools().filter(|members| members.pool != Pool::World);
        let others = others.map(|members| self.of_pool(&members.pool, &members.mirrors));
        whole.chain(others.filter(|loss| loss.usable >= MIN_USABLE))
    }

    /// The loss of a pool since it had the most usable mirrors, lately if it had as many several
    /// times.
    fn of_pool(&self, pool: &Pool, mirrors: &[u32]) -> PoolLoss {
        let members = || mirrors.iter().map(|index| *index as usize);
        let mut usable: Vec<usize> =
            members().filter(|index| self.before.is_usable(*index)).collect();
        for earlier in self.earlier.iter().rev() {
            let was_usable = |index: &usize| earlier.get(*index).copied().unwrap_or_default();
            if members().filter(was_usable).count() > usable.len() {
                usable = members().filter(was_usable).collect();
            }
        }
        let host = |index: &usize| Some(self.plan.fleet.mirrors.get(*index)?.host.clone());
        let lost = usable.iter().filter(|index| !self.after.is_usable(**index));
        PoolLoss {
            pool: pool.clone(),
            kind: LossKind::Whole,
            hosts: lost.filter_map(host).collect(),
            usable: usable.len(),
        }
    }

    /// The loss of all IPv4 addresses of mirrors, against the feed before: answers to most clients
    /// have only these.
    fn of_ipv4(&self) -> Option<PoolLoss> {
        let has_ipv4 = |health: &Health, index: usize| {
            let status = health.mirrors.get(index).filter(|_| health.is_usable(index));
            status.is_some_and(|status| status.ipv4.iter().copied().any(State::is_usable))
        };
        let all = self.plan.fleet.enabled();
        let usable: Vec<_> = all.filter(|(index, _)| has_ipv4(self.before, *index)).collect();
        let lost: Vec<_> =
            usable.iter().filter(|(index, _)| !has_ipv4(self.after, *index)).collect();
        // Mirrors that are lost as a whole are counted as such.
        let only_ipv4 = lost.iter().any(|(index, _)| self.after.is_usable(*index));
        let hosts = lost.iter().map(|(_, mirror)| mirror.host.clone()).collect();
        let (pool, kind) = (Pool::World, LossKind::Ipv4);
        only_ipv4.then_some(PoolLoss { pool, kind, hosts, usable: usable.len() })
    }

    /// What clients of countries lose because the feed says that mirrors are not for them.
    fn of_clients(&self, feeds: [Option<&Feed>; 2]) -> Vec<PoolLoss> {
        let [before, after] = feeds.map(|feed| feed.map(Feed::requirements).unwrap_or_default());
        if before.not_for == after.not_for {
            return Vec::new();
        }
        let fleet = &self.plan.fleet;
        let [before, after] = [before, after].map(|feed| Exclusions::new(fleet, &feed.not_for));
        let of_country = |country: Country| {
            let [had, has] = [&before, &after].map(|exclusions| {
                let excluded = exclusions.of_class(exclusions.class_of(Area::Country(country)));
                move |index: usize| excluded.binary_search(&(index as u32)).is_err()
            });
            let all = fleet.enabled().filter(|(index, _)| self.after.is_usable(*index));
            let usable: Vec<_> = all.filter(|(index, _)| had(*index)).collect();
            let lost = usable.iter().filter(|(index, _)| !has(*index));
            let hosts: BTreeSet<String> = lost.map(|(_, mirror)| mirror.host.clone()).collect();
            let (pool, kind) = (Pool::World, LossKind::For(country));
            (!hosts.is_empty()).then_some(PoolLoss { pool, kind, hosts, usable: usable.len() })
        };
        Country::all().filter_map(of_country).collect()
    }
}

/// Example: `40 of 46 usable mirrors of world, 3 of 4 of DE`, followed by the number of further
/// pools.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Most pools named in one log line.
        const NAMED: usize = 4;
        for (number, loss) in self.pools.iter().take(NAMED).enumerate() {
            let PoolLoss { pool, kind, hosts, usable } = loss;
            let lost = hosts.len();
            match number {
                0 => write!(f, "{lost} of {usable} usable mirrors of {pool}")?,
                _ => write!(f, ", {lost} of {usable} of {pool}")?,
            }
            match kind {
                LossKind::Whole => {}
                LossKind::Ipv4 => f.write_str(" over IPv4")?,
                LossKind::For(country) => write!(f, " for clients in {country} (`not-for`)")?,
            }
        }
        match self.pools.len().saturating_sub(NAMED) {
            0 => Ok(()),
            1 => f.write_str(", and too many of 1 more pool"),
            more => write!(f, ", and too many of {more} more pools"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_reads_well_however_many_pools_there_are() {
        let pool = |number: usize| PoolLoss {
            pool: if number == 0 { Pool::World } else { Pool::Named(format!("p{number}")) },
            kind: LossKind::Whole,
            hosts: (0..=number).map(|host| host.to_string()).collect(),
            usable: 9,
        };
        let text = |pools: usize| Loss { pools: (0..pools).map(pool).collect() }.to_string();
        assert_eq!(text(1), "1 of 9 usable mirrors of world");
        let four = "1 of 9 usable mirrors of world, 2 of 9 of pool:p1, 3 of 9 of pool:p2, 4 of 9 of pool:p3";
        assert_eq!(text(4), four);
        assert_eq!(text(5), format!("{four}, and too many of 1 more pool"));
        assert_eq!(text(9), format!("{four}, and too many of 5 more pools"));
    }
}
