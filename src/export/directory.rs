//! The directory of an export. Readers always find one complete export in it, even if the writer is
//! killed.
//!
//! Each export is a subdirectory `gen-N`. When it is complete, one rename moves the symbolic link
//! `current` to it. Unchanged files are hard links to those of the previous export, so their
//! modification times tell name servers that there is nothing to load.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::{Flock, FlockArg};

use super::tree::{ExportFile, Tree};
use super::{named_conf, zone_file};

/// The file that marks a directory as an export's. It is also the lock.
const MARKER: &str = ".cvdns-export";

/// The content of the marker.
const MARKER_TEXT: &str =
    "`cvdns export` writes this directory and removes old gen-* directories from it.\n";

/// The symbolic link to the current export.
const CURRENT: &str = "current";

/// The new link, until it is renamed to [`CURRENT`].
const NEXT: &str = ".current.next";

/// How the names of the exports' subdirectories begin.
const GENERATION: &str = "gen-";

/// The subdirectory in which `--watch` keeps the last good feed.
const STATE: &str = "state";

/// A directory of exports, locked by this process.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    _lock: Flock<fs::File>,
}

/// Why nothing was exported. The previous export stays in place.
#[derive(Debug)]
pub enum DirectoryError {
    /// The directory has files of others.
    NotOurs(PathBuf),
    /// The path has characters that named.conf cannot quote.
    Unquotable(PathBuf),
    /// Another process exports to this directory.
    Busy(PathBuf),
    /// A zone has no data: this zone, which was never transferred from its primary or is expired.
    NoData(String),
    /// A system call failed: the operation as a verb, the path and the error.
    System(&'static str, PathBuf, io::Error),
}

/// The changes from one export to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportChanges {
    /// Zones to reload.
    pub zones: BTreeSet<ReloadTarget>,
    /// Whether named.conf must be read again, because zones, views or their clients changed.
    pub config: bool,
    /// Number of new or changed files.
    pub written: usize,
    /// Number of files of the export.
    pub files: usize,
}

/// A zone to reload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReloadTarget {
    /// The name of the zone.
    pub zone: String,
    /// The view in which it is loaded; `None` without views.
    pub view: Option<String>,
}

impl ReloadTarget {
    /// The zone of a zone file; `None` for a file of named.conf.
    pub(super) fn of(file: &ExportFile) -> Option<Self> {
        match file {
            ExportFile::Config(_) => None,
            ExportFile::Zone(zone) => {
                Some(Self { zone: zone.zone.clone(), view: zone.view.clone() })
            }
        }
    }
}

type Result<T> = std::result::Result<T, DirectoryError>;

/// Adds the failed operation and its path to an I/O error.
fn system<'p>(
    what: &'static str,
    path: &'p Path,
) -> impl FnOnce(io::Error) -> DirectoryError + use<'p> {
    move |error| DirectoryError::System(what, path.to_owned(), error)
}

