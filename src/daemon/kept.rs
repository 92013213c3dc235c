//! The last good feed and what was announced, kept in a directory for the next start.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use cvdns_core::health::{Feed, Keys, MAX_FEED_SIZE};
use cvdns_core::release::{Announced, Release};
use cvdns_io::{is_leftover, read_optional, replace_kept};

/// The directory. What cannot be written is said once and not fatal: only the next start misses it.
#[derive(Debug)]
pub(super) struct Kept {
    directory: Option<PathBuf>,
    /// What was announced, as it was written last.
    announced: Option<KeptRecord>,
    /// A feed that is of the future as the clock stands: a machine's clock may be behind when it starts.
    early: Option<KeptFeed>,
    /// What could not be written, by file, as it was said last.
    complaints: BTreeMap<&'static str, String>,
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

/// Most octets of a file: each of a feed's may be written as six (`\u0000`), and there is a signature.
const MOST: u64 = 6 * MAX_FEED_SIZE as u64 + (1 << 20);

/// How far a stamp may be ahead: beyond it the clock was wrong when it was written, or is now.
const MAX_STAMP_AHEAD: SignedDuration = SignedDuration::from_mins(30);

impl Kept {
    /// What is kept in `directory`; none: nothing is.
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        if let Some(directory) = &directory {
            tidy(directory);
        }
        Self { directory, announced: None, early: None, complaints: BTreeMap::new() }
    }

    /// The directory.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The last good feed of this source. A file that is not good is put aside; one that is only of the future stays, and
    /// [`Self::in_time`] has it when its time has come.
    pub(super) fn feed(
        &mut self,
        source: &str,
        key: Option<&Keys>,
        now: Timestamp,
    ) -> Option<KeptFeed> {
        let path = self.directory.as_ref()?.join(FEED);
        let file: FeedFile = read(&path)?;
        if !is_same_source(&file.source, source) {
            return None;
        }
        let octets = file.feed.into_bytes();
        let signature = file.signature.map(String::into_bytes);
        let verified = key.map_or(Ok(()), |key| key.verify(&octets, signature.as_deref()));
        let feed = match verified.and_then(|()| Feed::parse(&octets)) {
            Ok(feed) => KeptFeed { feed, octets, signature },
            Err(error) => {
                put_aside(&path, &error.to_string());
                return None;
            }
        };
        if let Err(error) = feed.feed.timely(now) {
            warn!("{}: {error}; it is gone on from when the clock is right", path.display());
            self.early = Some(feed);
            return None;
        }
        Some(feed)
    }

    /// The feed that was of the future, once it no longer is, if this key (by now another one, perhaps) has signed it.
    pub(super) fn in_time(&mut self, key: Option<&Keys>, now: Timestamp) -> Option<KeptFeed> {
        let early = self.early.take_if(|early| early.feed.timely(now).is_ok())?;
        let verified =
            key.map_or(Ok(()), |key| key.verify(&early.octets, early.signature.as_deref()));
        verified.is_ok().then_some(early)
    }

