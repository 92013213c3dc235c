//! What others see of the state, and the files that it follows.

use std::path::{Path, PathBuf};

use super::ServerState;
use crate::admin::Foresight;
use crate::daemon::follower::FollowedState;
use crate::load::signature_path;

impl ServerState {
    /// What is in force, for those who answer by other means.
    pub(in crate::daemon) fn followed_state(&self) -> FollowedState<'_> {
        FollowedState {
            snapshot: self.publisher.newest(),
            feed: self.feed.feed().map(|feed| feed.serial),
            loaded: &self.loaded,
        }
    }

    /// What is in force beside the clock.
    pub(in crate::daemon) fn foresight(&self) -> Foresight {
        Foresight {
            newest: self.publisher.newest(),
            feed: self.feed.feed().cloned(),
            held: self.feed.held(),
            overrides: self.overrides.overrides().clone(),
            settling: self.flapping.settling().clone(),
            release: self.release.offered().map(|it| (it.release.clone(), it.generated)),
            history: self.versions.history().clone(),
            max_age: self.loaded.config.feed.max_age,
        }
    }

    /// The files whose change may change answers, and those of the certificate.
    pub(in crate::daemon) fn followed_files(&self) -> Vec<PathBuf> {
        let feed = self.loaded.feeds.files();
        let feed = feed.flat_map(|(_, feed)| [feed.to_owned(), signature_path(feed)]);
        let secrets = self.loaded.cookie_secrets.path.clone();
        let certificate = self.loaded.tls.iter().flat_map(|tls| tls.files.paths());
        let secrets = secrets.into_iter().chain(certificate.map(Path::to_owned));
        let overrides = self.overrides.watched();
        let overrides = overrides.into_iter().chain(self.loaded.countries.path.clone());
        let feed = feed.chain(overrides).chain(self.loaded.supply.watched()).chain(secrets);
        feed.chain(self.followed_copies()).collect()
    }
}
