//! What a look at the feed brings.

use std::path::Path;

use jiff::Timestamp;

use crate::health::{Feed, FeedError};
use crate::load::{self, Source};

/// A feed that was taken, and from where: another source has serials of its own.
#[derive(Debug)]
pub(super) struct InForce {
    pub feed: Feed,
    pub source: Source,
}

/// What was read last, taken or not: the same octets again are not news.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    source: Source,
    octets: Vec<u8>,
}

/// What a look at the feed brought.
#[derive(Debug)]
pub(super) enum Offer {
    /// What was seen before.
    Same,
    /// Other octets that say the same.
    Known(Seen),
    /// A feed to take.
    News(Box<Feed>, Seen),
    /// None that could be taken. Without octets it may be another time, though the file stays the same.
    Unusable(String, Option<Seen>),
}

impl Offer {
    /// Looks at the feed's file.
    pub(super) fn read(path: &Path, seen: Option<&Seen>, in_force: Option<&InForce>, now: Timestamp) -> Self {
        match load::read_feed(path) {
            Ok(octets) => Self::judge(Source::File(path.to_owned()), octets, seen, in_force, now),
            Err(error) => Self::Unusable(error, None),
        }
    }

    /// Judges what a source has.
    pub(super) fn judge(
        source: Source,
        octets: Vec<u8>,
        seen: Option<&Seen>,
        in_force: Option<&InForce>,
        now: Timestamp,
    ) -> Self {
        let found = Seen { source, octets };
        if seen == Some(&found) {
            return Self::Same;
        }
        let before = in_force.filter(|in_force| in_force.source == found.source);
        match accept(&found.octets, before.map(|in_force| &in_force.feed), now) {
            Ok(Some(feed)) => Self::News(Box::new(feed), found),
            Ok(None) => Self::Known(found),
            Err(error @ FeedError::FromTheFuture(_)) => Self::Unusable(error.to_string(), None),
            Err(error) => Self::Unusable(error.to_string(), Some(found)),
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

/// The feed, when it may be taken and is news.
fn accept(octets: &[u8], in_force: Option<&Feed>, now: Timestamp) -> Result<Option<Feed>, FeedError> {
    let feed = Feed::parse(octets)?;
    feed.timely(now)?;
    let news = in_force.map_or(Ok(true), |in_force| feed.follows(in_force))?;
    Ok(news.then_some(feed))
}
