//! What stands in for following NATS in a build without the feature `nats`.

use super::feed_poller::FeedPoller;
use crate::load::Loaded;

/// What is followed: nothing.
#[derive(Default)]
pub(super) struct Carried {
    pub feed: Option<FeedPoller>,
    pub overrides: Option<FeedPoller>,
    pub bundle: Option<FeedPoller>,
}

pub(super) fn start(_: &Loaded) -> Carried {
    Carried::default()
}