    /// Forgets the feed that is of the future: another one is in force.
    pub(super) fn forget_early(&mut self) {
        self.early = None;
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

    /// Keeps what is announced, when it is something else than before, or was removed meanwhile.
    pub(super) fn keep_announced(&mut self, announced: Option<&Announced>) {
        let Some(Announced { release, stamp, .. }) = announced.filter(|_| self.directory.is_some())
        else {
            return;
        };
        let kept = KeptRecord { format: FORMAT, stamp: *stamp, release: release.clone() };
        if self.announced.as_ref() != Some(&kept) || self.lacks(RECORD) {
            self.announced = self.write(RECORD, &kept).then_some(kept);
        }
    }

    /// Whether the feed in force is not kept: it could not be written, or somebody removed it, or the directory.
    pub(super) fn lacks_feed(&self) -> bool {
        self.directory.is_some() && self.complaints.contains_key(FEED) || self.lacks(FEED)
    }

    fn lacks(&self, name: &str) -> bool {
        let missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        self.directory
            .as_ref()
            .is_some_and(|path| path.join(name).symlink_metadata().is_err_and(missing))
    }

    /// Writes a file; whether it is written.
    fn write(&mut self, name: &'static str, value: &impl Serialize) -> bool {
        let Some(directory) = &self.directory else { return false };
        let path = directory.join(name);
        let written = serde_json::to_vec_pretty(value).map_err(io::Error::other);
        let made = fs::create_dir_all(directory);
        match made.and(written).and_then(|octets| replace_kept(&path, &octets)) {
            Ok(()) => {
                self.complaints.remove(name);
                true
            }
            Err(error) => {
                let complaint = format!("cannot write {}: {error}", path.display());
                if self.complaints.get(name) != Some(&complaint) {
                    warn!(
                        "{complaint}; the next start will not know what is in force now (`state` in [feed])"
                    );
                    self.complaints.insert(name, complaint);
                }
                false
            }
        }
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
pub fn feed_before(
    directory: &Path,
    source: &str,
    keys: Option<&Keys>,
    now: Timestamp,
) -> Option<Feed> {
    let octets = read_optional(&directory.join(FEED), MOST).ok()??;
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

/// A feed as a server keeps it in its `state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDocument {
    /// Where it came from.
    pub source: String,
    /// Its octets, as they were signed.
    pub octets: Vec<u8>,
    /// Its signature, if there was one.
    pub signature: Option<Vec<u8>>,
}

/// What is kept in these octets of a file. `None`: they are no file of `state`, but maybe a feed.
pub fn kept_document(octets: &[u8]) -> Option<KeptDocument> {
    let FeedFile { source, signature, feed, .. } = serde_json::from_slice(octets).ok()?;
    Some(KeptDocument {
        source,
        octets: feed.into_bytes(),
        signature: signature.map(String::into_bytes),
    })
}

/// What a server announced last that keeps it in `directory`; none: nothing that could be read. Changes nothing there.
pub fn announced_before(directory: &Path, now: Timestamp) -> Option<Announced> {
    let octets = read_optional(&directory.join(RECORD), MOST).ok()??;
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
        if let Ok(Some(octets)) = read_optional(&from.join(name), MOST) {
            let _ = fs::create_dir_all(to).and_then(|()| replace_kept(&target, &octets));
        }
    }
}

/// Removes what a server that was killed while it wrote has left.
fn tidy(directory: &Path) {
    let left = |name: &str| [FEED, RECORD].iter().any(|file| is_leftover(name, file));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(left) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let octets = match read_optional(path, MOST) {
        Ok(octets) => octets?,
        Err(error) => {
            warn!("{error}; what was in force before is not known");
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
    warn!(
        "{} is not good ({why}) and is {done}; what was in force before is not known",
        path.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "feed.json";

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    fn document(serial: u64) -> Vec<u8> {
        format!("{{\"format\":1,\"serial\":{serial},\"generated\":\"2026-11-22T17:00:00Z\"}}")
            .into_bytes()
    }

    #[test]
    fn a_feed_of_the_future_waits_for_the_clock() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Kept::new(Some(directory.path().to_owned()));
        open().keep_feed(SOURCE, &document(7), None);
        let mut kept = open();
        assert!(kept.feed(SOURCE, None, at("2026-11-22T16:54:59Z")).is_none());
        assert!(kept.in_time(None, at("2026-11-22T16:54:59Z")).is_none());
        // Nothing is put aside: a restart finds the same.
        assert!(open().feed(SOURCE, None, at("1970-01-01T00:00:09Z")).is_none());
        assert!(!directory.path().join("feed.bad").exists());
        let feed = kept.in_time(None, at("2026-11-22T16:55:00Z")).unwrap();
        assert_eq!((feed.feed.serial, feed.octets), (7, document(7)));
        assert!(kept.in_time(None, at("2026-11-22T16:55:00Z")).is_none(), "once");
        // Another one came into force meanwhile.
        kept.feed(SOURCE, None, at("2026-11-22T16:00:00Z"));
        kept.forget_early();
        assert!(kept.in_time(None, at("2026-11-22T17:00:00Z")).is_none());
        assert_eq!(open().feed(SOURCE, None, at("2026-11-22T17:00:00Z")).unwrap().feed.serial, 7);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FEED);
        let mut kept = Kept::new(Some(directory.path().to_owned()));
        let now = at("2026-11-22T17:00:00Z");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("/dev/zero", directory.path().join(RECORD)).unwrap();
        assert!(kept.feed(SOURCE, None, now).is_none() && kept.announced(now).is_none());
        assert!(feed_before(directory.path(), SOURCE, None, now).is_none());
        assert!(announced_before(directory.path(), now).is_none());
        let copy = directory.path().join("copy");
        go_on_from(directory.path(), &copy);
        assert!(!copy.exists());
        // What is kept next takes its place.
        kept.keep_feed(SOURCE, &document(8), None);
        assert_eq!(kept.feed(SOURCE, None, now).unwrap().feed.serial, 8);
    }

    #[test]
    fn what_was_removed_is_written_again() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("state");
        let mut kept = Kept::new(Some(directory.clone()));
        let release = r#"{"software":"1.4.6","main":63,"daily":7,"bytecode":339,"flevel":90}"#;
        let announced = Announced::known(&serde_json::from_str(release).unwrap(), 1_795_000_000);
        kept.keep_announced(Some(&announced));
        let written = fs::read(directory.join(RECORD)).unwrap();
        assert!(kept.lacks_feed());
        fs::remove_dir_all(&directory).unwrap();
        kept.keep_announced(Some(&announced));
        assert_eq!(fs::read(directory.join(RECORD)).unwrap(), written);
        // What could not be written is tried again, too.
        fs::remove_dir_all(&directory).unwrap();
        fs::write(&directory, "a file").unwrap();
        let later = Announced { stamp: 1_795_001_800, ..announced };
        kept.keep_announced(Some(&later));
        fs::remove_file(&directory).unwrap();
        kept.keep_announced(Some(&later));
        assert_ne!(fs::read(directory.join(RECORD)).unwrap(), written);
    }
}
