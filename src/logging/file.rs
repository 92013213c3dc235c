//! The file of the log, which is opened again on request after it was renamed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use nix::libc;
use tracing::{error, info};

use super::queue::Queue;
use super::stream::LogStream;
use cvdns_io::confinement::{Allowed, begin_thread_with};
use cvdns_io::essential;

/// Permissions of a new file: the log names clients, which are nobody else's business.
const MODE: u32 = 0o640;

/// Asks for the file to be opened again, once there is one.
#[derive(Debug, Default)]
pub(super) struct Reopening(OnceLock<SyncSender<()>>);

impl Reopening {
    /// Opens the file, whose directory is made if need be, has the queue's lines written to it, and
    /// starts a thread that opens it again whenever [`Self::request`] asks for it. That thread may
    /// write beside the file, and nothing else.
    ///
    /// # Errors
    /// When the file cannot be opened or the system gives no thread, in words for people.
    pub(super) fn start(&self, path: &Path, queue: &Arc<Queue>) -> Result<(), String> {
        let cannot = |error: io::Error| format!("cannot open the log {}: {error}", path.display());
        let path = std::path::absolute(path).map_err(cannot)?;
        // If it cannot be made, opening says why.
        let _ = path.parent().map(std::fs::create_dir_all);
        let file = open(&path).map_err(cannot)?;
        // Room for one: requests that come while the file is opened are one.
        let (sender, requests) = sync_channel(1);
        let reopened = (path, queue.clone());
        essential::spawn("cvdns-log-file", move || follow(&reopened, &requests)).map_err(cannot)?;
        let _ = self.0.set(sender);
        queue.change_stream(LogStream::file(file));
        Ok(())
    }

    /// Asks for the file to be opened again. Returns false if there is none.
    pub(super) fn request(&self) -> bool {
        let sender = self.0.get();
        if let Some(sender) = sender {
            let _ = sender.try_send(());
        }
        sender.is_some()
    }
}

fn follow((path, queue): &(PathBuf, Arc<Queue>), requests: &Receiver<()>) {
    let mut allowed = Allowed::default();
    if let Some(directory) = path.parent() {
        allowed.also_writes(directory);
    }
    begin_thread_with(&allowed);
    let name = path.display();
    while requests.recv().is_ok() {
        match open(path) {
            Ok(file) => {
                queue.change_stream(LogStream::file(file));
                info!(path = %name, "the log goes on in {name}, which was opened again");
            }
            Err(error) => error!(
                path = %name,
                error = %error,
                "the log {name} cannot be opened again, and goes on in the file that was open \
                 before: {error}"
            ),
        }
    }
}

/// Opens the file for lines at its end. A pipe without a reader is an error, and blocks nothing.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}
