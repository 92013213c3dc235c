//! Exports again and again what is answered, on a thread of its own: neither a disk nor a command holds up who follows the feed.

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
#[derive(Debug, Default)]
struct Desk {
    next: Mutex<Option<Subject>>,
    changed: Condvar,
    stop: AtomicBool,
}

/// What the thread does next.
enum Turn {
    Next(Subject),
    Again,
    Stop,
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
        if all {
            let zones = tree.values().filter_map(|file| match file {
                super::File::Zone(zone) => Some(Reload { zone: zone.zone.clone(), view: zone.view.clone() }),
                super::File::Config(_) => None,
            });
            changes.zones.extend(zones);
            changes.config = true;
        }
        let stopped = || desk.stop.load(Ordering::Relaxed);
        self.commands.run(&changes, &stopped, &|| desk.lock().is_some());
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
        let thread =
            std::thread::Builder::new().name("cvdns-export".to_owned()).spawn(move || self.run(&own))?;
        Ok(Exporting { desk, thread })
    }

    fn run(&mut self, desk: &Desk) {
        // What an earlier run exported last may not have been loaded.
        let mut all = true;
        let mut unwritten: Option<Subject> = None;
        let mut complaint = None;
        loop {
            let subject = match desk.next(unwritten.is_some()) {
                Turn::Next(subject) => subject,
                Turn::Again => match unwritten.take() {
                    Some(subject) => subject,
                    None => continue,
                },
                Turn::Stop => return,
            };
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

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Option<Subject>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next subject; not for ever where something is to be done again.
    fn next(&self, again: bool) -> Turn {
        let waits = |next: &mut Option<Subject>| next.is_none() && !self.stop.load(Ordering::Relaxed);
        let mut next = if again {
            let waited = self.changed.wait_timeout_while(self.lock(), AGAIN, waits);
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner)
        };
        if self.stop.load(Ordering::Relaxed) {
            return Turn::Stop;
        }
        next.take().map_or(Turn::Again, Turn::Next)
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
