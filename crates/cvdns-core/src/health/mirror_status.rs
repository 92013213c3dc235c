//! The state of each mirror's addresses at a given time: that of an override, otherwise that of an
//! announced downtime, otherwise that of the feed, unless the feed changes it too often.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Feed, FlapStatus, HealthInputs, MirrorHealth, Override, Overrides, State};
use crate::fleet::{Downtime, Fleet, Mirror};
use crate::release::{Announced, Share, Stuck};

/// The status of every mirror of a fleet, indexed like the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Status of each mirror.
    pub mirrors: Vec<MirrorStatus>,
    /// The states of each mirror's addresses as a set of bits. Mirrors that lag, are stuck or are
    /// disabled have none. Walks skip most mirrors, and need only these bits to do so.
    /// [`UNSETTLED`] is set beside them, also for mirrors that lag.
    states: Vec<u8>,
}

/// The status of a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorStatus {
    /// State of the mirror as a whole.
    pub state: State,
    /// What determines the state.
    pub cause: Cause,
    /// Start of the state, if the feed says it.
    pub since: Option<Timestamp>,
    /// Its versions of main, daily and bytecode, as far as the feed says them.
    pub versions: [Option<u32>; 3],
    /// Number of versions by which it is behind the record.
    pub behind: u32,
    /// In which database it is stuck, if it is left out for that.
    pub stuck: Option<Stuck>,
    /// The share of its capacity by which it is answered.
    pub weight: Share,
    /// What the feed remarks on the mirror, for people; `None` if it is nothing.
    pub note: Option<Arc<str>>,
    /// Whether the feed determines the state and changed it in the last 10 minutes.
    pub unsettled: bool,
    /// State of each IPv4 address, in the order of the fleet file.
    pub ipv4: Vec<State>,
    /// State of each IPv6 address, in the order of the fleet file.
    pub ipv6: Vec<State>,
}

/// What determines a mirror's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Nothing: the feed does not list the mirror, which is therefore up.
    Unmentioned,
    /// The feed.
    Feed,
    /// An announced downtime, which ends at this time.
    Downtime(Timestamp),
    /// An override by the operator.
    Override {
        /// The operator's reason.
        reason: Arc<str>,
        /// End of the override, if it has one.
        until: Option<Timestamp>,
    },
    /// The feed has changed the state too often. The mirror is answered again at this time; `None`
    /// means once it has been up for long enough.
    Settling(Option<Timestamp>),
}

/// Text for [`Cause::Settling`].
const TOO_MANY: &str = "settling: more than 3 changes in 10 minutes";

/// Bit beside the states of a mirror's addresses: the mirror's state changed recently.
const UNSETTLED: u8 = 1 << 7;

/// The states in which addresses are answered.
const USABLE: u8 = bit(State::Up) | bit(State::Old);

impl Health {
    /// The health of the fleet at `now`. A downtime drains its mirror one `ttl` before it starts,
    /// so that no cache still sends clients there when it does.
    pub fn at(fleet: &Fleet, inputs: HealthInputs<'_>, now: Timestamp, ttl: Duration) -> Self {
        let mirror_status = |mirror| MirrorStatus::of(mirror, inputs, now, ttl);
        Self::of(fleet, fleet.mirrors.iter().map(mirror_status).collect())
    }

    /// The health of the fleet by what a feed says alone, whatever operators say.
    pub fn by_feed(fleet: &Fleet, feed: &Feed) -> Self {
        let mirror_status =
            |mirror: &Mirror| MirrorStatus::by_feed(mirror, feed.mirrors.get(&mirror.host));
        let mirrors: Vec<MirrorStatus> = fleet.mirrors.iter().map(mirror_status).collect();
        Self::of(fleet, mirrors)
    }

    /// The health of a fleet with these statuses of its mirrors.
    fn of(fleet: &Fleet, mirrors: Vec<MirrorStatus>) -> Self {
        let enabled = fleet.mirrors.iter().map(|mirror| mirror.enabled);
        let states = mirrors
            .iter()
            .zip(enabled)
            .map(|(mirror_status, enabled)| if enabled { mirror_status.flags() } else { 0 });
        let states = states.collect();
        Self { mirrors, states }
    }

    /// Compares the mirrors' versions with the record. Mirrors more than `lag` versions behind
    /// become unusable. Returns the indexes of those that were usable before.
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

    /// Makes the mirror with this index unusable, as it is stuck.
    pub fn take_out_stuck(&mut self, mirror: usize, stuck: Stuck) {
        if let (Some(status), Some(states)) =
            (self.mirrors.get_mut(mirror), self.states.get_mut(mirror))
        {
            status.stuck = Some(stuck);
            *states &= UNSETTLED;
        }
    }

