//! What is told of a snapshot beside its answers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dynamic_data::Now;

/// What people are told who ask why an answer is what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// The feed in force.
    pub feed: Option<FeedInForce>,
    /// A feed that is held back.
    pub held: Option<HeldFeed>,
}

/// A feed, without what it says of mirrors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedInForce {
    /// Its serial.
    pub serial: u64,
    /// When it was generated.
    pub generated: Timestamp,
    /// Whether it is younger than `max-age`.
    pub fresh: bool,
}

/// A feed that takes away too much to be believed at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFeed {
    /// Its serial.
    pub serial: u64,
    /// When it was generated.
    pub generated: Timestamp,
    /// What it would take away, for people: `3 of 4 of DE`.
    pub takes_away: String,
    /// When that was first said.
    pub since: Timestamp,
}

impl SnapshotMeta {
    /// What there is to tell at a moment at which no feed is held back.
    pub(super) fn at(now: &Now<'_>) -> Self {
        let fresh = |generated: Timestamp| {
            generated.checked_add(now.max_age).is_ok_and(|until| now.time < until)
        };
        let feed = now.inputs.feed.map(|feed| FeedInForce {
            serial: feed.serial,
            generated: feed.generated,
            fresh: fresh(feed.generated),
        });
        Self { feed, held: None }
    }
}
