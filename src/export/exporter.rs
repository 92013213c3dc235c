//! Exports again and again what is answered, on a thread of its own: neither a disk nor a command holds up who follows the feed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{error, info};

use super::{Acl, Changes, Commands, Directory, DirectoryError, Reload, Subject, tree};

/// After how long an export is tried again that the system did not let be.
const AGAIN: Duration = Duration::from_secs(30);

/// Writes exports and has them loaded.
#[derive(Debug)]
pub struct Exporter {
    directory: Directory,
    acl: Option<Acl>,
    commands: Commands,
}

/// A thread that exports the newest of what it is given.
#[derive(Debug)]
pub struct Exporting {
    desk: Arc<Desk>,
    thread: JoinHandle<()>,
}

/// Where the next subject lies.
#[derive(Debug)]
struct Desk<S = Subject> {
    next: Mutex<Option<S>>,
    changed: Condvar,
    stop: AtomicBool,
}

impl Exporter {
    /// With `acl` there are views.
    pub fn new(directory: Directory, acl: Option<Acl>, commands: Commands) -> Self {
        Self { directory, acl, commands }
    }

    /// Exports once, and runs no command.
    ///
    /// # Errors
    /// When the system does not let it; the last export then still stands.
    pub fn export(&self, subject: &Subject) -> Result<Changes, DirectoryError> {
        self.directory.write(&tree(subject, self.acl, &self.directory.current()))
    }

    /// Exports, and runs the commands for what changed; for everything, when `all`.
    fn follow(&mut self, subject: &Subject, all: bool, desk: &Desk) -> Result<(), DirectoryError> {
        let tree = tree(subject, self.acl, &self.directory.current());
        let mut changes = self.directory.write(&tree)?;
        if changes.written > 0 {
            let Changes { written, files, .. } = changes;
            let serial = subject.feed.map(|serial| format!("feed {serial}: ")).unwrap_or_default();
            info!("{serial}exported, {written} of {files} files changed");
        }
        let zones: BTreeSet<Reload> = tree.values().filter_map(Reload::of).collect();
        if all {
            changes.zones.clone_from(&zones);
            changes.config = true;
        }
        let stopped = || desk.stop.load(Ordering::Relaxed);
        self.commands.run(&changes, &zones, &stopped, &|| desk.lock().is_some());
        Ok(())
    }

    /// Starts a thread that exports what it is given.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut self) -> std::io::Result<Exporting> {
        let desk = Arc::new(Desk::default());
        let own = desk.clone();
        self.commands.describe();
        let thread = std::thread::Builder::new()
            .name("cvdns-export".to_owned())
            .spawn(move || self.run(&own))?;
        Ok(Exporting { desk, thread })
    }

    fn run(&mut self, desk: &Desk) {
        // What an earlier run exported last may not have been loaded.
        let mut all = true;
        let mut unwritten: Option<Subject> = None;
        let mut complaint = None;
        while let Some(subject) = desk.next(unwritten.take(), AGAIN) {
            match self.follow(&subject, all, desk) {
                Ok(()) => {
                    if complaint.take().is_some() {
                        info!("exports again");
                    }
                    all = false;
                }
                Err(error) => {
                    let error = error.to_string();
                    if complaint.as_ref() != Some(&error) {
                        error!("{error}, the last export stands; tried again every {AGAIN:?}");
                    }
                    complaint = Some(error);
                    unwritten = Some(subject);
                }
            }
        }
    }
}

impl<S> Default for Desk<S> {
    fn default() -> Self {
        Self { next: Mutex::new(None), changed: Condvar::new(), stop: AtomicBool::new(false) }
    }
}

impl<S> Desk<S> {
    fn lock(&self) -> MutexGuard<'_, Option<S>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next subject, or for the time at which one that was not written is tried again: one that is newer takes
    /// its place. None: it is time to stop.
    fn next(&self, unwritten: Option<S>, again: Duration) -> Option<S> {
        let waits = |next: &mut Option<S>| next.is_none() && !self.stop.load(Ordering::Relaxed);
        let mut next = if unwritten.is_some() {
            let waited = self.changed.wait_timeout_while(self.lock(), again, waits);
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner)
        };
        if self.stop.load(Ordering::Relaxed) { None } else { next.take().or(unwritten) }
    }
}

impl Exporting {
    /// Has this exported next; what was given before and is not exported yet is passed over.
    pub fn give(&self, subject: Subject) {
        *self.desk.lock() = Some(subject);
        self.desk.changed.notify_one();
    }

    /// Ends a command that runs, completes an export that is being written, and waits for that.
    pub fn stop(self) {
        self.desk.stop.store(true, Ordering::Relaxed);
        // Under the lock: it is seen before the thread waits, or wakes it.
        drop(self.desk.lock());
        self.desk.changed.notify_one();
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_newer_takes_the_place_of_what_was_not_written() {
        let desk = Desk::<u8>::default();
        let soon = Duration::from_millis(1);
        assert_eq!(desk.next(Some(1), soon), Some(1), "tried again");
        *desk.lock() = Some(2);
        assert_eq!(desk.next(Some(1), Duration::from_secs(600)), Some(2), "before its time");
        // Nothing of the first one is left.
        *desk.lock() = Some(3);
        assert_eq!(desk.next(None, soon), Some(3));
        desk.stop.store(true, Ordering::Relaxed);
        assert_eq!(desk.next(Some(1), soon), None);
    }
}
