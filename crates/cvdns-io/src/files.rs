//! Reading files, with errors that say what to do.

use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cvdns_core::health::MAX_FEED_SIZE;
use cvdns_core::zone::include::{Include, IncludedFile};

/// Most octets of a text file; a zone file with a million records is about half of it.
const MAX_TEXT: u64 = 256 << 20;

/// `path` as it is meant when the file `from` names it: relative to that file.
pub fn beside(from: &Path, path: &str) -> PathBuf {
    from.parent().unwrap_or(Path::new("")).join(path)
}

/// Reads a text file.
///
/// # Errors
/// When it cannot be read, is too large, is no regular file, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, String> {
    text(read_bytes(path, MAX_TEXT)?)
}

/// Reads a master file, which is octets: strings and comments in it may be in any encoding.
///
/// # Errors
/// When it cannot be read, is too large, or is no regular file.
pub fn read_master(path: &Path) -> Result<Vec<u8>, String> {
    read_bytes(path, MAX_TEXT)
}

/// Reads a text file of at most `limit` octets that need not be there.
///
/// # Errors
/// When it is there and cannot be read, is larger, is no regular file, or is not UTF-8.
pub fn read_optional_text(path: &Path, limit: u64) -> Result<Option<String>, String> {
    read_optional(path, limit)?.map(text).transpose()
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|e| {
        let line =
            e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count()
                + 1;
        format!("line {line} is not UTF-8 text")
    })
}

/// Reads a file of at most `limit` octets.
///
/// # Errors
/// When it cannot be read, is larger, or is no regular file.
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    read_opened(path, open(path), limit)
}

/// Reads a file of at most `limit` octets that need not be there.
///
/// # Errors
/// When it is there and cannot be read, is larger, or is no regular file.
pub fn read_optional(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, String> {
    match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => read_opened(path, opened, limit).map(Some),
    }
}

fn read_opened(path: &Path, opened: io::Result<File>, limit: u64) -> Result<Vec<u8>, String> {
    let bytes = opened.and_then(|file| read_at_most(file, limit + 1));
    let bytes = bytes.map_err(|error| cannot_read(path, &error))?;
    if bytes.len() as u64 > limit {
        let limit = if limit < 1 << 20 {
            format!("{} KiB", limit >> 10)
        } else {
            format!("{} MiB", limit >> 20)
        };
        return Err(format!("{} is over {limit}", path.display()));
    }
    Ok(bytes)
}

/// Reads the first `size` octets of a file, or all if there are fewer.
///
/// # Errors
/// When the file cannot be opened or read.
pub fn read_head(path: &Path, size: usize) -> io::Result<Vec<u8>> {
    read_at_most(open(path)?, size as u64)
}

/// That a file cannot be read, for people.
pub fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

/// Opens a regular file. A pipe or a terminal must hold nobody up, neither when it is opened nor when it is read.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let file_type = file.metadata()?.file_type();
    if file_type.is_file() {
        return Ok(file);
    }
    Err(io::Error::other(format!("it is {}, not a regular file", kind(file_type))))
}

fn read_at_most(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn kind(file_type: FileType) -> &'static str {
    if file_type.is_dir() {
        "a directory"
    } else if file_type.is_fifo() {
        "a pipe"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Most octets of a list of mirrors: room for 80,000 addresses. What is longer is something else.
const MAX_LIST: u64 = 4 << 20;

/// Reads a list of mirrors.
///
/// # Errors
/// When it cannot be read, is too large, or is no text.
pub fn read_list(path: &Path) -> Result<String, String> {
    let octets = read_bytes(path, MAX_LIST)?;
    text(octets).map_err(|error| format!("{}: {error}; save it as UTF-8", path.display()))
}

/// Reads the octets of a feed's file: a caller that has the same ones already need not parse them.
///
/// # Errors
/// When the file cannot be read.
pub fn read_feed(path: &Path) -> Result<Vec<u8>, String> {
    // One octet more than a feed may have, so that the feed's own check says what is wrong.
    read_bytes(path, MAX_FEED_SIZE as u64 + 1)
}

/// Reads a feed's signature, which has four lines; `None` when there is none.
///
/// # Errors
/// When there is one that cannot be read.
pub fn read_signature(path: &Path) -> Result<Option<Vec<u8>>, String> {
    read_optional(path, 64 << 10)
}

/// Tells versions of a file apart without reading them: what it is, and when it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Version {
    /// Of the file that is there now; none when there is none.
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for Version {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Follows `$INCLUDE` in the file system.
pub struct Files;

impl Include for Files {
    fn include(&mut self, path: &[u8], from: &str) -> Result<IncludedFile, String> {
        let path = Path::new(from).parent().unwrap_or(Path::new("")).join(OsStr::from_bytes(path));
        Ok(IncludedFile { octets: read_master(&path)?, file: path.display().to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let message = |path: &Path| read_text(path).unwrap_err();
        assert!(message(&pipe).ends_with("it is a pipe, not a regular file"), "{}", message(&pipe));
        assert!(message(dir.path()).ends_with("it is a directory, not a regular file"));
        assert!(message(Path::new("/dev/zero")).ends_with("it is a device, not a regular file"));
        std::fs::write(dir.path().join("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
        assert_eq!(read_text(&dir.path().join("link")).unwrap(), "text");
    }
}
