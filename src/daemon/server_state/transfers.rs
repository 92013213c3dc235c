//! Transfers to secondary servers, as far as the state of the server goes with them.

use std::sync::Arc;

use jiff::Timestamp;

use super::ServerState;
use crate::transfer::{TransferDesk, TransferSettings, Versions};
use cvdns_core::snapshot::Snapshot;

impl ServerState {
    /// Makes versions of transferred zones from now on, which this desk answers from. This is for
    /// a server that answers queries; nobody else has secondaries.
    pub(in crate::daemon) fn begin_transfers(&mut self, desk: Arc<TransferDesk>, now: Timestamp) {
        desk.progress().resume(self.state_directory.secondaries());
        self.zone_versions = Some(Versions::new(desk));
        self.publish(self.publisher.static_data(), now);
    }

    /// What answers from the versions of transferred zones; `None` before
    /// [`Self::begin_transfers`].
    pub(in crate::daemon) fn transfers(&self) -> Option<&Arc<TransferDesk>> {
        self.zone_versions.as_ref().map(Versions::desk)
    }

    /// Makes versions of what a snapshot answers that is about to be published.
    pub(super) fn follow_transfers(&mut self, snapshot: &mut Snapshot, now: Timestamp) {
        let feed = self.feed.feed().map(|feed| feed.serial);
        if let Some(versions) = &mut self.zone_versions {
            let settings = TransferSettings::new(&self.loaded, feed, now);
            versions.follow(snapshot, settings, &mut self.state_directory);
        }
    }

    /// Has secondaries notified of what was published.
    pub(super) fn announce_versions(&self) {
        if let Some(versions) = &self.zone_versions {
            versions.desk().announce();
        }
    }

    /// Goes on from the versions that the server before kept last, whose directory this is now.
    pub(super) fn take_over_versions(&mut self, now: Timestamp) {
        if let Some(versions) = &mut self.zone_versions {
            versions.forget();
            self.publish(self.publisher.static_data(), now);
        }
    }

    /// Keeps what secondaries have, if that changed.
    pub(super) fn keep_secondaries(&mut self) {
        if let Some(versions) = &self.zone_versions {
            self.state_directory.keep_secondaries(versions.desk().progress());
        }
    }
}
