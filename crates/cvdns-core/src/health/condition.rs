//! How a mirror stands, in one word.

use super::{Cause, MirrorStatus, State};
use crate::fleet::Mirror;

/// What operators count mirrors by: each is one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MirrorCondition {
    /// Answered.
    Up,
    /// Answered only where a pool has too few that are up.
    Old,
    /// Works, and is too far behind the record.
    Lagging,
    /// Works, and is out as it changed its state too often.
    Settling,
    /// Out: taken out on purpose.
    Drained,
    /// Out: it does not work.
    Down,
    /// Out: taken off the list.
    Removed,
    /// Takes no part: `enabled = false` in the fleet file.
    Disabled,
}

impl MirrorCondition {
    /// All of them, the best first.
    pub const ALL: [Self; 8] = [
        Self::Up,
        Self::Old,
        Self::Lagging,
        Self::Settling,
        Self::Drained,
        Self::Down,
        Self::Removed,
        Self::Disabled,
    ];

    /// That of a mirror that stands so, where mirrors may be `lag` versions behind the record. Single addresses may stand otherwise
    /// than their mirror.
    pub fn of(mirror: &Mirror, mirror_status: &MirrorStatus, lag: u32) -> Self {
        let usable = |state: &State| state.is_usable();
        if !mirror.enabled {
            return Self::Disabled;
        }
        if matches!(mirror_status.cause, Cause::Settling(_)) {
            return Self::Settling;
        }
        if mirror_status.behind > lag
            && mirror_status.ipv4.iter().chain(&mirror_status.ipv6).any(usable)
        {
            return Self::Lagging;
        }
        // A mirror that works, and none of whose addresses does, is answered nowhere.
        let first = mirror_status.ipv4.iter().chain(&mirror_status.ipv6).next();
        let dead = usable(&mirror_status.state)
            && !mirror_status.ipv4.iter().chain(&mirror_status.ipv6).any(usable);
        match first.filter(|_| dead).copied().unwrap_or(mirror_status.state) {
            State::Up => Self::Up,
            State::Old => Self::Old,
            State::Down => Self::Down,
            State::Drained => Self::Drained,
            State::Removed => Self::Removed,
        }
    }

    /// How metrics and logs call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Old => "old",
            Self::Lagging => "lagging",
            Self::Settling => "settling",
            Self::Drained => "drained",
            Self::Down => "down",
            Self::Removed => "removed",
            Self::Disabled => "disabled",
        }
    }

    /// Whether it is answered where nothing better is.
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Up | Self::Old)
    }
}
