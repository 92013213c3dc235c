//! What a look at the feed brings.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::load::{Source, signature_path};
use cvdns_core::health::{Feed, FeedError, Keys};
use cvdns_io::Version;

/// A feed that was taken, and what was read: another source has serials of its own.
#[derive(Debug)]
pub(super) struct InForce {
    pub feed: Feed,
    pub document: Arc<Seen>,
    /// The keys of which one verified it; `None` where none was asked for.
    pub keys: Option<Keys>,
}

/// What was read last, taken or not: the same octets again are not news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub source: Source,
    pub octets: Vec<u8>,
    /// Its signature, where one is asked for and there is one.
    pub signature: Option<Vec<u8>>,
}

/// What a look at the feed brought.
#[derive(Debug)]
pub(super) enum Offer {
    /// What was seen before.
    Same,
    /// Other octets that say the same.
    Known(Arc<Seen>),
    /// A feed to take.
    News(Box<Feed>, Arc<Seen>),
    /// None that could be taken.
    Unusable(Refusal),
}

/// Why no feed could be taken.
#[derive(Debug)]
pub(super) struct Refusal {
    /// For people.
    pub error: String,
    /// For metrics.
    pub reason: &'static str,
    /// What was read; none: it may be another time, though the source stays the same.
    pub seen: Option<Arc<Seen>>,
}

/// What decides whether a feed may be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'t> {
    pub seen: Option<&'t Seen>,
    pub in_force: Option<&'t InForce>,
    /// The keys of which one must have signed it.
    pub key: Option<&'t Keys>,
    /// Whether other keys count than when it was seen: what was seen is judged again.
    pub anew: bool,
    pub now: Timestamp,
}

/// How often a feed is read that is being replaced while it is read.
const TRIES: usize = 3;

impl Offer {
    /// Looks at the feed's file.
    pub(super) fn read(source: &Path, terms: Terms<'_>) -> Self {
        let mut tries = 0;
        loop {
            tries += 1;
            let version = versions(source);
            let offer = match read(source, terms.key.is_some()) {
                Ok(found) => Self::judge(found, terms),
                Err(error) => {
                    return Self::Unusable(Refusal { error, reason: "unreadable", seen: None });
                }
            };
            // A feed and its signature are two files: one may be of the next feed already.
            let is_torn =
                matches!(&offer, Self::Unusable(refusal) if refusal.reason == "signature");
            if !is_torn || tries == TRIES || version == versions(source) {
                return offer;
            }
        }
    }

    /// Judges what was read.
    pub(super) fn judge(found: Seen, terms: Terms<'_>) -> Self {
        if terms.seen == Some(&found) && !terms.anew {
            return Self::Same;
        }
        let before = terms.in_force.filter(|in_force| in_force.document.source == found.source);
        let found = Arc::new(found);
        // What these keys verified is not verified again: its signature may be the next feed's already, which is written first.
        let is_verified = |in_force: &InForce| in_force.keys.as_ref() == terms.key;
        if before
            .is_some_and(|before| before.document.octets == found.octets && is_verified(before))
        {
            return Self::Known(found);
        }
        let before = before.map(|in_force| &in_force.feed);
        match accept(&found, before, terms) {
            Ok(Some(feed)) => Self::News(Box::new(feed), found),
            Ok(None) => Self::Known(found),
            Err(error) => {
                let is_lasting = !matches!(error, FeedError::FromTheFuture(_));
                let (reason, seen) = (error.reason(), is_lasting.then_some(found));
                Self::Unusable(Refusal { error: error.to_string(), reason, seen })
            }
        }
    }

    /// The feed to take.
    pub(super) fn news(&self) -> Option<&Feed> {
        match self {
            Self::News(feed, _) => Some(feed),
            _ => None,
        }
    }
}

/// The versions of the feed's file and of its signature's.
pub(super) fn versions(source: &Path) -> [Option<Version>; 2] {
    [Version::of(source), Version::of(&signature_path(source))]
}

/// Reads a feed, and its signature when one is asked for.
fn read(source: &Path, signed: bool) -> Result<Seen, String> {
    let octets = cvdns_io::read_feed(source)?;
    let signature = if signed { cvdns_io::read_signature(&signature_path(source))? } else { None };
    Ok(Seen { source: Source::File(source.to_owned()), octets, signature })
}

/// The feed, when it may be taken and is news.
fn accept(
    found: &Seen,
    in_force: Option<&Feed>,
    terms: Terms<'_>,
) -> Result<Option<Feed>, FeedError> {
    if let Some(key) = terms.key {
        key.verify(&found.octets, found.signature.as_deref())?;
    }
    let feed = Feed::parse(&found.octets)?;
    feed.timely(terms.now)?;
    let news = in_force.map_or(Ok(true), |in_force| feed.follows(in_force))?;
    Ok(news.then_some(feed))
}
