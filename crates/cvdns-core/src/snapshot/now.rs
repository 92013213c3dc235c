//! The changing inputs of a snapshot: feed, release and clock.

use std::time::Duration;

use jiff::Timestamp;

use crate::health::{Feed, HealthInputs};
use crate::release::{self, DatedRelease, VersionHistory};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Everything that is known at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Now<'n> {
    /// What is known about mirrors.
    pub inputs: HealthInputs<'n>,
    /// The release that is offered; `None` when there is none.
    pub release: Option<DatedRelease<'n>>,
    /// What was released and held before; `None` where nobody remembers it, and so no mirror is
    /// stuck.
    pub history: Option<&'n VersionHistory>,
    /// The time.
    pub time: Timestamp,
    /// How long after its generation a feed counts as fresh.
    pub max_age: Duration,
}

impl<'n> Now<'n> {
    /// A moment at which the feed is the only source: of the states of mirrors and of the release.
    pub fn new(feed: Option<&'n Feed>, time: Timestamp, max_age: Duration) -> Self {
        Self {
            inputs: HealthInputs { feed, ..HealthInputs::default() },
            release: feed.and_then(Feed::dated_release),
            history: None,
            time,
            max_age,
        }
    }

    /// The stamp of records, in Unix seconds; `None` without a release.
    pub fn stamp(&self) -> Option<i64> {
        Some(release::stamp(self.time, self.fresh_until()?))
    }

    /// Until when the release counts as fresh; `None` without a release.
    pub(super) fn fresh_until(&self) -> Option<Timestamp> {
        Some(self.release?.generated.checked_add(self.max_age).unwrap_or(Timestamp::MAX))
    }

    /// The UTC day that determines the order of windows, counted from 1970-01-01. A daily order
    /// keeps a mirror from being next to the same other mirror for longer than a day, and lets a
    /// new feed move no address that it does not concern. It is the day of the feed, not of the
    /// clock, so that servers with the same feed have the same windows, even around midnight.
    pub(super) fn day(&self) -> u64 {
        let moment = self.inputs.feed.map_or(self.time, |feed| feed.generated);
        moment.as_second().div_euclid(DAY).cast_unsigned()
    }
}
