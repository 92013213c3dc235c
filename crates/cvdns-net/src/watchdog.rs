//! Ends the process when answering hangs. That is a defect of cvdns; a socket that is never answered again is worse than
//! the moment that a supervisor takes to start the server anew.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};
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
    /// The thread that answers, by the system's number.
    thread: AtomicI32,
}

#[derive(Debug)]
struct Watched {
    name: Cow<'static, str>,
    progress: Arc<Progress>,
    /// The marks at the last look.
    seen: u64,
    /// At how many looks in a row the same batch was being answered.
    looks: u32,
    /// The CPU time that its thread had taken at the first of these.
    spent: Option<Duration>,
}

/// How long the watchdog sleeps between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// A batch for which its thread has used the processor for so long hangs: 64 queries take a ten-thousandth of it. A thread
/// that merely waits for a processor, as on a machine with more to do than it can, uses none.
const MOST_TIME: Duration = Duration::from_secs(1);

/// At so many looks in a row, half a minute, a batch hangs whatever its thread is at: it may wait for what never comes. Looks are
/// counted and no time is measured: a process that was stopped or a machine that slept finds one more look.
const MOST_LOOKS: u32 = 300;

/// How long the log has to be written before the process ends.
const LAST_WORDS: Duration = Duration::from_millis(200);

impl Progress {
    /// Says that the calling thread is the one that answers from now on.
    pub(super) fn be_here(&self) {
        self.thread.store(thread_number(), Relaxed);
    }

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
                if let Some(name) = look(&watching, cpu_time) {
                    end(&name);
                }
            }
        })?;
        Ok(Self { watched, _alive: alive })
    }

    /// Watches somebody new, until nobody else holds what is returned.
    pub(super) fn watch(&self, name: impl Into<Cow<'static, str>>) -> Arc<Progress> {
        let progress = Arc::<Progress>::default();
        let watched = Watched {
            name: name.into(),
            progress: progress.clone(),
            seen: 0,
            looks: 0,
            spent: None,
        };
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        progress
    }
}

/// Looks at everybody; the name of who has been on one batch for too long. `cpu_time` tells what a thread has used so far.
fn look(
    watched: &Mutex<Vec<Watched>>,
    cpu_time: impl Fn(i32) -> Option<Duration>,
) -> Option<Cow<'static, str>> {
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    watched.retain(|watched| Arc::strong_count(&watched.progress) > 1);
    watched.iter_mut().find_map(|watched| {
        let marks = watched.progress.marks.load(Relaxed);
        if marks % 2 == 0 || marks != watched.seen {
            (watched.seen, watched.looks) = (marks, 0);
            return None;
        }
        watched.looks = watched.looks.saturating_add(1);
        let now = cpu_time(watched.progress.thread.load(Relaxed));
        if watched.looks == 1 {
            watched.spent = now;
        }
        let used = now.zip(watched.spent).map(|(now, before)| now.saturating_sub(before));
        let hangs = used.is_some_and(|used| used >= MOST_TIME) || watched.looks >= MOST_LOOKS;
        hangs.then(|| watched.name.clone())
    })
}

#[cfg(target_os = "linux")]
fn thread_number() -> i32 {
    nix::unistd::gettid().as_raw()
}

/// The CPU time of a thread of this process: the first number of its schedstat, in nanoseconds (proc(5)). `None` where the
/// system does not tell.
#[cfg(target_os = "linux")]
fn cpu_time(thread: i32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(not(target_os = "linux"))]
fn thread_number() -> i32 {
    0
}

#[cfg(not(target_os = "linux"))]
fn cpu_time(_: i32) -> Option<Duration> {
    None
}

fn end(name: &str) {
    error!(
        "{name} has been at one batch of queries for over a second of CPU time, or half a minute: a defect in cvdns, please report it; the process \
         ends, so that whoever supervises it starts it anew"
    );
    sleep(LAST_WORDS);
    // Not an exit: what the process was at can be read from its core.
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who is watched by nobody but the test.
    fn watched(names: &[&'static str]) -> (Mutex<Vec<Watched>>, Vec<Arc<Progress>>) {
        let progress: Vec<_> = names.iter().map(|_| Arc::<Progress>::default()).collect();
        let of = |(name, progress): (&&'static str, &Arc<Progress>)| Watched {
            name: (*name).into(),
            progress: progress.clone(),
            seen: 0,
            looks: 0,
            spent: None,
        };
        (Mutex::new(names.iter().zip(&progress).map(of).collect()), progress)
    }

    /// The looks of two seconds, at each of which a thread has used so many milliseconds more.
    fn looks(watched: &Mutex<Vec<Watched>>, milliseconds: u64) -> Option<Cow<'static, str>> {
        (1..=20)
            .find_map(|turn| look(watched, |_| Some(Duration::from_millis(turn * milliseconds))))
    }

    #[test]
    fn only_who_uses_the_processor_for_one_batch_is_named() {
        let (watched, progress) = watched(&["idle", "busy"]);
        assert_eq!(looks(&watched, 100), None);
        for _ in 0..100 {
            progress[1].during(|| assert_eq!(look(&watched, |_| Some(MOST_TIME)), None));
        }
        // A thread that has to wait for a processor.
        assert_eq!(progress[1].during(|| looks(&watched, 1)), None);
        assert_eq!(progress[1].during(|| looks(&watched, 100)), Some("busy".into()));
        assert_eq!(progress[0].during(|| looks(&watched, 100)), Some("idle".into()));
        assert_eq!(looks(&watched, 100), None);
    }

    #[test]
    fn who_waits_for_ever_is_named_too() {
        let (watched, progress) = watched(&["waits"]);
        let mut count = 0;
        let named = progress[0].during(|| {
            (0..MOST_LOOKS + 2).find_map(|_| {
                count += 1;
                look(&watched, |_| None)
            })
        });
        assert_eq!((named, count), (Some("waits".into()), MOST_LOOKS + 1));
    }

    #[test]
    fn who_is_gone_is_watched_no_more() {
        let (watched, progress) = watched(&["gone"]);
        drop(progress);
        assert_eq!(looks(&watched, 100), None);
        assert!(watched.lock().unwrap().is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_time_of_a_thread_is_known() {
        let before = cpu_time(thread_number()).unwrap();
        let mut turns = 0u64;
        while cpu_time(thread_number()).unwrap() <= before {
            turns += 1;
            assert!(turns < 1_000_000_000);
        }
    }
}
