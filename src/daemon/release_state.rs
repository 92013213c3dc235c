//! The release that is offered, put together from the feed and from files (`record-file`,
//! `cvd-dir`).

use jiff::Timestamp;
use tracing::{info, warn};

use crate::load::ReleaseFiles;
use crate::logging::LogOnce;
use cvdns_core::health::Feed;
use cvdns_core::release::{CORE_DATABASES, DatedRelease, Release, ReleaseSources, SourceState};

/// The release that is offered, and what the files say of it.
#[derive(Debug, Default)]
pub(super) struct ReleaseState {
    sources: ReleaseSources,
    /// Why files cannot be used.
    errors: LogOnce,
    /// The release, and since when nothing newer is known.
    release: Option<(Release, Timestamp)>,
}

impl ReleaseState {
    /// Reads the files, and returns whether they say something else than before. Files that cannot
    /// be used are logged once, and their last usable content stays in use.
    pub(super) fn read(&mut self, files: &ReleaseFiles, now: Timestamp) -> bool {
        let mut errors = Vec::new();
        let sources = files.read(&self.sources, now, &mut errors);
        let silent =
            sources.line == SourceState::Missing || sources.versions == SourceState::Missing;
        let meanwhile = if silent { "there is no record" } else { "what was last read goes on" };
        let is_usable = errors.is_empty();
        let changes = self.errors.update(errors);
        for error in changes.new {
            warn!("{error}; until it can be used, {meanwhile}");
        }
        let is_configured = files.line.is_some() || files.directory.is_some();
        if is_usable && !changes.gone.is_empty() && is_configured {
            info!("the files of the record can be used again");
        }
        if sources == self.sources {
            return false;
        }
        log_changes(files, &self.sources, &sources);
        self.sources = sources;
        true
    }

    /// Puts the release together again, with this feed in force.
    pub(super) fn update(&mut self, feed: Option<&Feed>) {
        self.release = self.sources.release(feed.and_then(Feed::dated_release));
    }

    /// The release that would be offered if this feed were in force.
    pub(super) fn with_feed(&self, feed: &Feed) -> Option<(Release, Timestamp)> {
        self.sources.release(feed.dated_release())
    }

    /// The release that is offered.
    pub(super) fn offered(&self) -> Option<DatedRelease<'_>> {
        self.release.as_ref().map(DatedRelease::of)
    }

    /// Why files cannot be used, a message for each.
    pub(super) fn errors(&self) -> &[String] {
        self.errors.current()
    }

    /// The stamp of the record in `record-file`.
    pub(super) fn record_file_stamp(&self) -> Option<Timestamp> {
        match &self.sources.line {
            SourceState::Read(line) => Some(line.stamp),
            _ => None,
        }
    }

    /// Whether the release is as old as the feed: no `record-file` is configured.
    pub(super) fn has_age_of_feed(&self) -> bool {
        self.sources.line == SourceState::Unused
    }
}

fn log_changes(files: &ReleaseFiles, before: &ReleaseSources, now: &ReleaseSources) {
    if let (Some(path), SourceState::Read(line)) = (&files.line, &now.line)
        && before.line != now.line
    {
        info!("the record in {}: {}", path.display(), line.release.record(line.stamp.as_second()));
    }
    if let (Some(directory), SourceState::Read(versions)) = (&files.directory, now.versions)
        && before.versions != now.versions
    {
        let versions =
            CORE_DATABASES.iter().zip(versions).map(|(name, version)| format!("{name} {version}"));
        info!("databases in {}: {}", directory.display(), versions.collect::<Vec<_>>().join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_usable_record_stays_while_its_file_cannot_be_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dns.txt");
        let files = ReleaseFiles { line: Some(path.clone()), directory: None };
        let now = "2026-11-24T00:00:00Z".parse().unwrap();
        let mut state = ReleaseState::default();
        assert!(state.has_age_of_feed());
        assert!(state.read(&files, now), "the record is asked for and was never usable");
        assert_eq!(state.errors().len(), 1);
        std::fs::write(&path, "1.4.6:63:28129:1789910940:1:90:49192:339\n").unwrap();
        assert!(state.read(&files, now) && !state.read(&files, now));
        assert!(state.errors().is_empty() && state.offered().is_none());
        state.update(None);
        assert_eq!(state.offered().unwrap().release.daily, 28_129);
        std::fs::write(&path, "cut").unwrap();
        assert!(!state.read(&files, now));
        assert_eq!(state.errors().len(), 1);
        state.update(None);
        assert_eq!(state.offered().unwrap().release.daily, 28_129);
        assert!(state.record_file_stamp().is_some() && !state.has_age_of_feed());
    }
}
