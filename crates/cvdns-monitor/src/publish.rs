//! Writes the feed, and its signature.
//!
//! Two files cannot be replaced in one step. The signature is written first: whoever reads the feed
//! and then `SOURCE.minisig` never finds a new feed without its signature. Between the two renames
//! the old feed lies beside the new signature, which does not match. A server refuses that pair,
//! keeps the feed in force, and reads again when the feed itself is renamed.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tracing::warn;

use super::document::{Document, Mirrors};
use super::doubt::Frozen;
use super::sign::Signer;
use super::stored::StoredState;
use crate::MonitorInputs;
use cvdns_core::health::{Feed, signature_path};
use cvdns_core::release::Release;
use cvdns_io::{read_bytes, read_feed, replace};

/// The largest size of a release file in octets.
const MAX_RELEASE: u64 = 1 << 20;

/// Writes feeds.
pub(super) struct Publisher {
    feed: PathBuf,
    signer: Option<Signer>,
    release: Option<PathBuf>,
    /// Whether it is a fault if nobody says what is released.
    expects_release: bool,
    /// The last complaint; it is logged once.
    complaint: Option<String>,
}

impl Publisher {
    pub(super) fn new(feed: PathBuf, signer: Option<Signer>, release: Option<PathBuf>) -> Self {
        Self { feed, signer, release, expects_release: true, complaint: None }
    }

    /// Whether a release is expected: mirrors of other files than ClamAV's have none.
    #[must_use]
    pub(super) fn expecting_release(self, expects_release: bool) -> Self {
        Self { expects_release, ..self }
    }

    /// Reads the feed that was written last, and the release, which is stored in the memory.
    pub(super) fn begin(&mut self, stored: &mut StoredState) -> Option<Feed> {
        let mut complaints = Vec::new();
        let before = self.feed_before(&mut complaints);
        stored.release = self.release(stored, before.as_ref(), &mut complaints);
        self.complain(&complaints);
        before
    }

    /// Writes a feed of these mirrors and stores its serial and release in the memory. Returns the
    /// feed as servers read it.
    pub(super) fn publish(
        &mut self,
        stored: &mut StoredState,
        mirrors: &Mirrors,
        now: Timestamp,
    ) -> Result<Feed, String> {
        let before = self.begin(stored);
        let last = before.map_or(0, |before| before.serial).max(stored.serial);
        let (feed, bytes) = compose(stored, mirrors, last, now)?;
        put(&self.feed, self.signer.as_ref(), &bytes, feed.serial, now)?;
        stored.serial = feed.serial;
        Ok(feed)
    }

    /// The feed that will be replaced.
    fn feed_before(&self, complaints: &mut Vec<String>) -> Option<Feed> {
        if !self.feed.exists() {
            return None;
        }
        let read = read_feed(&self.feed);
        match read.and_then(|bytes| Feed::parse(&bytes).map_err(|error| error.to_string())) {
            Ok(feed) => Some(feed),
            Err(error) => {
                let shown = self.feed.display();
                complaints
                    .push(format!("the feed that is replaced, {shown}, is not usable: {error}"));
                None
            }
        }
    }

    /// The release: that of the file, else that of the last feed.
    fn release(
        &self,
        stored: &StoredState,
        before: Option<&Feed>,
        complaints: &mut Vec<String>,
    ) -> Option<Release> {
        let kept =
            || before.and_then(|feed| feed.release.clone()).or_else(|| stored.release.clone());
        let Some(path) = &self.release else {
            let kept = kept();
            if kept.is_none() && self.expects_release {
                complaints.push(
                    "nobody says what is released: there will be no record; write `release` in [monitor]"
                        .to_owned(),
                );
            }
            return kept;
        };
        match read_release(path) {
            Ok(release) => Some(release),
            Err(error) => {
                complaints.push(format!(
                    "the release {} is not usable: {error}; the last one goes on",
                    path.display()
                ));
                kept()
            }
        }
    }

    fn complain(&mut self, complaints: &[String]) {
        let complaint = Some(complaints.join("; ")).filter(|text| !text.is_empty());
        if let Some(text) = complaint.as_ref().filter(|_| complaint != self.complaint) {
            warn!("{text}");
        }
        self.complaint = complaint;
    }
}

