//! The feed in force, the one that is held back, and the document that was read last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use super::feed_candidate::{
    AcceptedFeed, FeedCandidate, FeedCriteria, FeedDocument, Refusal, file_versions,
};
use super::feed_poller::FetchResult;
use super::loss_guard::{self, HeldCandidate, Verdict};
use crate::load::remote::Fetched;
use crate::load::{FeedSource, Loaded};
use crate::logging::LogOnce;
use cvdns_core::health::{Feed, Keys};
use cvdns_core::release::Share;
use cvdns_core::snapshot::{HeldFeed, Loss};
use cvdns_io::FileVersion;

/// Which feed is in force, and why no other one is.
#[derive(Debug, Default)]
pub(super) struct FeedState {
    in_force: Option<AcceptedFeed>,
    /// The document that was read last, accepted or not.
    last_read: Option<Arc<FeedDocument>>,
    /// A feed that takes away more than `max-loss`.
    held: Option<HeldCandidate>,
    /// The keys that `last_read` was judged by. When `public-key` changes, it is judged again.
    judged_by: Option<Keys>,
    /// The versions of the feed's file and of its signature's that were read last.
    file_versions: [Option<FileVersion>; 2],
    /// Why the source's feed is not taken over.
    complaint: LogOnce,
    /// Whether `complaint` ends as soon as the source has its last document again: no other one
    /// could be judged meanwhile.
    is_unreadable: bool,
    /// How often no feed could be taken over, by reason.
    refusals: BTreeMap<&'static str, u64>,
}

/// The settings of `[feed]` that decide which feed is taken over.
#[derive(Debug, Clone, Copy)]
pub(super) struct FeedPolicy<'c> {
    pub source: Option<&'c FeedSource>,
    pub keys: Option<&'c Keys>,
    pub max_loss: Share,
    pub interval: Duration,
}

/// What a candidate changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeedChange {
    /// The feed in force is the same as before.
    Unchanged,
    /// The feed in force is the same, and was verified by the keys that are asked for now: its new
    /// signature has to be kept for the next start.
    Reverified,
    /// Another feed is in force.
    Replaced,
}

impl<'c> FeedPolicy<'c> {
    /// The settings of a configuration.
    pub(super) fn of(loaded: &'c Loaded) -> Self {
        let feed = &loaded.config.feed;
        Self {
            source: loaded.feed.as_ref(),
            keys: feed.public_key.as_ref(),
            max_loss: feed.max_loss,
            interval: feed.interval,
        }
    }
}

impl FeedState {
    /// No feed is in force yet, and feeds are judged by these keys.
    pub(super) fn new(keys: Option<Keys>) -> Self {
        Self { judged_by: keys, ..Self::default() }
    }

    /// The feed in force.
    pub(super) fn feed(&self) -> Option<&Feed> {
        self.in_force.as_ref().map(|in_force| &in_force.feed)
    }

    /// The document of the feed in force.
    pub(super) fn document(&self) -> Option<&FeedDocument> {
        self.in_force.as_ref().map(|in_force| &*in_force.document)
    }

    /// The feed that is held back.
    pub(super) fn held(&self) -> Option<HeldFeed> {
        self.held.as_ref().map(HeldCandidate::summary)
    }

