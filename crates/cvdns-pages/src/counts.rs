//! Numbers of mirrors by state.

use cvdns_core::health::MirrorCondition;

/// Numbers of mirrors or addresses by state. Addresses have those of
/// [`State`](cvdns_core::health::State) alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Those that are up.
    pub up: u32,
    /// Those that are old.
    pub old: u32,
    /// Those that work and are too far behind the record.
    pub lagging: u32,
    /// Those that work and have been behind the release for too long without moving.
    pub stuck: u32,
    /// Those that work and changed their state too often.
    pub settling: u32,
    /// Those that are drained.
    pub drained: u32,
    /// Those that are down.
    pub down: u32,
    /// Those that are removed.
    pub removed: u32,
}

impl StateCounts {
    /// Counts one more. Disabled mirrors do not count.
    pub fn add(&mut self, state: impl Into<MirrorCondition>) {
        let count = match state.into() {
            MirrorCondition::Up => &mut self.up,
            MirrorCondition::Old => &mut self.old,
            MirrorCondition::Lagging => &mut self.lagging,
            MirrorCondition::Stuck => &mut self.stuck,
            MirrorCondition::Settling => &mut self.settling,
            MirrorCondition::Drained => &mut self.drained,
            MirrorCondition::Down => &mut self.down,
            MirrorCondition::Removed => &mut self.removed,
            MirrorCondition::Disabled => return,
        };
        *count = count.saturating_add(1);
    }

    /// The number of all.
    pub fn total(&self) -> u32 {
        self.each().iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The number of those that are up or old.
    pub fn usable(&self) -> u32 {
        self.up.saturating_add(self.old)
    }

    /// The states with their numbers.
    pub fn each(&self) -> [(MirrorCondition, u32); 8] {
        [
            (MirrorCondition::Up, self.up),
            (MirrorCondition::Old, self.old),
            (MirrorCondition::Lagging, self.lagging),
            (MirrorCondition::Stuck, self.stuck),
            (MirrorCondition::Settling, self.settling),
            (MirrorCondition::Down, self.down),
            (MirrorCondition::Drained, self.drained),
            (MirrorCondition::Removed, self.removed),
        ]
    }

    /// The states with their numbers, without those that networks seldom have and that nothing is
    /// in.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (MirrorCondition, u32)> {
        use MirrorCondition::{Lagging, Settling, Stuck};
        let each = self.each().into_iter();
        each.filter(|(state, count)| *count > 0 || !matches!(state, Lagging | Stuck | Settling))
    }
}
