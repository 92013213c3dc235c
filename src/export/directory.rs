//! The directory of an export: whoever reads it, and whenever the writer ends, finds one whole export there.
//!
//! Each export is a directory of its own, `gen-N`; the symbolic link `current` is moved to it by one rename when it is complete.
//! Files that did not change are the same files in both (hard links), so that name servers see by their times that there is
//! nothing to load.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::{Flock, FlockArg};

use super::{File, Tree, named, zone_file};

/// Tells a directory of ours from any other.
const MARKER: &str = ".cvdns-export";

/// What stands in the marker.
const MARKER_TEXT: &str =
    "`cvdns export` writes this directory, and removes what else stands in it as gen-*.\n";

/// The link to the export that holds.
const CURRENT: &str = "current";

/// Its next value, until it is renamed.
const NEXT: &str = ".current.next";

/// How the directory of an export begins.
const GENERATION: &str = "gen-";

/// Where [`super::Exporter`] keeps the last good feed.
const STATE: &str = "state";

/// A directory that is ours to write, and nobody else's meanwhile.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    _lock: Flock<fs::File>,
}

/// Why nothing was exported. What was exported before still stands.
#[derive(Debug)]
pub enum DirectoryError {
    /// There are other files in it.
    NotOurs(PathBuf),
    /// named.conf cannot have its path.
    Unquotable(PathBuf),
    /// Another export is writing there.
    Busy(PathBuf),
    /// The system does not let it: what, where and why.
    System(&'static str, PathBuf, io::Error),
}

/// What an export changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Zones to be loaded again.
    pub zones: BTreeSet<Reload>,
    /// Whether named.conf has to be read again: zones, views or their clients are others.
    pub config: bool,
    /// How many files are new or changed.
    pub written: usize,
    /// How many files the export has.
    pub files: usize,
}

/// A zone to be loaded again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reload {
    /// The zone.
    pub zone: String,
    /// In this view.
    pub view: Option<String>,
}

impl Reload {
    /// What has a file loaded that is a zone's.
    pub(super) fn of(file: &File) -> Option<Self> {
        match file {
            File::Config(_) => None,
            File::Zone(zone) => Some(Self { zone: zone.zone.clone(), view: zone.view.clone() }),
        }
    }
}

type Result<T> = std::result::Result<T, DirectoryError>;

/// An error of the system with what was tried and where.
fn system<'p>(
    what: &'static str,
    path: &'p Path,
) -> impl FnOnce(io::Error) -> DirectoryError + use<'p> {
    move |error| DirectoryError::System(what, path.to_owned(), error)
}