impl Directory {
    /// Opens and locks a directory until the value is dropped. The directory is new, empty or made
    /// by an earlier export.
    ///
    /// # Errors
    /// When the directory has other files, named.conf cannot quote its path, another process
    /// exports to it, or a system call fails.
    pub fn open(path: &Path) -> Result<Self> {
        let quotable = |path: PathBuf| {
            if named_conf::is_quotable(&path) {
                Ok(path)
            } else {
                Err(DirectoryError::Unquotable(path))
            }
        };
        quotable(std::path::absolute(path).map_err(system("find", path))?)?;
        fs::create_dir_all(path).map_err(system("create", path))?;
        let root = quotable(path.canonicalize().map_err(system("find", path))?)?;
        let marker = root.join(MARKER);
        let lock = match fs::File::open(&marker) {
            Ok(marker) => marker,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut entries = fs::read_dir(&root).map_err(system("read", &root))?;
                if entries.next().is_some() {
                    return Err(DirectoryError::NotOurs(path.to_owned()));
                }
                let written = fs::File::create(&marker)
                    .and_then(|mut file| file.write_all(MARKER_TEXT.as_bytes()).map(|()| file));
                written.map_err(|error| {
                    let _ = fs::remove_file(&marker);
                    system("write", &marker)(error)
                })?
            }
            Err(error) => return Err(system("read", &marker)(error)),
        };
        match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { root, _lock: lock }),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Err(DirectoryError::Busy(path.to_owned())),
            Err((_, error)) => Err(system("lock", &marker)(error.into())),
        }
    }

    /// The path below which name servers read the current export.
    pub fn current(&self) -> PathBuf {
        self.root.join(CURRENT)
    }

    /// The directory in which `--watch` keeps the last good feed.
    pub fn state(&self) -> PathBuf {
        self.root.join(STATE)
    }

    /// Replaces the current export as a whole, unless nothing changed.
    ///
    /// # Errors
    /// When a system call fails; the previous export then stays in place, without remains of the
    /// new one.
    pub fn write(&self, tree: &Tree) -> Result<ExportChanges> {
        let before =
            fs::read_link(self.current()).ok().filter(|name| self.root.join(name).is_dir());
        self.tidy(before.as_deref());
        let old =
            before.as_ref().map(|name| PreviousExport::read(self.root.join(name))).transpose()?;
        let (plan, changes) = plan(tree, old.as_ref());
        let removes =
            old.as_ref().is_some_and(|old| old.files.iter().any(|file| !tree.contains_key(file)));
        if changes.written == 0 && !removes {
            return Ok(changes);
        }
        let changes = ExportChanges { config: changes.config || removes, ..changes };
        let name = next_name(before.as_deref());
        let new = self.root.join(&name);
        let swapped = fill(&new, old.as_ref(), &plan).and_then(|()| self.swap(&name));
        if let Err(error) = swapped {
            // Report the first error rather than one of the clean-up.
            let _ = fs::remove_dir_all(&new);
            let _ = fs::remove_file(self.root.join(NEXT));
            return Err(error);
        }
        set_times(&new, &plan);
        self.tidy(Some(Path::new(&name)));
        Ok(changes)
    }

    /// Removes every export but the current one: old and incomplete ones.
    fn tidy(&self, current: Option<&Path>) {
        let _ = fs::remove_file(self.root.join(NEXT));
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_other = current.is_none_or(|current| current.as_os_str() != name);
            if is_other && name.to_str().is_some_and(|name| name.starts_with(GENERATION)) {
                // If this fails, the next export tries again.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Makes an export the current one, durably even if power is lost.
    fn swap(&self, name: &str) -> Result<()> {
        let next = self.root.join(NEXT);
        std::os::unix::fs::symlink(name, &next).map_err(system("write", &next))?;
        sync(&self.root)?;
        fs::rename(&next, self.current()).map_err(system("write", &self.current()))?;
        sync(&self.root)
    }
}

/// The export that is current until the new one replaces it.
struct PreviousExport {
    root: PathBuf,
    /// Paths of its files, relative to `root`.
    files: BTreeSet<String>,
}

impl PreviousExport {
    fn read(root: PathBuf) -> Result<Self> {
        let mut files = BTreeSet::new();
        let mut directories = vec![String::new()];
        while let Some(directory) = directories.pop() {
            let path = root.join(&directory);
            for entry in fs::read_dir(&path).map_err(system("read", &path))? {
                let entry = entry.map_err(system("read", &path))?;
                let name = format!("{directory}{}", entry.file_name().to_string_lossy());
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    directories.push(format!("{name}/"));
                } else {
                    files.insert(name);
                }
            }
        }
        Ok(Self { root, files })
    }

    /// The content of a file; `None` if it is missing or unreadable and must be written again.
    fn text(&self, path: &str) -> Option<String> {
        self.files.contains(path).then(|| fs::read_to_string(self.root.join(path)).ok()).flatten()
    }

    /// The contents of the zone's other files, such as those of other views.
    fn other_files_of_zone(&self, path: &str) -> Vec<String> {
        let Some(stem) = path.strip_suffix(".zone") else { return Vec::new() };
        let stem = stem.split('@').next().unwrap_or(stem);
        let is_of = |file: &&String| **file != path && zone_file::is_of(stem, file);
        self.files.iter().filter(is_of).filter_map(|file| self.text(file)).collect()
    }
}

/// The text to write for each file; `None` keeps the file of the previous export.
type WritePlan<'t> = Vec<(&'t str, Option<String>)>;

