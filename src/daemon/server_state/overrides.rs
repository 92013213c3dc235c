//! Overrides by URL or through NATS, while the server runs.

use jiff::Timestamp;

use super::{ServerState, fleets};
use crate::daemon::feed_poller::FetchResult;
use crate::daemon::overrides_state::TakenOverrides;

impl ServerState {
    /// Takes over the overrides that were fetched, if they are good and new. Returns whether the
    /// verdict is final; if it is not, they have to be fetched again even if they stay the same.
    pub(in crate::daemon) fn take_fetched_overrides(
        &mut self,
        fetched: FetchResult,
        now: Timestamp,
    ) -> bool {
        let keys = self.loaded.config.feed.public_key.as_ref();
        let taken = self.overrides.take_fetched(fetched, keys, fleets(&self.loaded), now);
        if taken == TakenOverrides::Replaced {
            self.publish(self.publisher.static_data(), now);
            self.keep_overrides();
        }
        self.show();
        taken != TakenOverrides::Undecided
    }

    /// Takes over the overrides of the configured remote source that an earlier run has kept.
    pub(super) fn resume_overrides(&mut self) {
        let Some(source) = self.loaded.overrides.remote.clone() else { return };
        let keys = self.loaded.config.feed.public_key.as_ref();
        if let Some(kept) = self.state_directory.overrides(&source.to_string(), keys) {
            self.overrides.resume(source, kept);
        }
    }
}
