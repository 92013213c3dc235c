//! The secrets of DNS cookies that workers use: those of the file, or a random one.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tracing::info;

use super::follower::{FollowedState, Follower};
use super::random;
use crate::admin::SecretsCondition;
use crate::load::{CookieSecretsFile, Loaded};
use crate::logging::{LogOnce, warn_as};
use cvdns_core::abuse::CookieSecrets;
use cvdns_core::problem::{Problems, Severity};

/// The secrets in force, which follow their file.
pub(super) struct CookieSecretsFollower {
    in_force: Arc<ArcSwap<CookieSecrets>>,
    path: Option<PathBuf>,
    /// The secret without a file: it stays the same, so that a reload ends no cookie.
    random: [u8; 16],
    /// Why the file cannot be used.
    complaint: LogOnce,
    /// What the admin address shows of the file.
    condition: Arc<ArcSwap<SecretsCondition>>,
}

impl CookieSecretsFollower {
    /// The secrets of the file that was read at the start, or else the secret of the server before
    /// this one, or a random one.
    pub(super) fn new(file: &CookieSecretsFile, before: Option<[u8; 16]>) -> Self {
        let random = before.unwrap_or_else(random::octets);
        let secrets = file.secrets.clone().unwrap_or_else(|| CookieSecrets::random(random));
        let follower = Self {
            in_force: Arc::new(ArcSwap::from_pointee(secrets)),
            path: file.path.clone(),
            random,
            complaint: LogOnce::default(),
            condition: Arc::default(),
        };
        follower.show(file.changed);
        follower
    }

    /// What the admin address shows of the file.
    pub(super) fn condition(&self) -> &Arc<ArcSwap<SecretsCondition>> {
        &self.condition
    }

    /// The secret that holds without a file.
    pub(super) fn random(&self) -> [u8; 16] {
        self.random
    }

    /// The secrets in force, as workers load them.
    pub(super) fn in_force(&self) -> &Arc<ArcSwap<CookieSecrets>> {
        &self.in_force
    }

    /// Reads the file. If it cannot be used, which is logged once, the secrets before go on.
    fn follow(&mut self) {
        let Some(path) = &self.path else {
            self.complaint.clear();
            self.show(None);
            return self.replace(CookieSecrets::random(self.random));
        };
        let mut problems = Problems::default();
        let file = CookieSecretsFile::read(path, &mut problems);
        let mut errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        match (file.secrets, errors.next()) {
            (Some(secrets), None) => {
                if self.complaint.clear() {
                    info!("the secrets of cookies can be used again");
                }
                self.show(file.changed);
                self.replace(secrets);
            }
            (_, Some(error)) => {
                let text =
                    format!("the secrets of cookies are not taken, those before go on: {error}");
                if self.complaint.is_new(text.clone()) {
                    warn_as(error, &text);
                    self.show(self.condition.load().changed);
                }
            }
            // Without secrets, `read` has noted an error.
            (None, None) => {}
        }
    }

    /// Shows the admin address when the secrets in force were changed, and what is wrong.
    fn show(&self, changed: Option<Timestamp>) {
        let complaint = self.complaint.current().first().cloned();
        let condition = SecretsCondition { is_named: self.path.is_some(), changed, complaint };
        if **self.condition.load() != condition {
            self.condition.store(Arc::new(condition));
        }
    }

    fn replace(&self, secrets: CookieSecrets) {
        if **self.in_force.load() != secrets {
            self.in_force.store(Arc::new(secrets));
            info!("other secrets of cookies are in force");
        }
    }
}

impl Follower for CookieSecretsFollower {
    fn adjust(&self, _: &mut Loaded) {}

    fn see(&mut self, state: &FollowedState<'_>) {
        self.path.clone_from(&state.loaded.cookie_secrets.path);
        self.follow();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_follow_their_file_and_bad_ones_change_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            CookieSecretsFile::read(&path, &mut Problems::default())
        };
        let first = read("e5e973e5a6b2a43f48e7dc849e37bfcf\n");
        let mut follower = CookieSecretsFollower::new(&first, None);
        let in_force = follower.in_force().clone();
        let now = || Some(CookieSecrets::clone(&in_force.load()));
        assert_eq!(now(), first.secrets);
        let changed = first.changed;
        assert!(changed.is_some());
        for bad in ["", "e5e9\n", "e5e973e5a6b2a43f48e7dc849e37bfcf\nx\n"] {
            read(bad);
            follower.follow();
            assert_eq!((now(), follower.complaint.current().len()), (first.secrets.clone(), 1));
            // The time is that of the secrets in force, not that of the file.
            let shown = follower.condition.load();
            assert!(shown.changed == changed && shown.complaint.is_some(), "{shown:?}");
        }
        let second = read("445536bcd2513298075a5d379663c962\n");
        follower.follow();
        assert_eq!((now(), follower.complaint.current().len()), (second.secrets.clone(), 0));
        let shown = SecretsCondition { is_named: true, changed: second.changed, complaint: None };
        assert_eq!(**follower.condition.load(), shown);
        std::fs::remove_file(&path).unwrap();
        follower.follow();
        assert_eq!((now(), follower.condition.load().changed), (second.secrets, second.changed));
        // Without a file there is the random secret of the start, again and again.
        follower.path = None;
        follower.follow();
        let random = now();
        follower.follow();
        assert!(random == now() && random != first.secrets);
        assert_eq!(**follower.condition.load(), SecretsCondition::default());
    }
}
