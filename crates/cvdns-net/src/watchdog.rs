//! Ends the process if answering hangs, which is a bug in cvdns. A socket that is never served
//! again is worse than the moment that a supervisor takes to restart the server.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cvdns_io::essential;
#[cfg(target_os = "linux")]
use nix::time::ClockId;

/// Checks ten times a second that all workers and connections make progress.
#[derive(Debug, Clone)]
pub(super) struct Watchdog {
    watched: Arc<Mutex<Vec<Watched>>>,
    /// The thread ends when the last sender is dropped.
    _alive: Sender<()>,
}

/// Progress of a worker or connection. It costs two stores per batch, and no clock is read.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Progress {
    /// Incremented at the start and at the end of each batch: odd while a batch is being answered.
    sequence: AtomicU64,
    /// Thread ID of the thread that answers.
    thread: AtomicI32,
}

#[derive(Debug)]
struct Watched {
    name: Cow<'static, str>,
    progress: Arc<Progress>,
    /// The sequence number at the last check.
    last_sequence: u64,
    /// Consecutive checks at which the same batch was being answered.
    checks: u32,
    /// CPU time of the thread at the first of these checks.
    cpu_before: Option<Duration>,
}

/// Pause between two checks.
const INTERVAL: Duration = Duration::from_millis(100);

/// CPU time after which a batch counts as hung; 64 queries take a ten-thousandth of it. A thread
/// that only waits for a core, as on an overloaded machine, uses none.
const CPU_LIMIT: Duration = Duration::from_secs(1);

/// Consecutive checks (30 s) after which a batch counts as hung without using CPU time, as it may
/// wait forever. Checks are counted because time goes on while the process or the machine is
/// suspended.
const CHECK_LIMIT: u32 = 300;

impl Progress {
    /// Sets the calling thread as the one that answers.
    pub(super) fn set_thread(&self) {
        self.thread.store(thread_id(), Relaxed);
    }

    /// Runs the work of a batch. Only one thread may do so at a time.
    #[inline]
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let sequence = self.sequence.load(Relaxed);
        self.sequence.store(sequence.wrapping_add(1) | 1, Relaxed);
        let done = work();
        self.sequence.store((sequence | 1).wrapping_add(1), Relaxed);
        done
    }
}

impl Watchdog {
    /// Starts the thread of the watchdog. It ends when the last clone of this value is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start() -> io::Result<Self> {
        let watched: Arc<Mutex<Vec<Watched>>> = Arc::default();
        let (alive, ended) = channel();
        let watching = watched.clone();
        essential::spawn("cvdns-watchdog", move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                if let Some(name) = check(&watching, cpu_time) {
                    abort(&name);
                }
            }
        })?;
        Ok(Self { watched, _alive: alive })
    }

    /// Adds a worker or connection. It is watched until the returned value is dropped.
    pub(super) fn watch(&self, name: impl Into<Cow<'static, str>>) -> Arc<Progress> {
        let progress = Arc::<Progress>::default();
        let watched = Watched {
            name: name.into(),
            progress: progress.clone(),
            last_sequence: 0,
            checks: 0,
            cpu_before: None,
        };
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        progress
    }
}

/// Checks all workers and connections. Returns the name of one that hangs. `cpu_time` returns the
/// CPU time of a thread.
fn check(
    watched: &Mutex<Vec<Watched>>,
    cpu_time: impl Fn(i32) -> Option<Duration>,
) -> Option<Cow<'static, str>> {
    let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
    watched.retain(|watched| Arc::strong_count(&watched.progress) > 1);
    watched.iter_mut().find_map(|watched| {
        let sequence = watched.progress.sequence.load(Relaxed);
        if sequence % 2 == 0 || sequence != watched.last_sequence {
            (watched.last_sequence, watched.checks) = (sequence, 0);
            return None;
        }
        watched.checks = watched.checks.saturating_add(1);
        let now = cpu_time(watched.progress.thread.load(Relaxed));
        if watched.checks == 1 {
            watched.cpu_before = now;
        }
        let used = now.zip(watched.cpu_before).map(|(now, before)| now.saturating_sub(before));
        let hangs = used.is_some_and(|used| used >= CPU_LIMIT) || watched.checks >= CHECK_LIMIT;
        hangs.then(|| watched.name.clone())
    })
}

