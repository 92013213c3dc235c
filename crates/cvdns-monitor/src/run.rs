//! Runs the coordinator: threads for checks, the clock, signals.

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
use super::coordinator::{AddressRow, Coordinator};
use super::document::Mirrors;
use super::metrics;
use super::notify::{Change, Notifier};
use super::publish::Publisher;
use super::rule::{Evidence, Rule};
use super::schedule::Schedule;
use super::sign::Signer;
use super::stored::StoredState;
use super::target::{self, Target};
use crate::MonitorInputs;
use cvdns_core::config::Monitor;
use cvdns_core::health::State;
use cvdns_io::replace;
use cvdns_io::signals::{Signals, Told};

/// The longest sleep. A change of the clock is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Changes are collected for this long: a network failure is to make one feed, not a hundred.
const COLLECT: Duration = Duration::from_secs(1);

/// The pause before a feed that could not be written is written again.
const RETRY: Duration = Duration::from_secs(10);

/// The time that `on-change` gets at the end for the changes that still wait.
const NOTIFY_GRACE: Duration = Duration::from_secs(10);

/// A coordinator that is ready to run.
pub struct Start {
    coordinator: Coordinator,
    publisher: Publisher,
    notifier: Option<Notifier>,
    settings: Monitor,
    state: PathBuf,
    clock: Clock,
    published: Option<Published>,
    /// Targets that cannot be checked from this host, and of which that was logged.
    unchecked: HashSet<usize>,
    pools: u64,
    /// Held while the coordinator runs.
    _lock: Flock<std::fs::File>,
}

/// The source of the time. A stepped clock lets tests run through days in seconds.
#[derive(Debug, Clone, Copy)]
enum Clock {
    System,
    Fixed(Timestamp),
}

