//! Tells when the feed's file may have changed.

use std::path::{Path, PathBuf};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{Receiver, channel};
use tracing::warn;

/// Watches the directory of a file: the file itself is replaced by rename, and a watch on it would follow the old one.
pub(super) struct Watch {
    changes: Option<Receiver<()>>,
    /// Kept for its drop: it ends the watch.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches a file; none is never changed. Where the system does not let it, polling alone must do.
    pub(super) fn new(file: Option<&Path>) -> Self {
        let Some(file) = file else { return Self { changes: None, _watcher: None } };
        match start(file) {
            Ok((watcher, changes)) => Self { changes: Some(changes), _watcher: Some(watcher) },
            Err(error) => {
                warn!("{} is not watched ({error}): it is read every `interval` only", file.display());
                Self { changes: None, _watcher: None }
            }
        }
    }

    /// Waits for the next change.
    pub(super) async fn changed(&mut self) {
        if let Some(changes) = &mut self.changes
            && changes.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

fn start(file: &Path) -> notify::Result<(RecommendedWatcher, Receiver<()>)> {
    let name = file.file_name().map(ToOwned::to_owned);
    // One place: changes that come while one is being read need one more read, however many they are.
    let (sender, receiver) = channel(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let concerns = match &event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => event.paths.iter().any(|path| path.file_name() == name.as_deref()),
            Err(_) => true,
        };
        if concerns {
            let _ = sender.try_send(());
        }
    })?;
    watcher.watch(&directory(file), RecursiveMode::NonRecursive)?;
    Ok((watcher, receiver))
}

fn directory(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
