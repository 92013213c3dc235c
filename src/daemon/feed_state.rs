//! The feed in force, the one that is held back, and what is known of the sources.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{info, warn};

use super::feed_candidate::{
    AcceptedFeed, FeedCandidate, FeedCriteria, FeedDocument, Refusal, file_versions,
};
use super::feed_poller::FetchResult;
use super::feed_sources::{SourceState, SourceStates};
use super::loss_guard::{self, HeldCandidate, Verdict};
use crate::load::remote::Fetched;
use crate::load::{FeedSource, FeedSources, Loaded};
use cvdns_core::health::{Feed, Keys};
use cvdns_core::release::Share;
use cvdns_core::snapshot::{HeldFeed, Loss};

/// Which feed is in force, and why no other one is.
#[derive(Debug, Default)]
pub(super) struct FeedState {
    in_force: Option<AcceptedFeed>,
    /// What is known of each source.
    sources: SourceStates,
    /// A feed that takes away more than `max-loss`.
    held: Option<HeldCandidate>,
    /// How often no feed could be taken over, by reason.
    refusals: BTreeMap<&'static str, u64>,
}

/// The settings of `[feed]` that decide which feed is taken over.
#[derive(Debug, Clone, Copy)]
pub(super) struct FeedPolicy<'c> {
    pub sources: &'c FeedSources,
    pub keys: Option<&'c Keys>,
    pub max_loss: Share,
    pub interval: Duration,
}

/// A candidate, and where it came from.
#[derive(Debug)]
pub(super) struct SourcedCandidate {
    pub source: FeedSource,
    pub candidate: FeedCandidate,
}

/// What a candidate changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
            sources: &loaded.feeds,
            keys: feed.public_key.as_ref(),
            max_loss: feed.max_loss,
            interval: feed.interval,
        }
    }
}

impl FeedState {
    /// No feed is in force yet, and these sources are followed.
    pub(super) fn new(policy: FeedPolicy<'_>) -> Self {
        let mut state = Self::default();
        state.configure(policy);
        state
    }

