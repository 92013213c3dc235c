//! What holds for each mirror's addresses at a moment: the operator's word, else the downtimes announced beforehand, else the
//! feed's word, unless that changes too often.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{HealthInputs, MirrorHealth, State, Unrest};
use crate::fleet::{Downtime, Fleet, Mirror};
use crate::release::Announced;

/// The standing of every mirror of a fleet, indexed as the fleet is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// One for each mirror.
    pub mirrors: Vec<MirrorStatus>,
    /// The states that each mirror's addresses have, a bit for each, and none of mirrors that lag or do not take part: walks
    /// mostly pass mirrors by, and need no more of them. Beside them [`UNSETTLED`], of mirrors that lag too.
    states: Vec<u8>,
}

/// How a mirror stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorStatus {
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
    /// The feed determines its state, and changed it in the last 10 minutes.
    pub unsettled: bool,
    /// The state of each IPv4 address, in the fleet's order.
    pub ipv4: Vec<State>,
    /// The state of each IPv6 address, in the fleet's order.
    pub ipv6: Vec<State>,
}

/// Who determines a mirror's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Nobody says anything: it is up.
    Unmentioned,
    /// The feed.
    Feed,
    /// An announced downtime, which ends at this moment.
    Downtime(Timestamp),
    /// The operator.
    Override {
        /// Why.
        reason: Arc<str>,
        /// When it ends by itself.
        until: Option<Timestamp>,
    },
    /// The feed says that it works, but changed its word too often; it is answered again at this moment, or, without one, a
    /// while after it will be up.
    Settling(Option<Timestamp>),
}

/// How [`Cause::Settling`] is shown.
const TOO_MANY: &str = "settling: more than 3 changes in 10 minutes";

/// Beside the states that a mirror's addresses have: its state changed lately.
const UNSETTLED: u8 = 1 << 7;

/// The states in which addresses are answered.
const USABLE: u8 = bit(State::Up) | bit(State::Old);

impl Health {
    /// How the fleet stands at `now`. A downtime drains its mirror one `ttl` ahead, so that no cache still sends clients
    /// there when it starts.
    pub fn at(fleet: &Fleet, inputs: HealthInputs<'_>, now: Timestamp, ttl: Duration) -> Self {
        let mirror_status = |mirror| MirrorStatus::of(mirror, inputs, now, ttl);
        let mirrors: Vec<MirrorStatus> = fleet.mirrors.iter().map(mirror_status).collect();
        let enabled = fleet.mirrors.iter().map(|mirror| mirror.enabled);
        let states = mirrors
            .iter()
            .zip(enabled)
            .map(|(mirror_status, enabled)| if enabled { mirror_status.flags() } else { 0 });
        let states = states.collect();
        Self { mirrors, states }
    }

    /// Compares what mirrors hold with the record. Those further behind than `lag` are not usable: the indexes of those that
    /// else would be.
    pub fn compare(&mut self, record: &Announced, lag: u32) -> Vec<usize> {
        let mut lagging = Vec::new();
        for (index, (mirror_status, states)) in
            self.mirrors.iter_mut().zip(&mut self.states).enumerate()
        {
            mirror_status.behind = record.behind(mirror_status.versions);
            if mirror_status.behind > lag {
                if *states & USABLE != 0 {
                    lagging.push(index);
                }
                *states &= UNSETTLED;
            }
        }
        lagging
    }

    /// Whether the mirror of this index is usable with an address in this state.
    pub fn has(&self, mirror: usize, state: State) -> bool {
        self.states.get(mirror).is_some_and(|states| states & bit(state) != 0)
    }

    /// Whether the state of the mirror of this index changed lately, by the feed's word.
    pub fn is_unsettled(&self, mirror: usize) -> bool {
        self.states.get(mirror).is_some_and(|states| states & UNSETTLED != 0)
    }

    /// The indexes of mirrors that are out for changing too often.
    pub fn settling(&self) -> impl Iterator<Item = usize> {
        let settles =
            |mirror_status: &MirrorStatus| matches!(mirror_status.cause, Cause::Settling(_));
        self.mirrors
            .iter()
            .enumerate()
            .filter(move |(_, mirror_status)| settles(mirror_status))
            .map(|(index, _)| index)
    }

