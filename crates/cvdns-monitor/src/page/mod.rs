//! The pages about the network and its mirrors, for any web server.
//!
//! A thread of its own makes and writes them, so that the feed is never later for it. It gets what
//! the coordinator knew when it wrote a feed ([`Seen`]); if several feeds are written meanwhile, it
//! takes the last one.
//!
//! - `answers` finds out what servers answer by the feed, `facts` puts that together with the fleet
//!   and what checks found, and `past` adds the history;
//! - `out` tells why clients are not sent to a mirror, and `own` how its state as a whole changed;
//! - `mirror`, `network` and `json` make pages of it;
//! - `directory` writes files, and `writer` decides which ones.

mod answers;
mod directory;
mod facts;
mod json;
mod mirror;
mod network;
mod out;
mod overrides;
mod own;
mod past;
mod renewal;
mod seen;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{info, warn};

pub use self::directory::page_trouble;
use self::directory::summary;
pub(crate) use self::seen::{Seen, Setting};
use self::writer::{Round, Writer};

/// Pages are written once in this time at most.
const INTERVAL: Duration = Duration::from_secs(60);

/// Time from a feed to its pages, in which the history of the checks is written.
const SETTLE: Duration = Duration::from_secs(3);

/// The thread that writes pages.
pub(crate) struct Pages {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// What has come of the pages so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// The time of the feed by which all pages were last written, in Unix seconds; 0 if they never
    /// were.
    pub(crate) written: i64,
    /// Whether pages could not be written the last time.
    pub(crate) fails: bool,
    /// The number of files written.
    pub(crate) files: u64,
}

/// What the thread and the coordinator share.
#[derive(Default)]
struct Shared {
    next: Mutex<Next>,
    woken: Condvar,
    /// Whether the thread is to end at once.
    ends: AtomicBool,
    written: AtomicI64,
    fails: AtomicBool,
    files: AtomicU64,
    /// Whether the history could not be read, and nobody was told.
    lacks_history: AtomicBool,
}

/// A task of the thread.
enum Task {
    /// Looks at the overrides of a setting.
    Look(Arc<Setting>),
    /// Writes the pages of a moment.
    Write(Box<Seen>),
}

/// What the thread does next.
#[derive(Default)]
struct Next {
    /// The setting whose overrides are to be looked at.
    look: Option<Arc<Setting>>,
    seen: Option<Seen>,
    /// When the first of those came that were offered since the last round.
    since: Option<Instant>,
    /// Whether nothing more will come.
    is_last: bool,
}

impl Pages {
    /// Starts the thread.
    /// An earlier run last wrote all pages by the feed of the moment `written`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(written: i64) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { written: AtomicI64::new(written), ..Shared::default() });
        let work = {
            let shared = Arc::clone(&shared);
            move || shared.work()
        };
        // Unlike others, this thread may end without the process: the feed matters more.
        Ok(Self { shared, thread: Builder::new().name("pages".to_owned()).spawn(work)? })
    }

    /// Has the pages of a moment written, in place of those that still wait.
    pub(crate) fn offer(&self, seen: Seen) {
        let mut next = self.shared.next();
        next.seen = Some(seen);
        next.since.get_or_insert_with(Instant::now);
        drop(next);
        self.shared.woken.notify_all();
    }

    /// Has the overrides of a setting read at once, and the log say if they cannot be used: the
    /// next pages may be a while away.
    pub(crate) fn look(&self, setting: Arc<Setting>) {
        self.shared.next().look = Some(setting);
        self.shared.woken.notify_all();
    }

    /// Waits until what was offered last is written, and ends the thread.
    pub(crate) fn finish(self) -> Status {
        self.shared.next().is_last = true;
        self.shared.woken.notify_all();
        let Self { shared, thread } = self;
        let _ = thread.join();
        shared.status()
    }

    /// Ends the thread after the file that it is at.
    pub(crate) fn abandon(self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        self.finish();
    }

    /// Whether the history could not be read since this was last asked.
    pub(crate) fn lacked_history(&self) -> bool {
        self.shared.lacks_history.swap(false, Ordering::Relaxed)
    }

    /// What has come of the pages so far.
    pub(crate) fn status(&self) -> Status {
        self.shared.status()
    }
}