impl Directory {
    /// Takes a directory that is new, empty or ours, until this value is dropped.
    ///
    /// # Errors
    /// When it is something else, named.conf cannot name it, another export writes there, or the system does not let it.
    pub fn open(path: &Path) -> Result<Self> {
        let quotable = |path: PathBuf| {
            if named::is_quotable(&path) { Ok(path) } else { Err(DirectoryError::Unquotable(path)) }
        };
        quotable(std::path::absolute(path).map_err(system("find", path))?)?;
        fs::create_dir_all(path).map_err(system("make", path))?;
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

    /// The path below which readers find the export.
    pub fn current(&self) -> PathBuf {
        self.root.join(CURRENT)
    }

    /// Where an export that follows the feed keeps the last good one.
    pub fn state(&self) -> PathBuf {
        self.root.join(STATE)
    }

    /// Replaces the export as a whole; one that says the same is left as it is.
    ///
    /// # Errors
    /// When the system does not let it; the last export then still stands, and nothing else.
    pub fn write(&self, tree: &Tree) -> Result<Changes> {
        let before =
            fs::read_link(self.current()).ok().filter(|name| self.root.join(name).is_dir());
        self.tidy(before.as_deref());
        let old = before.as_ref().map(|name| Old::read(self.root.join(name))).transpose()?;
        let (plan, changes) = plan(tree, old.as_ref());
        let removes =
            old.as_ref().is_some_and(|old| old.files.iter().any(|file| !tree.contains_key(file)));
        if changes.written == 0 && !removes {
            return Ok(changes);
        }
        let changes = Changes { config: changes.config || removes, ..changes };
        let name = next_name(before.as_deref());
        let new = self.root.join(&name);
        let swapped = fill(&new, old.as_ref(), &plan).and_then(|()| self.swap(&name));
        if let Err(error) = swapped {
            // The error that matters is the first one.
            let _ = fs::remove_dir_all(&new);
            let _ = fs::remove_file(self.root.join(NEXT));
            return Err(error);
        }
        date(&new, &plan);
        self.tidy(Some(Path::new(&name)));
        Ok(changes)
    }

    /// Removes exports that do not hold: an old one, or one that was not completed.
    fn tidy(&self, holds: Option<&Path>) {
        let _ = fs::remove_file(self.root.join(NEXT));
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_other = holds.is_none_or(|holds| holds.as_os_str() != name);
            if is_other && name.to_str().is_some_and(|name| name.starts_with(GENERATION)) {
                // What cannot be removed now is tried again with the next export.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Makes an export the one that holds, also after a loss of power.
    fn swap(&self, name: &str) -> Result<()> {
        let next = self.root.join(NEXT);
        std::os::unix::fs::symlink(name, &next).map_err(system("write", &next))?;
        sync(&self.root)?;
        fs::rename(&next, self.current()).map_err(system("write", &self.current()))?;
        sync(&self.root)
    }
}

/// The export that holds.
struct Old {
    root: PathBuf,
    /// Its files.
    files: BTreeSet<String>,
}

impl Old {
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

    /// A file that can be read; what cannot is written anew.
    fn text(&self, path: &str) -> Option<String> {
        self.files.contains(path).then(|| fs::read_to_string(self.root.join(path)).ok()).flatten()
    }

    /// The other files of the zone that is to be written here.
    fn relatives(&self, path: &str) -> Vec<String> {
        let Some(stem) = path.strip_suffix(".zone") else { return Vec::new() };
        let stem = stem.split('@').next().unwrap_or(stem);
        let is_of = |file: &&String| **file != path && zone_file::is_of(stem, file);
        self.files.iter().filter(is_of).filter_map(|file| self.text(file)).collect()
    }
}

/// What is done with each file: written, or taken over where there is no text.
type Plan<'t> = Vec<(&'t str, Option<String>)>;

fn plan<'t>(tree: &'t Tree, old: Option<&Old>) -> (Plan<'t>, Changes) {
    let mut changes = Changes { files: tree.len(), ..Changes::default() };
    let mut plan = Plan::new();
    for (path, file) in tree {
        let before = old.and_then(|old| old.text(path));
        let text = match file {
            File::Config(text) => (before.as_ref() != Some(text)).then(|| text.clone()),
            File::Zone(zone) => {
                let others = || old.map(|old| old.relatives(path)).unwrap_or_default();
                zone.render(
                    before.as_deref(),
                    &if before.is_none() { others() } else { Vec::new() },
                )
            }
        };
        if text.is_some() {
            changes.written += 1;
            match file {
                File::Config(_) => changes.config = true,
                File::Zone(zone) => {
                    changes
                        .zones
                        .insert(Reload { zone: zone.zone.clone(), view: zone.view.clone() });
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

/// Puts all files into a new directory and has them on the disk.
fn fill(root: &Path, old: Option<&Old>, plan: &Plan<'_>) -> Result<()> {
    // It may be there if it could not be removed.
    fs::create_dir(root).map_err(system("make", root))?;
    let mut directories = BTreeSet::from([root.to_owned()]);
    for (path, text) in plan {
        let target = root.join(path);
        if let Some(parent) = target.parent()
            && directories.insert(parent.to_owned())
        {
            fs::create_dir_all(parent).map_err(system("make", parent))?;
        }
        match (text, old) {
            (Some(text), _) => write(&target, text)?,
            (None, Some(old)) => take_over(&old.root.join(path), &target)?,
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

/// The same file under another path, or where the file system has no such links, one with the same time.
fn take_over(from: &Path, to: &Path) -> Result<()> {
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

/// Gives what was written the time at which it came to hold. A name server that loaded a zone between the writing and the
/// swap would else think that it has this file.
fn date(root: &Path, plan: &Plan<'_>) {
    let now = SystemTime::now();
    for (path, _) in plan.iter().filter(|(_, text)| text.is_some()) {
        // Where it cannot be, the time of writing has to do.
        let _ = fs::File::options()
            .write(true)
            .open(root.join(path))
            .and_then(|file| file.set_modified(now));
    }
}

/// Has the names in a directory on the disk. Not all systems let a directory be opened for that.
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
                "{} has files in it and is no directory of an export: name a new or an empty one (--out)",
                path.display()
            ),
            Self::Unquotable(path) => write!(
                f,
                "{} has a quote, a backslash or a line end in it, or is not UTF-8, which named.conf cannot name: name another \
                 directory (--out)",
                path.display()
            ),
            Self::Busy(path) => {
                write!(f, "another export is writing {}: end it first", path.display())
            }
            Self::System(what, path, error) => {
                write!(f, "cannot {what} {}: {error}; nothing was exported", path.display())
            }
        }
    }
}

impl std::error::Error for DirectoryError {}
