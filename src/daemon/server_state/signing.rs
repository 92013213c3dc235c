//! Signatures, as far as the state of the server goes with them.

use jiff::Timestamp;

use super::ServerState;
use cvdns_core::dnssec::Lifetime;
use cvdns_core::snapshot::Snapshot;

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
        self.signer.sign(snapshot, &self.publisher.newest(), now);
        self.signer.keep(&mut self.state_directory);
    }

    /// That signatures are expired, for people.
    pub(super) fn expired_signatures(&self, snapshot: &Snapshot) -> Option<String> {
        let expiration = snapshot.signatures.lifetime()?.expiration;
        let is_expired = expiration <= self.publisher.published().as_second();
        is_expired.then(|| "signatures of a zone are expired".to_owned())
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