    /// Whether the mirror with this index is usable and has an address in this state.
    pub fn has(&self, mirror: usize, state: State) -> bool {
        self.states.get(mirror).is_some_and(|states| states & bit(state) != 0)
    }

    /// Whether the feed recently changed the state of the mirror with this index.
    pub fn is_unsettled(&self, mirror: usize) -> bool {
        self.states.get(mirror).is_some_and(|states| states & UNSETTLED != 0)
    }

    /// Indexes of the mirrors that are left out because they change too often.
    pub fn settling(&self) -> impl Iterator<Item = usize> {
        let settles =
            |mirror_status: &MirrorStatus| matches!(mirror_status.cause, Cause::Settling(_));
        self.mirrors
            .iter()
            .enumerate()
            .filter(move |(_, mirror_status)| settles(mirror_status))
            .map(|(index, _)| index)
    }

    /// Whether the mirror with this index can be answered, if only in the absence of better ones.
    pub fn is_usable(&self, mirror: usize) -> bool {
        self.states.get(mirror).is_some_and(|states| states & USABLE != 0)
    }

    /// The next time after `now` at which a downtime changes the health of the fleet.
    pub fn next_downtime(fleet: &Fleet, now: Timestamp, ttl: Duration) -> Option<Timestamp> {
        let downtimes = fleet.enabled().flat_map(|(_, mirror)| &mirror.downtimes);
        downtimes.flat_map(|d| [drain_start(d, ttl), d.to]).filter(|moment| *moment > now).min()
    }
}

impl MirrorStatus {
    /// The states of its addresses as a set of bits.
    fn states(&self) -> u8 {
        self.ipv4.iter().chain(&self.ipv6).fold(0, |states, state| states | bit(*state))
    }

    /// The states of its addresses, and [`UNSETTLED`].
    fn flags(&self) -> u8 {
        self.states() | if self.unsettled { UNSETTLED } else { 0 }
    }

    fn of(mirror: &Mirror, inputs: HealthInputs<'_>, now: Timestamp, ttl: Duration) -> Self {
        let status = Self::as_whole(mirror, inputs, now, ttl);
        match inputs.overrides.filter(|overrides| overrides.have_addresses()) {
            Some(overrides) => status.with_addresses(mirror, overrides, now),
            None => status,
        }
    }

    /// Puts the overrides of single addresses in force.
    fn with_addresses(mut self, mirror: &Mirror, overrides: &Overrides, now: Timestamp) -> Self {
        let states = self.ipv4.iter_mut().chain(&mut self.ipv6);
        for (address, state) in mirror.addresses().zip(states) {
            let entry = overrides.of_address(&mirror.host, address, now);
            if let Some(entry) = entry.filter(|entry| !entry.addresses.is_empty()) {
                *state = entry.state;
            }
        }
        self
    }

    /// The status without overrides of single addresses.
    fn as_whole(mirror: &Mirror, inputs: HealthInputs<'_>, now: Timestamp, ttl: Duration) -> Self {
        let listed = inputs.feed.and_then(|feed| feed.mirrors.get(&mirror.host));
        let by_operator = inputs.overrides.and_then(|overrides| overrides.of(&mirror.host, now));
        if let Some(Override { state, reason, until, .. }) = by_operator {
            let cause = Cause::Override { reason: reason.clone(), until: *until };
            return Self::whole(mirror, *state, cause, listed);
        }
        let current = mirror.downtimes.iter().find(|d| drain_start(d, ttl) <= now && now < d.to);
        if let Some(downtime) = current {
            let drained = Self::whole(mirror, State::Drained, Cause::Downtime(downtime.to), listed);
            return Self { since: Some(drain_start(downtime, ttl)), ..drained };
        }
        let flapping =
            inputs.settling.map(|settling| settling.of(&mirror.host, now)).unwrap_or_default();
        Self::by_feed(mirror, listed).damped(flapping)
    }

    /// The states by the feed, address by address.
    fn by_feed(mirror: &Mirror, listed: Option<&MirrorHealth>) -> Self {
        let state = listed.map_or(State::Up, |listed| listed.state);
        let cause = if listed.is_some() { Cause::Feed } else { Cause::Unmentioned };
        let of = |address| {
            listed.and_then(|listed| listed.addresses.get(&address)).copied().unwrap_or(state)
        };
        Self {
            since: listed.and_then(|listed| listed.since),
            weight: listed.map_or(Share::WHOLE, |listed| listed.weight),
            ipv4: mirror.ipv4.iter().map(|a| of((*a).into())).collect(),
            ipv6: mirror.ipv6.iter().map(|a| of((*a).into())).collect(),
            ..Self::whole(mirror, state, cause, listed)
        }
    }