    /// How often no feed could be taken over, by reason.
    pub(super) fn refusals(&self) -> &BTreeMap<&'static str, u64> {
        &self.refusals
    }

    /// Why the source's feed is not taken over.
    pub(super) fn complaint(&self) -> Option<&str> {
        self.complaint.current().first().map(String::as_str)
    }

    /// Whether the keys of `public-key` are not those that the last document was judged by.
    pub(super) fn is_rekeyed(&self, policy: FeedPolicy<'_>) -> bool {
        self.judged_by.as_ref() != policy.keys
    }

    /// Whether the feed's file is another one than was read last. A missing file always counts as
    /// another one.
    pub(super) fn has_new_file(&self, policy: FeedPolicy<'_>) -> bool {
        let path = policy.source.and_then(FeedSource::file);
        let versions = path.map(file_versions).unwrap_or_default();
        versions[0].is_none() || versions != self.file_versions
    }

    /// Reads the feed's file, if the source is a file.
    pub(super) fn read_file(
        &mut self,
        policy: FeedPolicy<'_>,
        now: Timestamp,
    ) -> Option<FeedCandidate> {
        let path = policy.source.and_then(FeedSource::file)?;
        let versions = file_versions(path);
        let candidate = FeedCandidate::read(path, self.criteria(policy, now));
        self.file_versions = versions;
        Some(candidate)
    }

    /// Reads the feed's file by the settings of a reload. If it has not changed, a feed that is
    /// held back is judged again, as `max-loss` may be another one now.
    pub(super) fn read_for_reload(
        &self,
        policy: FeedPolicy<'_>,
        now: Timestamp,
    ) -> Option<FeedCandidate> {
        let criteria = self.criteria(policy, now);
        let path = policy.source.and_then(FeedSource::file);
        let candidate = path.map(|path| FeedCandidate::read(path, criteria));
        // Other keys judge only what is read again together with its signature.
        let held = self
            .held
            .as_ref()
            .filter(|held| !criteria.rekeyed && policy.source == Some(&held.document.source));
        match (candidate, held) {
            (None | Some(FeedCandidate::Unchanged), Some(held)) => {
                let criteria = FeedCriteria { last_read: None, ..criteria };
                Some(FeedCandidate::judge((*held.document).clone(), criteria))
            }
            (candidate, _) => candidate,
        }
    }

    /// Judges what was fetched. Returns `None` if no feed is configured any more.
    pub(super) fn judge_fetched(
        &self,
        fetched: FetchResult,
        policy: FeedPolicy<'_>,
        now: Timestamp,
    ) -> Option<FeedCandidate> {
        let source = policy.source?.clone();
        Some(match fetched {
            Ok(Fetched::NotModified) => FeedCandidate::Unchanged,
            Ok(Fetched::New { octets, signature }) => FeedCandidate::judge(
                FeedDocument { source, octets, signature },
                self.criteria(policy, now),
            ),
            Err(error) => FeedCandidate::Refused(Refusal {
                error: error.to_string(),
                reason: error.reason(),
                document: None,
            }),
        })
    }

    fn criteria<'s>(&'s self, policy: FeedPolicy<'s>, now: Timestamp) -> FeedCriteria<'s> {
        FeedCriteria {
            last_read: self.last_read.as_deref(),
            in_force: self.in_force.as_ref(),
            keys: policy.keys,
            rekeyed: self.is_rekeyed(policy),
            now,
        }
    }

    /// Takes over a candidate, holds it back or refuses it. `loss` is what a new feed takes away,
    /// `None` if that is no more than `max-loss`.
    pub(super) fn settle(
        &mut self,
        candidate: FeedCandidate,
        loss: Option<Loss>,
        policy: FeedPolicy<'_>,
        now: Timestamp,
    ) -> FeedChange {
        let is_judged = match &candidate {
            FeedCandidate::Unchanged => false,
            FeedCandidate::Refused(refusal) => refusal.document.is_some(),
            FeedCandidate::Known(_) | FeedCandidate::New(..) => true,
        };
        if is_judged {
            self.judged_by = policy.keys.cloned();
        }
        match candidate {
            FeedCandidate::Unchanged => {
                if std::mem::take(&mut self.is_unreadable) {
                    self.complaint.clear();
                }
                FeedChange::Unchanged
            }
            FeedCandidate::Known(document) => {
                let change = self.reverify(&document, policy.keys);
                self.last_read = Some(document);
                self.complaint.clear();
                change
            }
            FeedCandidate::New(feed, document) => {
                let held = self.held.as_ref();
                let FeedPolicy { max_loss, interval, .. } = policy;
                match loss_guard::judge(loss.as_ref(), feed.serial, held, max_loss, interval, now) {
                    Verdict::Hold(since) => {
                        // The guard holds back nothing but losses.
                        if let Some(loss) = loss {
                            self.hold(HeldCandidate { feed, document, loss, since });
                        }
                        FeedChange::Unchanged
                    }
                    verdict => {
                        self.log_admission(&feed, &verdict);
                        self.adopt(*feed, document, policy.keys);
                        FeedChange::Replaced
                    }
                }
            }
            FeedCandidate::Refused(Refusal { error, reason, document }) => {
                self.complain(&error, reason, policy.source);
                self.count_refusal(reason);
                self.is_unreadable = document.is_none();
                self.last_read = document.or(self.last_read.take());
                FeedChange::Unchanged
            }
        }
    }

    /// Puts a feed in force.
    pub(super) fn adopt(&mut self, feed: Feed, document: Arc<FeedDocument>, keys: Option<&Keys>) {
        self.in_force =
            Some(AcceptedFeed { feed, document: document.clone(), keys: keys.cloned() });
        self.last_read = Some(document);
        self.held = None;
        self.complaint.clear();
    }

    /// Puts the feed of this serial in force although it was held back.
    ///
    /// # Errors
    /// When no feed of this serial is held back, in words for the operator.
    pub(super) fn accept(&mut self, serial: u64, policy: FeedPolicy<'_>) -> Result<(), String> {
        match self.held.take_if(|held| held.feed.serial == serial) {
            Some(held) => {
                self.adopt(*held.feed, held.document, policy.keys);
                Ok(())
            }
            None => Err(match &self.held {
                Some(held) => {
                    format!("feed {serial} is not held back, but feed {} is", held.feed.serial)
                }
                None => "no feed is held back".to_owned(),
            }),
        }
    }

    /// Forgets the feed that is held back: what other keys have not verified must not be accepted.
    pub(super) fn drop_held(&mut self) {
        self.held = None;
    }

    /// Forgets what was read of a source that is no longer the configured one. Its feed stays in
    /// force until the new source has one.
    pub(super) fn change_source(&mut self) {
        self.file_versions = [None, None];
        self.complaint.clear();
    }

    /// Forgets all feeds: none is configured any more.
    pub(super) fn clear(&mut self) {
        (self.in_force, self.last_read, self.held) = (None, None, None);
    }

    /// Takes over the signature of a document that says the same as the feed in force, if other
    /// keys than those of `public-key` verified that feed. The next start will ask for it. If the
    /// keys are the same, nobody has looked at this signature.
    fn reverify(&mut self, document: &Arc<FeedDocument>, keys: Option<&Keys>) -> FeedChange {
        let rekeyed = self.in_force.as_mut().filter(|in_force| in_force.keys.as_ref() != keys);
        match rekeyed {
            Some(in_force)
                if in_force.document.source == document.source
                    && in_force.document.octets == document.octets =>
            {
                (in_force.document, in_force.keys) = (document.clone(), keys.cloned());
                FeedChange::Reverified
            }
            _ => FeedChange::Unchanged,
        }
    }

    fn hold(&mut self, held: HeldCandidate) {
        let HeldCandidate { feed, loss, .. } = &held;
        warn!(
            feed = feed.serial,
            reason = "held",
            "feed {} is held back: it takes away {loss} (`max-loss`); feed {} goes on until a \
             newer one says the same, or `cvdns feed accept`",
            feed.serial,
            self.feed().map_or(0, |feed| feed.serial)
        );
        self.last_read = Some(held.document.clone());
        self.complaint.clear();
        self.held = Some(held);
        self.count_refusal("held");
    }

    /// Logs why a feed is taken over although one is held back.
    fn log_admission(&self, feed: &Feed, verdict: &Verdict) {
        if *verdict == Verdict::Confirmed {
            let serial = feed.serial;
            warn!(feed = serial, "feed {serial} says what was held back: it is taken");
        } else if let Some(held) = &self.held {
            let serial = held.feed.serial;
            let why = if serial == feed.serial {
                "it may take away so much"
            } else {
                "a newer one is taken"
            };
            info!(feed = serial, "feed {serial} is no longer held back: {why}");
        }
    }

    fn count_refusal(&mut self, reason: &'static str) {
        *self.refusals.entry(reason).or_default() += 1;
    }

    /// Logs once why the feed of `source` is not taken over.
    fn complain(&mut self, error: &str, reason: &'static str, source: Option<&FeedSource>) {
        let Some(source) = source.filter(|_| self.complaint.is_new(error.to_owned())) else {
            return;
        };
        let in_force = match &self.in_force {
            Some(AcceptedFeed { feed, document, .. }) if document.source == *source => {
                format!("feed {} goes on", feed.serial)
            }
            Some(AcceptedFeed { feed, document, .. }) => {
                format!("feed {} of {} goes on", feed.serial, document.source)
            }
            None => "all mirrors count as up".to_owned(),
        };
        warn!(
            source = %source,
            reason,
            error,
            "the feed {source} is not taken: {error}; {in_force}"
        );
    }
}

#[cfg(test)]
mod tests;
