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
        let usable = |state: &State| state.is_usable();
        if !mirror.enabled {
            return Self::Disabled;
        }
        if matches!(mirror_status.cause, Cause::Settling(_)) {
            return Self::Settling;
        }
        if mirror_status.stuck.is_some() {
            return Self::Stuck;
        }
        if mirror_status.behind > lag
            && mirror_status.ipv4.iter().chain(&mirror_status.ipv6).any(usable)
        {
            return Self::Lagging;
        }
        // A mirror counts as its first address does if the mirror works but none of its addresses.
        let first = mirror_status.ipv4.iter().chain(&mirror_status.ipv6).next();
        let dead = usable(&mirror_status.state)
            && !mirror_status.ipv4.iter().chain(&mirror_status.ipv6).any(usable);
        first.filter(|_| dead).copied().unwrap_or(mirror_status.state).into()
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
