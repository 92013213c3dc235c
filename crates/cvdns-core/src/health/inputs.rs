//! What is said of mirrors, and by whom.

use jiff::Timestamp;

use super::{Feed, Overrides, Settling};

/// All that is said of mirrors beside the fleet file. Overrides beat the feed.
#[derive(Debug, Clone, Copy, Default)]
pub struct HealthInputs<'w> {
    /// The coordinator's word; none: all mirrors are up.
    pub feed: Option<&'w Feed>,
    /// The operator's.
    pub overrides: Option<&'w Overrides>,
    /// What is remembered of earlier feeds.
    pub settling: Option<&'w Settling>,
}

impl HealthInputs<'_> {
    /// The next moment after `now` at which the clock alone changes what is said.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.overrides.and_then(|overrides| overrides.next_end(now));
        let settled = self.settling.and_then(|settling| settling.next_change(now));
        end.into_iter().chain(settled).min()
    }
}
