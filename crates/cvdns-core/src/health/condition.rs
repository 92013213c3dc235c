//! The condition of a mirror as metrics and logs name it.

use std::fmt;

use super::{Cause, MirrorStatus, State};
use crate::fleet::Mirror;

/// The condition of a mirror, by which mirrors are counted. Each mirror has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MirrorCondition {
    /// Answered.
    Up,
    /// Answered only if a pool has too few mirrors that are up.
    Old,
    /// Works, but is too far behind the record.
    Lagging,
    /// Works, but is left out because it has been behind the release for too long without moving.
    Stuck,
    /// Works, but is left out because it changed its state too often.
    Settling,
    /// Left out: taken out of service on purpose.
    Drained,
    /// Left out: it does not work.
    Down,
    /// Left out: removed from the list of mirrors.
    Removed,
    /// Disabled by `enabled = false` in the fleet file.
    Disabled,
}

impl MirrorCondition {
    /// All conditions, the best first.
    pub const ALL: [Self; 9] = [
        Self::Up,
        Self::Old,
        Self::Lagging,
        Self::Stuck,
        Self::Settling,
        Self::Drained,
        Self::Down,
        Self::Removed,
        Self::Disabled,
    ];

    /// The condition of a mirror with this status, if mirrors may be `lag` versions behind the
    /// record. Single addresses may be in other states than their mirror.
    pub fn of(mirror: &Mirror, mirror_status: &MirrorStatus, lag: u32) -> Self {
        let addresses = || mirror_status.ipv4.iter().chain(&mirror_status.ipv6).copied();
        let usable = addresses().filter(|state| state.is_usable());
        let best = usable.min_by_key(|state| *state != State::Up);
        if !mirror.enabled {
            return Self::Disabled;
        }
        if matches!(mirror_status.cause, Cause::Settling(_)) {
            return Self::Settling;
        }
        if mirror_status.stuck.is_some() {
            return Self::Stuck;
        }
        if mirror_status.behind > lag && best.is_some() {
            return Self::Lagging;
        }
        // What clients get decides. A mirror that works, but none of whose addresses does, counts
        // as its first address.
        let left_out = || {
            let first = addresses().next().filter(|_| mirror_status.state.is_usable());
            first.unwrap_or(mirror_status.state)
        };
        best.unwrap_or_else(left_out).into()
    }

    /// The condition with this name.
    pub fn named(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.label() == label)
    }

    /// Name of the condition in metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Old => "old",
            Self::Lagging => "lagging",
            Self::Stuck => "stuck",
            Self::Settling => "settling",
            Self::Drained => "drained",
            Self::Down => "down",
            Self::Removed => "removed",
            Self::Disabled => "disabled",
        }
    }

    /// Whether mirrors in this condition are answered, if only in the absence of better ones.
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Up | Self::Old)
    }
}

impl From<State> for MirrorCondition {
    fn from(state: State) -> Self {
        match state {
            State::Up => Self::Up,
            State::Old => Self::Old,
            State::Down => Self::Down,
            State::Drained => Self::Drained,
            State::Removed => Self::Removed,
        }
    }
}

impl fmt::Display for MirrorCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fleet::Fleet;
    use crate::health::{Feed, Health, HealthInputs, Overrides};
    use crate::problem::Problems;

    const FLEET: &str = "[[mirror]]\nhost = \"a.example\"\ncountry = \"DE\"\n\
                         ipv4 = [\"192.0.2.1\", \"192.0.2.2\"]\n";

    /// The condition of a mirror in this state, two addresses of which the operator overrides.
    fn condition(state: &str, overrides: [Option<&str>; 2], behind: u32) -> MirrorCondition {
        let mut problems = Problems::default();
        let fleet = Fleet::parse("m", FLEET, &mut problems);
        let entry = |(number, state): (usize, Option<&str>)| {
            let state = state?;
            Some(format!(
                "[[override]]\nhost = \"a.example\"\naddresses = [\"192.0.2.{number}\"]\n\
                 state = \"{state}\"\nreason = \"r\"\n"
            ))
        };
        let text: String = (1..).zip(overrides).filter_map(entry).collect();
        let overrides = Overrides::parse("o", &text, &mut problems);
        assert!(problems.is_empty());
        let feed = format!(
            r#"{{"format":1,"serial":1,"generated":"2026-11-30T00:00:00Z",
                "mirrors":{{"a.example":{{"state":"{state}"}}}}}}"#
        );
        let feed = Feed::parse(feed.as_bytes()).unwrap();
        let inputs =
            HealthInputs { feed: Some(&feed), overrides: Some(&overrides), settling: None };
        let health = Health::at(&fleet, inputs, feed.generated, Duration::ZERO);
        let status = MirrorStatus { behind, ..health.mirrors[0].clone() };
        MirrorCondition::of(&fleet.mirrors[0], &status, 3)
    }

    #[test]
    fn a_mirror_counts_as_what_clients_get_of_it() {
        use MirrorCondition::{Down, Drained, Lagging, Old, Up};
        for (state, overrides, behind, expected) in [
            ("down", [None, None], 0, Down),
            ("down", [Some("up"), None], 0, Up),
            ("down", [None, Some("old")], 0, Old),
            ("removed", [Some("old"), Some("up")], 0, Up),
            ("old", [None, Some("up")], 0, Up),
            ("up", [Some("old"), Some("old")], 0, Old),
            ("up", [Some("drained"), None], 0, Up),
            ("up", [Some("drained"), Some("down")], 0, Drained),
            ("down", [Some("drained"), None], 0, Down),
            ("down", [Some("up"), None], 4, Lagging),
            ("down", [None, None], 4, Down),
        ] {
            assert_eq!(condition(state, overrides, behind), expected, "{state} {overrides:?}");
        }
    }
}
