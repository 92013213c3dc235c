//! What the server would answer at another moment, if nothing but the clock changed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use cvdns_core::health::{Feed, HealthInputs, Overrides, Settling};
use cvdns_core::release::{DatedRelease, Release, VersionHistory};
use cvdns_core::snapshot::{HeldFeed, Now, Snapshot};

/// Everything in force beside the clock, from which the snapshot of another moment is made.
#[derive(Debug, Clone)]
pub struct Foresight {
    /// The newest snapshot.
    pub newest: Arc<Snapshot>,
    /// The feed in force.
    pub feed: Option<Feed>,
    /// The feed that is held back.
    pub held: Option<HeldFeed>,
    /// The operator's overrides, those that have ended too.
    pub overrides: Overrides,
    /// The states in earlier feeds.
    pub settling: Settling,
    /// The release that is offered, and since when nothing newer is known.
    pub release: Option<(Release, Timestamp)>,
    /// What was released and held before.
    pub history: VersionHistory,
    /// How long after its generation a feed counts as fresh.
    pub max_age: Duration,
}

impl Foresight {
    /// The snapshot of another moment. It counts nothing.
    pub(super) fn snapshot(&self, time: Timestamp) -> Snapshot {
        let feed = self.feed.as_ref().map(|feed| feed.as_of(time));
        let inputs = HealthInputs {
            feed: feed.as_deref(),
            overrides: Some(&self.overrides),
            settling: Some(&self.settling),
        };
        let now = Now {
            inputs,
            release: self.release.as_ref().map(DatedRelease::of),
            history: Some(&self.history),
            time,
            max_age: self.max_age,
        };
        let mut snapshot = Snapshot::after(&self.newest, self.newest.static_data.clone(), &now);
        snapshot.meta.held.clone_from(&self.held);
        snapshot
    }
}