    /// Whether the mirror of this index may be answered where a pool has no better.
    pub fn is_usable(&self, mirror: usize) -> bool {
        self.states.get(mirror).is_some_and(|states| states & USABLE != 0)
    }

    /// The next moment after `now` at which a downtime changes it.
    pub fn next_downtime(fleet: &Fleet, now: Timestamp, ttl: Duration) -> Option<Timestamp> {
        let downtimes = fleet.enabled().flat_map(|(_, mirror)| &mirror.downtimes);
        downtimes.flat_map(|d| [drain_start(d, ttl), d.to]).filter(|moment| *moment > now).min()
    }
}

impl MirrorStatus {
    fn states(&self) -> u8 {
        self.ipv4.iter().chain(&self.ipv6).fold(0, |states, state| states | bit(*state))
    }

    /// Its states, and whether it is unsettled.
    fn flags(&self) -> u8 {
        self.states() | if self.unsettled { UNSETTLED } else { 0 }
    }

    fn of(mirror: &Mirror, inputs: HealthInputs<'_>, now: Timestamp, ttl: Duration) -> Self {
        let said = inputs.feed.and_then(|feed| feed.mirrors.get(&mirror.host));
        if let Some(said_so) =
            inputs.overrides.and_then(|overrides| overrides.of(&mirror.host, now))
        {
            let cause = Cause::Override { reason: said_so.reason.clone(), until: said_so.until };
            return Self::whole(mirror, said_so.state, cause, said);
        }
        let current = mirror.downtimes.iter().find(|d| drain_start(d, ttl) <= now && now < d.to);
        if let Some(downtime) = current {
            let mirror_status =
                Self::whole(mirror, State::Drained, Cause::Downtime(downtime.to), said);
            return Self { since: Some(drain_start(downtime, ttl)), ..mirror_status };
        }
        let unrest =
            inputs.settling.map(|settling| settling.of(&mirror.host, now)).unwrap_or_default();
        Self::by_feed(mirror, said).with(unrest)
    }

    /// What the feed says, address by address.
    fn by_feed(mirror: &Mirror, said: Option<&MirrorHealth>) -> Self {
        let state = said.map_or(State::Up, |said| said.state);
        let cause = if said.is_some() { Cause::Feed } else { Cause::Unmentioned };
        let of =
            |address| said.and_then(|said| said.addresses.get(&address)).copied().unwrap_or(state);
        Self {
            since: said.and_then(|said| said.since),
            ipv4: mirror.ipv4.iter().map(|a| of((*a).into())).collect(),
            ipv6: mirror.ipv6.iter().map(|a| of((*a).into())).collect(),
            ..Self::whole(mirror, state, cause, said)
        }
    }

    /// A mirror that flaps is answered with none of its addresses.
    fn with(mut self, unrest: Unrest) -> Self {
        self.unsettled = unrest.changed;
        if unrest.flaps && self.states() & USABLE != 0 {
            self.state = State::Drained;
            self.cause = Cause::Settling(unrest.until);
            for state in self.ipv4.iter_mut().chain(&mut self.ipv6) {
                if bit(*state) & USABLE != 0 {
                    *state = State::Drained;
                }
            }
        }
        self
    }

    /// All addresses in one state; what the mirror holds stands in the feed all the same.
    fn whole(mirror: &Mirror, state: State, cause: Cause, said: Option<&MirrorHealth>) -> Self {
        Self {
            state,
            cause,
            since: None,
            versions: said.map_or([None; 3], |said| [said.main, said.daily, said.bytecode]),
            behind: 0,
            unsettled: false,
            ipv4: vec![state; mirror.ipv4.len()],
            ipv6: vec![state; mirror.ipv6.len()],
        }
    }
}

