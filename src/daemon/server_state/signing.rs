//! Signatures, as far as the state of the server goes with them.

use jiff::Timestamp;

use super::ServerState;
use cvdns_core::dnssec::{CLOCK_SKEW, Lifetime};
use cvdns_core::health::{Feed, HealthInputs};
use cvdns_core::snapshot::{Now, Snapshot};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// How long before midnight the next day is signed, in seconds.
const EVENING: i64 = 2 * 3600;

impl ServerState {
    /// Signs the snapshot that was there before any feed.
    pub(super) fn sign_first(&mut self, now: Timestamp) {
        let newest = self.publisher.newest();
        if newest.signatures.is_empty() && !newest.static_data.chains.is_empty() {
            self.publish(newest.static_data.clone(), now);
        }
    }

    /// Signs what a snapshot answers that is about to be published.
    pub(super) fn sign(&mut self, snapshot: &mut Snapshot, now: Timestamp) {
        let generated = self.feed.feed().map(|feed| feed.generated);
        self.signer.sign(snapshot, &self.publisher.newest(), (now, generated));
        self.signer.keep(&mut self.state_directory);
    }

    /// Signs in the evening what will be answered from midnight on, when the order of addresses is
    /// another one: with many mirrors, most of their sets are other ones too.
    pub(super) fn sign_ahead(&mut self, now: Timestamp) {
        let second = now.as_second();
        let midnight = (second.div_euclid(DAY) + 1) * DAY;
        let Ok(tomorrow) = Timestamp::from_second(midnight) else { return };
        let newest = self.publisher.newest();
        let is_evening = midnight - second <= EVENING;
        if newest.signatures.is_empty() || !is_evening || !self.signer.begin_ahead(tomorrow) {
            return;
        }
        // The order is that of the feed's day.
        let feed = self.feed.feed().map(|feed| Feed { generated: tomorrow, ..feed.clone() });
        let moment = self.moment(tomorrow);
        let inputs = HealthInputs { feed: feed.as_ref(), ..moment.inputs };
        let moment = Now { inputs, ..moment };
        let ahead = Snapshot::after(&newest, newest.static_data.clone(), &moment);
        self.signer.sign_ahead(ahead, &newest, now);
    }

    /// That signatures are expired, or not valid yet, for people.
    pub(super) fn invalid_signatures(&self, snapshot: &Snapshot) -> Option<String> {
        let (now, expiration) = (self.publisher.published(), snapshot.signatures.lifetime()?);
        if expiration.expiration <= now.as_second() {
            return Some("signatures of a zone are expired".to_owned());
        }
        let inception = self.signer.condition(now).ahead_of_clock?.as_second() - CLOCK_SKEW;
        let is_early = inception > now.as_second();
        is_early.then(|| "signatures of zones are not valid yet: the clock is behind".to_owned())
    }

    /// When the next signatures take the place of others, or the first ones expire that nobody here
    /// can replace; `None` if that is not after `published`, or if no zone is signed.
    pub(super) fn next_renewal(&self, published: Timestamp) -> Option<Timestamp> {
        // Signatures are in force until the end of that second.
        let Lifetime { renewal, expiration } = self.publisher.newest().signatures.lifetime()?;
        [renewal.saturating_add(1), expiration]
            .into_iter()
            .filter_map(|second| Timestamp::from_second(second).ok())
            .filter(|moment| *moment > published)
            .min()
    }
}
