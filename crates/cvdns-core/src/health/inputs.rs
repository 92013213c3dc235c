//! The inputs from which the states of mirrors are determined.

use jiff::Timestamp;

use super::{Feed, Overrides, Settling};

/// Everything that determines the states of mirrors beside the fleet file. Overrides take
/// precedence over the feed.
#[derive(Debug, Clone, Copy, Default)]
pub struct HealthInputs<'i> {
    /// The coordinator's feed; without one all mirrors are up.
    pub feed: Option<&'i Feed>,
    /// The operator's overrides.
    pub overrides: Option<&'i Overrides>,
    /// History of states in earlier feeds.
    pub settling: Option<&'i Settling>,
}

impl HealthInputs<'_> {
    /// The next time after `now` at which a state changes without a new input.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.overrides.and_then(|overrides| overrides.next_end(now));
        let settled = self.settling.and_then(|settling| settling.next_change(now));
        end.into_iter().chain(settled).min()
    }
}
