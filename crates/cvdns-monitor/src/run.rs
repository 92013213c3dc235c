//! Drives the coordinator: threads that check, the clock, signals.

mod pool;
mod stop;

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
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
use super::metrics;
use super::notify::{Change, Notifier};
use super::publish::Publisher;
use super::rule::{Evidence, Rule};
use super::schedule::Schedule;
use super::sign::Signer;
use super::target::{self, Target};
use crate::MonitorInputs;
use cvdns_core::config::Monitor;
use cvdns_core::health::State;
use cvdns_io::replace;
use cvdns_io::signals::{Signals, Told};

/// The longest sleep: a clock that was set is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Changes are gathered for so long: a network that breaks is one feed, not a hundred.
const GATHER: Duration = Duration::from_secs(1);

/// A feed that could not be written is tried again after this long.
const AGAIN: Duration = Duration::from_secs(10);

/// What `on-change` gets at the end to be told what it was not told yet.
const FAREWELL: Duration = Duration::from_secs(10);

/// A coordinator that has read everything.
pub struct Start {
    coordinator: Coordinator,
    publisher: Publisher,
    notifier: Option<Notifier>,
    settings: Monitor,
    state: PathBuf,
    clock: Clock,
    published: Option<Published>,
    /// Targets that cannot be checked from here, and were said so.
    unchecked: HashSet<usize>,
    pools: u64,
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
        let parts = Parts::of(&inputs)?;
        let lock = lock(&inputs.state)?;
        let (memory, warning) = Memory::load(&memory_path(&inputs.state));
        if let Some(warning) = warning {
            warn!("{warning}");
        }
        let Parts { targets, publisher, notifier, rule, schedule } = parts;
        let clock = at.map_or(Clock::System, Clock::Fixed);
        let mut coordinator = Coordinator::new(targets, memory, rule, schedule);
        coordinator.hasten(clock.now(), chance);
        Ok(Self {
            coordinator,
            publisher,
            notifier,
            settings: inputs.settings,
            state: inputs.state,
            clock,
            published: None,
            unchecked: HashSet::new(),
            pools: 0,
            _lock: lock,
        })
    }

    /// Takes over what was read anew. The memory stays where it is.
    fn renew(&mut self, inputs: MonitorInputs) -> Result<(), String> {
        let Parts { targets, publisher, notifier, rule, schedule } = Parts::of(&inputs)?;
        if inputs.state != self.state {
            warn!("changed: `state` in [monitor]; takes effect at a restart");
        }
        self.coordinator.renew(targets, rule, schedule);
        self.coordinator.hasten(self.clock.now(), chance);
        self.unchecked.clear();
        (self.publisher, self.settings) = (publisher, inputs.settings);
        // What the old one still has to tell, it tells on its own.
        self.notifier = notifier;
        Ok(())
    }

    /// Threads for the targets that there are now.
    fn pool(&mut self, events: &Sender<Event>) -> Result<Pool, String> {
        self.pools += 1;
        let Monitor { port, confirm, confirm_interval, connect_timeout, timeout, .. } =
            self.settings;
        let checker = pool::Checker {
            client: Client::new(connect_timeout, timeout),
            port,
            tries: confirm,
            pause: confirm_interval,
            fixed: match self.clock {
                Clock::System => None,
                Clock::Fixed(now) => Some(now),
            },
            stop: Stop::default(),
            pool: self.pools,
        };
        let threads = self.settings.concurrency.min(self.coordinator.targets.len().max(1));
        Pool::start(threads, &checker, events)
            .map_err(|error| format!("cannot start threads: {error}"))
    }

    fn learn(&mut self, target: usize, evidence: &Evidence) {
        let Some(before) = self.coordinator.row(target) else { return };
        let change = self.coordinator.learn(target, evidence, self.clock.now(), chance());
        let Row { mirror, address, .. } = &before;
        if let Evidence::Unchecked(reason) = evidence {
            // A coordinator without IPv6 would say the same of every mirror again and again.
            if self.unchecked.insert(target) {
                warn!("{mirror} {address}: {reason}");
            }
            return;
        }
        self.unchecked.remove(&target);
        if let Some(change) = change {
            self.tell(change);
        } else if let Some(after) = self.coordinator.row(target) {
            let was_well = before.reason.is_empty() || before.state.is_none();
            match (was_well, after.reason.is_empty()) {
                (true, false) => {
                    warn!("{mirror} {address} fails, and stays up for now: {}", after.reason);
                }
                (false, true) if before.state.is_some() => {
                    info!("{mirror} {address} no longer fails");
                }
                _ => {}
            }
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

    /// In what time an address is due.
    fn until_due(&self) -> Duration {
        let now = self.clock.now();
        let due = self.coordinator.next_due().map(|due| due.duration_since(now));
        // One with a downtime stays due without being checked.
        due.map_or(LONGEST_SLEEP, |due| Duration::try_from(due).unwrap_or_default().max(GATHER))
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

/// What follows from the inputs alone.
struct Parts {
    targets: Vec<Target>,
    publisher: Publisher,
    notifier: Option<Notifier>,
    rule: Rule,
    schedule: Schedule,
}

impl Parts {
    fn of(inputs: &MonitorInputs) -> Result<Self, String> {
        let settings = &inputs.settings;
        let feed = inputs.feed.clone().ok_or("there is no place for the feed")?;
        let signer = inputs.secret_key.as_deref().map(Signer::load).transpose()?;
        if let Some(path) = inputs.secret_key.as_deref().filter(|path| Signer::is_open(path)) {
            warn!(
                "others than its owner can use the secret key {}: chmod 600 takes that from them",
                path.display()
            );
        }
        Ok(Self {
            targets: target::all(&inputs.fleets, settings.hosts.as_ref())?,
            publisher: Publisher::new(feed, signer, inputs.release.clone()),
            notifier: Notifier::start(&settings.on_change).map_err(|error| error.to_string())?,
            rule: Rule {
                old_after: settings.old_after,
                removed_after: settings.removed_after,
                good_checks: settings.good_checks,
            },
            schedule: Schedule { interval: settings.interval, retry: settings.retry_interval },
        })
    }
}

/// Checks every address once and writes the feed; `progress` is told how many of how many are done.
///
/// # Errors
/// When the feed cannot be written, or a signal ends it before.
pub fn once(
    mut start: Start,
    signals: Signals,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Row>, String> {
    let (events, received) = events(signals);
    let pool = start.pool(&events)?;
    let due = start.coordinator.take_due(start.clock.now(), true);
    let total = due.len();
    progress(0, total);
    for target in due {
        pool.check(target, &start.coordinator.targets);
    }
    let mut done = 0;
    while done < total {
        match received.recv() {
            Ok(Event::Checked(_, target, evidence)) => {
                start.learn(target, &evidence);
                done += 1;
                progress(done, total);
            }
            Ok(Event::Reload) => {}
            Ok(Event::Stop) | Err(_) => {
                start.save()?;
                return Err(format!(
                    "ended after {done} of {total} addresses; the feed is as it was"
                ));
            }
        }
    }
    start.publish()?;
    let rows = start.coordinator.rows();
    if let Some(notifier) = start.notifier {
        notifier.finish(Duration::MAX);
    }
    Ok(rows)
}

/// Checks addresses when their time comes, and writes feeds, until SIGTERM or SIGINT. SIGHUP has `reload` read everything
/// again; where it gives nothing, what was read before goes on.
///
/// # Errors
/// When the system gives no threads or signals, or the memory cannot be kept.
pub fn watch(
    mut start: Start,
    signals: Signals,
    reload: &mut dyn FnMut() -> Option<MonitorInputs>,
) -> Result<(), String> {
    let (events, received) = events(signals);
    let mut pool = start.pool(&events)?;
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
        let sleep = until_publish.min(start.until_due()).min(LONGEST_SLEEP);
        let first = received.recv_timeout(sleep);
        let first = first.or_else(|error| {
            if error == RecvTimeoutError::Timeout { Err(()) } else { Ok(Event::Stop) }
        });
        for event in first.into_iter().chain(received.try_iter()) {
            match event {
                Event::Checked(by, target, evidence) if by == start.pools => {
                    start.learn(target, &evidence);
                }
                // Of targets that were read before a reload.
                Event::Checked(..) => {}
                Event::Reload => match reload().map(|inputs| start.renew(inputs)) {
                    Some(Ok(())) => {
                        pool = start.pool(&events)?;
                        info!("reloaded; checking {} addresses", start.coordinator.targets.len());
                    }
                    Some(Err(error)) => {
                        error!("not reloaded, what was read before goes on: {error}");
                    }
                    None => error!("not reloaded, what was read before goes on"),
                },
                Event::Stop => {
                    let saved = start.save();
                    if let Some(notifier) = start.notifier {
                        notifier.finish(FAREWELL);
                    }
                    info!("stopped");
                    return saved;
                }
            }
        }
    }
}

/// Where threads report, and signals.
fn events(signals: Signals) -> (Sender<Event>, Receiver<Event>) {
    let (events, received) = channel();
    let told = events.clone();
    signals.hand_over(move |signal| {
        let event = match signal {
            Told::Reload => Event::Reload,
            Told::Stop => Event::Stop,
        };
        let _ = told.send(event);
    });
    (events, received)
}

/// Some number: the standard library seeds its hash tables with one of the system's.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn memory_path(state: &Path) -> PathBuf {
    state.join("memory.json")
}

/// Two coordinators with one memory would forget what the other learned, and write feeds that contradict each other.
fn lock(state: &Path) -> Result<Flock<std::fs::File>, String> {
    std::fs::create_dir_all(state)
        .map_err(|error| format!("cannot make {}: {error}", state.display()))?;
    let path = state.join("lock");
    // It has no content; a link in its place must not lead to another file.
    let mut options = std::fs::File::options();
    // A pipe must hold nobody up; without a reader it is an error (ENXIO).
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    options.write(true).create(true).truncate(false).custom_flags(flags);
    let file =
        options.open(&path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(format!("{} is no regular file: remove it", path.display()));
    }
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        nix::errno::Errno::EWOULDBLOCK => {
            format!(
                "another monitor works with {}: end it, or name another `state`",
                state.display()
            )
        }
        error => format!("cannot lock {}: {error}", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_place_of_the_lock_holds_nobody_up() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("lock");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(lock(state.path()).unwrap_err().contains("cannot write"));
        // Somebody reads it, so that it can be opened.
        let mut options = std::fs::File::options();
        let reader = options.read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        assert!(lock(state.path()).unwrap_err().contains("no regular file"));
        drop(reader);
        std::fs::remove_file(&path).unwrap();
        let _locked = lock(state.path()).unwrap();
        assert!(lock(state.path()).unwrap_err().contains("another monitor"));
    }
}
