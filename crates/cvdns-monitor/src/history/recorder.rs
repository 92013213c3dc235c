//! Records checks on a thread of its own: neither checks nor the feed ever wait for the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tracing::{error, info, warn};

use super::compact::{Step, step};
use super::database::{FileId, Trouble, examine, make_room, open, path, size};
use super::note::Note;
use super::write::{Written, write};

/// The most checks that wait to be recorded, about 5 MB. Further ones are dropped and counted.
const QUEUE: usize = 20_000;

/// Checks are collected for this long, for one commit.
const COLLECT: Duration = Duration::from_secs(2);

/// The pause before the database is tried again after a fault.
const RETRY: Duration = Duration::from_secs(10);

/// The most checks of a commit: a later one is not held up for long.
const BATCH: usize = 5_000;

/// The longest sleep while there is nothing to do.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// The time for what is left, at the end.
const GRACE: Duration = Duration::from_secs(10);

/// The longest time for which a check holds, in seconds.
const LONGEST_HOLD: i64 = 86_400;

/// Records checks in the history of a state directory. Dropped, it records what is left, for at
/// most ten seconds.
pub struct Recorder {
    messages: Sender<Message>,
    shared: Arc<Shared>,
    path: PathBuf,
}

/// How the recorder fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// The octets of the database on the disk.
    pub size: u64,
    /// Checks that were not recorded since the start.
    pub dropped: u64,
    /// Whether the database could be written the last time.
    pub writable: bool,
}

enum Message {
    Note(Box<Note>),
    /// Answers once all that came before is recorded or dropped: whether it is recorded.
    Flush(SyncSender<bool>),
    /// Somebody could not read the database.
    Suspect,
    /// Answers once what waits is recorded, or cannot be.
    Stop(SyncSender<()>),
}

struct Shared {
    waiting: AtomicUsize,
    dropped: AtomicU64,
    writable: AtomicBool,
    /// The seconds for which a check holds.
    hold: AtomicI64,
}

impl Recorder {
    /// Starts to record. A healthy address is checked once in each `interval`. The database is
    /// opened by the thread; what is wrong with it is logged.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(state: &Path, interval: Duration) -> std::io::Result<Self> {
        let (messages, received) = channel();
        let shared = Arc::new(Shared {
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            writable: AtomicBool::new(true),
            hold: AtomicI64::new(hold(interval)),
        });
        let path = path(state);
        let mut work = Work {
            path: path.clone(),
            shared: Arc::clone(&shared),
            database: None,
            pending: Vec::new(),
            file: None,
            complaint: None,
            told: 0,
            idle: false,
        };
        std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || work.run(&received))?;
        Ok(Self { messages, shared, path })
    }

    /// Takes another interval from now on.
    pub fn set_interval(&self, interval: Duration) {
        self.shared.hold.store(hold(interval), Ordering::Relaxed);
    }

    /// Records a check soon, or drops it if too many wait.
    pub fn note(&self, note: Note) {
        let has_room = self.shared.waiting.load(Ordering::Relaxed) < QUEUE;
        if has_room {
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        }
        // A thread that is gone has ended by a defect; the coordinator goes on without it.
        if !has_room || self.messages.send(Message::Note(Box::new(note))).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all that was noted before is recorded. Returns `false` if it is not within
    /// `limit`, or cannot be.
    pub fn flush(&self, limit: Duration) -> bool {
        self.ask(Message::Flush, limit)
    }

    /// How it fares at the end of a run: what is not recorded within `limit` counts as dropped, as
    /// no later run has it.
    pub fn conclude(&self, limit: Duration) -> Status {
        let is_recorded = self.flush(limit);
        let status = self.status();
        let left = self.shared.waiting.load(Ordering::Relaxed);
        let lost = if is_recorded { 0 } else { u64::try_from(left).unwrap_or(u64::MAX) };
        Status { dropped: status.dropped.saturating_add(lost), ..status }
    }

    /// Says that the database could not be read. If it is damaged, another one takes its place.
    pub fn suspect(&self) {
        let _ = self.messages.send(Message::Suspect);
    }

    /// How it fares.
    pub fn status(&self) -> Status {
        Status {
            size: size(&self.path),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            writable: self.shared.writable.load(Ordering::Relaxed),
        }
    }

    fn ask(&self, message: impl FnOnce(SyncSender<bool>) -> Message, limit: Duration) -> bool {
        let (answer, answered) = sync_channel(1);
        self.messages.send(message(answer)).is_ok() && answered.recv_timeout(limit) == Ok(true)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // What the thread cannot record it says itself.
        let (answer, answered) = sync_channel(1);
        if self.messages.send(Message::Stop(answer)).is_err()
            || answered.recv_timeout(GRACE).is_err()
        {
            warn!(
                "the last checks may not be in the history: it took more than {} s to write it",
                GRACE.as_secs()
            );
        }
    }
}