#[cfg(target_os = "linux")]
fn thread_id() -> i32 {
    nix::unistd::gettid().as_raw()
}

/// CPU time of a thread of this process. `None` if there is no such thread.
///
/// Each thread has a clock of its CPU time, whose number is made of the thread's ID as
/// `pthread_getcpuclockid(3)` makes it (`MAKE_THREAD_CPUCLOCK` and `CPUCLOCK_SCHED` in the kernel's
/// `linux/posix-timers_types.h`). Within the sandbox /proc cannot be read.
#[cfg(target_os = "linux")]
fn cpu_time(thread: i32) -> Option<Duration> {
    const PER_THREAD: i32 = 4;
    const SCHED: i32 = 2;
    let clock = ClockId::from_raw((!thread << 3) | PER_THREAD | SCHED);
    clock.now().ok().map(Duration::from)
}

#[cfg(not(target_os = "linux"))]
fn thread_id() -> i32 {
    0
}

#[cfg(not(target_os = "linux"))]
fn cpu_time(_: i32) -> Option<Duration> {
    None
}

fn abort(name: &str) -> ! {
    // The core dump shows what the process was doing.
    essential::end_process(&format!(
        "{name} has been answering one batch of queries for over a second of CPU time, or half a minute: \
         a defect in cvdns, please report it; the process ends, so that its supervisor restarts it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Watched workers with these names, without a watchdog.
    fn watched(names: &[&'static str]) -> (Mutex<Vec<Watched>>, Vec<Arc<Progress>>) {
        let progress: Vec<_> = names.iter().map(|_| Arc::<Progress>::default()).collect();
        let of = |(name, progress): (&&'static str, &Arc<Progress>)| Watched {
            name: (*name).into(),
            progress: progress.clone(),
            last_sequence: 0,
            checks: 0,
            cpu_before: None,
        };
        (Mutex::new(names.iter().zip(&progress).map(of).collect()), progress)
    }

    /// Checks for two seconds. A thread uses so many milliseconds between two checks.
    fn checks(watched: &Mutex<Vec<Watched>>, milliseconds: u64) -> Option<Cow<'static, str>> {
        (1..=20)
            .find_map(|turn| check(watched, |_| Some(Duration::from_millis(turn * milliseconds))))
    }

    #[test]
    fn only_who_uses_the_processor_for_one_batch_is_named() {
        let (watched, progress) = watched(&["idle", "busy"]);
        assert_eq!(checks(&watched, 100), None);
        for _ in 0..100 {
            progress[1].during(|| assert_eq!(check(&watched, |_| Some(CPU_LIMIT)), None));
        }
        // A thread that waits for a core.
        assert_eq!(progress[1].during(|| checks(&watched, 1)), None);
        assert_eq!(progress[1].during(|| checks(&watched, 100)), Some("busy".into()));
        assert_eq!(progress[0].during(|| checks(&watched, 100)), Some("idle".into()));
        assert_eq!(checks(&watched, 100), None);
    }

    #[test]
    fn who_waits_for_ever_is_named_too() {
        let (watched, progress) = watched(&["waits"]);
        let mut count = 0;
        let named = progress[0].during(|| {
            (0..CHECK_LIMIT + 2).find_map(|_| {
                count += 1;
                check(&watched, |_| None)
            })
        });
        assert_eq!((named, count), (Some("waits".into()), CHECK_LIMIT + 1));
    }

    #[test]
    fn who_is_gone_is_watched_no_more() {
        let (watched, progress) = watched(&["gone"]);
        drop(progress);
        assert_eq!(checks(&watched, 100), None);
        assert!(watched.lock().unwrap().is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_time_of_a_thread_is_known() {
        let before = cpu_time(thread_id()).unwrap();
        let mut turns = 0u64;
        while cpu_time(thread_id()).unwrap() <= before {
            turns += 1;
            assert!(turns < 1_000_000_000);
        }
    }
}