fn plan<'t>(tree: &'t Tree, old: Option<&PreviousExport>) -> (WritePlan<'t>, ExportChanges) {
    let mut changes = ExportChanges { files: tree.len(), ..ExportChanges::default() };
    let mut plan = WritePlan::new();
    for (path, file) in tree {
        let before = old.and_then(|old| old.text(path));
        let text = match file {
            ExportFile::Config(text) => (before.as_ref() != Some(text)).then(|| text.clone()),
            ExportFile::Zone(zone) => {
                let others = || old.map(|old| old.other_files_of_zone(path)).unwrap_or_default();
                zone.render(
                    before.as_deref(),
                    &if before.is_none() { others() } else { Vec::new() },
                )
            }
        };
        if text.is_some() {
            changes.written += 1;
            match file {
                ExportFile::Config(_) => changes.config = true,
                ExportFile::Zone(zone) => {
                    changes
                        .zones
                        .insert(ReloadTarget { zone: zone.zone.clone(), view: zone.view.clone() });
                }
            }
        }
        plan.push((path, text));
    }
    (plan, changes)
}

fn next_name(before: Option<&Path>) -> String {
    let number =
        before.and_then(Path::to_str).and_then(|name| name.strip_prefix(GENERATION)?.parse().ok());
    format!("{GENERATION}{}", number.map_or(1, |number: u64| number.wrapping_add(1)))
}

/// Writes all files to a new directory and flushes them to disk.
fn fill(root: &Path, old: Option<&PreviousExport>, plan: &WritePlan<'_>) -> Result<()> {
    // This fails if the directory of an earlier attempt could not be removed.
    fs::create_dir(root).map_err(system("create", root))?;
    let mut directories = BTreeSet::from([root.to_owned()]);
    for (path, text) in plan {
        let target = root.join(path);
        if let Some(parent) = target.parent()
            && directories.insert(parent.to_owned())
        {
            fs::create_dir_all(parent).map_err(system("create", parent))?;
        }
        match (text, old) {
            (Some(text), _) => write(&target, text)?,
            (None, Some(old)) => link_or_copy(&old.root.join(path), &target)?,
            (None, None) => {}
        }
    }
    directories.iter().try_for_each(|directory| sync(directory))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let written = fs::File::create_new(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(system("write", path))
}

/// Makes a hard link, or where the file system has none, a copy with the same modification time.
fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let modified = fs::metadata(from)
        .and_then(|metadata| metadata.modified())
        .map_err(system("read", from))?;
    fs::copy(from, to).map_err(system("write", to))?;
    let file = fs::File::options().write(true).open(to).map_err(system("write", to))?;
    file.set_modified(modified).and_then(|()| file.sync_all()).map_err(system("write", to))
}

/// Sets the modification time of the new files to the time of the swap. Otherwise a name server
/// that loaded the zone between the writing and the swap would take the new file for the one that
/// it has.
fn set_times(root: &Path, plan: &WritePlan<'_>) {
    let now = SystemTime::now();
    for (path, _) in plan.iter().filter(|(_, text)| text.is_some()) {
        // If this fails, the time of writing must do.
        let _ = fs::File::options()
            .write(true)
            .open(root.join(path))
            .and_then(|file| file.set_modified(now));
    }
}

/// Flushes the entries of a directory to disk. Some file systems do not support this.
fn sync(directory: &Path) -> Result<()> {
    match fs::File::open(directory) {
        Ok(file) => match file.sync_all() {
            Err(error) if error.kind() != ErrorKind::InvalidInput => {
                Err(system("write", directory)(error))
            }
            _ => Ok(()),
        },
        Err(error) => Err(system("read", directory)(error)),
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOurs(path) => write!(
                f,
                "{} is not empty and was not made by an export: name a new or empty directory (--out)",
                path.display()
            ),
            Self::Unquotable(path) => write!(
                f,
                "{} contains a quote, a backslash or a line end, or is not UTF-8, so named.conf \
                 cannot name it: use another directory (--out)",
                path.display()
            ),
            Self::Busy(path) => {
                write!(f, "another export is writing {}: stop it first", path.display())
            }
            Self::NoData(zone) => write!(
                f,
                "the zone {zone} has not been transferred from its primary, or is expired: nothing \
                 was exported"
            ),
            Self::System(what, path, error) => {
                write!(f, "cannot {what} {}: {error}; nothing was exported", path.display())
            }
        }
    }
}

impl std::error::Error for DirectoryError {}
