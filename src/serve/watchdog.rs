//! Ends the process when answering hangs. That is a defect of cvdns; a socket that is never answered again is worse than
//! the moment that a supervisor takes to start the server anew.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, sleep};
use std::time::Duration;

use tracing::error;

/// Looks, ten times a second, whether everybody who answers queries gets on.
#[derive(Debug, Clone)]
pub(super) struct Watchdog {
    watched: Arc<Mutex<Vec<Watched>>>,
    /// Its end tells the thread to end.
    _alive: Sender<()>,
}

/// What a worker or connection says of its work: two stores a batch, and no look at a clock.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Progress {
    /// One more at the beginning and at the end of each batch: odd while one is being answered.
    marks: AtomicU64,
}

#[derive(Debug)]
struct Watched {
    name: Cow<'static, str>,
    progress: Arc<Progress>,
    /// The marks at the last look.
    seen: u64,
    /// At how many looks in a row the same batch was being answered.
    looks: u32,
}

/// How long the watchdog sleeps between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// At so many looks in a row one batch is being answered for over a second, of which 64 queries take a ten-thousandth.
/// Looks are counted and no time is measured: a process that was stopped or a machine that slept finds one more look.
const MOST_LOOKS: u32 = 11;

/// How long the log has to be written before the process ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

impl Progress {
    /// Does the work of a batch. Only one thread may do so at a time.
    #[inline]
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let mark = self.marks.load(Relaxed);
        self.marks.store(mark.wrapping_add(1) | 1, Relaxed);
        let done = work();
        self.marks.store((mark | 1).wrapping_add(1), Relaxed);
        done
    }
}

impl Watchdog {
    /// Starts the thread that looks. It ends with the last copy of this value.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start() -> io::Result<Self> {
        let watched: Arc<Mutex<Vec<Watched>>> = Arc::default();
        let (alive, ended) = channel();
        let watching = watched.clone();
        Builder::new().name("cvdns-watchdog".to_owned()).spawn(move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if let Some(name) = look(&watching) {
                    end(&name);
                }
            }
        })?;
        Ok(Self { watched, _alive: alive })
    }

    /// Watches somebody new, until nobody else holds what is returned.
    pub(super) fn watch(&self, name: impl Into<Cow<'static, str>>) -> Arc<Progress> {
        let progress = Arc::<Progress>::default();
        let watched = Watched { name: name.into(), progress: progress.clone(), seen: 0, looks: 0 };
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        progress
    }
}

/// Looks at everybody; the name of who has been on one batch for too long.
fn look(watched: &Mutex<Vec<Watched>>) -> Option<Cow<'static, str>> {
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    watched.retain(|watched| Arc::strong_count(&watched.progress) > 1);
    watched.iter_mut().find_map(|watched| {
        let marks = watched.progress.marks.load(Relaxed);
        let is_same = marks % 2 == 1 && marks == watched.seen;
        watched.looks = if is_same { watched.looks.saturating_add(1) } else { 0 };
        watched.seen = marks;
        (watched.looks >= MOST_LOOKS).then(|| watched.name.clone())
    })
}

fn end(name: &str) {
    error!(
        "{name} has been answering one batch of queries for over a second: a defect in cvdns, please report it; the process \
         ends, so that whoever supervises it starts it anew"
    );
    sleep(LAST_WORDS);
    // Not an exit: what the process was at can be read from its core.
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(watched: &Mutex<Vec<Watched>>, count: u32) -> Option<Cow<'static, str>> {
        (0..count).find_map(|_| look(watched))
    }

    #[test]
    fn only_who_stays_on_one_batch_is_named() {
        let watchdog = Watchdog::start().unwrap();
        // The thread's own looks are left out: this list is another one.
        let watched = Mutex::new(Vec::new());
        let watch = |name: &'static str| {
            let progress = watchdog.watch(name);
            let watched_too = Watched { name: name.into(), progress: progress.clone(), seen: 0, looks: 0 };
            watched.lock().unwrap().push(watched_too);
            progress
        };
        let (idle, busy) = (watch("idle"), watch("busy"));
        assert_eq!(looks(&watched, 3 * MOST_LOOKS), None);
        let hangs = |progress: &Progress| progress.during(|| looks(&watched, MOST_LOOKS + 1));
        for _ in 0..3 * MOST_LOOKS {
            busy.during(|| assert_eq!(look(&watched), None));
        }
        assert_eq!(busy.during(|| looks(&watched, MOST_LOOKS)), None, "the first look sees a new batch");
        assert_eq!(hangs(&busy), Some("busy".into()));
        assert_eq!(hangs(&idle), Some("idle".into()));
        assert_eq!(looks(&watched, 3 * MOST_LOOKS), None);
    }

    #[test]
    fn who_is_gone_is_watched_no_more() {
        let watched = Mutex::new(Vec::new());
        let progress = Arc::<Progress>::default();
        let gone = Watched { name: "gone".into(), progress: progress.clone(), seen: 0, looks: 0 };
        watched.lock().unwrap().push(gone);
        assert_eq!(progress.during(|| looks(&watched, MOST_LOOKS)), None);
        drop(progress);
        assert_eq!(look(&watched), None);
        assert!(watched.lock().unwrap().is_empty());
    }
}
