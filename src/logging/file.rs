//! The file of the log. It is opened again on request after it was renamed. While it cannot be
//! opened, lines go to standard error, and opening it is tried again every second.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use nix::libc;
use tracing::{error, info};

use super::queue::Queue;
use super::stream::LogStream;
use cvdns_io::confinement::{Allowed, begin_thread_with};
use cvdns_io::essential;

/// Permissions of a new file: the log names clients, which are nobody else's business.
const MODE: u32 = 0o640;

/// How long to wait before a file that could not be opened is opened again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Asks for the file to be opened again, once there is one, and knows why it is not open.
#[derive(Debug, Default)]
pub(super) struct Reopening {
    requests: OnceLock<SyncSender<()>>,
    not_open: Mutex<Option<String>>,
}

impl Reopening {
    /// Asks for the file to be opened again. Returns false if there is none.
    pub(super) fn request(&self) -> bool {
        let sender = self.requests.get();
        if let Some(sender) = sender {
            let _ = sender.try_send(());
        }
        sender.is_some()
    }

    /// The file's path and why it could not be opened, for people, if that is so.
    pub(super) fn not_open(&self) -> Option<String> {
        self.lock().clone()
    }

    /// A panic leaves nothing half changed, so that a poisoned lock can be used.
    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.not_open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file, and where its lines go otherwise.
struct LogFile {
    path: PathBuf,
    /// Device and inode of its directory at the start: the sandbox allows no other.
    directory: Option<(u64, u64)>,
    reopening: Arc<Reopening>,
    queue: Arc<Queue>,
    /// Whether lines start with their priority.
    prioritised: Arc<AtomicBool>,
    /// Whether standard error leads to the journal.
    has_journal: bool,
    is_open: bool,
}

/// Has the log's lines written to the file, whose directory is made if need be, and starts a thread
/// that opens it again on request, and every second while it cannot be opened. That thread may
/// write beside the file, and nothing else.
///
/// # Errors
/// When the path is empty or the system gives no thread, in words for people.
pub(super) fn start(
    path: &Path,
    reopening: &Arc<Reopening>,
    queue: &Arc<Queue>,
    prioritised: &Arc<AtomicBool>,
) -> Result<(), String> {
    let cannot = |error: io::Error| format!("cannot open the log {}: {error}", path.display());
    let path = std::path::absolute(path).map_err(cannot)?;
    // If it cannot be made, opening says why.
    let _ = path.parent().map(std::fs::create_dir_all);
    let mut file = LogFile {
        directory: identity(&path),
        path,
        reopening: reopening.clone(),
        queue: queue.clone(),
        prioritised: prioritised.clone(),
        has_journal: prioritised.load(Relaxed),
        is_open: false,
    };
    file.open();
    // Room for one: requests that come while the file is opened are one.
    let (sender, requests) = sync_channel(1);
    essential::spawn("cvdns-log-file", move || file.follow(&requests)).map_err(cannot)?;
    let _ = reopening.requests.set(sender);
    Ok(())
}

impl LogFile {
    fn follow(mut self, requests: &Receiver<()>) {
        let mut allowed = Allowed::default();
        // Where a symbolic link leads, too.
        let real = self.path.canonicalize().ok();
        for path in [Some(&self.path), real.as_ref()].into_iter().flatten() {
            allowed.also_writes(path.parent().unwrap_or(path));
        }
        begin_thread_with(&allowed);
        loop {
            let asked = if self.is_open {
                requests.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                requests.recv_timeout(RETRY_DELAY)
            };
            if asked == Err(RecvTimeoutError::Disconnected) {
                return;
            }
            let was_open = self.is_open;
            if self.open() && was_open {
                let name = self.path.display();
                info!(path = %name, "the log goes on in {name}, which was opened again");
            }
        }
    }

    /// Opens the file and has lines written to it, or to standard error. Returns whether it is
    /// open.
    fn open(&mut self) -> bool {
        match open(&self.path) {
            Ok(file) => self.go_on_in(file),
            Err(error) => self.go_on_without(&error),
        }
        self.is_open
    }

    fn go_on_in(&mut self, file: File) {
        if !self.is_open {
            let name = self.path.display();
            info!(path = %name, "the log goes on in {name}");
            // What was said so far belongs to standard error.
            self.queue.flush();
            self.prioritised.store(false, Relaxed);
        }
        self.queue.change_stream(LogStream::file(file));
        self.is_open = true;
        *self.reopening.lock() = None;
    }

    fn go_on_without(&mut self, error: &io::Error) {
        self.queue.counts().open_errors.fetch_add(1, Relaxed);
        let (name, why) = (self.path.display(), self.why(error));
        let not_open = Some(format!("{name}: {why}"));
        let before = std::mem::replace(&mut *self.reopening.lock(), not_open.clone());
        if before == not_open {
            return;
        }
        let say = || {
            error!(
                path = %name,
                error = %why,
                "the log {name} cannot be opened: {why}; its lines go to standard error, and \
                 opening it is tried again every second"
            );
        };
        if self.is_open {
            // For whoever reads the file that was open before.
            say();
            self.queue.flush();
            self.prioritised.store(self.has_journal, Relaxed);
            self.queue.change_stream(LogStream::stderr());
        }
        say();
        self.is_open = false;
    }

    /// Why the file cannot be opened, for people.
    fn why(&self, error: &io::Error) -> String {
        if error.kind() != io::ErrorKind::PermissionDenied {
            return error.to_string();
        }
        if identity(&self.path) == self.directory {
            return format!(
                "{error}; the user whom cvdns runs as must be able to write the file, and to make \
                 it in its directory"
            );
        }
        format!(
            "{error}; the directory is not the one that was there when cvdns started, and the \
             sandbox allows no other: restart cvdns"
        )
    }
}

/// Device and inode of a file's directory, if there is one.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = path.parent()?.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// What a file is that cannot be a log, as it is no regular file.
pub(super) fn other_kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_fifo() => Some("a pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

/// Opens the file for lines at its end, if it is a regular one. A pipe without a reader blocks
/// nothing.
fn open(path: &Path) -> io::Result<File> {
    let refuse = |metadata: Metadata| {
        other_kind(&metadata).map_or(Ok(()), |kind| {
            Err(io::Error::other(format!("it is {kind}, and has to be a regular file")))
        })
    };
    path.metadata().map_or(Ok(()), refuse)?;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    refuse(file.metadata()?)?;
    Ok(file)
}
