//! What is known of each source of the feed: the document that was read last, why it was not taken
//! over, and how new it is.

use std::sync::Arc;

use super::feed_candidate::{FeedCandidate, FeedDocument, Newest};
use crate::load::{FeedSource, FeedSources};
use crate::logging::LogOnce;
use cvdns_core::health::{Feed, Keys};
use cvdns_io::FileVersion;

/// One source of the feed, as it was read last.
#[derive(Debug)]
pub(super) struct SourceState {
    pub source: FeedSource,
    /// The document that was read last, accepted or not.
    pub last_read: Option<Arc<FeedDocument>>,
    /// The keys that `last_read` was judged by. When `public-key` changes, it is judged again.
    pub judged_by: Option<Keys>,
    /// The versions of the feed's file and of its signature's that were read last.
    pub file_versions: [Option<FileVersion>; 2],
    /// Why the source's feed is not taken over.
    pub complaint: LogOnce,
    /// Whether `complaint` ends as soon as the source has its last document again: no other one
    /// could be judged meanwhile.
    pub is_unreadable: bool,
    /// The newest feed that came from here, whether or not it was taken from here.
    newest: Option<Newest>,
}

/// All sources, in the order of the configuration.
#[derive(Debug, Default)]
pub(super) struct SourceStates(Vec<SourceState>);

impl SourceState {
    fn new(source: FeedSource, judged_by: Option<Keys>) -> Self {
        Self {
            source,
            last_read: None,
            judged_by,
            file_versions: [None, None],
            complaint: LogOnce::default(),
            is_unreadable: false,
            newest: None,
        }
    }

    /// How new the newest feed that came from here is; `None` if none did.
    pub(super) fn newest(&self) -> Option<Newest> {
        self.newest
    }

    /// Notes what was read here, and that its last complaint may have ended.
    pub(super) fn take(&mut self, candidate: &FeedCandidate, keys: Option<&Keys>) {
        let document = match candidate {
            FeedCandidate::Unchanged => {
                if std::mem::take(&mut self.is_unreadable) {
                    self.complaint.clear();
                }
                return;
            }
            FeedCandidate::Refused(refusal) => {
                self.is_unreadable = refusal.document.is_none();
                let Some(document) = &refusal.document else { return };
                document
            }
            FeedCandidate::Known(document, newest) => {
                self.complaint.clear();
                self.newest = Some(*newest);
                document
            }
            FeedCandidate::New(feed, document) => {
                self.complaint.clear();
                self.newest = Some(Newest::of(feed));
                document
            }
        };
        self.last_read = Some(document.clone());
        self.judged_by = keys.cloned();
    }

    /// Notes that a feed of this source is in force.
    pub(super) fn accept(&mut self, feed: &Feed, document: Arc<FeedDocument>) {
        self.newest = Some(Newest::of(feed));
        self.last_read = Some(document);
        self.complaint.clear();
    }
}

impl SourceStates {
    /// The source, if it is configured.
    pub(super) fn of(&self, source: &FeedSource) -> Option<&SourceState> {
        self.0.iter().find(|state| state.source == *source)
    }

    /// The same, to be changed.
    pub(super) fn of_mut(&mut self, source: &FeedSource) -> Option<&mut SourceState> {
        self.0.iter_mut().find(|state| state.source == *source)
    }

    /// Takes over the configured sources. Nothing is known of those that are new; `judged_by` are
    /// the keys that they are read with.
    pub(super) fn configure(&mut self, sources: &FeedSources, judged_by: Option<&Keys>) {
        let mut before = std::mem::take(&mut self.0);
        self.0 = sources
            .iter()
            .map(|source| match before.iter().position(|state| state.source == *source) {
                Some(known) => before.swap_remove(known),
                None => SourceState::new(source.clone(), judged_by.cloned()),
            })
            .collect();
    }

    /// In the order of the configuration.
    pub(super) fn iter(&self) -> impl Iterator<Item = &SourceState> {
        self.0.iter()
    }
}
