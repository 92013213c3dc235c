//! The pools of a path, and the addresses that they give to an answer.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use serde::Serialize;

use super::fleet::MirrorInfo;
use crate::decision::{Decision, Outcome};
use crate::health::{Health, State};
use crate::snapshot::Snapshot;
use crate::snapshot::dynamic_data::{A_SIZE, AAAA_SIZE, WindowSet};
use crate::snapshot::extended_error::ExtendedError;
use crate::snapshot::first_places::address;
use crate::snapshot::pools::PoolMembers;
use crate::snapshot::static_data::{Plan, Rule};
use crate::snapshot::yields::Yield;
use crate::wire::rtype;

/// The path of an answer, and the addresses that it yields.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathInfo {
    /// All pools of the path, in order. The mirrors of a pool are listed if it was drawn from.
    pub path: Vec<PoolInfo>,
    /// Number of addresses after which the path is followed no further.
    pub min: u16,
    /// Most addresses of an answer; 0 for all.
    pub max: u16,
    /// How far the path was followed: `near`, `further`, `lagging`, `open`.
    pub reach: &'static str,
    /// EXTRA-TEXT of the extended error that goes with the answer (RFC 8914).
    pub note: Option<String>,
    /// Whether the TTL is half the configured one because a mirror of these pools changed its state
    /// recently (`settle`).
    pub halved: bool,
    /// The addresses of the answer; `None` if no mirror of these pools has an address of the type.
    pub window: Option<WindowInfo>,
}

/// A pool of a path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolInfo {
    /// Name of the pool: `JP`, `continent:AS`, `world`, `pool:NAME`.
    pub pool: String,
    /// Number of its mirrors.
    pub mirrors: usize,
    /// Number of its usable mirrors that the client may get (`not-for`).
    pub usable: usize,
    /// Whether it was drawn from.
    pub drawn: bool,
    /// Number of addresses from this pool that no earlier pool gave.
    pub addresses: usize,
    /// How many of them an answer has. Where pools share a demand, the most that one has.
    pub per_answer: usize,
    /// The share of the answers that begin with one of them, from 0 to 1.
    pub first: f64,
    /// Its mirrors that are in no earlier pool, disabled ones included. Empty unless the pool was
    /// drawn from.
    pub members: Vec<MemberInfo>,
}

/// A mirror of a pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemberInfo {
    /// The mirror and its state.
    #[serde(flatten)]
    pub mirror: MirrorInfo,
    /// Its addresses among those that the path yields.
    pub answered: Vec<IpAddr>,
    /// Why the path yields none of its addresses, for people.
    pub why_not: Option<String>,
}

/// The window of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowInfo {
    /// Number of the window, from 1.
    pub number: usize,
    /// Number of windows.
    pub of: u32,
    /// Addresses in the order of the answer.
    pub addresses: Vec<IpAddr>,
    /// TTL in seconds.
    pub ttl: u32,
}

impl PathInfo {
    /// The path of a decision; `None` if the decision does not involve mirrors.
    pub(super) fn of(
        snapshot: &Snapshot,
        decision: &Decision<'_>,
        qtype: u16,
        turn: u64,
    ) -> Option<Self> {
        let (Outcome::Pool { rule: rule_number, path: path_number, .. }
        | Outcome::NoAddresses { rule: rule_number, path: path_number }) = decision.outcome
        else {
            return None;
        };
        let rule = snapshot.static_data.rules.get(rule_number as usize)?;
        let plan = snapshot.static_data.plans.get(rule.plan as usize)?;
        let health = snapshot.dynamic_data.health(rule.plan)?;
        let path = plan.paths.get(path_number)?;
        let ipv6 = qtype == rtype::AAAA;
        // The answer was compiled from the same walk.
        let found = plan.walk(rule.min, rule.families, health).along(path);
        let answer = snapshot.dynamic_data.pool(rule_number, path_number)?;
        let set = answer.windows(ipv6);
        let note = snapshot
            .dynamic_data
            .extended_error(rule_number, path_number, ipv6)
            .map(|note| ExtendedError(note).text().into_owned());
        let describer = PoolDescriber::new(plan, rule, health, &found, ipv6);
        let mut seen = HashSet::new();
        let pools = plan.paths.along(path).enumerate();
        let drawn = if ipv6 { found.ipv6_pools } else { found.pools };
        let mut path: Vec<PoolInfo> =
            pools.map(|(at, members)| describer.pool(at < drawn, members, &mut seen)).collect();
        count_places(&mut path, set, ipv6);
        Some(Self {
            path,
            min: rule.min,
            max: rule.max,
            reach: set.fallback.label(),
            note,
            halved: found.unsettled,
            window: WindowInfo::of(set, ipv6, turn),
        })
    }
}

/// Describes the pools of a path.
struct PoolDescriber<'t> {
    plan: &'t Plan,
    rule: &'t Rule,
    health: &'t Health,
    found: &'t Yield,
    /// The addresses that the path yields, by the index of their mirror.
    answered: HashMap<u32, Vec<IpAddr>>,
    ipv6: bool,
}

impl<'t> PoolDescriber<'t> {
    fn new(
        plan: &'t Plan,
        rule: &'t Rule,
        health: &'t Health,
        found: &'t Yield,
        ipv6: bool,
    ) -> Self {
        let mut answered: HashMap<u32, Vec<IpAddr>> = HashMap::new();
        let mut add = |mirror, address| answered.entry(mirror).or_default().push(address);
        if ipv6 {
            found.ipv6.candidates.iter().for_each(|it| add(it.mirror, it.address.into()));
        } else {
            found.ipv4.candidates.iter().for_each(|it| add(it.mirror, it.address.into()));
        }
        Self { plan, rule, health, found, answered, ipv6 }
    }
}

