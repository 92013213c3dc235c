//! The directory of the pages: which files in it are ours, and how they are replaced.
//!
//! A manifest lists the files that are ours, so that no other file is ever removed. It names a file
//! before that is written, and until after it is removed. Each file is replaced by a rename, so
//! that whoever reads it sees a whole one. Nothing is synced: after a loss of power, the next run
//! compares every file and writes what is missing.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use cvdns_io::{publish_unsynced, read_bytes, target_of};

/// The name of the manifest.
pub(super) const MANIFEST: &str = ".cvdns-pages";

/// The first line of a manifest.
const FIRST_LINE: &str = "cvdns pages 1: the files below are written by cvdns monitor";

/// Most octets of a manifest: some hundred thousand names.
const MAX_MANIFEST: u64 = 64 << 20;

/// Most octets of a page; a larger file in its place is not ours.
const MAX_PAGE: u64 = 64 << 20;

/// The mode of directories, whatever the umask: a web server reads them by another account.
const MODE: u32 = 0o755;

/// The bits of a mode beside it. A new directory may have the group of the one above it.
const SPECIAL: u32 = 0o7000;

/// A directory of pages.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    /// The files that the manifest names, relative to the directory.
    ours: BTreeSet<String>,
    /// The number of files that were written since this value was made.
    pub(super) written: u64,
}

/// Why a file could not be written.
#[derive(Debug)]
pub(super) struct WriteError {
    /// The message, which names the file.
    pub(super) what: String,
    /// Whether other files can be written all the same.
    pub(super) is_of_one: bool,
}

impl Directory {
    /// Makes the directory if there is none, reads its manifest, and removes temporary files that a
    /// killed program left.
    ///
    /// # Errors
    /// When it cannot be made or read, or has files and no manifest: then it is somebody else's.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let mut directory = Self { root: root.to_owned(), ours: BTreeSet::new(), written: 0 };
        make(root)?;
        let path = root.join(MANIFEST);
        if path.symlink_metadata().is_ok() {
            directory.ours = read_manifest(&path)?;
            directory.sweep();
        } else if let Some(other) = first_foreign(root)? {
            return Err(foreign(root, &other));
        }
        Ok(directory)
    }

    /// Notes that these files are ours, before any of them is written.
    pub(super) fn claim(&mut self, names: impl IntoIterator<Item = String>) -> Result<(), String> {
        let before = self.ours.len();
        self.ours.extend(names);
        let is_there = self.root.join(MANIFEST).symlink_metadata().is_ok();
        if self.ours.len() > before || !is_there { self.write_manifest() } else { Ok(()) }
    }

    /// Writes a file that is ours, unless it is there with this content.
    pub(super) fn put(&mut self, name: &str, content: &[u8]) -> Result<(), WriteError> {
        let of_one = |what| WriteError { what, is_of_one: true };
        if !self.ours.contains(name) {
            return Err(of_one(format!("the page {name} is not in the list of pages")));
        }
        self.make_parents(name)?;
        let path = self.root.join(name);
        let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        if !is_link && read_bytes(&path, MAX_PAGE).is_ok_and(|present| present == content) {
            return Ok(());
        }
        publish_unsynced(&path, content).map_err(|error| write_error(&path, &error))?;
        self.written += 1;
        Ok(())
    }

    /// Removes the files that are ours and not in `kept`, and the directories that are then empty.
    /// Those that cannot be removed are noted, and stay ours.
    pub(super) fn keep(
        &mut self,
        kept: &BTreeSet<String>,
        troubles: &mut Vec<String>,
    ) -> Result<(), String> {
        let before = self.ours.len();
        let gone: Vec<String> = self.ours.difference(kept).cloned().collect();
        for name in gone {
            match self.remove(&name) {
                Ok(()) => {
                    self.ours.remove(&name);
                }
                Err(error) => {
                    let path = self.root.join(&name);
                    troubles.push(format!("cannot remove {}: {error}", path.display()));
                }
            }
        }
        if self.ours.len() < before { self.write_manifest() } else { Ok(()) }
    }

    /// Removes a file that is ours, if it is there.
    fn remove(&self, name: &str) -> Result<(), Error> {
        for parent in parents(name) {
            match self.root.join(parent).symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => {}
                // What lies behind a link is not ours.
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match fs::remove_file(self.root.join(name)) {
            Ok(()) => {}
            // A directory in its place is not ours.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {
            }
            Err(error) => return Err(error),
        }
        if let Some(parent) = parents(name).next_back() {
            // It stays if it is not empty.
            let _ = fs::remove_dir(self.root.join(parent));
        }
        Ok(())
    }

    fn make_parents(&self, name: &str) -> Result<(), WriteError> {
        parents(name).try_for_each(|parent| {
            let path = self.root.join(parent);
            if is_directory(&path, false) {
                return Ok(());
            }
            make_one(&path).map_err(|error| WriteError {
                what: cannot_make(&path, &error),
                is_of_one: !is_of_all(&error),
            })
        })
    }

    fn write_manifest(&mut self) -> Result<(), String> {
        let mut text = String::from(FIRST_LINE);
        for name in &self.ours {
            text.push('\n');
            text.push_str(name);
        }
        text.push('\n');
        let path = self.root.join(MANIFEST);
        publish_unsynced(&path, text.as_bytes()).map_err(|error| cannot_write(&path, &error))
    }

    /// Removes temporary files of pages. It does not matter if some stay.
    fn sweep(&self) {
        let directories: BTreeSet<&str> =
            self.ours.iter().flat_map(|name| parents(name)).chain([""]).collect();
        let is_link = |parent| !is_directory(&self.root.join(parent), false);
        for parent in directories {
            let is_ours = |target: &str| match parent {
                "" => target == MANIFEST || self.ours.contains(target),
                _ => self.ours.contains(&format!("{parent}/{target}")),
            };
            let directory = self.root.join(parent);
            if parents(parent).chain([parent]).any(|of| !of.is_empty() && is_link(of)) {
                continue;
            }
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                let name = entry.file_name();
                if name.to_str().and_then(target_of).is_some_and(is_ours) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }
}

