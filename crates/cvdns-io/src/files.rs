//! Reads files within limits, with errors that name the file and what is wrong.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cvdns_core::health::MAX_FEED_SIZE;
use cvdns_core::zone::include::{Include, IncludedFile};

use super::confinement::{why_unreadable, why_unwritable};

/// Most octets of a text file. A zone file with a million records has about half of that.
const MAX_TEXT: u64 = 256 << 20;

/// The path that the file `from` means by `path`: relative to the directory of `from`.
pub fn beside(from: &Path, path: &str) -> PathBuf {
    from.parent().unwrap_or(Path::new("")).join(path)
}

/// Reads a text file.
///
/// # Errors
/// When the file cannot be read, is too large, is no regular file, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, String> {
    text(read_bytes(path, MAX_TEXT)?)
}

/// Reads a master file as octets: its strings and comments may be in any encoding.
///
/// # Errors
/// When the file cannot be read, is too large, or is no regular file.
pub fn read_master(path: &Path) -> Result<Vec<u8>, String> {
    read_bytes(path, MAX_TEXT)
}

/// Reads a text file of at most `limit` octets. Returns `None` if there is none.
///
/// # Errors
/// When the file exists and cannot be read, is larger, is no regular file, or is not UTF-8.
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
/// When the file cannot be read, is larger, or is no regular file.
pub fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    read_opened(path, open(path), limit)
}

/// Reads a file of at most `limit` octets. Returns `None` if there is none.
///
/// # Errors
/// When the file exists and cannot be read, is larger, or is no regular file.
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

/// Reads the first `size` octets of a file, or the whole file if it is shorter.
///
/// # Errors
/// When the file cannot be opened or read.
pub fn read_head(path: &Path, size: usize) -> io::Result<Vec<u8>> {
    read_at_most(open(path)?, size as u64)
}

/// The message that a file cannot be read.
pub fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {error}{}", path.display(), why_unreadable(path, error))
}

/// The message that a file cannot be written.
pub fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}{}", path.display(), why_unwritable(path, error))
}

/// Opens a regular file. A pipe or a terminal must not block, neither when it is opened nor when it
/// is read.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let file_type = file.metadata()?.file_type();
    if file_type.is_file() {
        return Ok(file);
    }
    Err(io::Error::other(format!("it is {}, not a regular file", type_name(file_type))))
}

fn read_at_most(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn type_name(file_type: FileType) -> &'static str {
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

/// Most octets of a list of mirrors, which is room for 80,000 addresses. A longer file is something
/// else.
const MAX_LIST: u64 = 4 << 20;

/// Reads a list of mirrors.
///
/// # Errors
/// When the list cannot be read, is too large, or is not UTF-8.
pub fn read_list(path: &Path) -> Result<String, String> {
    let octets = read_bytes(path, MAX_LIST)?;
    text(octets).map_err(|error| format!("{}: {error}; save it as UTF-8", path.display()))
}

/// Reads the octets of a feed's file. A caller that already has the same octets need not parse
/// them.
///
/// # Errors
/// When the file cannot be read.
pub fn read_feed(path: &Path) -> Result<Vec<u8>, String> {
    // One octet more than a feed may have, so that the feed's own check reports the size.
    read_bytes(path, MAX_FEED_SIZE as u64 + 1)
}

/// Most octets of a signature's file.
const MAX_SIGNATURE: u64 = 64 << 10;

/// Reads a feed's signature, which has four lines. Returns `None` if there is no file.
///
/// # Errors
/// When the file exists and cannot be read.
pub fn read_signature(path: &Path) -> Result<Option<Vec<u8>>, String> {
    read_optional(path, MAX_SIGNATURE)
}

/// Tells versions of a file apart without reading them, by inode, size and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileVersion {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileVersion {
    /// The version of the file that is there now; `None` if there is none.
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for FileVersion {
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

/// Reads the files that `$INCLUDE` names (RFC 1035 section 5.1).
#[derive(Debug, Default)]
pub struct IncludeFiles {
    /// The files that were read.
    pub read: BTreeSet<PathBuf>,
}

impl Include for IncludeFiles {
    fn include(&mut self, path: &[u8], from: &str) -> Result<IncludedFile, String> {
        let path = Path::new(from).parent().unwrap_or(Path::new("")).join(OsStr::from_bytes(path));
        let file = path.display().to_string();
        let octets = read_master(&path)?;
        self.read.insert(path);
        Ok(IncludedFile { octets, file })
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
