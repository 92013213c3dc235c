//! Watches followed files for changes.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::warn;

use crate::logging::LogOnce;

/// Most symbolic links on the way to a file, as for the system.
const MAX_LINKS: usize = 40;

/// Watches the directories of files, and those of symbolic links on the way to them. Files and
/// links are replaced by rename, and a watch on themselves would follow the old ones. Any event in
/// these directories is reason to read the files.
pub(super) struct FileWatcher {
    files: Vec<PathBuf>,
    directories: Vec<WatchedDirectory>,
    changes: Receiver<()>,
    sender: Sender<()>,
    /// `None` if the system has none to give, which was logged. Dropping it ends the watch.
    watcher: Option<RecommendedWatcher>,
    /// Whether the system lost events, or a watched directory went away.
    broken: Arc<AtomicBool>,
    /// What is not watched, and why.
    complaint: LogOnce,
}

/// A directory, and which one it was when it was watched: device and inode.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WatchedDirectory {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl FileWatcher {
    /// Watches files. Where the system refuses, polling alone must do.
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        // Room for one: changes that come while files are read need one more read, however many
        // they are.
        let (sender, changes) = channel(1);
        let mut watcher = Self {
            files,
            directories: Vec::new(),
            changes,
            sender,
            watcher: None,
            broken: Arc::default(),
            complaint: LogOnce::default(),
        };
        watcher.renew();
        watcher
    }

    /// Waits for the next change.
    pub(super) async fn changed(&mut self) {
        // `self.sender` keeps the channel open.
        let _ = self.changes.recv().await;
    }

    /// Watches again if the watch is broken, or if other directories lead to a file now. Returns
    /// whether it did: files may have changed meanwhile.
    pub(super) fn renew(&mut self) -> bool {
        if self.files.is_empty() {
            return false;
        }
        let directories = directories_of(&self.files);
        let is_working = self.watcher.is_some() && !self.broken.load(Ordering::Relaxed);
        if is_working && directories == self.directories {
            return false;
        }
        self.watcher = None;
        self.broken = Arc::default();
        let mut unwatched = Vec::new();
        match start(&directories, &self.broken, &self.sender) {
            Ok(mut watcher) => {
                for WatchedDirectory { path, .. } in &directories {
                    if let Err(error) = watcher.watch(path, RecursiveMode::NonRecursive) {
                        unwatched.push(format!("{}: {error}", path.display()));
                    }
                }
                self.watcher = Some(watcher);
            }
            Err(error) => unwatched.push(format!("no directory can be: {error}")),
        }
        let complaint = (!unwatched.is_empty()).then(|| unwatched.join("; "));
        for text in self.complaint.update(complaint).new {
            warn!("not watched, and read every `interval` only: {text}");
        }
        self.directories = directories;
        true
    }
}

fn start(
    directories: &[WatchedDirectory],
    broken: &Arc<AtomicBool>,
    sender: &Sender<()>,
) -> notify::Result<RecommendedWatcher> {
    let (watched, broken, sender) = (directories.to_vec(), Arc::clone(broken), sender.clone());
    notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.as_ref().is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            return;
        }
        if event.is_err() || event.is_ok_and(|event| takes_away(&event, &watched)) {
            broken.store(true, Ordering::Relaxed);
        }
        let _ = sender.try_send(());
    })
}

/// Whether a watched directory itself was removed or renamed.
fn takes_away(event: &Event, directories: &[WatchedDirectory]) -> bool {
    matches!(
        event.kind,
        EventKind::Remove(_) | EventKind::Modify(notify::event::ModifyKind::Name(_))
    ) && event.paths.iter().any(|path| directories.iter().any(|watched| watched.path == *path))
}

/// The directories in which a rename may change what the files' paths lead to.
fn directories_of(files: &[PathBuf]) -> Vec<WatchedDirectory> {
    let mut paths: Vec<PathBuf> = files.iter().flat_map(|file| directories_to(file)).collect();
    paths.sort();
    paths.dedup();
    let identity =
        |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    paths.into_iter().map(|path| WatchedDirectory { identity: identity(&path), path }).collect()
}

/// The directory of a file, and those of symbolic links on the way to it. If the path leads
/// nowhere, the last one is the deepest directory that exists.
pub(super) fn directories_to(file: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut at = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mut rest = parts(file);
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => at = PathBuf::from("/"),
            Some(Component::ParentDir) => {
                at.pop();
            }
            Some(Component::Normal(name)) => {
                let next = at.join(name);
                match next.symlink_metadata() {
                    Ok(metadata) if metadata.is_symlink() && links < MAX_LINKS => {
                        links += 1;
                        paths.push(at.clone());
                        rest.extend(
                            std::fs::read_link(&next).iter().flat_map(|target| parts(target)),
                        );
                    }
                    Ok(metadata) if metadata.is_dir() => at = next,
                    _ => break,
                }
            }
            _ => {}
        }
    }
    paths.push(at);
    paths
}

/// The components of a path, last one first.
fn parts(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|component| component.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_in_which_a_rename_matters_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("mount/..one")).unwrap();
        std::fs::write(root.join("mount/..one/feed.json"), "").unwrap();
        let link =
            |target: &str, name: &str| std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        link("..one", "mount/..data");
        link("..data/feed.json", "mount/feed.json");
        link("mount", "current");
        let of = |path: &str| {
            directories_of(&[root.join(path)])
                .into_iter()
                .map(|found| found.path)
                .collect::<Vec<_>>()
        };
        let mount = root.join("mount");
        assert_eq!(of("current/feed.json"), [root.clone(), mount.clone(), mount.join("..one")]);
        assert_eq!(of("mount/none/feed.json"), std::slice::from_ref(&mount));
        assert_eq!(of("mount/../mount/..one/feed.json"), [mount.join("..one")]);
        link("loop", "loop");
        assert_eq!(of("loop"), [root]);
    }
}
