//! What an update of the feed takes away: so much at once is more often a coordinator's failure than the mirrors'.

use std::collections::BTreeSet;
use std::fmt;

use super::dynamic_data::{Now, Standings};
use super::pools::Pool;
use super::static_data::{Plan, StaticData};
use crate::health::Health;
use crate::release::{Announced, Share};

/// Usable mirrors of a pool below which none of them is missed alone.
const FEW: usize = 4;

/// More usable mirrors than an update may take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Where too many go, the largest share first; never empty.
    pub pools: Vec<PoolLoss>,
}

/// What a fleet or one of its pools loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolLoss {
    /// The pool.
    pub pool: Pool,
    /// Hosts that are no longer usable.
    pub hosts: BTreeSet<String>,
    /// How many were.
    pub usable: usize,
}

impl Loss {
    /// What is lost from `before` to `after`, moments of the same time and with the same before them, when it is more than
    /// `most` of all usable mirrors of a fleet, or of any pool of 4 or more. None: not that much.
    pub fn between(
        static_data: &StaticData,
        announced: Option<&Announced>,
        before: &Now<'_>,
        after: &Now<'_>,
        most: Share,
    ) -> Option<Self> {
        let [before, after] =
            [before, after].map(|now| Standings::of(static_data, now, announced).healths);
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

    /// What both take away, where that alone is too much: the same was said twice.
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

/// Losses of the fleet and of its pools.
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
    let others = plan.paths.pools.iter().filter(|members| members.pool != Pool::World);
    let others = others.map(move |members| loss(&members.pool, &members.mirrors));
    whole.chain(others.filter(|loss| loss.usable >= FEW))
}

/// `40 of 46 usable mirrors of world, 3 of 4 of DE`, and how many more pools lose too many.
impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// More would fill a line of the log.
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