impl PoolDescriber<'_> {
    fn pool(&self, drawn: bool, members: &PoolMembers, seen: &mut HashSet<u32>) -> PoolInfo {
        let usable = members
            .mirrors
            .iter()
            .filter(|mirror| self.health.is_usable(**mirror as usize))
            .count();
        let new = members.mirrors.iter().filter(|mirror| drawn && seen.insert(**mirror));
        let mut listed: Vec<MemberInfo> = new.filter_map(|mirror| self.member(*mirror)).collect();
        if drawn {
            listed.extend(self.restricted(members, seen));
            listed.extend(self.disabled(members, seen));
        }
        PoolInfo {
            pool: members.pool.to_string(),
            mirrors: members.mirrors.len() + members.left_out.len(),
            usable,
            drawn,
            addresses: listed.iter().map(|member| member.answered.len()).sum(),
            per_answer: 0,
            first: 0.0,
            members: listed,
        }
    }

    /// Mirrors of the pool that the client may not get.
    fn restricted(&self, members: &PoolMembers, seen: &mut HashSet<u32>) -> Vec<MemberInfo> {
        let new = members.left_out.iter().filter(|mirror| seen.insert(**mirror));
        let member = |mirror: &u32| {
            let member = self.member(*mirror)?;
            let why_not = member.mirror.restriction();
            Some(MemberInfo { why_not, ..member })
        };
        new.filter_map(member).collect()
    }

    /// Mirrors that would be in the pool if they were enabled. They do not count as its mirrors,
    /// but an operator may look for them.
    fn disabled(&self, members: &PoolMembers, seen: &mut HashSet<u32>) -> Vec<MemberInfo> {
        let fleet = (0u32..).zip(&self.plan.fleet.mirrors);
        let of_pool = fleet.filter(|(_, mirror)| !mirror.enabled && members.pool.has(mirror));
        of_pool
            .filter(|(index, _)| seen.insert(*index))
            .filter_map(|(index, _)| self.member(index))
            .collect()
    }

    fn member(&self, mirror: u32) -> Option<MemberInfo> {
        let info = MirrorInfo::of(self.plan, self.health, mirror as usize)?;
        let answered = self.answered.get(&mirror).cloned().unwrap_or_default();
        let why_not = answered.is_empty().then(|| self.why_not(&info));
        Some(MemberInfo { mirror: info, answered, why_not })
    }

    /// Why the path yields none of a mirror's addresses.
    fn why_not(&self, mirror: &MirrorInfo) -> String {
        if let Some(why) = &mirror.left_out {
            return why.clone();
        }
        let of_family = || mirror.addresses.iter().filter(|of| of.address.is_ipv6() == self.ipv6);
        let family = if self.ipv6 { "IPv6" } else { "IPv4" };
        let (Some(first), count) = (of_family().next(), of_family().count()) else {
            return format!("{}, but has no {family} address", mirror.standing);
        };
        if !of_family().any(|of| of.state.is_usable()) {
            let words = if count == 1 { "address is" } else { "addresses are" };
            return format!("{}, but its {family} {words} {}", mirror.standing, first.state);
        }
        if mirror.state == State::Old {
            return format!("{}: the {} that are needed are up", mirror.standing, self.rule.min);
        }
        if self.found.lagging {
            return format!("{}, but others of the path are further", mirror.standing);
        }
        format!("{}: earlier pools have the {} that are needed", mirror.standing, self.rule.min)
    }
}

/// Counts over all windows which part each pool has in an answer.
fn count_places(path: &mut [PoolInfo], set: &WindowSet, ipv6: bool) {
    let mut giving = path.iter_mut().filter(|pool| pool.addresses > 0);
    if let (Some(only), None) = (giving.next(), giving.next()) {
        only.per_answer = set.size.into();
        only.first = 1.0;
        return;
    }
    let mut pools: HashMap<IpAddr, usize> = HashMap::new();
    for (at, pool) in path.iter().enumerate() {
        let addresses = pool.members.iter().flat_map(|member| &member.answered);
        pools.extend(addresses.map(|address| (*address, at)));
    }
    let (mut first, mut counts) = (vec![0_u32; path.len()], vec![0_usize; path.len()]);
    for number in 0..set.count as usize {
        counts.fill(0);
        let found = addresses(set.numbered(number), ipv6);
        for (place, at) in found.filter_map(|address| pools.get(&address)).enumerate() {
            if let (Some(count), Some(first)) = (counts.get_mut(*at), first.get_mut(*at)) {
                *count += 1;
                *first += u32::from(place == 0);
            }
        }
        for (pool, count) in path.iter_mut().zip(&counts) {
            pool.per_answer = pool.per_answer.max(*count);
        }
    }
    for (pool, first) in path.iter_mut().zip(first) {
        pool.first = f64::from(first) / f64::from(set.count.max(1));
    }
}

/// The addresses in prepared records.
fn addresses(records: &[u8], ipv6: bool) -> impl Iterator<Item = IpAddr> {
    let size = if ipv6 { AAAA_SIZE } else { A_SIZE };
    records.chunks_exact(size).filter_map(|record| address(record.get(12..)?))
}

impl WindowInfo {
    fn of(set: &WindowSet, ipv6: bool, turn: u64) -> Option<Self> {
        if set.count == 0 {
            return None;
        }
        let chosen = set.chosen(turn);
        let records = set.numbered(chosen);
        let ttl = records.get(6..10).and_then(|ttl| ttl.try_into().ok()).map(u32::from_be_bytes)?;
        let addresses = addresses(records, ipv6).collect();
        Some(Self { number: chosen + 1, of: set.count, addresses, ttl })
    }
}
