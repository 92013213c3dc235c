//! Judges a document that was read or fetched from the feed's source.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::load::{FeedSource, FeedSources, signature_path};
use cvdns_core::health::{Feed, FeedError, Keys};
use cvdns_io::FileVersion;

/// The outcome of reading the feed's source once.
#[derive(Debug)]
pub(super) enum FeedCandidate {
    /// The document that was read last time.
    Unchanged,
    /// Another document, which says nothing newer than the feed in force, and how new it is.
    Known(Arc<FeedDocument>, Newest),
    /// A newer feed that passed all checks but the guard against losses.
    New(Box<Feed>, Arc<FeedDocument>),
    /// No usable feed.
    Refused(Refusal),
}

/// The octets of a feed and its signature, as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FeedDocument {
    pub source: FeedSource,
    pub octets: Vec<u8>,
    /// Read only where `public-key` asks for a signature; `None` also where there is none.
    pub signature: Option<Vec<u8>>,
}

/// A feed that was taken over.
#[derive(Debug)]
pub(super) struct AcceptedFeed {
    pub feed: Feed,
    pub document: Arc<FeedDocument>,
    /// The keys that verified it; `None` if `public-key` was not set.
    pub keys: Option<Keys>,
}

/// How new the newest feed of a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Newest {
    /// Its serial.
    pub serial: u64,
    /// When it was generated.
    pub generated: Timestamp,
}

/// Why no feed could be taken.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The error, for people.
    pub error: String,
    /// The label of metrics.
    pub reason: &'static str,
    /// The document that was refused. `None` if the same document may be accepted later: it could
    /// not be read, or it is of the future.
    pub document: Option<Arc<FeedDocument>>,
}

/// What a document is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct FeedCriteria<'c> {
    /// The configured sources, which all have the feeds of one coordinator.
    pub sources: &'c FeedSources,
    /// The document that was read last from the same source, accepted or not.
    pub last_read: Option<&'c FeedDocument>,
    /// How new the newest feed of the same source is.
    pub newest: Option<Newest>,
    pub in_force: Option<&'c AcceptedFeed>,
    /// One of these keys must have signed the document; `None` asks for no signature.
    pub keys: Option<&'c Keys>,
    /// Whether `last_read` was judged by other keys, so that it is judged again.
    pub rekeyed: bool,
    pub now: Timestamp,
}

/// How often a feed is read that is being replaced while it is read.
const ATTEMPTS: usize = 3;

impl FeedCandidate {
    /// Reads the feed's file and its signature, and judges them.
    pub(super) fn read(path: &Path, criteria: FeedCriteria<'_>) -> Self {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let versions = file_versions(path);
            let candidate = match read(path, criteria.keys.is_some()) {
                Ok(document) => Self::judge(document, criteria),
                Err(error) => {
                    return Self::Refused(Refusal { error, reason: "unreadable", document: None });
                }
            };
            // Feed and signature are two files: one may already belong to the next feed.
            let is_torn =
                matches!(&candidate, Self::Refused(refusal) if refusal.reason == "signature");
            if !is_torn || attempts == ATTEMPTS || versions == file_versions(path) {
                return candidate;
            }
        }
    }

    /// Judges a document.
    pub(super) fn judge(document: FeedDocument, criteria: FeedCriteria<'_>) -> Self {
        if criteria.last_read == Some(&document) && !criteria.rekeyed {
            return Self::Unchanged;
        }
        // A source that is no longer configured counts its serials by itself.
        let before = criteria
            .in_force
            .filter(|in_force| criteria.sources.contains(&in_force.document.source));
        let document = Arc::new(document);
        // What these keys have verified is not verified again: the signature beside it may already
        // be the next feed's, which is written before the feed.
        if let Some(before) = before.filter(|before| {
            before.document.octets == document.octets && before.keys.as_ref() == criteria.keys
        }) {
            return Self::Known(document, Newest::of(&before.feed));
        }
        match check(&document, before, criteria) {
            Ok((feed, true)) => Self::New(Box::new(feed), document),
            Ok((feed, false)) => Self::Known(document, Newest::of(&feed)),
            Err(error) => {
                let is_lasting = !matches!(error, FeedError::FromTheFuture(_));
                Self::Refused(Refusal {
                    error: error.to_string(),
                    reason: error.reason(),
                    document: is_lasting.then_some(document),
                })
            }
        }
    }

    /// The feed that would be taken over.
    pub(super) fn new_feed(&self) -> Option<&Feed> {
        match self {
            Self::New(feed, _) => Some(feed),
            _ => None,
        }
    }

    /// Whether the verdict on this document is final. If it is not, an unchanged document has to be
    /// fetched again: it could not be judged, or feed and signature, which are two documents, did
    /// not belong together.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Self::Refused(refusal)
            if refusal.document.is_none() || refusal.reason == "signature")
    }
}

impl Newest {
    /// That of a feed.
    pub(super) fn of(feed: &Feed) -> Self {
        Self { serial: feed.serial, generated: feed.generated }
    }
}

/// The versions of the feed's file and of its signature's.
pub(super) fn file_versions(path: &Path) -> [Option<FileVersion>; 2] {
    [FileVersion::of(path), FileVersion::of(&signature_path(path))]
}

/// Reads a feed, and its signature if `signed`.
fn read(path: &Path, signed: bool) -> Result<FeedDocument, String> {
    let octets = cvdns_io::read_feed(path)?;
    let signature = if signed { cvdns_io::read_signature(&signature_path(path))? } else { None };
    Ok(FeedDocument { source: FeedSource::File(path.to_owned()), octets, signature })
}

/// Checks signature, content, time and serial. Returns the feed, and whether it is newer than the
/// one in force.
fn check(
    document: &FeedDocument,
    in_force: Option<&AcceptedFeed>,
    criteria: FeedCriteria<'_>,
) -> Result<(Feed, bool), FeedError> {
    if let Some(keys) = criteria.keys {
        keys.verify(&document.octets, document.signature.as_deref())?;
    }
    let feed = Feed::parse(&document.octets)?;
    feed.timely(criteria.now)?;
    let is_newer = match in_force {
        None => true,
        Some(AcceptedFeed { feed: newest, document: of, .. })
            if of.source != document.source && is_late(&feed, newest, criteria.newest) =>
        {
            false
        }
        Some(in_force) => feed.follows(&in_force.feed)?,
    };
    Ok((feed, is_newer))
}

/// Whether a feed only comes later by its source than the one in force came by another. A source
/// that goes back behind its own feeds is not late but wrong.
fn is_late(feed: &Feed, in_force: &Feed, newest: Option<Newest>) -> bool {
    feed.serial < in_force.serial && newest.is_none_or(|newest| newest.serial <= feed.serial)
}