impl Shared {
    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> Status {
        Status {
            written: self.written.load(Ordering::Relaxed),
            fails: self.fails.load(Ordering::Relaxed),
            files: self.files.load(Ordering::Relaxed),
        }
    }

    fn work(&self) {
        let mut writer = Writer::default();
        let mut told = Told::default();
        let mut last: Option<Instant> = None;
        while let Some(task) = self.take(last) {
            // A defect must not end the pages for good.
            let run = AssertUnwindSafe(|| match &task {
                Task::Look(setting) => writer.look(setting).map(|()| None),
                Task::Write(seen) => writer.write(seen, &self.ends).map(Some),
            });
            let result = catch_unwind(run).unwrap_or_else(|_| {
                writer = Writer::default();
                Err("they failed by a defect of the program".to_owned())
            });
            if self.ends.load(Ordering::Relaxed) {
                return;
            }
            if matches!(task, Task::Write(_)) {
                last = Some(Instant::now());
            }
            match (result, task) {
                (Ok(Some(Round { written, troubles, no_history })), Task::Write(seen)) => {
                    self.files.fetch_add(written, Ordering::Relaxed);
                    self.lacks_history.fetch_or(no_history.is_some(), Ordering::Relaxed);
                    told.note_history(no_history);
                    self.note(summary(&troubles), &mut told);
                    if troubles.is_empty() {
                        self.written.store(seen.now.as_second(), Ordering::Relaxed);
                    }
                }
                (Ok(_), _) => {}
                (Err(error), _) => self.note(Some(error), &mut told),
            }
        }
    }

    /// Waits until there is something to write. Returns `None` at the end.
    fn take(&self, last: Option<Instant>) -> Option<Task> {
        let mut next = self.next();
        loop {
            if self.ends.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(setting) = next.look.take() {
                return Some(Task::Look(setting));
            }
            let rest = |of: Duration, since: Instant| of.saturating_sub(since.elapsed());
            let pause = last.map_or(Duration::ZERO, |last| rest(INTERVAL, last));
            let wait = next.since.map(|since| rest(SETTLE, since).max(pause));
            if next.is_last || wait.is_some_and(|wait| wait.is_zero()) {
                next.since = None;
                return next.seen.take().map(Box::new).map(Task::Write);
            }
            next = self.wait(next, wait.unwrap_or(Duration::MAX));
        }
    }

    fn wait<'s>(&'s self, next: MutexGuard<'s, Next>, limit: Duration) -> MutexGuard<'s, Next> {
        if limit == Duration::MAX {
            return self.woken.wait(next).unwrap_or_else(PoisonError::into_inner);
        }
        self.woken.wait_timeout(next, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Notes what has come of a round. The same trouble is logged once.
    fn note(&self, trouble: Option<String>, told: &mut Told) {
        self.fails.store(trouble.is_some(), Ordering::Relaxed);
        match &trouble {
            Some(error) if trouble != told.trouble => {
                warn!(reason = error, "the pages are not all written: {error}; the feed goes on");
            }
            None if told.trouble.is_some() => info!("the pages are written again"),
            _ => {}
        }
        told.trouble = trouble;
    }
}

/// What the log says now.
#[derive(Default)]
struct Told {
    /// What is missing of the pages.
    trouble: Option<String>,
    /// Why the history cannot be read.
    no_history: Option<String>,
}

impl Told {
    /// Notes why the history cannot be read; `None` if it can. The same is logged once.
    fn note_history(&mut self, no_history: Option<String>) {
        match &no_history {
            Some(error) if no_history != self.no_history => {
                warn!(reason = error, "the pages are written without availability: {error}");
            }
            None if self.no_history.is_some() => info!("the pages have their history again"),
            _ => {}
        }
        self.no_history = no_history;
    }
}
