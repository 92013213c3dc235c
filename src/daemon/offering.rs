//! The release that is offered: what the feed says of it, and the files that have a word in it.

use jiff::Timestamp;
use tracing::{info, warn};

use crate::load::ReleaseFiles;
use cvdns_core::health::Feed;
use cvdns_core::release::{CORE_DATABASES, DatedRelease, Release, ReleaseSources, SourceState};

/// What is offered now, and what it was put together from.
#[derive(Debug, Default)]
pub(super) struct Offering {
    supply: ReleaseSources,
    /// What keeps files from being used, as it was logged last.
    complaints: Vec<String>,
    release: Option<(Release, Timestamp)>,
}

impl Offering {
    /// Reads the files; true when they say something else than before. What is wrong with them is logged once, and what was
    /// last read goes on.
    pub(super) fn read(&mut self, files: &ReleaseFiles, now: Timestamp) -> bool {
        let mut errors = Vec::new();
        let supply = files.read(&self.supply, now, &mut errors);
        let silent = supply.line == SourceState::Missing || supply.versions == SourceState::Missing;
        let meanwhile = if silent { "there is no record" } else { "what was last read goes on" };
        for error in errors.iter().filter(|error| !self.complaints.contains(error)) {
            warn!("{error}; until it can be used, {meanwhile}");
        }
        let asked = files.line.is_some() || files.directory.is_some();
        if errors.is_empty() && !self.complaints.is_empty() && asked {
            info!("the files of the record can be used again");
        }
        self.complaints = errors;
        if supply == self.supply {
            return false;
        }
        log_news(files, &self.supply, &supply);
        self.supply = supply;
        true
    }

    /// Puts the release together anew.
    pub(super) fn combine(&mut self, feed: Option<&Feed>) {
        self.release = self.supply.release(feed.and_then(Feed::dated_release));
    }

    /// What keeps files from being used.
    pub(super) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// What would be offered with this feed.
    pub(super) fn of(&self, feed: &Feed) -> Option<(Release, Timestamp)> {
        self.supply.release(feed.dated_release())
    }

    /// What is offered.
    pub(super) fn offered(&self) -> Option<DatedRelease<'_>> {
        self.release.as_ref().map(DatedRelease::of)
    }

    /// The stamp of the record in a file, where that is what counts.
    pub(super) fn line_stamp(&self) -> Option<Timestamp> {
        match &self.supply.line {
            SourceState::Read(line) => Some(line.stamp),
            _ => None,
        }
    }

    /// Whether the feed's age is the release's.
    pub(super) fn is_the_feeds(&self) -> bool {
        self.supply.line == SourceState::Unused
    }
}

fn log_news(files: &ReleaseFiles, before: &ReleaseSources, now: &ReleaseSources) {
    if let (Some(path), SourceState::Read(line)) = (&files.line, &now.line)
        && before.line != now.line
    {
        info!("the record in {}: {}", path.display(), line.release.record(line.stamp.as_second()));
    }
    if let (Some(directory), SourceState::Read(versions)) = (&files.directory, now.versions)
        && before.versions != now.versions
    {
        let said =
            CORE_DATABASES.iter().zip(versions).map(|(name, version)| format!("{name} {version}"));
        info!("databases in {}: {}", directory.display(), said.collect::<Vec<_>>().join(", "));
    }
}
