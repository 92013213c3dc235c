//! Numbers of mirrors by state.

use cvdns_core::health::State;

/// Numbers of mirrors or addresses by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Those that are up.
    pub up: u32,
    /// Those that are old.
    pub old: u32,
    /// Those that are down.
    pub down: u32,
    /// Those that are drained.
    pub drained: u32,
    /// Those that are removed.
    pub removed: u32,
}

impl StateCounts {
    /// Counts one more.
    pub fn add(&mut self, state: State) {
        let count = match state {
            State::Up => &mut self.up,
            State::Old => &mut self.old,
            State::Down => &mut self.down,
            State::Drained => &mut self.drained,
            State::Removed => &mut self.removed,
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
    pub fn each(&self) -> [(State, u32); 5] {
        [
            (State::Up, self.up),
            (State::Old, self.old),
            (State::Down, self.down),
            (State::Drained, self.drained),
            (State::Removed, self.removed),
        ]
    }
}
