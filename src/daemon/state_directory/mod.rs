//! The state directory (`state` in `[feed]`): the last good feed, what was announced, and the
//! history of versions, kept for the next start.

mod bundle;
mod files;
mod offline;
mod signed;
mod transfers;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::load::{FeedSource, FeedSources, KeptBundle, SignedOverrides, ZoneCopies};
use crate::logging::LogOnce;
use cvdns_core::health::{Feed, Keys};
use cvdns_core::release::{Announced, VersionHistory};
use cvdns_io::{cannot_write, is_leftover, put_aside, read_optional, replace_private, target_of};

use files::{
    FEED, FILES, FORMAT, FeedFile, HISTORY, HistoryFile, MAX_FILE, OVERRIDES, OverridesFile,
    RECORD, RecordFile, is_versions_file,
};

pub use offline::{
    LastVersions, copy_state, last_announced, last_feed, last_history, last_overrides, stored_feed,
    stored_overrides,
};

/// The state directory, if one is configured. What cannot be written is logged once and not fatal:
/// only the next start misses it.
#[derive(Debug)]
pub(super) struct StateDirectory {
    path: Option<PathBuf>,
    /// Whether another process still writes there, and this one does not.
    is_foreign: bool,
    /// What was announced, as it was written last.
    announced: Option<RecordFile>,
    /// A feed that is of the future by this machine's clock, which may be behind when it starts.
    early: Option<KeptFeed>,
    /// Why a file could not be written, by file.
    complaints: BTreeMap<&'static str, LogOnce>,
    /// How often a file could not be written.
    write_errors: u64,
    /// The number of changes of what secondaries have, as it was when that was written last.
    secondaries_kept: Option<u64>,
    /// Whether it was read what secondaries had.
    secondaries_read: bool,
    /// Files of versions that could not be written.
    unwritten_versions: BTreeSet<String>,
    /// The latest moment for which zones were signed, as it was written last.
    signed: Option<Timestamp>,
}

/// A feed that was in force.
#[derive(Debug)]
pub(super) struct KeptFeed {
    /// The configured source that it came from.
    pub source: FeedSource,
    pub feed: Feed,
    pub octets: Vec<u8>,
    pub signature: Option<Vec<u8>>,
}

