//! Detects updates of the feed that take away many usable mirrors at once: such an update is more
//! often a failure of the coordinator than of the mirrors.

use std::collections::BTreeSet;
use std::fmt;

use super::dynamic_data::MirrorAssessment;
use super::now::Now;
use super::pools::Pool;
use super::static_data::{Plan, StaticData};
use crate::health::Health;
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
    /// Hosts of the mirrors that are no longer usable.
    pub hosts: BTreeSet<String>,
    /// How many mirrors were usable before.
    pub usable: usize,
}

impl Loss {
    /// The loss from `before` to `after`, if it exceeds the share `most` of the usable mirrors of a
    /// fleet, or of a pool with at least 4 of them; `None` otherwise. Both are assessed with
    /// `announced` as the last announcement, and differ by the feed alone.
    pub fn between(
        static_data: &StaticData,
        announced: Option<&Announced>,
        before: &Now<'_>,
        after: &Now<'_>,
        most: Share,
    ) -> Option<Self> {
        let [before, after] =
            [before, after].map(|now| MirrorAssessment::new(static_data, now, announced).healths);
        let fleets = static_data.plans.iter().zip(before.iter().zip(&after));
        let mut pools: Vec<PoolLoss> = Vec::new();
        for (plan, (before, after)) in fleets {
            let found = of_fleet(plan, before, after);
            pools.extend(
                found
                    .filter(|loss| loss.share() > most && !pools.contains(loss))
                    .collect::<Vec<_>>(),
            );
        }
        pools.sort_by_key(|loss| std::cmp::Reverse((loss.share(), loss.usable)));
        (!pools.is_empty()).then_some(Self { pools })
    }

    /// The loss that two successive updates have in common, if that alone exceeds `most`; `None`
    /// otherwise.
    pub fn agreed(&self, earlier: &Self, most: Share) -> Option<Self> {
        let both = |loss: &PoolLoss| {
            let before = earlier.pools.iter().find(|before| before.pool == loss.pool)?;
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

/// The losses of a fleet and of its pools.
fn of_fleet<'p>(
    plan: &'p Plan,
    before: &'p Health,
    after: &'p Health,
) -> impl Iterator<Item = PoolLoss> + 'p {
    let all: Vec<u32> = plan.fleet.enabled().map(|(index, _)| index as u32).collect();
    let loss = move |pool: &Pool, mirrors: &[u32]| {
        let usable: Vec<usize> = mirrors
            .iter()
            .map(|index| *index as usize)
            .filter(|index| before.is_usable(*index))
            .collect();
        let lost = usable.iter().filter(|index| !after.is_usable(**index));
        let hosts =
            lost.filter_map(|index| Some(plan.fleet.mirrors.get(*index)?.host.clone())).collect();
        PoolLoss { pool: pool.clone(), hosts, usable: usable.len() }
    };
    let whole = std::iter::once(loss(&Pool::World, &all));
    let others = plan.paths.whole_pools().filter(|members| members.pool != Pool::World);
    let others = others.map(move |members| loss(&members.pool, &members.mirrors));
    whole.chain(others.filter(|loss| loss.usable >= MIN_USABLE))
}

/// Example: `40 of 46 usable mirrors of world, 3 of 4 of DE`, followed by the number of further
/// pools.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Most pools named in one log line.
        const NAMED: usize = 4;
        for (number, PoolLoss { pool, hosts, usable }) in self.pools.iter().take(NAMED).enumerate()
        {
            let lost = hosts.len();
            match number {
                0 => write!(f, "{lost} of {usable} usable mirrors of {pool}")?,
                _ => write!(f, ", {lost} of {usable} of {pool}")?,
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
