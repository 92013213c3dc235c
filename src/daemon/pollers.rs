//! What is fetched, or comes through NATS: the feed of each source, overrides and a bundle.

use std::future::poll_fn;
use std::task::Poll;

use super::feed_poller::{FeedPoller, FetchResult};
use super::nats_follower;
use crate::load::{FeedSource, Loaded, MAX_OVERRIDES};
use cvdns_core::health::MAX_FEED_SIZE;

/// What is fetched.
pub(super) struct Pollers {
    /// Those of the feed, in the order of the configuration.
    pub feeds: FeedPollers,
    /// `None` if the overrides do not come from a URL.
    pub overrides: Option<FeedPoller>,
    /// `None` if no bundle is followed.
    pub bundle: Option<FeedPoller>,
}

impl Pollers {
    /// Starts fetching what comes from a URL. Certificates of the system are read afresh.
    pub(super) fn start(loaded: &Loaded) -> Self {
        let of = |source: &FeedSource, thread, limit| {
            FeedPoller::start(source.url()?, loaded, thread, limit)
        };
        let mut carried = nats_follower::start(loaded);
        let mut feeds = Vec::new();
        for source in &loaded.feeds {
            let poller = match source {
                FeedSource::Nats(_) => carried.feed.take(),
                _ => of(source, "cvdns-feed", MAX_FEED_SIZE),
            };
            feeds.extend(poller.map(|poller| (source.clone(), poller)));
        }
        let overrides = match &loaded.overrides.remote {
            Some(FeedSource::Nats(_)) => carried.overrides.take(),
            Some(url) => of(url, "cvdns-overrides", MAX_OVERRIDES),
            None => None,
        };
        Self { feeds: FeedPollers { pollers: feeds, turn: 0 }, overrides, bundle: carried.bundle }
    }
}

/// Those of the feed, each with its source.
pub(super) struct FeedPollers {
    pollers: Vec<(FeedSource, FeedPoller)>,
    /// The place of the one that is asked first, so that none with much to say silences the others.
    turn: usize,
}

impl FeedPollers {
    /// Waits for the next result of any source; for ever if nothing is fetched. Safe to cancel.
    pub(super) async fn next(&mut self) -> (FeedSource, FetchResult) {
        let Self { pollers, turn } = self;
        poll_fn(|context| {
            for _ in 0..pollers.len() {
                let place = *turn % pollers.len();
                *turn = place + 1;
                let Some((source, poller)) = pollers.get_mut(place) else { break };
                if let Poll::Ready(result) = poller.poll_next(context) {
                    return Poll::Ready((source.clone(), result));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Has the next fetch from a source bring the document even if the server still has the same
    /// one.
    pub(super) fn refetch(&self, source: &FeedSource) {
        for (_, poller) in self.pollers.iter().filter(|(of, _)| of == source) {
            poller.refetch();
        }
    }

    /// The number of sources that are fetched.
    pub(super) fn count(&self) -> usize {
        self.pollers.len()
    }
}

/// Waits for the next result; for ever if nothing is fetched.
pub(super) async fn next(poller: &mut Option<FeedPoller>) -> FetchResult {
    match poller {
        Some(poller) => poller.next().await,
        None => std::future::pending().await,
    }
}
