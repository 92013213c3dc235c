//! Looks into the state directory of a server from commands that run beside it.

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::files::{
    FEED, FILES, FeedFile, HISTORY, HistoryFile, MAX_FILE, MAX_VERSIONS, OVERRIDES, OverridesFile,
    RECORD, RecordFile, SECONDARIES, versions_file,
};
use crate::load::{FeedSource, FeedSources, SignedOverrides};
use crate::transfer::KeepsVersions;
use cvdns_core::health::{Feed, Keys};
use cvdns_core::release::{Announced, VersionHistory};
use cvdns_io::{read_optional, replace_private};
use cvdns_transfer::{History, kept};

/// A feed as a server keeps it in its state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFeed {
    /// The path or URL that the feed came from.
    pub source: String,
    /// The feed's octets, as they were signed.
    pub octets: Vec<u8>,
    /// The feed's signature, if there was one.
    pub signature: Option<Vec<u8>>,
}

/// The feed of one of these sources that a server resumes when it starts with the state in
/// `directory`, and that source. Returns `None` if there is no usable feed, or none that `keys`
/// verify. Changes nothing in the directory.
pub fn last_feed(
    directory: &Path,
    sources: &FeedSources,
    keys: Option<&Keys>,
    now: Timestamp,
) -> Option<(FeedSource, Feed)> {
    let octets = read_optional(&directory.join(FEED), MAX_FILE).ok()??;
    let file: FeedFile = serde_json::from_slice(&octets).ok()?;
    let source = file.source_among(sources)?.clone();
    let signature = file.signature.as_deref().map(str::as_bytes);
    keys.map_or(Ok(()), |keys| keys.verify(file.feed.as_bytes(), signature)).ok()?;
    let feed = Feed::parse(file.feed.as_bytes()).ok().filter(|feed| feed.timely(now).is_ok())?;
    Some((source, feed))
}

/// Reads the octets of a file as a feed of a state directory. Returns `None` if they are something
/// else, such as a plain feed.
pub fn stored_feed(octets: &[u8]) -> Option<StoredFeed> {
    let FeedFile { source, signature, feed, .. } = serde_json::from_slice(octets).ok()?;
    Some(StoredFeed {
        source,
        octets: feed.into_bytes(),
        signature: signature.map(String::into_bytes),
    })
}

/// Reads the octets of a file as overrides of a state directory, with their signature. Returns
/// `None` if they are something else.
pub fn stored_overrides(octets: &[u8]) -> Option<(String, Option<String>)> {
    let OverridesFile { signature, overrides, .. } = serde_json::from_slice(octets).ok()?;
    Some((overrides, signature))
}

/// The overrides of this URL that a server resumes when it starts with the state in `directory`.
/// Returns `None` if there are no usable ones, or none that `keys` verify. Changes nothing in the
/// directory.
pub fn last_overrides(
    directory: &Path,
    source: &str,
    keys: Option<&Keys>,
) -> Option<SignedOverrides> {
    let octets = read_optional(&directory.join(OVERRIDES), MAX_FILE).ok()??;
    serde_json::from_slice::<OverridesFile>(&octets).ok()?.judge(source, keys)?.ok()
}

/// What the server with the state in `directory` announced last, if that can be read. Changes
/// nothing in the directory.
pub fn last_announced(directory: &Path, now: Timestamp) -> Option<Announced> {
    let octets = read_optional(&directory.join(RECORD), MAX_FILE).ok()??;
    let file: RecordFile = serde_json::from_slice(&octets).ok()?;
    Some(file.announced(now))
}

/// The history of versions that the server with the state in `directory` has, if that can be read.
/// Changes nothing in the directory.
pub fn last_history(directory: &Path) -> Option<VersionHistory> {
    let octets = read_optional(&directory.join(HISTORY), MAX_FILE).ok()??;
    let HistoryFile { history, .. } = serde_json::from_slice::<HistoryFile>(&octets).ok()?;
    history.validate().is_ok().then_some(history)
}

/// The versions of zones that the server with the state in this directory keeps. Nothing is
/// written.
#[derive(Debug)]
pub struct LastVersions<'p> {
    /// The state directory.
    pub directory: Option<&'p Path>,
    /// Whether the versions follow that the server would make next. Their signatures are not
    /// known, so where zones are transferred with them, what is kept is all that can be said.
    pub makes_next: bool,
}

impl KeepsVersions for LastVersions<'_> {
    fn makes_versions(&self) -> bool {
        self.makes_next
    }

    fn read_versions(&mut self, stem: &str) -> Option<History> {
        let path = self.directory?.join(versions_file(stem));
        kept::from_octets(&read_optional(&path, MAX_VERSIONS).ok()??).ok()
    }

    fn keep_versions(&mut self, _: &str, _: &History) {}

    fn lacks_versions(&self, _: &str) -> bool {
        false
    }
}

/// Copies the state in `from` to `to`, file by file, unless the file exists there. A command that
/// follows the same feed as a server starts from the server's state so, and then keeps its own.
pub fn copy_state(from: &Path, to: &Path) {
    // Only a server has secondaries.
    for name in FILES.into_iter().filter(|name| *name != SECONDARIES) {
        let target = to.join(name);
        if target.exists() {
            continue;
        }
        // There may be nothing to copy. A directory that cannot be written is logged when the
        // state is kept next.
        if let Ok(Some(octets)) = read_optional(&from.join(name), MAX_FILE) {
            let _ = fs::create_dir_all(to).and_then(|()| replace_private(&target, &octets));
        }
    }
}