/// The directories of a file below the directory of the pages, the outermost first.
fn parents(name: &str) -> impl DoubleEndedIterator<Item = &str> + Clone {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

/// Makes a directory, and those in which it is, unless there is one. A link to one counts.
fn make(path: &Path) -> Result<(), String> {
    if path.as_os_str().is_empty() || is_directory(path, true) {
        return Ok(());
    }
    path.parent().map_or(Ok(()), make)?;
    make_one(path).map_err(|error| cannot_make(path, &error))
}

fn make_one(path: &Path) -> Result<(), Error> {
    fs::create_dir(path)?;
    let special = path.symlink_metadata()?.permissions().mode() & SPECIAL;
    fs::set_permissions(path, Permissions::from_mode(special | MODE))
}

fn cannot_make(path: &Path, error: &Error) -> String {
    in_the_way(path)
        .unwrap_or_else(|| format!("cannot make the directory {}: {error}", path.display()))
}

/// What is in the place of a directory; `None` if nothing else is.
fn in_the_way(path: &Path) -> Option<String> {
    let metadata = path.symlink_metadata().ok().filter(|metadata| !metadata.is_dir())?;
    let what = if metadata.is_symlink() && !path.exists() {
        "is a link that leads nowhere: make the directory there, or remove the link"
    } else if metadata.is_symlink() {
        "is a link, and was to be a directory: remove it"
    } else if metadata.is_file() {
        "is a file, and was to be a directory: remove it"
    } else {
        // Such as a device, which others need.
        "is neither a directory nor a file: name another place"
    };
    Some(format!("{} {what}", path.display()))
}

/// Whether there is a directory. A link to one counts only where `follows` is set: links below the
/// directory of the pages could lead to other people's files.
fn is_directory(path: &Path, follows: bool) -> bool {
    let metadata = if follows { path.metadata() } else { path.symlink_metadata() };
    metadata.is_ok_and(|metadata| metadata.is_dir())
}

/// Why pages could not be written into a directory, as far as that can be seen without writing;
/// `None` if they could.
pub fn page_trouble(root: &Path) -> Option<String> {
    let there = root.ancestors().find(|path| path.symlink_metadata().is_ok())?;
    if !there.is_dir() {
        return Some(format!("{} is no directory: no pages can be written there", there.display()));
    }
    if there == root {
        let manifest = root.join(MANIFEST);
        let found = if manifest.symlink_metadata().is_ok() {
            read_manifest(&manifest).map(|ours| summary(&hindrances(root, &ours)))
        } else {
            first_foreign(root).map(|other| other.map(|other| foreign(root, &other)))
        };
        match found {
            Ok(None) => {}
            Ok(Some(what)) | Err(what) => return Some(what),
        }
    }
    no_access(there)
}

/// What is in the way of pages that were written before, and below the directory itself.
fn hindrances(root: &Path, ours: &BTreeSet<String>) -> Vec<String> {
    let directories: BTreeSet<&str> = ours.iter().flat_map(|name| parents(name)).collect();
    let directories = directories.into_iter().map(|name| root.join(name));
    let of_directories = directories.filter(|path| path.symlink_metadata().is_ok());
    let of_directories =
        of_directories.filter_map(|path| in_the_way(&path).or_else(|| no_access(&path)));
    let files = ours.iter().map(|name| root.join(name));
    let of_files = files
        .filter(|path| is_directory(path, false))
        .map(|path| format!("{} is a directory, and was to be a file: remove it", path.display()));
    of_directories.chain(of_files).collect()
}

fn no_access(directory: &Path) -> Option<String> {
    let refused = access(directory, AccessFlags::W_OK | AccessFlags::X_OK).err()?;
    Some(format!("no pages can be written into {}: {refused}", directory.display()))
}

/// The first of several troubles, and how many there are beside it; `None` if there is none.
pub(super) fn summary(troubles: &[String]) -> Option<String> {
    let first = troubles.first()?;
    Some(match troubles.len() {
        1 => first.clone(),
        count => format!("{first}, and {} more", count - 1),
    })
}

fn foreign(root: &Path, other: &str) -> String {
    format!(
        "the directory {} has a file that is not of the pages, {other}: name a directory of its \
         own as `page` in [monitor], or empty it",
        root.display()
    )
}

/// A file in a directory that has no manifest, and so none of ours but temporary ones.
fn first_foreign(root: &Path) -> Result<Option<String>, String> {
    let cannot_read = |error: Error| format!("cannot read {}: {error}", root.display());
    for entry in fs::read_dir(root).map_err(cannot_read)? {
        let name = entry.map_err(cannot_read)?.file_name();
        let name = name.to_string_lossy();
        if target_of(&name) != Some(MANIFEST) {
            return Ok(Some(name.into_owned()));
        }
    }
    Ok(None)
}

fn read_manifest(path: &Path) -> Result<BTreeSet<String>, String> {
    names(&read_bytes(path, MAX_MANIFEST)?).ok_or_else(|| {
        format!(
            "{} is no list of pages: name a directory of its own as `page` in [monitor], or empty \
             this one, with the list",
            path.display()
        )
    })
}

/// The names in a manifest; `None` if it is none. It lies in a directory of a web server: it must
/// not make us remove a file elsewhere.
fn names(manifest: &[u8]) -> Option<BTreeSet<String>> {
    let text = std::str::from_utf8(manifest).ok()?;
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return None;
    }
    let is_safe = |name: &&str| {
        name.split('/').count() <= 3
            && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
    };
    Some(lines.filter(is_safe).map(str::to_owned).collect())
}

fn write_error(path: &Path, error: &Error) -> WriteError {
    let is_taken = matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty);
    let hint = if is_taken { "; remove what is in its place" } else { "" };
    WriteError {
        what: format!("{}{hint}", cannot_write(path, error)),
        is_of_one: !is_of_all(error),
    }
}

/// Whether no other file could be written either. Then the network's page must not be the one for
/// which there is just room: it would link to pages that are not there.
fn is_of_all(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
    )
}

fn cannot_write(path: &Path, error: &Error) -> String {
    let error = error.to_string();
    // The temporary name is another one each time, and the same trouble is to be logged once.
    let why = error.split_once(" at path ").map_or(error.as_str(), |(why, _)| why);
    format!("cannot write {}: {why}", path.display())
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
