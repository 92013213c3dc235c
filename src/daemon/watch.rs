//! Tells when a file that is followed may have changed.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::warn;

/// Most symbolic links on the way to a file, as for the system.
const MAX_LINKS: usize = 40;

/// Watches the directories of files, and those of symbolic links on the way: files and links are replaced by rename, and a
/// watch on them would follow the old ones. Anything that happens there is reason to look.
pub(super) struct Watch {
    files: Vec<PathBuf>,
    places: Vec<Place>,
    changes: Receiver<()>,
    sender: Sender<()>,
    /// None: it could not be made, and was said so. Its drop ends the watch.
    watcher: Option<RecommendedWatcher>,
    /// The system lost something, or what is watched went away.
    broken: Arc<AtomicBool>,
    /// What is not watched and why, as it was said last.
    complaint: Option<String>,
}

/// A directory, and which one it was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl Watch {
    /// Watches files; none are never changed. Where the system does not let it, polling alone must do.
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        // One place: changes that come while one is being read need one more read, however many they are.
        let (sender, changes) = channel(1);
        let mut watch = Self {
            files,
            places: Vec::new(),
            changes,
            sender,
            watcher: None,
            broken: Arc::default(),
            complaint: None,
        };
        watch.renew();
        watch
    }

    /// Waits for the next change.
    pub(super) async fn changed(&mut self) {
        // It keeps a sender itself, so that there is always one to wait for.
        let _ = self.changes.recv().await;
    }

    /// Makes the watch anew when it is broken, or other directories lead to a file now. True when it did: files may have
    /// changed meanwhile.
    pub(super) fn renew(&mut self) -> bool {
        if self.files.is_empty() {
            return false;
        }
        let places = places_of(&self.files);
        if self.watcher.is_some() && !self.broken.load(Ordering::Relaxed) && places == self.places {
            return false;
        }
        self.watcher = None;
        self.broken = Arc::default();
        let mut unwatched = Vec::new();
        match start(&places, &self.broken, &self.sender) {
            Ok(mut watcher) => {
                for place in &places {
                    if let Err(error) = watcher.watch(&place.path, RecursiveMode::NonRecursive) {
                        unwatched.push(format!("{}: {error}", place.path.display()));
                    }
                }
                self.watcher = Some(watcher);
            }
            Err(error) => unwatched.push(format!("no directory can be: {error}")),
        }
        self.say(&unwatched);
        self.places = places;
        true
    }

    /// Says once what is not watched.
    fn say(&mut self, unwatched: &[String]) {
        let complaint = (!unwatched.is_empty()).then(|| unwatched.join("; "));
        if let Some(text) = complaint.as_ref().filter(|_| complaint != self.complaint) {
            warn!("not watched, and looked at every `interval` only: {text}");
        }
        self.complaint = complaint;
    }
}

fn start(
    places: &[Place],
    broken: &Arc<AtomicBool>,
    sender: &Sender<()>,
) -> notify::Result<RecommendedWatcher> {
    let (watched, broken, sender) = (places.to_vec(), Arc::clone(broken), sender.clone());
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
fn takes_away(event: &Event, places: &[Place]) -> bool {
    matches!(
        event.kind,
        EventKind::Remove(_) | EventKind::Modify(notify::event::ModifyKind::Name(_))
    ) && event.paths.iter().any(|path| places.iter().any(|place| place.path == *path))
}

/// The directories in which a rename may change what the files' paths lead to.
fn places_of(files: &[PathBuf]) -> Vec<Place> {
    let mut paths: Vec<PathBuf> = files.iter().flat_map(|file| places(file)).collect();
    paths.sort();
    paths.dedup();
    let identity =
        |path: &Path| path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
    paths.into_iter().map(|path| Place { identity: identity(&path), path }).collect()
}

/// Those of one file: its own, and those of symbolic links on the way. Where there is no way, the last one that exists.
fn places(file: &Path) -> Vec<PathBuf> {
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

/// The components of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|component| component.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_that_a_rename_may_change_is_a_place() {
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
            places_of(&[root.join(path)]).into_iter().map(|place| place.path).collect::<Vec<_>>()
        };
        let mount = root.join("mount");
        assert_eq!(of("current/feed.json"), [root.clone(), mount.clone(), mount.join("..one")]);
        assert_eq!(of("mount/none/feed.json"), std::slice::from_ref(&mount));
        assert_eq!(of("mount/../mount/..one/feed.json"), [mount.join("..one")]);
        link("loop", "loop");
        assert_eq!(of("loop"), [root]);
    }
}
