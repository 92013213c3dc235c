//! Transfers to secondary servers, as far as the state of the server goes with them.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::ServerState;
use crate::daemon::transfers_state::TransfersState;
use crate::transfer::{TransferDesk, TransferSettings};
use cvdns_core::snapshot::Snapshot;

impl ServerState {
    /// Makes versions of transferred zones from now on, which this desk answers from. This is for
    /// a server that answers queries; nobody else has secondaries.
    pub(in crate::daemon) fn begin_transfers(&mut self, desk: Arc<TransferDesk>, now: Timestamp) {
        let mut transfers = TransfersState::new(desk);
        transfers.versions.serve_nobody(TransferSettings::new(&self.loaded, None, None, now));
        self.transfers = Some(transfers);
        self.publish_transferred(now);
    }

    /// Notifies secondaries from now on, from the addresses that the server listens on.
    pub(in crate::daemon) fn begin_notifying(&mut self, listen: Vec<SocketAddr>) {
        if let Some(TransfersState { versions, notifier }) = &mut self.transfers {
            notifier.begin(versions.desk(), listen);
        }
    }

    /// Notifies secondaries no more, and keeps what they have.
    pub(in crate::daemon) fn end_transfers(&mut self) {
        if let Some(TransfersState { notifier, .. }) = &mut self.transfers {
            notifier.end();
        }
        self.keep_secondaries();
    }

    /// What answers from the versions of transferred zones; `None` before
    /// [`Self::begin_transfers`].
    pub(in crate::daemon) fn transfers(&self) -> Option<&Arc<TransferDesk>> {
        self.transfers.as_ref().map(|transfers| transfers.versions.desk())
    }

    /// Makes versions of what a snapshot answers that is about to be published.
    pub(super) fn follow_transfers(&mut self, snapshot: &mut Snapshot, now: Timestamp) {
        let feed = self.feed.feed().map(|feed| feed.serial);
        let is_signed = self.loaded.config.transfer.is_signed();
        let generated = self.feed.feed().map(|feed| feed.generated);
        let signer = is_signed.then(|| self.signer.export_signer((now, generated)));
        let settings = TransferSettings::new(&self.loaded, feed, signer.as_ref(), now);
        let Some(TransfersState { versions, .. }) = &mut self.transfers else { return };
        if self.loaded.config.transfer.is_on() {
            versions.desk().progress().resume(self.state_directory.take_secondaries());
        }
        versions.follow(snapshot, settings, &mut self.state_directory);
    }

    /// Has secondaries notified of what was published.
    pub(super) fn announce_versions(&mut self) {
        if let Some(TransfersState { versions, notifier }) = &mut self.transfers {
            notifier.announce(versions.desk());
        }
    }

    /// Goes on from the versions that the server before has kept by now.
    pub(in crate::daemon) fn follow_predecessor(&mut self, now: Timestamp) {
        if self.state_directory.is_foreign() {
            self.publish_transferred(now);
        }
    }

    /// Goes on from the versions that the server before kept last, whose directory this is now.
    pub(super) fn take_over_versions(&mut self, now: Timestamp) {
        if let Some(TransfersState { versions, .. }) = &mut self.transfers {
            versions.forget();
        }
        self.publish_transferred(now);
    }

    /// Keeps what secondaries have, if that changed, and versions that are not kept.
    pub(super) fn keep_transfers(&mut self) {
        self.keep_secondaries();
        if let Some(TransfersState { versions, .. }) = &self.transfers {
            versions.keep_again(&self.loaded.config.transfer, &mut self.state_directory);
        }
    }

    fn keep_secondaries(&mut self) {
        let transfers = self.transfers.as_ref().filter(|_| self.loaded.config.transfer.is_on());
        if let Some(TransfersState { versions, .. }) = transfers {
            // What the server before has written last is not to be lost.
            versions.desk().progress().resume(self.state_directory.take_secondaries());
            self.state_directory.keep_secondaries(versions.desk().progress());
        }
    }

    /// Publishes what is in force once more, if anybody may transfer it.
    fn publish_transferred(&mut self, now: Timestamp) {
        if self.loaded.config.transfer.is_on() && self.transfers.is_some() {
            self.publish(self.publisher.static_data(), now);
        }
    }
}
