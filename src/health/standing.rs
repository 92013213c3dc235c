//! What holds for each mirror's addresses at a moment: the feed's word, and the downtimes announced beforehand.

use std::time::Duration;

use jiff::Timestamp;

use super::{Feed, MirrorHealth, State};
use crate::fleet::{Downtime, Fleet, Mirror};
use crate::release::Announced;

/// The standing of every mirror of a fleet, indexed as the fleet is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// One for each mirror.
    pub mirrors: Vec<Standing>,
    /// The states that each mirror's addresses have, a bit for each, and none of mirrors that lag or do not take part: walks
    /// mostly pass mirrors by, and need no more of them.
    states: Vec<u8>,
}

/// How a mirror stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its state as a whole.
    pub state: State,
    /// Who says so.
    pub cause: Cause,
    /// Since when, where the feed says it.
    pub since: Option<Timestamp>,
    /// Its versions of main, daily and bytecode, where the feed says them.
    pub versions: [Option<u32>; 3],
    /// How many versions it is behind the record.
    pub behind: u32,
    /// The state of each IPv4 address, in the fleet's order.
    pub ipv4: Vec<State>,
    /// The state of each IPv6 address, in the fleet's order.
    pub ipv6: Vec<State>,
}

/// Who determines a mirror's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nobody says anything: it is up.
    Unmentioned,
    /// The feed.
    Feed,
    /// An announced downtime, which ends at this moment.
    Downtime(Timestamp),
}

impl Health {
    /// How the fleet stands at `now`. A downtime drains its mirror one `ttl` ahead, so that no cache still sends clients
    /// there when it starts.
    pub fn at(fleet: &Fleet, feed: Option<&Feed>, now: Timestamp, ttl: Duration) -> Self {
        let said = |mirror: &Mirror| feed.and_then(|feed| feed.mirrors.get(&mirror.host));
        let standing = |mirror| Standing::of(mirror, said(mirror), now, ttl);
        let mirrors: Vec<Standing> = fleet.mirrors.iter().map(standing).collect();
        let enabled = fleet.mirrors.iter().map(|mirror| mirror.enabled);
        let states = mirrors
            .iter()
            .zip(enabled)
            .map(|(standing, enabled)| if enabled { standing.states() } else { 0 });
        let states = states.collect();
        Self { mirrors, states }
    }

    /// Compares what mirrors hold with the record. Those further behind than `lag` are not usable: the indexes of those that
    /// else would be.
    pub fn compare(&mut self, record: &Announced, lag: u32) -> Vec<usize> {
        let mut lagging = Vec::new();
        for (index, (standing, states)) in self.mirrors.iter_mut().zip(&mut self.states).enumerate() {
            standing.behind = record.behind(standing.versions);
            if standing.behind > lag {
                if *states & (bit(State::Up) | bit(State::Old)) != 0 {
                    lagging.push(index);
                }
                *states = 0;
            }
        }
        lagging
    }

    /// Whether the mirror of this index is usable with an address in this state.
    pub fn has(&self, mirror: usize, state: State) -> bool {
        self.states.get(mirror).is_some_and(|states| states & bit(state) != 0)
    }

    /// Whether the mirror of this index may be answered where a pool has no better.
    pub fn is_usable(&self, mirror: usize) -> bool {
        self.has(mirror, State::Up) || self.has(mirror, State::Old)
    }

    /// The next moment after `now` at which a downtime changes it.
    pub fn next_change(fleet: &Fleet, now: Timestamp, ttl: Duration) -> Option<Timestamp> {
        let downtimes = fleet.enabled().flat_map(|(_, mirror)| &mirror.downtimes);
        downtimes.flat_map(|d| [drain_start(d, ttl), d.to]).filter(|moment| *moment > now).min()
    }
}

impl Standing {
    fn states(&self) -> u8 {
        self.ipv4.iter().chain(&self.ipv6).fold(0, |states, state| states | bit(*state))
    }

    fn of(mirror: &Mirror, said: Option<&MirrorHealth>, now: Timestamp, ttl: Duration) -> Self {
        let versions = said.map_or([None; 3], |said| [said.main, said.daily, said.bytecode]);
        let current = mirror.downtimes.iter().find(|d| drain_start(d, ttl) <= now && now < d.to);
        if let Some(downtime) = current {
            return Self {
                state: State::Drained,
                cause: Cause::Downtime(downtime.to),
                since: Some(drain_start(downtime, ttl)),
                versions,
                behind: 0,
                ipv4: vec![State::Drained; mirror.ipv4.len()],
                ipv6: vec![State::Drained; mirror.ipv6.len()],
            };
        }
        let state = said.map_or(State::Up, |said| said.state);
        let of = |address| said.and_then(|said| said.addresses.get(&address)).copied().unwrap_or(state);
        Self {
            state,
            cause: if said.is_some() { Cause::Feed } else { Cause::Unmentioned },
            since: said.and_then(|said| said.since),
            versions,
            behind: 0,
            ipv4: mirror.ipv4.iter().map(|a| of((*a).into())).collect(),
            ipv6: mirror.ipv6.iter().map(|a| of((*a).into())).collect(),
        }
    }
}

/// A state's place in a set of states.
fn bit(state: State) -> u8 {
    1 << state as u8
}

fn drain_start(downtime: &Downtime, ttl: Duration) -> Timestamp {
    downtime.from.checked_sub(ttl).unwrap_or(downtime.from)
}
