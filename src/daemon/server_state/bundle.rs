//! The bundle of zone files, which comes through NATS, while the server runs.

use jiff::Timestamp;
use tracing::info;

use super::ServerState;
use crate::admin::BundleCondition;
use crate::daemon::bundle_state::{FetchedBundle, FollowedBundle};
use crate::daemon::feed_poller::FetchResult;
use crate::load::remote::Fetched;
use crate::load::{DocumentError, SignedBundle};

impl ServerState {
    /// Judges a bundle that was fetched by itself. What is wrong with it is logged.
    pub(in crate::daemon) fn judge_bundle(
        &mut self,
        fetched: FetchResult,
        now: Timestamp,
    ) -> FetchedBundle {
        let Some(source) = self.loaded.bundle_source() else { return FetchedBundle::Settled };
        let keys = self.loaded.config.feed.public_key.as_ref();
        let judged = match fetched {
            Ok(Fetched::NotModified) => {
                self.bundle.is_same();
                return FetchedBundle::Settled;
            }
            Ok(Fetched::New { octets, signature }) => {
                SignedBundle::judge(&source.name, octets, signature, keys, now)
            }
            Err(error) => Err(error.into()),
        };
        let news = judged.and_then(|offered| {
            self.bundle.is_news(&source, &offered).map(|is_news| is_news.then_some(offered))
        });
        match news {
            Ok(Some(bundle)) => return FetchedBundle::Offered(bundle),
            Ok(None) => self.bundle.accept(),
            Err(error) => {
                self.refuse_bundle(&error);
                if !error.is_final() {
                    return FetchedBundle::Undecided;
                }
            }
        }
        self.show();
        FetchedBundle::Settled
    }

    /// Notes why a bundle is not taken over.
    pub(in crate::daemon) fn refuse_bundle(&mut self, error: &DocumentError) {
        let Some(source) = self.loaded.bundle_source() else { return };
        let meanwhile = self.bundle_meanwhile();
        self.bundle.refuse(&source, error, &meanwhile);
        self.show();
    }

    /// Notes which bundle was read, and keeps it for the next start.
    pub(super) fn follow_bundle(&mut self, now: Timestamp) {
        let read = self.loaded.bundle_source().zip(self.loaded.bundle.as_ref());
        let Some((source, bundle)) = read else {
            self.bundle = FollowedBundle::default();
            return;
        };
        if self.bundle.of(&source).is_some_and(|known| known.octets == bundle.octets) {
            self.bundle.say_again();
            return;
        }
        let (serial, files) = (bundle.bundle.serial, bundle.bundle.files.len());
        info!(serial, "bundle {source}: serial {serial} is in force, with {files} files");
        self.bundle.adopt(source, bundle.clone());
        self.bundle_since = Some(now);
        self.keep_bundle();
    }

    /// Keeps the bundle in force.
    pub(super) fn keep_bundle(&mut self) {
        if let Some(bundle) = &self.loaded.bundle {
            self.state_directory.keep_bundle(bundle);
        }
    }

    /// Why another bundle than the one in force is not taken, for people.
    pub(super) fn bundle_complaint(&self) -> Option<String> {
        let (source, why) = self.loaded.bundle_source().zip(self.bundle.complaint())?;
        Some(format!("the bundle {source} is not taken: {why}; {}", self.bundle_meanwhile()))
    }

    /// What the admin address shows of the bundle.
    pub(super) fn bundle_condition(&self) -> Option<BundleCondition> {
        let source = self.loaded.bundle_source()?;
        let bundle = &self.bundle.of(&source)?.bundle;
        Some(BundleCondition {
            name: source.name,
            source: source.place.to_string(),
            serial: bundle.serial,
            generated: bundle.generated,
            files: bundle.files.len(),
            since: self.bundle_since?,
            is_usable: self.bundle.complaint().is_none(),
            refusals: self.bundle.refusals().clone(),
        })
    }

    fn bundle_meanwhile(&self) -> String {
        match &self.loaded.bundle {
            Some(bundle) => format!("bundle {} goes on", bundle.bundle.serial),
            // A server without its bundle does not start.
            None => "there is none".to_owned(),
        }
    }
}
