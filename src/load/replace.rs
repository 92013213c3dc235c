//! Writes a file so that a reader sees the old one or the new one, whole, also after a loss of power.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Error, Write};
use std::path::Path;

/// Writes a file beside `path`, has it on the disk, renames it, and has the directory on the disk.
///
/// # Errors
/// When the system does not let it; what was there before is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write(path, bytes, |temporary| fs::rename(temporary, path))
}

/// The same where nothing is yet.
///
/// # Errors
/// When something is there (`AlreadyExists`), or the system does not let it.
pub fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // Renaming would take the place of what another wrote in between; a second name does not.
    write(path, bytes, |temporary| fs::hard_link(temporary, path).and_then(|()| fs::remove_file(temporary)))
}

fn write(
    path: &Path,
    bytes: &[u8],
    name_it: impl FnOnce(&Path) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let file_name = path.file_name().ok_or_else(|| Error::other("expected a file name"))?;
    let mut name = OsString::from(".");
    name.push(file_name);
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = directory.join(name);
    let written = File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| name_it(&temporary));
    if written.is_err() {
        // The error that matters is the first one.
        let _ = fs::remove_file(&temporary);
        return written;
    }
    // The name is in the directory, which is a file of its own. Not all systems let one be opened.
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}