/// The seconds for which a check holds: two checks are at most two intervals apart, and the tries
/// of a check take some minutes.
fn hold(interval: Duration) -> i64 {
    let seconds = interval.as_secs().saturating_mul(2).saturating_add(600);
    i64::try_from(seconds).unwrap_or(i64::MAX).min(LONGEST_HOLD)
}

/// The thread.
struct Work {
    path: PathBuf,
    shared: Arc<Shared>,
    database: Option<Connection>,
    /// The file that is open.
    file: Option<FileId>,
    pending: Vec<Note>,
    /// The last complaint; it is logged once.
    complaint: Option<String>,
    /// The number of dropped checks that was logged.
    told: u64,
    /// Whether there is nothing to compact before the next checks.
    idle: bool,
}

impl Work {
    fn run(&mut self, messages: &Receiver<Message>) {
        self.open(false);
        let mut since: Option<Instant> = None;
        loop {
            let left = since.map(|since| self.pause().saturating_sub(since.elapsed()));
            if left.is_some_and(|left| left.is_zero()) || self.is_full() {
                self.record();
                since = (!self.pending.is_empty()).then(Instant::now);
                continue;
            }
            let wait = match left {
                Some(left) => left,
                None if self.database.is_some() && !self.idle => Duration::ZERO,
                None => LONGEST_SLEEP,
            };
            match messages.recv_timeout(wait) {
                Ok(Message::Note(note)) => {
                    self.pending.push(*note);
                    since = since.or_else(|| Some(Instant::now()));
                }
                Ok(Message::Flush(answer)) => {
                    self.record_all();
                    let _ = answer.send(self.pending.is_empty());
                    since = (!self.pending.is_empty()).then(Instant::now);
                }
                Ok(Message::Suspect) => self.look(),
                Ok(Message::Stop(answer)) => {
                    self.record_all();
                    // The last connection to close takes the log into the database.
                    self.database = None;
                    self.warn_of_lost();
                    let _ = answer.send(());
                    return;
                }
                Err(RecvTimeoutError::Timeout) if since.is_none() => self.compact(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Whether a whole batch waits that can be recorded.
    fn is_full(&self) -> bool {
        self.pending.len() >= BATCH && self.complaint.is_none()
    }

    /// The time until the next commit.
    fn pause(&self) -> Duration {
        if self.complaint.is_some() { RETRY } else { COLLECT }
    }

    fn record_all(&mut self) {
        // Once more, for a database that was put aside meanwhile.
        for _ in 0..=QUEUE / BATCH + 1 {
            self.record();
            if self.pending.is_empty() || self.complaint.is_some() {
                break;
            }
        }
    }

    /// Records a batch of what waits. If that cannot be, it goes on waiting.
    fn record(&mut self) {
        // SQLite would go on with a file that was removed, or that another one has replaced.
        if self.database.is_some() && FileId::of(&self.path) != self.file {
            self.database = None;
            warn!(
                "the history of checks {} is not the file that it was: somebody removed or replaced \
                 it. It goes on in the one that is there now, or begins anew",
                self.path.display()
            );
        }
        if self.database.is_none() {
            self.open(true);
        }
        let batch = self.pending.get(..self.pending.len().min(BATCH)).unwrap_or_default();
        let Some(database) = self.database.as_mut().filter(|_| !batch.is_empty()) else { return };
        let (count, hold) = (batch.len(), self.shared.hold.load(Ordering::Relaxed));
        match write(database, batch, hold) {
            Ok(written) => {
                self.pending.drain(..count);
                self.shared.waiting.fetch_sub(count, Ordering::Relaxed);
                self.idle = false;
                self.works(written);
            }
            Err(Trouble::Damaged(what)) => self.put_aside(&what),
            Err(Trouble::Refused(what)) => self.complain(&what),
        }
    }

    fn works(&mut self, written: Written) {
        self.shared.writable.store(true, Ordering::Relaxed);
        if self.complaint.take().is_some() {
            info!("the history of checks can be written again");
        }
        let Written { too_old, damaged } = written;
        let dropped = self.shared.dropped.fetch_add(too_old, Ordering::Relaxed);
        if too_old > 0 {
            warn!(
                "{too_old} checks are not in the history: by the clock they are of a day whose \
                 checks are no longer kept; look at the clock"
            );
        }
        if dropped > self.told {
            let lost = dropped - self.told;
            warn!("{lost} checks are not in the history: it could not be written for too long");
        }
        self.told = dropped.saturating_add(too_old);
        self.warn_of_damage(damaged);
    }

    fn warn_of_damage(&self, rows: u64) {
        if rows > 0 {
            warn!(
                "{rows} rows of the history of checks are damaged and were left out in part ({}): \
                 look at the disk",
                self.path.display()
            );
        }
    }

    /// Does a step of compaction.
    fn compact(&mut self) {
        let Some(database) = self.database.as_mut() else { return };
        match step(database) {
            Ok(Step::Nothing) => self.idle = true,
            Ok(Step::Done(damaged)) => self.warn_of_damage(damaged),
            Err(Trouble::Damaged(what)) => self.put_aside(&what),
            Err(Trouble::Refused(what)) => {
                // It is tried again after the next checks.
                self.idle = true;
                self.complain(&what);
            }
        }
    }

    /// Looks through the database.
    fn look(&mut self) {
        let Some(database) = &self.database else { return };
        if let Err(Trouble::Damaged(what)) = examine(database) {
            self.put_aside(&what);
        }
    }

    fn open(&mut self, thorough: bool) {
        match open(&self.path, thorough) {
            Ok(database) => self.take(database),
            Err(Trouble::Damaged(what)) => self.put_aside(&what),
            Err(Trouble::Refused(what)) => self.complain(&what),
        }
    }

    fn take(&mut self, database: Connection) {
        (self.database, self.file) = (Some(database), FileId::of(&self.path));
    }

    /// Puts a damaged database aside, and begins another one.
    fn put_aside(&mut self, what: &str) {
        self.database = None;
        let outcome = match make_room(&self.path) {
            Ok(outcome) => outcome,
            Err(trouble) => return self.complain(&format!("{what}; {trouble}")),
        };
        let shown = self.path.display().to_string();
        match open(&self.path, false) {
            Ok(database) => {
                self.take(database);
                error!(
                    "the history of checks {shown} is not usable: {what}; {outcome}, and the \
                     history begins anew"
                );
            }
            Err(trouble) => self.complain(&format!("{what}; {outcome}; then: {trouble}")),
        }
    }

    /// Says at the end what is not recorded, and why.
    fn warn_of_lost(&self) {
        if !self.pending.is_empty() {
            warn!(
                "the last {} checks are not in the history {}: {}",
                self.pending.len(),
                self.path.display(),
                self.complaint.as_deref().unwrap_or("it cannot be written")
            );
        }
    }

    /// Says that checks cannot be recorded, once until that changes, and makes room for newer ones.
    fn complain(&mut self, what: &str) {
        self.shared.writable.store(false, Ordering::Relaxed);
        if self.complaint.as_deref() != Some(what) {
            error!(
                "the history of checks {} cannot be written: {what}. Checks and the feed go on; \
                 up to {QUEUE} checks are kept for it meanwhile",
                self.path.display()
            );
            self.complaint = Some(what.to_owned());
        }
    }
}
