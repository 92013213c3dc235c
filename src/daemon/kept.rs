//! The last good feed and what was announced, kept in a directory for the next start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::health::{Feed, Keys};
use crate::load::replace;
use crate::release::{Announced, Release};

/// The directory. What cannot be written is said once and not fatal: only the next start misses it.
#[derive(Debug)]
pub(super) struct Kept {
    directory: Option<PathBuf>,
    /// What was announced, as it was written last.
    announced: Option<KeptRecord>,
    complaint: Option<String>,
}

/// A feed that was in force.
#[derive(Debug)]
pub(super) struct KeptFeed {
    pub feed: Feed,
    pub octets: Vec<u8>,
    pub signature: Option<Vec<u8>>,
}

/// The file of the feed: exactly what was signed, and where it came from.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedFile {
    format: u32,
    source: String,
    signature: Option<String>,
    feed: String,
}

/// The file of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptRecord {
    format: u32,
    stamp: i64,
    release: Release,
}

const FORMAT: u32 = 1;
const FEED: &str = "feed.json";
const RECORD: &str = "record.json";

/// How far a stamp may be ahead: beyond it the clock was wrong when it was written, or is now.
const MAX_STAMP_AHEAD: SignedDuration = SignedDuration::from_mins(30);

impl Kept {
    /// What is kept in `directory`; none: nothing is.
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        if let Some(directory) = &directory {
            tidy(directory);
        }
        Self { directory, announced: None, complaint: None }
    }

    /// The directory.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The last good feed of this source. A file that is not good is put aside.
    pub(super) fn feed(&self, source: &str, key: Option<&Keys>, now: Timestamp) -> Option<KeptFeed> {
        let path = self.directory.as_ref()?.join(FEED);
        let file: FeedFile = read(&path)?;
        if !is_same_source(&file.source, source) {
            return None;
        }
        let octets = file.feed.into_bytes();
        let signature = file.signature.map(String::into_bytes);
        let verified = key.map_or(Ok(()), |key| key.verify(&octets, signature.as_deref()));
        let feed = verified.and_then(|()| Feed::parse(&octets));
        match feed.and_then(|feed| feed.timely(now).map(|()| feed)) {
            Ok(feed) => Some(KeptFeed { feed, octets, signature }),
            Err(error) => {
                put_aside(&path, &error.to_string());
                None
            }
        }
    }

    /// What was announced last.
    pub(super) fn announced(&mut self, now: Timestamp) -> Option<Announced> {
        let path = self.directory.as_ref()?.join(RECORD);
        let kept: KeptRecord = read(&path)?;
        let announced = kept.announced(now);
        if announced.stamp != kept.stamp {
            warn!(
                "the stamp {} kept in {} lies in the future: it is not gone on from",
                kept.stamp,
                path.display()
            );
        }
        self.announced = Some(kept);
        Some(announced)
    }

    /// Keeps a feed that was taken over.
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

    /// Keeps what is announced, when it is something else than before.
    pub(super) fn keep_announced(&mut self, announced: Option<&Announced>) {
        let Some(Announced { release, stamp, .. }) = announced.filter(|_| self.directory.is_some()) else {
            return;
        };
        let kept = KeptRecord { format: FORMAT, stamp: *stamp, release: release.clone() };
        if self.announced.as_ref() != Some(&kept) {
            self.write(RECORD, &kept);
            self.announced = Some(kept);
        }
    }

    fn write(&mut self, name: &str, value: &impl Serialize) {
        let Some(directory) = &self.directory else { return };
        let path = directory.join(name);
        let written = serde_json::to_vec_pretty(value).map_err(io::Error::other);
        let made = fs::create_dir_all(directory);
        let complaint = match made.and(written).and_then(|octets| replace(&path, &octets)) {
            Ok(()) => None,
            Err(error) => Some(format!("cannot write {}: {error}", path.display())),
        };
        if let Some(complaint) = complaint.as_ref().filter(|_| complaint != self.complaint) {
            warn!("{complaint}; the next start will not know what is in force now (`state` in [feed])");
        }
        self.complaint = complaint;
    }
}

impl KeptRecord {
    /// What to go on from: a stamp of the future is not.
    fn announced(&self, now: Timestamp) -> Announced {
        let latest = now.checked_add(MAX_STAMP_AHEAD).unwrap_or(Timestamp::MAX).as_second();
        let stamp = if self.stamp > latest { 0 } else { self.stamp };
        Announced::known(&self.release, stamp)
    }
}

/// The feed of this source that a server had in force last which keeps it in `directory`, and goes on from when it starts; `None`:
/// nothing that could be read and is signed as `keys` ask. Changes nothing there.
pub fn feed_before(directory: &Path, source: &str, keys: Option<&Keys>, now: Timestamp) -> Option<Feed> {
    let octets = fs::read(directory.join(FEED)).ok()?;
    let file: FeedFile = serde_json::from_slice(&octets).ok()?;
    if !is_same_source(&file.source, source) {
        return None;
    }
    let signature = file.signature.as_deref().map(str::as_bytes);
    keys.map_or(Ok(()), |keys| keys.verify(file.feed.as_bytes(), signature)).ok()?;
    Feed::parse(file.feed.as_bytes()).ok().filter(|feed| feed.timely(now).is_ok())
}

/// Whether two sources are one: a path may be written from the working directory, or from the root.
fn is_same_source(one: &str, other: &str) -> bool {
    let path = |source: &str| std::path::absolute(source).ok().filter(|_| !source.contains("://"));
    one == other || path(one).is_some_and(|one| Some(one) == path(other))
}

/// What a server announced last that keeps it in `directory`; none: nothing that could be read. Changes nothing there.
pub fn announced_before(directory: &Path, now: Timestamp) -> Option<Announced> {
    let octets = fs::read(directory.join(RECORD)).ok()?;
    let kept: KeptRecord = serde_json::from_slice(&octets).ok()?;
    Some(kept.announced(now))
}

/// Copies what a server keeps in `from` to `to`, unless something is kept there already: who follows its feed beside it goes on
/// from there, and keeps its own from then on.
pub fn go_on_from(from: &Path, to: &Path) {
    for name in [FEED, RECORD] {
        let target = to.join(name);
        if target.exists() {
            continue;
        }
        // There may be nothing yet. What cannot be written now is said when it is kept next.
        if let Ok(octets) = fs::read(from.join(name)) {
            let _ = fs::create_dir_all(to).and_then(|()| replace(&target, &octets));
        }
    }
}

/// Removes what a server that was killed while it wrote has left.
fn tidy(directory: &Path) {
    let left = |name: &str| [FEED, RECORD].iter().any(|file| name.starts_with(&format!(".{file}.")));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(left) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let octets = match fs::read(path) {
        Ok(octets) => octets,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            warn!("cannot read {}: {error}; what was in force before is not known", path.display());
            return None;
        }
    };
    match serde_json::from_slice(&octets) {
        Ok(value) => Some(value),
        Err(error) => {
            put_aside(path, &error.to_string());
            None
        }
    }
}

/// Moves a file that is not good out of the way, for people to look at.
fn put_aside(path: &Path, why: &str) {
    let aside = path.with_extension("bad");
    let done = match fs::rename(path, &aside) {
        Ok(()) => format!("put aside as {}", aside.display()),
        Err(error) => format!("and cannot be put aside: {error}"),
    };
    warn!("{} is not good ({why}) and is {done}; what was in force before is not known", path.display());
}
