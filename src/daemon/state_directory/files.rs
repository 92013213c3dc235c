//! The files of the state directory.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::load::{DocumentError, FeedSource, FeedSources, SignedOverrides};
use cvdns_core::health::{Keys, MAX_FEED_SIZE, Overrides};
use cvdns_core::problem::{Problems, plural};
use cvdns_core::release::{Announced, Release, VersionHistory};

/// The format that is written into all files.
pub(super) const FORMAT: u32 = 1;

/// The name of [`FeedFile`].
pub(super) const FEED: &str = "feed.json";

/// The name of [`RecordFile`].
pub(super) const RECORD: &str = "record.json";

/// The name of [`HistoryFile`].
pub(super) const HISTORY: &str = "versions.json";

/// The name of [`OverridesFile`].
pub(super) const OVERRIDES: &str = "overrides.json";

/// What secondary servers have.
pub(super) const SECONDARIES: &str = "secondaries.json";

/// The latest moment for which zones were signed.
pub(super) const SIGNED: &str = "signed.json";

/// How the names of files of versions of zones begin. They lie in the state directory itself: a
/// server in its sandbox makes no directories.
const VERSIONS: &str = "transfer-";

/// How their names end: names of zones have dots, and what is put aside has another extension.
const VERSIONS_END: &str = ".versions";

/// All files but those of versions.
pub(super) const FILES: [&str; 6] = [FEED, RECORD, HISTORY, OVERRIDES, SECONDARIES, SIGNED];

/// Most octets of a file. JSON may write each octet of a feed as six (`\u0000`), and a signature
/// comes on top.
pub(super) const MAX_FILE: u64 = 6 * MAX_FEED_SIZE as u64 + (1 << 20);

/// Most octets of a file of versions: a zone of the longest length and its differences.
pub(super) const MAX_VERSIONS: u64 = 1 << 33;

/// The name of the file of a zone's versions; `stem` is different for each zone.
pub(super) fn versions_file(stem: &str) -> String {
    format!("{VERSIONS}{stem}{VERSIONS_END}")
}

/// Whether a file of this name has versions of a zone.
pub(super) fn is_versions_file(name: &str) -> bool {
    name.starts_with(VERSIONS) && name.ends_with(VERSIONS_END)
}

/// How far a stamp may be in the future. Beyond that, the clock was wrong when the stamp was
/// written, or is wrong now.
const MAX_STAMP_AHEAD: SignedDuration = SignedDuration::from_mins(30);

/// The feed in force, exactly as it was signed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedFile {
    pub(super) format: u32,
    /// The path or URL of the feed's source.
    pub(super) source: String,
    pub(super) signature: Option<String>,
    pub(super) feed: String,
}

/// The overrides in force, if they come from a URL, exactly as they were signed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverridesFile {
    pub(super) format: u32,
    /// The URL.
    pub(super) source: String,
    pub(super) signature: Option<String>,
    pub(super) overrides: String,
}

/// The record that was announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordFile {
    pub(super) format: u32,
    /// Seconds since 1970.
    pub(super) stamp: i64,
    pub(super) release: Release,
}

/// What was released and what mirrors held.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryFile<H = VersionHistory> {
    pub(super) format: u32,
    pub(super) history: H,
}

impl FeedFile {
    /// The one of these sources that the feed came from. A path may be written from the working
    /// directory or from the root.
    pub(super) fn source_among<'s>(&self, sources: &'s FeedSources) -> Option<&'s FeedSource> {
        let own = std::path::absolute(&self.source).ok();
        sources.iter().find(|source| match source.file() {
            Some(path) => own.is_some() && std::path::absolute(path).ok() == own,
            None => source.to_string() == self.source,
        })
    }
}

impl OverridesFile {
    /// How much it says, for people.
    pub(super) fn summary(&self) -> String {
        let overrides = Overrides::parse(&self.source, &self.overrides, &mut Problems::default());
        let count = plural(overrides.iter().count(), "override", "overrides");
        match overrides.serial() {
            Some(serial) => format!("serial {serial} with {count}"),
            None => count,
        }
    }

    /// What the file says, if it came from this source and one of these keys has signed it.
    pub(super) fn judge(
        self,
        source: &str,
        keys: Option<&Keys>,
    ) -> Option<Result<SignedOverrides, DocumentError>> {
        let signature = self.signature.map(String::into_bytes);
        let judge =
            || SignedOverrides::judge(source, self.overrides.clone().into_bytes(), signature, keys);
        (self.source == source).then(judge)
    }
}

impl RecordFile {
    /// What announcing starts from. A stamp of the future does not count.
    pub(super) fn announced(&self, now: Timestamp) -> Announced {
        let latest = now.checked_add(MAX_STAMP_AHEAD).unwrap_or(Timestamp::MAX).as_second();
        let stamp = if self.stamp > latest { 0 } else { self.stamp };
        Announced::known(&self.release, stamp)
    }
}