/// Writes a feed of these mirrors, with a serial above `last`. Returns the feed as servers read it,
/// and its text.
///
/// # Errors
/// When there is no such serial, or servers would refuse the feed.
pub(super) fn compose(
    stored: &StoredState,
    mirrors: &Mirrors,
    last: u64,
    now: Timestamp,
) -> Result<(Feed, Vec<u8>), String> {
    let serial =
        serial(last, now).ok_or("the feed's serial cannot rise any more: remove the feed")?;
    let frozen = stored.frozen.as_ref().map(Frozen::text);
    let document = Document {
        format: 1,
        serial,
        generated: now,
        frozen: frozen.as_deref(),
        release: stored.release.as_ref(),
        mirrors,
    };
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    // A feed that servers would refuse must not replace one that they accepted.
    let feed = Feed::parse(&bytes)
        .map_err(|error| format!("the feed just made would be refused: {error}"))?;
    Ok((feed, bytes))
}

/// What is released: by the release file, else by the feed that was written last.
pub fn released(inputs: &MonitorInputs) -> Option<Release> {
    match &inputs.release {
        Some(path) => read_release(path).ok(),
        None => Feed::parse(&read_feed(inputs.feed.as_deref()?).ok()?).ok()?.release,
    }
}

/// Reads a release file.
///
/// # Errors
/// When the file cannot be read or is no release.
pub fn read_release(path: &Path) -> Result<Release, String> {
    let bytes = read_bytes(path, MAX_RELEASE)?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// Writes a document, after its signature.
pub(super) fn put(
    path: &Path,
    signer: Option<&Signer>,
    bytes: &[u8],
    serial: u64,
    now: Timestamp,
) -> Result<(), String> {
    if let Some(signer) = signer {
        let comment = format!("timestamp:{}\tserial:{serial}", now.as_second());
        let signature = signer.sign(bytes, &comment)?;
        write(&signature_path(path), signature.as_bytes())?;
    }
    write(path, bytes)
}

/// The Unix time in seconds, so that a serial shows the age of its feed, but always above `last`.
pub(super) fn serial(last: u64, now: Timestamp) -> Option<u64> {
    let clock = u64::try_from(now.as_second()).unwrap_or(0);
    Some(clock.max(last.checked_add(1)?))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    replace(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_follow_the_clock_and_always_rise() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(serial(0, at(1_795_000_000)), Some(1_795_000_000));
        assert_eq!(serial(1_795_000_000, at(1_795_000_000)), Some(1_795_000_001));
        assert_eq!(serial(1_795_000_500, at(1_795_000_000)), Some(1_795_000_501));
        assert_eq!(serial(5, at(-1)), Some(6));
        assert_eq!(serial(u64::MAX, at(0)), None);
    }

    #[test]
    fn a_release_is_read_or_carried_on() {
        let dir = tempfile::tempdir().unwrap();
        let (feed, file) = (dir.path().join("feed.json"), dir.path().join("release.json"));
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let mut stored = StoredState::default();
        let daily = |publisher: &mut Publisher, stored: &mut StoredState| {
            publisher.publish(stored, &Mirrors::new(), now).unwrap();
            let written = Feed::parse(&std::fs::read(&feed).unwrap()).unwrap();
            assert_eq!(written.serial, stored.serial);
            written.release.map(|release| release.daily)
        };
        let mut carrying = Publisher::new(feed.clone(), None, None);
        assert_eq!(daily(&mut carrying, &mut stored), None);
        let text = r#"{"software":"1.4.6","main":63,"daily":7,"bytecode":339,"flevel":90}"#;
        std::fs::write(&file, text).unwrap();
        let mut reading = Publisher::new(feed.clone(), None, Some(file.clone()));
        assert_eq!(daily(&mut reading, &mut stored), Some(7));
        assert_eq!(daily(&mut carrying, &mut stored), Some(7));
        std::fs::write(&file, text.replace("63", "0")).unwrap();
        assert_eq!(daily(&mut reading, &mut stored), Some(7));
        // The feed is lost or broken; the memory still has its serial and release.
        std::fs::write(&feed, "{").unwrap();
        assert_eq!(daily(&mut carrying, &mut stored), Some(7));
        std::fs::remove_file(&feed).unwrap();
        assert_eq!(daily(&mut carrying, &mut stored), Some(7));
        assert_eq!(stored.serial, 1_795_000_005);
    }
}
