//! Reading files, with errors that say what to do.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::health::{Feed, FeedError};
use crate::zone::include::{Include, Included};

/// Most octets of a text file; a zone file with a million records is about half of it.
const MAX_TEXT: u64 = 256 << 20;

/// `path` as it is meant when the file `from` names it: relative to that file.
pub(super) fn beside(from: &Path, path: &str) -> PathBuf {
    from.parent().unwrap_or(Path::new("")).join(path)
}

/// Reads a text file.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read_bytes(path, MAX_TEXT)?;
    String::from_utf8(bytes).map_err(|e| {
        let line =
            e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count() + 1;
        format!("line {line} is not UTF-8 text")
    })
}

/// Reads a file of at most `limit` octets.
pub(super) fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let cannot = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > limit {
        return Err(format!("{} is over {} MiB", path.display(), limit >> 20));
    }
    Ok(bytes)
}

/// Reads the feed: its octets, so that a caller sees whether they are new, and what they say.
///
/// # Errors
/// When the file cannot be read.
pub fn read_feed(path: &Path) -> Result<(Vec<u8>, Result<Feed, FeedError>), String> {
    // One octet more than a feed may have, so that the feed's own check says what is wrong.
    let bytes = read_bytes(path, (16 << 20) + 1)?;
    let feed = Feed::parse(&bytes);
    Ok((bytes, feed))
}

/// Follows `$INCLUDE` in the file system.
pub(super) struct Files;

impl Include for Files {
    fn include(&mut self, path: &str, from: &str) -> Result<Included, String> {
        let path = beside(Path::new(from), path);
        Ok(Included { text: read_text(&path)?, file: path.display().to_string() })
    }
}
