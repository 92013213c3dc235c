//! Drives the coordinator: threads that check, the clock, signals.

mod pool;
mod stop;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use tracing::{error, info, warn};

use self::pool::{Event, Pool};
use self::stop::Stop;
use super::check::Client;
use super::coordinator::{Coordinator, Row};
use super::document::Mirrors;
use super::memory::Memory;
use super::notify::{Change, Notifier};
use super::publish::Publisher;
use super::rule::Rule;
use super::schedule::Schedule;
use super::sign::Signer;
use super::{metrics, target};
use crate::config::Monitor;
use crate::health::State;
use crate::load::{MonitorInputs, replace};

/// The longest sleep: a clock that was set is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Changes are gathered for so long: a network that breaks is one feed, not a hundred.
const GATHER: Duration = Duration::from_secs(1);

/// A feed that could not be written is tried again after this long.
const AGAIN: Duration = Duration::from_secs(10);

/// A coordinator that has read everything.
pub struct Start {
    coordinator: Coordinator,
    publisher: Publisher,
    notifier: Option<Notifier>,
    settings: Monitor,
    state: PathBuf,
    clock: Clock,
    published: Option<Published>,
    /// Held as long as it runs.
    _lock: Flock<std::fs::File>,
}

/// What time it is; a stepped clock shows the rules of days in seconds.
#[derive(Debug, Clone, Copy)]
enum Clock {
    System,
    Fixed(Timestamp),
}

impl Clock {
    /// In whole seconds, as all that is written has them.
    fn now(self) -> Timestamp {
        match self {
            Self::System => {
                let now = Timestamp::now();
                Timestamp::from_second(now.as_second()).unwrap_or(now)
            }
            Self::Fixed(now) => now,
        }
    }
}

/// What was written last.
struct Published {
    mirrors: Mirrors,
    at: Instant,
}

impl Start {
    /// Takes over the memory of earlier runs. With `at` it takes that for the time.
    ///
    /// # Errors
    /// When something that it was told cannot be used.
    pub fn new(inputs: MonitorInputs, at: Option<Timestamp>) -> Result<Self, String> {
        let MonitorInputs { settings, fleets, feed, secret_key, release, state, .. } = inputs;
        let feed = feed.ok_or("there is no place for the feed")?;
        let targets = target::all(&fleets, settings.hosts.as_ref())?;
        let signer = secret_key.as_deref().map(Signer::load).transpose()?;
        let lock = lock(&state)?;
        let (memory, warning) = Memory::load(&memory_path(&state));
        if let Some(warning) = warning {
            warn!("{warning}");
        }
        let rule = Rule {
            old_after: settings.old_after,
            removed_after: settings.removed_after,
            good_checks: settings.good_checks,
        };
        let schedule = Schedule { interval: settings.interval, retry: settings.retry_interval };
        Ok(Self {
            coordinator: Coordinator::new(targets, memory, rule, schedule),
            publisher: Publisher::new(feed, signer, release),
            notifier: Notifier::start(&settings.on_change).map_err(|error| error.to_string())?,
            settings,
            state,
            clock: at.map_or(Clock::System, Clock::Fixed),
            published: None,
            _lock: lock,
        })
    }

    fn pool(&self, stop: &Stop, events: &std::sync::mpsc::Sender<Event>) -> std::io::Result<Pool> {
        let Monitor { port, confirm, confirm_interval, connect_timeout, timeout, .. } = self.settings;
        let checker = pool::Checker {
            client: Client::new(connect_timeout, timeout),
            port,
            tries: confirm,
            pause: confirm_interval,
            fixed: match self.clock {
                Clock::System => None,
                Clock::Fixed(now) => Some(now),
            },
            stop: stop.clone(),
        };
        Pool::start(self.settings.concurrency.min(self.coordinator.targets.len().max(1)), &checker, events)
    }

    fn learn(&mut self, target: usize, evidence: &super::rule::Evidence) {
        let chance = RandomState::new().build_hasher().finish();
        if let super::rule::Evidence::Unchecked(reason) = evidence
            && let Some(of) = self.coordinator.targets.get(target)
        {
            warn!("{} {}: {reason}", of.host, of.address);
        }
        let change = self.coordinator.learn(target, evidence, self.clock.now(), chance);
        if let Some(change) = change {
            self.tell(change);
        }
    }

    fn tell(&self, change: Change) {
        let Change { mirror, address, from, to, reason, .. } = &change;
        if *to == State::Up {
            info!("{mirror} {address} is up again; it was {from}");
        } else {
            warn!("{mirror} {address} is {to}, it was {from}: {reason}");
        }
        if let Some(notifier) = &self.notifier {
            notifier.tell(change);
        }
    }

