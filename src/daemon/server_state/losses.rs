//! Judges what a new feed takes away, from the feed in force and from those shortly before.

use jiff::Timestamp;

use super::{FeedChange, FeedPolicy, ServerState, SourcedCandidate};
use cvdns_core::health::{Feed, HealthInputs};
use cvdns_core::release::DatedRelease;
use cvdns_core::snapshot::{Loss, LossLimit, Now, StaticData};

impl ServerState {
    /// Settles candidates one after the other, and returns what the most consequential of them
    /// changed.
    pub(super) fn settle_all(
        &mut self,
        candidates: Vec<SourcedCandidate>,
        static_data: &StaticData,
        now: Timestamp,
    ) -> FeedChange {
        let mut change = FeedChange::Unchanged;
        for of in candidates {
            change = change.max(self.settle(of, static_data, now));
        }
        change
    }

    /// Hands a candidate to the feed's state, with the loss that it would bring.
    fn settle(
        &mut self,
        of: SourcedCandidate,
        static_data: &StaticData,
        now: Timestamp,
    ) -> FeedChange {
        let window = self.loaded.config.feed.loss_window;
        self.losses.trim(now, window);
        let loss = of.candidate.new_feed().and_then(|feed| self.loss(feed, static_data, now));
        let is_harmless = loss.is_none();
        let newest = self.publisher.newest();
        let usable = self.feed.feed().filter(|_| is_harmless && of.candidate.new_feed().is_some());
        let usable = usable
            .map(|feed| self.losses.usable(static_data, feed, newest.dynamic_data.remembered()));
        let change = self.feed.settle(of, loss, FeedPolicy::of(&self.loaded), now);
        match (change, usable) {
            (FeedChange::Unchanged, _) => {}
            (FeedChange::Reverified, _) => self.keep_feed(),
            (FeedChange::Replaced, usable) => {
                self.state_directory.forget_early();
                match usable {
                    Some(usable) => self.losses.add(usable, now, window),
                    // The loss was confirmed: what is left is the whole from now on.
                    None => self.losses.forget(),
                }
            }
        }
        change
    }

    /// What a feed takes away from the one in force and those within `loss-window`, if that is more
    /// than `max-loss`.
    fn loss(&self, feed: &Feed, static_data: &StaticData, now: Timestamp) -> Option<Loss> {
        let before = self.moment(now);
        before.inputs.feed?;
        let release = self.release.with_feed(feed);
        let inputs = HealthInputs { feed: Some(feed), ..before.inputs };
        let after = Now { inputs, release: release.as_ref().map(DatedRelease::of), ..before };
        let newest = self.publisher.newest();
        let announced = newest.dynamic_data.remembered();
        let limit = LossLimit { most: self.loaded.config.feed.max_loss, window: &self.losses };
        Loss::between(static_data, announced, &before, &after, limit)
    }
}
