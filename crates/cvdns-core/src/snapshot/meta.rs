//! Facts about a snapshot that diagnostics report but no answer depends on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::now::Now;

/// Facts about a snapshot for diagnostics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// The feed in force; `None` when there is none.
    pub feed: Option<FeedInForce>,
    /// A newer feed that is held back; `None` when there is none.
    pub held: Option<HeldFeed>,
}

/// The feed in force, without its entries for mirrors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedInForce {
    /// Serial of the feed.
    pub serial: u64,
    /// When the feed was generated.
    pub generated: Timestamp,
    /// Whether the feed is younger than `max-age`.
    pub fresh: bool,
    /// Why the coordinator does not trust what it sees, if it has frozen all states.
    pub frozen: Option<String>,
}

/// A feed that is held back because it takes away too many mirrors at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFeed {
    /// Serial of the feed.
    pub serial: u64,
    /// When the feed was generated.
    pub generated: Timestamp,
    /// The loss it would cause, as text: `3 of 4 of DE`.
    pub takes_away: String,
    /// When a feed with that loss was first read.
    pub since: Timestamp,
}

impl SnapshotMeta {
    /// The facts at a moment, without a feed that is held back.
    pub(super) fn at(now: &Now<'_>) -> Self {
        let fresh = |generated: Timestamp| {
            generated.checked_add(now.max_age).is_ok_and(|until| now.time < until)
        };
        let feed = now.inputs.feed.map(|feed| FeedInForce {
            serial: feed.serial,
            generated: feed.generated,
            fresh: fresh(feed.generated),
            frozen: feed.frozen.clone(),
        });
        Self { feed, held: None }
    }
}
