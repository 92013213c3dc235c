//! What is kept in the state directory for the next start.

use jiff::Timestamp;

use super::ServerState;
use crate::daemon::feed_candidate::FeedDocument;

impl ServerState {
    /// Writes into the state directory from now on, and writes what is in force: the server that
    /// had the directory does not write any more.
    pub(in crate::daemon) fn begin_writing(&mut self) {
        if self.state_directory.begin_writing() {
            self.keep_feed();
            self.keep_overrides();
            self.keep_bundle();
            self.versions.kept(false);
            self.keep_again();
            self.take_over_versions(Timestamp::now());
        }
    }

    /// Keeps the feed in force for the next start.
    pub(super) fn keep_feed(&mut self) {
        if let Some(FeedDocument { source, octets, signature }) = self.feed.document() {
            self.state_directory.keep_feed(&source.to_string(), octets, signature.as_deref());
        }
    }

    /// Keeps the overrides in force, if they come from a URL.
    pub(super) fn keep_overrides(&mut self) {
        if let Some((source, document)) = self.overrides.document() {
            self.state_directory.keep_overrides(&source.to_string(), document);
        }
    }

    /// Keeps the history of versions for the next start, if it changed.
    pub(super) fn keep_history(&mut self) {
        if let Some(history) = self.versions.to_keep() {
            let is_kept = self.state_directory.keep_history(history);
            self.versions.kept(is_kept);
        }
    }

    /// Keeps again what somebody removed from the state directory.
    pub(super) fn keep_again(&mut self) {
        if self.state_directory.lacks_feed() {
            self.keep_feed();
        }
        if self.state_directory.lacks_overrides() {
            self.keep_overrides();
        }
        if self.state_directory.lacks_bundle() {
            self.keep_bundle();
        }
        let newest = self.publisher.newest();
        self.state_directory.keep_announced(newest.dynamic_data.announced());
        if self.state_directory.lacks_history() {
            self.versions.kept(false);
        }
        self.keep_history();
        self.keep_transfers();
    }
}