    /// Takes over the configured sources. What was read of those that are still configured is kept.
    pub(super) fn configure(&mut self, policy: FeedPolicy<'_>) {
        self.sources.configure(policy.sources, policy.keys);
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

    /// What is known of each source.
    pub(super) fn sources(&self) -> impl Iterator<Item = &SourceState> {
        self.sources.iter()
    }

    /// Each source whose feed is not taken over, and why.
    pub(super) fn complaints(&self) -> impl Iterator<Item = (&FeedSource, &str)> {
        self.sources.iter().filter_map(|state| {
            Some((&state.source, state.complaint.current().first().map(String::as_str)?))
        })
    }

    /// Whether the keys of `public-key` are not those that a source's last document was judged by.
    pub(super) fn is_rekeyed(&self, policy: FeedPolicy<'_>) -> bool {
        self.sources.iter().any(|state| state.judged_by.as_ref() != policy.keys)
    }

    /// Reads the sources that are files; with `only_new`, those that are other files than were read
    /// last. A missing file always counts as another one.
    pub(super) fn read_files(
        &mut self,
        policy: FeedPolicy<'_>,
        only_new: bool,
        now: Timestamp,
    ) -> Vec<SourcedCandidate> {
        let mut candidates = Vec::new();
        for (source, path) in policy.sources.files() {
            let versions = file_versions(path);
            let known = self.sources.of(source).map(|state| &state.file_versions);
            if only_new && versions[0].is_some() && known == Some(&versions) {
                continue;
            }
            let candidate = FeedCandidate::read(path, self.criteria(source, policy, now));
            candidates.push(SourcedCandidate { source: source.clone(), candidate });
            if let Some(state) = self.sources.of_mut(source) {
                state.file_versions = versions;
            }
        }
        candidates
    }

    /// Reads the sources that are files by the settings of a reload. If the source of a feed that
    /// is held back has no other document, that feed is judged again, as `max-loss` may be another
    /// one now.
    pub(super) fn read_for_reload(
        &self,
        policy: FeedPolicy<'_>,
        now: Timestamp,
    ) -> Vec<SourcedCandidate> {
        let read = policy.sources.files().map(|(source, path)| SourcedCandidate {
            source: source.clone(),
            candidate: FeedCandidate::read(path, self.criteria(source, policy, now)),
        });
        let mut candidates: Vec<_> = read.collect();
        let Some(held) = &self.held else { return candidates };
        let source = &held.document.source;
        let criteria = self.criteria(source, policy, now);
        // Other keys judge only what is read again together with its signature.
        if criteria.rekeyed || !policy.sources.contains(source) {
            return candidates;
        }
        let other = candidates.iter().position(|of| of.source == *source);
        let is_unchanged = |place: usize| {
            matches!(candidates.get(place).map(|of| &of.candidate), Some(FeedCandidate::Unchanged))
        };
        if other.is_none_or(is_unchanged) {
            let criteria = FeedCriteria { last_read: None, ..criteria };
            let candidate = FeedCandidate::judge((*held.document).clone(), criteria);
            candidates.retain(|of| of.source != *source);
            candidates.push(SourcedCandidate { source: source.clone(), candidate });
        }
        candidates
    }

    /// Judges what was fetched from a source.
    pub(super) fn judge_fetched(
        &self,
        source: &FeedSource,
        fetched: FetchResult,
        policy: FeedPolicy<'_>,
        now: Timestamp,
    ) -> SourcedCandidate {
        let source = source.clone();
        let candidate = match fetched {
            Ok(Fetched::NotModified) => FeedCandidate::Unchanged,
            Ok(Fetched::New { octets, signature }) => {
                let criteria = self.criteria(&source, policy, now);
                let source = source.clone();
                FeedCandidate::judge(FeedDocument { source, octets, signature }, criteria)
            }
            Err(error) => FeedCandidate::Refused(Refusal {
                error: error.to_string(),
                reason: error.reason(),
                document: None,
            }),
        };
        SourcedCandidate { source, candidate }
    }

    fn criteria<'s>(
        &'s self,
        source: &FeedSource,
        policy: FeedPolicy<'s>,
        now: Timestamp,
    ) -> FeedCriteria<'s> {
        let state = self.sources.of(source);
        FeedCriteria {
            sources: policy.sources,
            last_read: state.and_then(|state| state.last_read.as_deref()),
            newest: state.and_then(SourceState::newest),
            in_force: self.in_force.as_ref(),
            keys: policy.keys,
            rekeyed: state.is_some_and(|state| state.judged_by.as_ref() != policy.keys),
            now,
        }
    }

    /// Takes over a candidate, holds it back or refuses it. `loss` is what a new feed takes away,
    /// `None` if that is no more than `max-loss`.
    pub(super) fn settle(
        &mut self,
        of: SourcedCandidate,
        loss: Option<Loss>,
        policy: FeedPolicy<'_>,
        now: Timestamp,
    ) -> FeedChange {
        let SourcedCandidate { source, candidate } = of;
        if let Some(state) = self.sources.of_mut(&source) {
            state.take(&candidate, policy.keys);
        }
        match candidate {
            FeedCandidate::Unchanged => FeedChange::Unchanged,
            FeedCandidate::Known(document, _) => self.reverify(&document, policy.keys),
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
            FeedCandidate::Refused(Refusal { error, reason, .. }) => {
                self.complain(&error, reason, &source);
                self.count_refusal(reason);
                FeedChange::Unchanged
            }
        }
    }

    /// Puts a feed in force.
    pub(super) fn adopt(&mut self, feed: Feed, document: Arc<FeedDocument>, keys: Option<&Keys>) {
        if let Some(state) = self.sources.of_mut(&document.source) {
            state.accept(&feed, document.clone());
        }
        self.in_force = Some(AcceptedFeed { feed, document, keys: keys.cloned() });
        self.held = None;
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

    /// Forgets all feeds: none is configured any more.
    pub(super) fn clear(&mut self) {
        (self.in_force, self.held) = (None, None);
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
    fn complain(&mut self, error: &str, reason: &'static str, source: &FeedSource) {
        let state = self.sources.of_mut(source);
        if !state.is_some_and(|state| state.complaint.is_new(error.to_owned())) {
            return;
        }
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