    /// Drains all usable addresses if the mirror flaps.
    fn damped(mut self, flapping: FlapStatus) -> Self {
        self.unsettled = flapping.changed;
        if flapping.flaps && self.states() & USABLE != 0 {
            self.state = State::Drained;
            self.cause = Cause::Settling(flapping.until);
            for state in self.ipv4.iter_mut().chain(&mut self.ipv6) {
                if bit(*state) & USABLE != 0 {
                    *state = State::Drained;
                }
            }
        }
        self
    }

    /// A status with all addresses in one state. The versions are those of the feed in any case.
    fn whole(mirror: &Mirror, state: State, cause: Cause, listed: Option<&MirrorHealth>) -> Self {
        Self {
            state,
            cause,
            since: None,
            versions: listed
                .map_or([None; 3], |listed| [listed.main, listed.daily, listed.bytecode]),
            behind: 0,
            stuck: None,
            weight: Share::WHOLE,
            note: listed
                .map(|listed| listed.note.trim())
                .filter(|it| !it.is_empty())
                .map(Arc::from),
            unsettled: false,
            ipv4: vec![state; mirror.ipv4.len()],
            ipv6: vec![state; mirror.ipv6.len()],
        }
    }
}

/// For people: `down since 2026-11-20T02:11:00Z`, `up, at 25 % of its weight`,
/// `drained (override: disk swap, until 2026-12-01T06:00:00Z)`, or
/// `out (stuck at daily 28129 since 2026-11-20T02:11:00Z)`.
impl fmt::Display for MirrorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stuck) = &self.stuck {
            return write!(f, "out ({stuck})");
        }
        match (&self.cause, self.since) {
            (Cause::Unmentioned | Cause::Feed, since) => {
                write!(f, "{}", self.state)?;
                since.map_or(Ok(()), |since| write!(f, " since {since}"))?;
                let is_whole = self.weight == Share::WHOLE || !self.state.is_usable();
                if is_whole { Ok(()) } else { write!(f, ", at {} of its weight", self.weight) }
            }
            (cause @ Cause::Settling(_), _) => write!(f, "out ({cause})"),
            (cause, _) => write!(f, "{} ({cause})", self.state),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmentioned => f.write_str("not in the feed"),
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

/// A state's bit in a set of states.
const fn bit(state: State) -> u8 {
    1 << state as u8
}

/// When clients must no longer be sent to a mirror that has a downtime.
fn drain_start(downtime: &Downtime, ttl: Duration) -> Timestamp {
    downtime.from.checked_sub(ttl).unwrap_or(downtime.from)
}

#[cfg(test)]
mod tests {
    use super::*;
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

    /// The status of the mirror under these overrides.
    fn mirror_status(feed: bool, overrides: &str, time: &str) -> MirrorStatus {
        let mut problems = Problems::default();
        let fleet = Fleet::parse("m", FLEET, &mut problems);
        let overrides = Overrides::parse("o", overrides, &mut problems);
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
    fn a_status_names_its_cause() {
        let up = "[[override]]\nhost = \"A.*\"\nstate = \"up\"\nreason = \"works\"\nuntil = 2026-12-01T03:00:00Z\n";
        let down = "[[override]]\nhost = \"a.example.\"\nstate = \"down\"\nreason = \"hacked\"\n";
        let none = "[[override]]\nhost = \"b.example\"\nstate = \"down\"\nreason = \"other\"\n";
        for (feed, overrides, time, words) in [
            (false, none, "2026-12-01T00:00:00Z", "up"),
            (true, none, "2026-12-01T00:00:00Z", "down since 2026-11-20T02:11:00Z"),
            (true, none, "2026-12-01T01:59:00Z", "drained (downtime, until 2026-12-01T06:00:00Z)"),
            (true, up, "2026-12-01T02:59:59Z", "up (override: works, until 2026-12-01T03:00:00Z)"),
            (true, up, "2026-12-01T03:00:00Z", "drained (downtime, until 2026-12-01T06:00:00Z)"),
            (false, down, "2026-12-01T03:00:00Z", "down (override: hacked)"),
        ] {
            assert_eq!(
                mirror_status(feed, overrides, time).to_string(),
                words,
                "{overrides} {time}"
            );
        }
    }

    #[test]
    fn an_override_of_an_address_sets_that_one_alone() {
        let one = "[[override]]\nhost = \"a.*\"\naddresses = [\"2001:db8::1\"]\nstate = \"drained\"\nreason = \"r\"\n";
        let all = "[[override]]\nhost = \"a.example\"\nstate = \"up\"\nreason = \"r\"\n";
        let time = "2026-12-01T00:00:00Z";
        for (overrides, expected) in [
            (one.to_owned(), (State::Down, State::Drained)),
            (format!("{one}{all}"), (State::Up, State::Drained)),
            (format!("{all}{one}"), (State::Up, State::Up)),
        ] {
            let status = mirror_status(true, &overrides, time);
            assert_eq!((status.ipv4[0], status.ipv6[0]), expected, "{overrides}");
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