/// As people read it: `down since 2026-11-20T02:11:00Z`, `drained (override: disk swap, until 2026-12-01T06:00:00Z)`.
impl fmt::Display for MirrorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.since) {
            (Cause::Unmentioned | Cause::Feed, None) => write!(f, "{}", self.state),
            (Cause::Unmentioned | Cause::Feed, Some(since)) => {
                write!(f, "{} since {since}", self.state)
            }
            (cause @ Cause::Settling(_), _) => write!(f, "out ({cause})"),
            (cause, _) => write!(f, "{} ({cause})", self.state),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmentioned => f.write_str("nothing is said of it"),
            Self::Feed => f.write_str("feed"),
            Self::Downtime(to) => write!(f, "downtime, until {to}"),
            Self::Override { reason, until: None } => write!(f, "override: {reason}"),
            Self::Override { reason, until: Some(until) } => {
                write!(f, "override: {reason}, until {until}")
            }
            Self::Settling(Some(until)) => write!(f, "{TOO_MANY}, until {until}"),
            Self::Settling(None) => write!(f, "{TOO_MANY}, until it stays up"),
        }
    }
}

/// A state's place in a set of states.
const fn bit(state: State) -> u8 {
    1 << state as u8
}

fn drain_start(downtime: &Downtime, ttl: Duration) -> Timestamp {
    downtime.from.checked_sub(ttl).unwrap_or(downtime.from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Feed, Overrides};
    use crate::problem::Problems;

    const FLEET: &str = r#"
[[mirror]]
host = "a.example"
country = "DE"
ipv4 = ["192.0.2.1"]
ipv6 = ["2001:db8::1"]
downtime = [ { from = 2026-12-01T02:00:00Z, to = 2026-12-01T06:00:00Z } ]
"#;
    const FEED: &str = r#"{ "format": 1, "serial": 1, "generated": "2026-11-30T00:00:00Z", "mirrors": {
        "a.example": { "state": "down", "since": "2026-11-20T02:11:00Z", "daily": 5,
                       "addresses": { "2001:db8::1": "up" } } } }"#;

    /// How the mirror stands with this override of it.
    fn mirror_status(feed: bool, said: &str, time: &str) -> MirrorStatus {
        let mut problems = Problems::default();
        let fleet = Fleet::parse("m", FLEET, &mut problems);
        let overrides = Overrides::parse("o", said, &mut problems);
        assert!(problems.is_empty());
        let read = Feed::parse(FEED.as_bytes()).unwrap();
        let inputs = HealthInputs {
            feed: feed.then_some(&read),
            overrides: Some(&overrides),
            settling: None,
        };
        Health::at(&fleet, inputs, time.parse().unwrap(), Duration::from_secs(60)).mirrors.remove(0)
    }

    #[test]
    fn a_standing_says_who_says_so() {
        let up = "[[override]]\nhost = \"A.*\"\nstate = \"up\"\nreason = \"works\"\nuntil = 2026-12-01T03:00:00Z\n";
        let down = "[[override]]\nhost = \"a.example.\"\nstate = \"down\"\nreason = \"hacked\"\n";
        let none = "[[override]]\nhost = \"b.example\"\nstate = \"down\"\nreason = \"other\"\n";
        for (feed, said, time, words) in [
            (false, none, "2026-12-01T00:00:00Z", "up"),
            (true, none, "2026-12-01T00:00:00Z", "down since 2026-11-20T02:11:00Z"),
            (true, none, "2026-12-01T01:59:00Z", "drained (downtime, until 2026-12-01T06:00:00Z)"),
            (true, up, "2026-12-01T02:59:59Z", "up (override: works, until 2026-12-01T03:00:00Z)"),
            (true, up, "2026-12-01T03:00:00Z", "drained (downtime, until 2026-12-01T06:00:00Z)"),
            (false, down, "2026-12-01T03:00:00Z", "down (override: hacked)"),
        ] {
            assert_eq!(mirror_status(feed, said, time).to_string(), words, "{said} {time}");
        }
    }

    #[test]
    fn an_override_sets_all_addresses_and_no_version() {
        let removed = "[[override]]\nhost = \"*\"\nstate = \"removed\"\nreason = \"gone\"\n";
        let time = "2026-12-01T00:00:00Z";
        let by_feed = mirror_status(true, "", time);
        assert_eq!((by_feed.ipv4, by_feed.ipv6), (vec![State::Down], vec![State::Up]));
        let mirror_status = mirror_status(true, removed, time);
        assert_eq!(
            (mirror_status.ipv4, mirror_status.ipv6),
            (vec![State::Removed], vec![State::Removed])
        );
        assert_eq!((mirror_status.since, mirror_status.versions), (None, [None, Some(5), None]));
    }
}