impl StateDirectory {
    /// Opens a directory, and removes what a server that was killed has left there half written.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        if let Some(path) = &path {
            remove_leftovers(path);
            ZoneCopies::of(path).remove_leftovers();
        }
        Self::of(path)
    }

    fn of(path: Option<PathBuf>) -> Self {
        Self {
            path,
            is_foreign: false,
            announced: None,
            early: None,
            complaints: BTreeMap::new(),
            write_errors: 0,
            secondaries_kept: None,
            secondaries_read: false,
            unwritten_versions: BTreeSet::new(),
            signed: None,
        }
    }

    /// Goes on with the number of errors of another directory.
    pub(super) fn after_errors(self, write_errors: u64) -> Self {
        Self { write_errors, ..self }
    }

    /// How often a file could not be written.
    pub(super) fn write_errors(&self) -> u64 {
        self.write_errors
    }

    /// Opens the directory of a server that still runs. Nothing is written there until
    /// [`Self::begin_writing`].
    pub(super) fn of_running_server(path: Option<PathBuf>) -> Self {
        Self { is_foreign: true, ..Self::of(path) }
    }

    /// Writes from now on. Returns whether nothing was written so far.
    pub(super) fn begin_writing(&mut self) -> bool {
        // The server that had the directory may have written more meanwhile.
        self.secondaries_read = false;
        std::mem::take(&mut self.is_foreign)
    }

    /// Whether another process still writes there.
    pub(super) fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// The directory's path.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Reads the last good feed of these sources. An unusable file is put aside. A feed that is
    /// only of the future stays, and [`Self::feed_in_time`] returns it when its time has come.
    pub(super) fn feed(
        &mut self,
        sources: &FeedSources,
        keys: Option<&Keys>,
        now: Timestamp,
    ) -> Option<KeptFeed> {
        let path = self.path.as_ref()?.join(FEED);
        let file: FeedFile = read(&path)?;
        let source = file.source_among(sources)?.clone();
        let octets = file.feed.into_bytes();
        let signature = file.signature.map(String::into_bytes);
        let verified = keys.map_or(Ok(()), |keys| keys.verify(&octets, signature.as_deref()));
        let kept = match verified.and_then(|()| Feed::parse(&octets)) {
            Ok(feed) => KeptFeed { source, feed, octets, signature },
            Err(error) => {
                warn_unusable(&path, &error.to_string());
                return None;
            }
        };
        if let Err(error) = kept.feed.timely(now) {
            let path = path.display();
            warn!(path = %path, "{path}: {error}; it is gone on from when the clock is right");
            self.early = Some(kept);
            return None;
        }
        Some(kept)
    }

    /// The feed that was of the future, once it no longer is, if one of these keys has signed it:
    /// `public-key` may have changed since it was read.
    pub(super) fn feed_in_time(&mut self, keys: Option<&Keys>, now: Timestamp) -> Option<KeptFeed> {
        let early = self.early.take_if(|early| early.feed.timely(now).is_ok())?;
        let verified =
            keys.map_or(Ok(()), |keys| keys.verify(&early.octets, early.signature.as_deref()));
        verified.is_ok().then_some(early)
    }

    /// Forgets the feed that is of the future, as another one is in force.
    pub(super) fn forget_early(&mut self) {
        self.early = None;
    }

    /// Reads the last good overrides of this URL. An unusable file is put aside.
    pub(super) fn overrides(
        &mut self,
        source: &str,
        keys: Option<&Keys>,
    ) -> Option<SignedOverrides> {
        let path = self.path.as_ref()?.join(OVERRIDES);
        let file = read::<OverridesFile>(&path)?;
        if file.source != source {
            let OverridesFile { source: other, .. } = &file;
            let path = path.display();
            warn!(
                path = %path,
                source = other,
                "{path} keeps overrides of {other}, {}: they are not used, as `overrides` in \
                 [feed] is {source} now",
                file.summary()
            );
        }
        match file.judge(source, keys)? {
            Ok(overrides) => Some(overrides),
            Err(error) => {
                warn_unusable(&path, &error.what);
                None
            }
        }
    }

    /// Writes overrides that were taken over from this URL.
    pub(super) fn keep_overrides(&mut self, source: &str, document: &SignedOverrides) {
        let text = |octets: &Vec<u8>| String::from_utf8_lossy(octets).into_owned();
        let file = OverridesFile {
            format: FORMAT,
            source: source.to_owned(),
            signature: document.signature.as_ref().map(text),
            overrides: document.text.clone(),
        };
        self.write(OVERRIDES, &file);
    }

    /// Whether the overrides in force are not kept.
    pub(super) fn lacks_overrides(&self) -> bool {
        self.is_unwritten(OVERRIDES) || self.lacks(OVERRIDES)
    }

    /// Reads what was announced last.
    pub(super) fn announced(&mut self, now: Timestamp) -> Option<Announced> {
        let path = self.path.as_ref()?.join(RECORD);
        let file: RecordFile = read(&path)?;
        let announced = file.announced(now);
        if announced.stamp != file.stamp {
            warn!(
                "the stamp {} kept in {} lies in the future: it is not gone on from",
                file.stamp,
                path.display()
            );
        }
        self.announced = Some(file);
        Some(announced)
    }

    /// Reads the history of versions. An unusable file is put aside.
    pub(super) fn history(&mut self) -> Option<VersionHistory> {
        let path = self.path.as_ref()?.join(HISTORY);
        let HistoryFile { format, history } = read::<HistoryFile>(&path)?;
        let known = if format == FORMAT { Ok(()) } else { Err(format!("format {format}")) };
        if let Err(error) = known.and_then(|()| history.validate()) {
            warn_unusable(&path, &error);
            return None;
        }
        Some(history)
    }

    /// Writes the history of versions. Returns whether nothing is left to write.
    pub(super) fn keep_history(&mut self, history: &VersionHistory) -> bool {
        self.path.is_none() || self.write(HISTORY, &HistoryFile { format: FORMAT, history })
    }

    /// Whether the file of the history was removed.
    pub(super) fn lacks_history(&self) -> bool {
        self.lacks(HISTORY)
    }

    /// Writes a feed that was taken over.
    pub(super) fn keep_feed(&mut self, source: &str, octets: &[u8], signature: Option<&[u8]>) {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let file = FeedFile {
            format: FORMAT,
            source: source.to_owned(),
            signature: signature.map(text),
            feed: text(octets),
        };
        self.write(FEED, &file);
    }

    /// Writes what is announced, if that changed or the file was removed.
    pub(super) fn keep_announced(&mut self, announced: Option<&Announced>) {
        let Some(Announced { release, stamp, .. }) = announced.filter(|_| self.path.is_some())
        else {
            return;
        };
        let file = RecordFile { format: FORMAT, stamp: *stamp, release: release.clone() };
        if self.announced.as_ref() != Some(&file) || self.lacks(RECORD) {
            self.announced = self.write(RECORD, &file).then_some(file);
        }
    }

    /// Whether the feed in force is not kept: it could not be written, or its file or the whole
    /// directory was removed.
    pub(super) fn lacks_feed(&self) -> bool {
        self.is_unwritten(FEED) || self.lacks(FEED)
    }

    /// Whether the last write of a file failed.
    fn is_unwritten(&self, name: &str) -> bool {
        let failed = |complaint: &LogOnce| !complaint.current().is_empty();
        self.path.is_some() && self.complaints.get(name).is_some_and(failed)
    }

    fn lacks(&self, name: &str) -> bool {
        let is_missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        self.path
            .as_ref()
            .is_some_and(|path| path.join(name).symlink_metadata().is_err_and(is_missing))
    }

    /// Writes a file, and returns whether it is written.
    fn write(&mut self, name: &'static str, content: &impl Serialize) -> bool {
        let Some(directory) = self.path.as_ref().filter(|_| !self.is_foreign) else {
            return false;
        };
        let path = directory.join(name);
        let octets = serde_json::to_vec_pretty(content).map_err(io::Error::other);
        let made = fs::create_dir_all(directory);
        let written = made.and(octets).and_then(|octets| replace_private(&path, &octets));
        self.note_written(name, written.map_err(|error| (path, error)))
    }

    /// Logs why a file could not be written, unless that is known, and returns whether it is
    /// written. `name` stands for files of a kind.
    fn note_written(
        &mut self,
        name: &'static str,
        written: Result<(), (PathBuf, io::Error)>,
    ) -> bool {
        let complaint = self.complaints.entry(name).or_default();
        let Err((path, error)) = written else {
            complaint.clear();
            return true;
        };
        self.write_errors += 1;
        let text = cannot_write(&path, &error);
        if complaint.is_new(text.clone()) {
            warn!(
                path = %path.display(),
                error = %error,
                "{text}; the next start will not know what is in force now (`state` in [feed])"
            );
        }
        false
    }
}

/// Removes what a server that was killed while it wrote has left.
fn remove_leftovers(directory: &Path) {
    let is_left = |name: &str| {
        FILES.iter().any(|file| is_leftover(name, file))
            || KeptBundle::is_leftover(name)
            || target_of(name).is_some_and(is_versions_file)
    };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_left) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let octets = match read_optional(path, MAX_FILE) {
        Ok(octets) => octets?,
        Err(error) => {
            let path = path.display();
            warn!(path = %path, error, "{error}; what was in force before is not known");
            return None;
        }
    };
    match serde_json::from_slice(&octets) {
        Ok(content) => Some(content),
        Err(error) => {
            warn_unusable(path, &error.to_string());
            None
        }
    }
}

/// Puts an unusable file aside, for people to look at.
fn warn_unusable(path: &Path, error: &str) {
    let outcome = put_aside(path, "bad");
    let path = path.display();
    warn!(
        path = %path,
        error,
        "{path} is not good ({error}); {outcome}; what was in force before is not known"
    );
}

#[cfg(test)]
mod tests;