    fn publish(&mut self) -> Result<(), String> {
        let (mirrors, now) = (self.coordinator.mirrors(), self.clock.now());
        self.publisher.publish(&mut self.coordinator.memory, &mirrors, now)?;
        self.published = Some(Published { mirrors, at: Instant::now() });
        let text = metrics::text(&self.coordinator.memory, now.as_second());
        let path = self.state.join("metrics.prom");
        replace(&path, text.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        self.save()
    }

    fn save(&self) -> Result<(), String> {
        self.coordinator.memory.save(&memory_path(&self.state))
    }

    /// In what time a feed is due.
    fn until_publish(&self, started: Instant) -> Duration {
        let every = self.settings.publish_every;
        match &self.published {
            // The first one waits until something is known of all: what is not mentioned is up.
            None if self.coordinator.knows_all(self.clock.now()) => Duration::ZERO,
            None => every.saturating_sub(started.elapsed()),
            Some(published) if published.mirrors != self.coordinator.mirrors() => {
                GATHER.saturating_sub(published.at.elapsed())
            }
            Some(published) => every.saturating_sub(published.at.elapsed()),
        }
    }
}

/// Checks every address once and writes the feed; `progress` is told how many of how many are done.
///
/// # Errors
/// When the feed cannot be written, or a signal ends it before.
pub fn once(mut start: Start, progress: &mut dyn FnMut(usize, usize)) -> Result<Vec<Row>, String> {
    let (stop, events, received) = threads()?;
    let mut pool = start.pool(&stop, &events).map_err(|error| error.to_string())?;
    let due = start.coordinator.take_due(start.clock.now(), true);
    let total = due.len();
    progress(0, total);
    for target in due {
        pool.check(target, &start.coordinator.targets);
    }
    let mut done = 0;
    while done < total {
        match received.recv() {
            Ok(Event::Checked(target, evidence)) => {
                start.learn(target, &evidence);
                done += 1;
                progress(done, total);
            }
            Ok(Event::Stop) | Err(_) => {
                stop.stop();
                start.save()?;
                return Err(format!("ended after {done} of {total} addresses; the feed is as it was"));
            }
        }
    }
    start.publish()?;
    let rows = start.coordinator.rows();
    if let Some(notifier) = start.notifier {
        notifier.finish();
    }
    Ok(rows)
}

/// Checks addresses when their time comes, and writes feeds, until SIGTERM or SIGINT.
///
/// # Errors
/// When the system gives no threads or signals, or its memory cannot be kept.
pub fn watch(mut start: Start) -> Result<(), String> {
    let (stop, events, received) = threads()?;
    let mut pool = start.pool(&stop, &events).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    info!("checking {} addresses", start.coordinator.targets.len());
    let mut failed: Option<Instant> = None;
    loop {
        for target in start.coordinator.take_due(start.clock.now(), false) {
            pool.check(target, &start.coordinator.targets);
        }
        let hold = failed.map_or(Duration::ZERO, |failed| AGAIN.saturating_sub(failed.elapsed()));
        let until_publish = start.until_publish(begun).max(hold);
        if until_publish.is_zero() {
            failed = start.publish().err().map(|error| {
                error!("{error}");
                Instant::now()
            });
            continue;
        }
        let due = start.coordinator.next_due().map(|due| due.duration_since(start.clock.now()));
        let until_due = due.map_or(LONGEST_SLEEP, |due| Duration::try_from(due).unwrap_or_default());
        // A downtime keeps an address due without it being checked.
        let sleep = until_publish.min(until_due.max(GATHER)).min(LONGEST_SLEEP);
        match received.recv_timeout(sleep) {
            Ok(Event::Checked(target, evidence)) => start.learn(target, &evidence),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    stop.stop();
    info!("stopped");
    start.save()
}

type Threads = (Stop, std::sync::mpsc::Sender<Event>, std::sync::mpsc::Receiver<Event>);

/// What the threads share, and one that listens for signals.
fn threads() -> Result<Threads, String> {
    let stop = Stop::default();
    let (events, received) = channel();
    let signals = events.clone();
    stop::on_signal(move || {
        let _ = signals.send(Event::Stop);
    })
    .map_err(|error| format!("cannot listen for signals: {error}"))?;
    Ok((stop, events, received))
}

fn memory_path(state: &Path) -> PathBuf {
    state.join("memory.json")
}

/// Two coordinators with one memory would forget what the other learned, and write feeds that contradict each other.
fn lock(state: &Path) -> Result<Flock<std::fs::File>, String> {
    std::fs::create_dir_all(state).map_err(|error| format!("cannot make {}: {error}", state.display()))?;
    let path = state.join("lock");
    let file =
        std::fs::File::create(&path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        nix::errno::Errno::EWOULDBLOCK => {
            format!("another monitor works with {}: end it, or name another `state`", state.display())
        }
        error => format!("cannot lock {}: {error}", path.display()),
    })
}
