//! The pools of a path, and what is drawn from them.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use super::fleet::MirrorStory;
use crate::decision::{Decision, Outcome};
use crate::health::Health;
use crate::snapshot::Snapshot;
use crate::snapshot::dynamic_data::{A_SIZE, AAAA_SIZE, WindowSet};
use crate::snapshot::pools::PoolMembers;
use crate::snapshot::static_data::{Plan, Rule};
use crate::snapshot::yields::Yield;
use crate::wire::rtype;

/// The path of an answer, and what it yields.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolsStory {
    /// All pools of the path, in order; of those that were drawn from, their mirrors.
    pub path: Vec<PoolStory>,
    /// The path is followed until there are this many addresses.
    pub min: u16,
    /// Most addresses of an answer; 0: all.
    pub max: u16,
    /// How far the path was followed: `near`, `further`, `lagging`, `open`.
    pub reach: &'static str,
    /// The words that go with the answer, to clients with EDNS (RFC 8914).
    pub note: Option<String>,
    /// Whether the TTL is half of what is set, as a mirror of these pools changed its state lately (`settle`).
    pub halved: bool,
    /// The answer; none: no mirror of these pools has an address of the type.
    pub window: Option<WindowStory>,
}

/// A pool of a path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolStory {
    /// Its name: `JP`, `continent:AS`, `world`, `pool:NAME`.
    pub pool: String,
    /// How many mirrors it has.
    pub mirrors: usize,
    /// How many of them are usable.
    pub usable: usize,
    /// Whether it was drawn from.
    pub drawn: bool,
    /// How many addresses it gave that no earlier pool did.
    pub addresses: usize,
    /// Its mirrors that stand in no earlier pool, and those that would were they enabled; only where it was drawn from.
    pub members: Vec<MemberStory>,
}

/// A mirror of a pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemberStory {
    /// How it stands.
    #[serde(flatten)]
    pub mirror: MirrorStory,
    /// Its addresses that the path yields.
    pub answered: Vec<IpAddr>,
    /// Why there are none, for people.
    pub why_not: Option<String>,
}

/// The window that is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowStory {
    /// Its number, from 1.
    pub number: usize,
    /// Of how many.
    pub of: u32,
    /// Its addresses, in order.
    pub addresses: Vec<IpAddr>,
    /// TTL in seconds.
    pub ttl: u32,
}

impl PoolsStory {
    /// The pools of a decision; none: it has to do with no mirrors.
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
        // The walk by which the answer was made.
        let found = plan.walk(rule.min, rule.families, health).along(path);
        let answer = snapshot.dynamic_data.pool(rule_number, path_number)?;
        let set = answer.windows(ipv6);
        let note = snapshot
            .dynamic_data
            .extended_error(rule_number, path_number, ipv6)
            .and_then(|note| note.get(2..));
        let teller = Teller { plan, rule, health, found: &found, ipv6 };
        let mut seen = HashSet::new();
        let pools = plan.paths.along(path).enumerate();
        let drawn = if ipv6 { found.ipv6_pools } else { found.pools };
        Some(Self {
            path: pools.map(|(at, members)| teller.pool(at < drawn, members, &mut seen)).collect(),
            min: rule.min,
            max: rule.max,
            reach: set.fallback.label(),
            note: note.map(|note| String::from_utf8_lossy(note).into_owned()),
            halved: found.unsettled,
            window: WindowStory::of(set, ipv6, turn),
        })
    }
}

/// What pools are told from.
struct Teller<'t> {
    plan: &'t Plan,
    rule: &'t Rule,
    health: &'t Health,
    found: &'t Yield,
    ipv6: bool,
}

impl Teller<'_> {
    fn pool(&self, drawn: bool, members: &PoolMembers, seen: &mut HashSet<u32>) -> PoolStory {
        let usable = members
            .mirrors
            .iter()
            .filter(|mirror| self.health.is_usable(**mirror as usize))
            .count();
        let new = members.mirrors.iter().filter(|mirror| drawn && seen.insert(**mirror));
        let mut members_told: Vec<MemberStory> =
            new.filter_map(|mirror| self.member(*mirror)).collect();
        if drawn {
            members_told.extend(self.disabled(members, seen));
        }
        PoolStory {
            pool: members.pool.to_string(),
            mirrors: members.mirrors.len(),
            usable,
            drawn,
            addresses: members_told.iter().map(|member| member.answered.len()).sum(),
            members: members_told,
        }
    }

    /// Mirrors that would stand in a pool were they enabled. They do not count as its mirrors, but somebody may miss them.
    fn disabled(&self, members: &PoolMembers, seen: &mut HashSet<u32>) -> Vec<MemberStory> {
        let fleet = (0u32..).zip(&self.plan.fleet.mirrors);
        let of_pool = fleet.filter(|(_, mirror)| !mirror.enabled && members.pool.has(mirror));
        of_pool
            .filter(|(index, _)| seen.insert(*index))
            .filter_map(|(index, _)| self.member(index))
            .collect()
    }

    fn member(&self, mirror: u32) -> Option<MemberStory> {
        let story = MirrorStory::of(self.plan, self.health, mirror as usize)?;
        let answered: Vec<IpAddr> = if self.ipv6 {
            let of = self.found.ipv6.iter().filter(|candidate| candidate.mirror == mirror);
            of.map(|candidate| candidate.address.into()).collect()
        } else {
            let of = self.found.ipv4.iter().filter(|candidate| candidate.mirror == mirror);
            of.map(|candidate| candidate.address.into()).collect()
        };
        let why_not = answered.is_empty().then(|| self.why_not(&story));
        Some(MemberStory { mirror: story, answered, why_not })
    }

    fn why_not(&self, mirror: &MirrorStory) -> String {
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
        if mirror.state == crate::health::State::Old {
            return format!("{}: the {} that are needed are up", mirror.standing, self.rule.min);
        }
        format!("{}, but others of the path are further", mirror.standing)
    }
}

impl WindowStory {
    fn of(set: &WindowSet, ipv6: bool, turn: u64) -> Option<Self> {
        if set.count == 0 {
            return None;
        }
        let chosen = set.chosen(turn);
        let records = set.numbered(chosen);
        let ttl = records.get(6..10).and_then(|ttl| ttl.try_into().ok()).map(u32::from_be_bytes)?;
        let size = if ipv6 { AAAA_SIZE } else { A_SIZE };
        let addresses = records.chunks_exact(size).filter_map(address).collect();
        Some(Self { number: chosen + 1, of: set.count, addresses, ttl })
    }
}

/// The address in a ready-made record.
fn address(record: &[u8]) -> Option<IpAddr> {
    let rdata = record.get(12..)?;
    let v4 = <[u8; 4]>::try_from(rdata).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    v4.or_else(|_| <[u8; 16]>::try_from(rdata).map(|octets| IpAddr::V6(Ipv6Addr::from(octets))))
        .ok()
}