impl Clock {
    /// The time in whole seconds, as everything that is written has it.
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

/// The last feed.
struct Published {
    mirrors: Mirrors,
    at: Instant,
}

impl Start {
    /// Reads the memory of earlier runs. `at` replaces the time of the clock.
    ///
    /// # Errors
    /// When one of the inputs cannot be used.
    pub fn new(inputs: MonitorInputs, at: Option<Timestamp>) -> Result<Self, String> {
        let parts = Parts::of(&inputs)?;
        let lock = lock(&inputs.state)?;
        let (stored, warning) = StoredState::load(&memory_path(&inputs.state));
        if let Some(warning) = warning {
            warn!("{warning}");
        }
        let Parts { targets, publisher, notifier, rule, schedule } = parts;
        let clock = at.map_or(Clock::System, Clock::Fixed);
        let mut coordinator = Coordinator::new(targets, stored, rule, schedule);
        coordinator.hasten(clock.now(), random);
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

    /// Takes new inputs after a reload. The memory stays where it is.
    fn renew(&mut self, inputs: MonitorInputs) -> Result<(), String> {
        let Parts { targets, publisher, notifier, rule, schedule } = Parts::of(&inputs)?;
        if inputs.state != self.state {
            warn!("changed: `state` in [monitor]; takes effect at a restart");
        }
        self.coordinator.renew(targets, rule, schedule);
        self.coordinator.hasten(self.clock.now(), random);
        self.unchecked.clear();
        (self.publisher, self.settings) = (publisher, inputs.settings);
        // The former notifier finishes its queue on its own.
        self.notifier = notifier;
        Ok(())
    }

    /// Starts threads for the present targets.
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
        let change = self.coordinator.learn(target, evidence, self.clock.now(), random());
        let AddressRow { mirror, address, .. } = &before;
        if let Evidence::Unchecked(reason) = evidence {
            // A coordinator without IPv6 would log the same for every mirror again and again.
            if self.unchecked.insert(target) {
                warn!("{mirror} {address}: {reason}");
            }
            return;
        }
        self.unchecked.remove(&target);
        if let Some(change) = change {
            self.notify(change);
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

    fn notify(&self, change: Change) {
        let Change { mirror, address, from, to, reason, .. } = &change;
        if *to == State::Up {
            info!("{mirror} {address} is up again; it was {from}");
        } else {
            warn!("{mirror} {address} is {to}, it was {from}: {reason}");
        }
        if let Some(notifier) = &self.notifier {
            notifier.notify(change);
        }
    }

    fn publish(&mut self) -> Result<(), String> {
        let (mirrors, now) = (self.coordinator.mirrors(), self.clock.now());
        self.publisher.publish(&mut self.coordinator.stored, &mirrors, now)?;
        self.published = Some(Published { mirrors, at: Instant::now() });
        let text = metrics::text(&self.coordinator.stored, now.as_second());
        let path = self.state.join("metrics.prom");
        replace(&path, text.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        self.save()
    }

    fn save(&self) -> Result<(), String> {
        self.coordinator.stored.save(&memory_path(&self.state))
    }

    /// The time until an address is due.
    fn until_due(&self) -> Duration {
        let now = self.clock.now();
        let due = self.coordinator.next_due().map(|due| due.duration_since(now));
        // A mirror in a downtime stays due without being checked.
        due.map_or(LONGEST_SLEEP, |due| Duration::try_from(due).unwrap_or_default().max(COLLECT))
    }

    /// The time until a feed is due.
    fn until_publish(&self, started: Instant) -> Duration {
        let every = self.settings.publish_every;
        match &self.published {
            // The first feed waits until every mirror was checked: a mirror without an entry counts
            // as up.
            None if self.coordinator.knows_all(self.clock.now()) => Duration::ZERO,
            None => every.saturating_sub(started.elapsed()),
            Some(published) if published.mirrors != self.coordinator.mirrors() => {
                COLLECT.saturating_sub(published.at.elapsed())
            }
            Some(published) => every.saturating_sub(published.at.elapsed()),
        }
    }
}

/// The parts that follow from the inputs alone.
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

/// Checks every address once and writes the feed. `progress` is called with the number of checks
/// done and the number of all.
///
/// # Errors
/// When the feed cannot be written, or a signal ends the run before.
pub fn once(
    mut start: Start,
    signals: Signals,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<AddressRow>, String> {
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

/// Checks addresses when they are due and writes feeds, until SIGTERM or SIGINT. On SIGHUP `reload`
/// reads everything again; if it returns `None`, the former inputs stay in use.
///
/// # Errors
/// When the system gives no threads or signals, or the memory cannot be written.
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
        let hold = failed.map_or(Duration::ZERO, |failed| RETRY.saturating_sub(failed.elapsed()));
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
                // A result for targets of before a reload.
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
                        notifier.finish(NOTIFY_GRACE);
                    }
                    info!("stopped");
                    return saved;
                }
            }
        }
    }
}

/// The channel on which threads report results, and a thread that reports signals.
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

/// A random number: the standard library seeds its hash tables from the system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn memory_path(state: &Path) -> PathBuf {
    state.join("memory.json")
}

/// Locks the state directory. Two coordinators with one memory would forget what the other learned
/// and write feeds that contradict each other.
fn lock(state: &Path) -> Result<Flock<std::fs::File>, String> {
    std::fs::create_dir_all(state)
        .map_err(|error| format!("cannot make {}: {error}", state.display()))?;
    let path = state.join("lock");
    // The lock file has no content. A link in its place must not lead to another file.
    let mut options = std::fs::File::options();
    // A named pipe must not block; without a reader it is an error (ENXIO).
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
        // The pipe has a reader, so that it can be opened.
        let mut options = std::fs::File::options();
        let reader = options.read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        assert!(lock(state.path()).unwrap_err().contains("no regular file"));
        drop(reader);
        std::fs::remove_file(&path).unwrap();
        let _locked = lock(state.path()).unwrap();
        assert!(lock(state.path()).unwrap_err().contains("another monitor"));
    }
}
