//! Exports on a thread of its own, so that neither the disk nor a command delays the thread that
//! follows the feed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{error, info};

use super::directory::{Directory, DirectoryError, ExportChanges, ReloadTarget};
use super::input::{AclKind, ExportInput};
use super::reload::ReloadCommands;
use super::tree::{Tree, tree};
use cvdns_io::essential;

/// How long to wait before a failed export is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(30);

/// Writes exports and makes name servers load them.
#[derive(Debug)]
pub struct Exporter {
    directory: Directory,
    acl: Option<AclKind>,
    commands: ReloadCommands,
}

/// A thread that exports the newest input that it is given.
#[derive(Debug)]
pub struct ExportThread {
    slot: Arc<LatestSlot>,
    thread: JoinHandle<()>,
}

/// Holds the newest input until the export thread takes it; a newer one replaces an older one.
#[derive(Debug)]
struct LatestSlot<S = ExportInput> {
    next: Mutex<Option<S>>,
    changed: Condvar,
    stop: AtomicBool,
}

impl Exporter {
    /// An exporter to `directory`; with an `acl` it exports views.
    pub fn new(directory: Directory, acl: Option<AclKind>, commands: ReloadCommands) -> Self {
        Self { directory, acl, commands }
    }

    /// Exports once and runs no command.
    ///
    /// # Errors
    /// When a zone has no data or a system call fails; the previous export then stays in place.
    pub fn export(&self, input: &ExportInput) -> Result<ExportChanges, DirectoryError> {
        self.write(input).map(|(_, changes)| changes)
    }

    fn write(&self, input: &ExportInput) -> Result<(Tree, ExportChanges), DirectoryError> {
        if let Some(zone) = input.zone_without_data() {
            return Err(DirectoryError::NoData(zone.to_string()));
        }
        let tree = tree(input, self.acl, &self.directory.current());
        let changes = self.directory.write(&tree)?;
        Ok((tree, changes))
    }

    /// Exports and runs the commands for the zones that changed, or for all zones if `all`.
    fn export_and_reload(
        &mut self,
        input: &ExportInput,
        all: bool,
        slot: &LatestSlot,
    ) -> Result<(), DirectoryError> {
        let (tree, mut changes) = self.write(input)?;
        if changes.written > 0 {
            let ExportChanges { written, files, .. } = changes;
            let serial = input.feed.map(|serial| format!("feed {serial}: ")).unwrap_or_default();
            info!(
                feed = input.feed,
                count = written,
                "{serial}exported; {written} of {files} files changed"
            );
        }
        let zones: BTreeSet<ReloadTarget> = tree.values().filter_map(ReloadTarget::of).collect();
        if all {
            changes.zones.clone_from(&zones);
            changes.config = true;
        }
        let stopped = || slot.stop.load(Ordering::Relaxed);
        self.commands.run(&changes, &zones, &stopped, &|| slot.lock().is_some());
        Ok(())
    }

    /// Starts the export thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(mut self) -> std::io::Result<ExportThread> {
        let slot = Arc::new(LatestSlot::default());
        let own = slot.clone();
        self.commands.describe();
        let thread = essential::spawn("cvdns-export", move || self.run(&own))?;
        Ok(ExportThread { slot, thread })
    }

    fn run(&mut self, slot: &LatestSlot) {
        // The last export of an earlier run may not have been loaded.
        let mut all = true;
        let mut unwritten: Option<ExportInput> = None;
        let mut last_error = None;
        while let Some(input) = slot.next(unwritten.take(), RETRY_DELAY) {
            match self.export_and_reload(&input, all, slot) {
                Ok(()) => {
                    if last_error.take().is_some() {
                        info!("exporting works again");
                    }
                    all = false;
                }
                Err(error) => {
                    let error = error.to_string();
                    if last_error.as_ref() != Some(&error) {
                        error!(
                            error,
                            "{error}; the last export stays in place; trying again every \
                             {RETRY_DELAY:?}"
                        );
                    }
                    last_error = Some(error);
                    unwritten = Some(input);
                }
            }
        }
    }
}

impl<S> Default for LatestSlot<S> {
    fn default() -> Self {
        Self { next: Mutex::new(None), changed: Condvar::new(), stop: AtomicBool::new(false) }
    }
}

impl<S> LatestSlot<S> {
    fn lock(&self) -> MutexGuard<'_, Option<S>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next input. An input that could not be written is returned again after `delay`
    /// unless a newer one replaces it. `None` when the thread is to stop.
    fn next(&self, unwritten: Option<S>, delay: Duration) -> Option<S> {
        let waits = |next: &mut Option<S>| next.is_none() && !self.stop.load(Ordering::Relaxed);
        let mut next = if unwritten.is_some() {
            let waited = self.changed.wait_timeout_while(self.lock(), delay, waits);
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            self.changed.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner)
        };
        if self.stop.load(Ordering::Relaxed) { None } else { next.take().or(unwritten) }
    }
}

impl ExportThread {
    /// Exports this input next. It replaces an earlier input that is not exported yet.
    pub fn give(&self, input: ExportInput) {
        *self.slot.lock() = Some(input);
        self.slot.changed.notify_one();
    }

    /// Stops the thread: kills a running command, completes an export that is being written, and
    /// waits for both.
    pub fn stop(self) {
        self.slot.stop.store(true, Ordering::Relaxed);
        // Taking the lock ensures that the thread sees `stop` before it waits, or is woken.
        drop(self.slot.lock());
        self.slot.changed.notify_one();
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_input_replaces_one_that_was_not_written() {
        let slot = LatestSlot::<u8>::default();
        let soon = Duration::from_millis(1);
        assert_eq!(slot.next(Some(1), soon), Some(1), "tried again");
        *slot.lock() = Some(2);
        assert_eq!(slot.next(Some(1), Duration::from_secs(600)), Some(2), "before its time");
        // The first input is gone.
        *slot.lock() = Some(3);
        assert_eq!(slot.next(None, soon), Some(3));
        slot.stop.store(true, Ordering::Relaxed);
        assert_eq!(slot.next(Some(1), soon), None);
    }
}
