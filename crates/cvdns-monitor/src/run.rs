//! Runs the coordinator: threads for checks, the clock, signals.

mod clock;
mod downtime;
mod joining;
mod lock;
mod paging;
mod parts;
mod pool;
mod readers;
mod report;
mod signalled;
mod stop;

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::fcntl::Flock;
use tracing::{error, info, warn};

use self::clock::Clock;
use self::downtime::Downtimes;
pub use self::joining::{join, join_once};
use self::lock::lock;
use self::paging::Paging;
use self::parts::Parts;
use self::pool::{Event, Pool};
use self::stop::Stop;
use super::check::Client;
use super::coordinator::{AddressRow, Coordinator};
use super::document::Mirrors;
use super::doubt::Frozen;
use super::history::{Recorder, Status as HistoryStatus};
use super::metrics;
use super::notify::Notifier;
use super::page::Status;
use super::publish::Publisher;
use super::reporter::Reporter;
use super::roster::{MemberStatus, Roster};
use super::rule::Evidence;
use super::stored::StoredState;
use super::witness::Asking;
use crate::{MonitorInputs, Role};
use cvdns_core::config::Monitor;
use cvdns_io::replace;
use cvdns_io::signals::{SignalAction, Signals};

/// The longest sleep. A change of the clock is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Changes are collected for this long: a network failure is to make one feed, not a hundred.
const COLLECT: Duration = Duration::from_secs(1);

/// A running coordinator is silent if no feed came in the time of so many.
const LATE_FEEDS: u32 = 6;

/// The pause before a feed that could not be written is written again.
const RETRY: Duration = Duration::from_secs(10);

/// The time for which pages and metrics wait for the history of a single round.
const HISTORY_GRACE: Duration = Duration::from_secs(10);

/// A coordinator that is ready to run.
pub struct Start {
    coordinator: Coordinator,
    /// Writes the feed; `None` if a report is written.
    publisher: Option<Publisher>,
    /// Writes the report of a monitor among several.
    reporter: Option<Reporter>,
    /// The members whose reports are combined.
    roster: Option<Roster>,
    /// How they stand.
    members: Vec<MemberStatus>,
    notifier: Option<Notifier>,
    history: Recorder,
    downtimes: Downtimes,
    pages: Option<Paging>,
    settings: Monitor,
    /// How long after its generation servers count a feed as fresh.
    max_age: Duration,
    /// Whether this is a single round, and when the next one comes is not known.
    is_once: bool,
    state: PathBuf,
    clock: Clock,
    published: Option<Published>,
    /// Addresses that cannot be checked from this host, and of which that was logged.
    unchecked: HashSet<IpAddr>,
    /// The witnesses that did not answer when they were last asked.
    silent: Vec<SocketAddr>,
    pools: u64,
    /// Held while the coordinator runs.
    _lock: Flock<std::fs::File>,
}

/// The last feed.
struct Published {
    mirrors: Mirrors,
    frozen: Option<String>,
    at: Instant,
    /// The same moment by the clock of what is written.
    time: Timestamp,
}

impl Start {
    /// Reads the memory of earlier runs. `at` replaces the time of the clock.
    ///
    /// # Errors
    /// When one of the inputs cannot be used.
    pub fn new(inputs: MonitorInputs, at: Option<Timestamp>) -> Result<Self, String> {
        let Parts { targets, mut publisher, mut reporter, notifier, conduct } = Parts::of(&inputs)?;
        let pages = Paging::of(&inputs, None);
        let lock = lock(&inputs.state)?;
        let (mut stored, warning) = StoredState::load(&memory_path(&inputs.state));
        if let Some(warning) = warning {
            warn!("{warning}");
        }
        let clock = at.map_or(Clock::System, Clock::Fixed);
        let feed = publisher.as_mut().and_then(|publisher| publisher.begin(&mut stored));
        if let Some(reporter) = &mut reporter {
            reporter.begin(&mut stored);
        }
        let mut coordinator =
            Coordinator::new(targets, stored, conduct, feed.as_ref(), clock.now());
        coordinator.hasten(clock.now(), random);
        if let Some(reporter) = &reporter {
            let lacks = reporter.lacks(&coordinator.targets, clock.now());
            coordinator.hurry(lacks, clock.now());
        }
        let roster =
            (inputs.role == Role::Combines).then(|| Roster::open(&inputs.members, &inputs.state));
        let history = Recorder::start(&inputs.state, inputs.settings.interval)
            .map_err(|error| format!("cannot start threads: {error}"))?;
        Ok(Self {
            coordinator,
            publisher,
            reporter,
            roster,
            members: Vec::new(),
            notifier,
            history,
            downtimes: Downtimes::default(),
            pages,
            settings: inputs.settings,
            max_age: inputs.max_age,
            is_once: false,
            state: inputs.state,
            clock,
            published: None,
            unchecked: HashSet::new(),
            silent: Vec::new(),
            pools: 0,
            _lock: lock,
        })
    }

    /// Believes whatever is found, and so ends a freeze.
    #[must_use]
    pub fn without_doubt(mut self) -> Self {
        self.coordinator.believe_all();
        self
    }

    /// Takes new inputs after a reload. The memory stays where it is.
    fn renew(&mut self, inputs: MonitorInputs) -> Result<(), String> {
        let Parts { targets, mut publisher, reporter, notifier, conduct } = Parts::of(&inputs)?;
        if inputs.state != self.state {
            warn!("changed: `state` in [monitor]; takes effect at a restart");
        }
        let stored = &mut self.coordinator.stored;
        let feed = publisher.as_mut().and_then(|publisher| publisher.begin(stored));
        if let Some(roster) = &mut self.roster {
            roster.renew(&inputs.members, &self.state);
        }
        self.coordinator.renew(targets, conduct, feed.as_ref(), self.clock.now());
        self.coordinator.hasten(self.clock.now(), random);
        self.unchecked.clear();
        self.history.set_interval(inputs.settings.interval);
        self.pages = Paging::of(&inputs, self.pages.take());
        let before = self.reporter.take();
        self.reporter = reporter.map(|reporter| match before {
            Some(before) => reporter.after(before),
            None => reporter,
        });
        self.publisher = publisher;
        self.settings = inputs.settings;
        self.max_age = inputs.max_age;
        // The former notifier finishes its queue on its own.
        self.notifier = notifier;
        Ok(())
    }

    /// Starts threads for the present targets.
    fn pool(&mut self, events: &Sender<Event>) -> Result<Pool, String> {
        self.pools += 1;
        let &Monitor { port, confirm, confirm_interval, connect_timeout, timeout, .. } =
            &self.settings;
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

    fn publish(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        let (mirrors, frozen) = (self.coordinator.mirrors(now), self.coordinator.frozen());
        let away = self.coordinator.away(now).collect();
        for note in self.downtimes.due(away, self.settings.interval, now) {
            self.history.note(note);
        }
        let Coordinator { stored, targets, .. } = &mut self.coordinator;
        if let Some(reporter) = &mut self.reporter {
            reporter.publish(stored, targets, now)?;
        }
        let feed = self.publisher.as_mut().map(|of| of.publish(stored, &mirrors, now));
        let feed = feed.transpose()?;
        self.published = Some(Published { mirrors, frozen, at: Instant::now(), time: now });
        if let Some((pages, feed)) = self.pages.as_ref().zip(feed) {
            pages.show(&self.coordinator, feed, now);
            if pages.lacked_history() {
                self.history.suspect();
            }
        }
        self.write_metrics(self.history.status(), self.pages.as_ref().map(Paging::status))?;
        self.save()
    }

    fn write_metrics(&self, history: HistoryStatus, pages: Option<Status>) -> Result<(), String> {
        let written = self.published.as_ref().map_or(0, |published| published.time.as_second());
        let patience = if self.is_once {
            self.max_age
        } else {
            self.settings.publish_every.saturating_mul(LATE_FEEDS)
        };
        let overdue = written.saturating_add_unsigned(patience.as_secs());
        let mut text = metrics::text(&self.coordinator.stored, history, pages, (written, overdue));
        text.push_str(&metrics::members(&self.members));
        let path = metrics::path(&self.state);
        replace(&path, text.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn save(&self) -> Result<(), String> {
        self.coordinator.stored.save(&memory_path(&self.state))
    }

    /// The time until an address is due.
    fn until_due(&self) -> Duration {
        let now = self.clock.now();
        let due = self.coordinator.next_due(now).map(|due| due.duration_since(now));
        // A mirror in a downtime stays due without being checked.
        due.map_or(LONGEST_SLEEP, |due| Duration::try_from(due).unwrap_or_default().max(COLLECT))
    }

    /// Whether the next feed would differ from the last one.
    fn differs(&self, published: &Published) -> bool {
        published.mirrors != self.coordinator.mirrors(self.clock.now())
            || published.frozen != self.coordinator.frozen()
    }

    /// Learns from what a thread found.
    fn learn(&mut self, target: usize, evidence: Evidence) {
        let now = self.clock.now();
        let checked = self.coordinator.targets.get(target);
        if let Some((reporter, checked)) = self.reporter.as_mut().zip(checked) {
            reporter.note(checked, &evidence, now);
        }
        let news = self.coordinator.learn(target, evidence, now, &mut random);
        self.report(news, now);
    }

    /// Learns which witnesses do not answer.
    fn hear(&mut self, silent: Vec<SocketAddr>) {
        let now = self.clock.now();
        let answer = silent.len() < self.settings.witnesses.len();
        let news = self.coordinator.hear(answer, now, &mut random);
        self.report_witnesses(silent);
        self.report(news, now);
    }

    /// Asks the witnesses, if it is time to. Returns whether their answer will come.
    fn ask_witnesses(&mut self, pool: &Pool) -> bool {
        if !self.coordinator.asks_witnesses(self.clock.now()) {
            return false;
        }
        let asking = Asking {
            witnesses: self.settings.witnesses.iter().map(|witness| witness.value).collect(),
            timeout: self.settings.connect_timeout,
            tries: self.settings.confirm,
        };
        let started = pool.ask(asking);
        if let Err(error) = &started {
            warn!("the witnesses cannot be asked: {error}");
            self.coordinator.hears_witnesses();
        }
        started.is_ok()
    }

    /// The time until a feed is due.
    fn until_publish(&self, started: Instant) -> Duration {
        if let Some(reporter) = &self.reporter {
            let lacks = reporter.lacks(&self.coordinator.targets, self.clock.now());
            return reporter.until_due(lacks.is_empty(), started);
        }
        let every = self.settings.publish_every;
        match &self.published {
            // The first feed waits until every mirror was checked: a mirror without an entry counts
            // as up.
            None if self.coordinator.knows_all(self.clock.now()) => Duration::ZERO,
            None => every.saturating_sub(started.elapsed()),
            Some(published) if self.differs(published) => {
                COLLECT.saturating_sub(published.at.elapsed())
            }
            Some(published) => every.saturating_sub(published.at.elapsed()),
        }
    }
}

/// What is known after every address was checked once.
#[derive(Debug)]
pub struct Checked {
    /// A row for every address.
    pub rows: Vec<AddressRow>,
    /// Why and since when all states are left as they were; `None` while checks are believed.
    pub frozen: Option<Frozen>,
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
) -> Result<Checked, String> {
    start.is_once = true;
    let (events, received) = events(signals);
    let pool = start.pool(&events)?;
    start.coordinator.begin(start.clock.now());
    let due = start.coordinator.take_due(start.clock.now(), true);
    let total = due.len();
    let mut asked = start.ask_witnesses(&pool);
    progress(0, total);
    for target in due {
        pool.check(target, &start.coordinator.targets);
    }
    let mut done = 0;
    while done < total || asked {
        match received.recv() {
            Ok(Event::Asked(_, silent)) => {
                start.hear(silent);
                asked = false;
            }
            Ok(Event::Checked(_, target, evidence)) => {
                start.learn(target, evidence);
                done += 1;
                progress(done, total);
            }
            Ok(Event::Reload | Event::Reported(..)) => {}
            Ok(Event::Stop) | Err(_) => {
                start.save()?;
                return Err(format!(
                    "ended after {done} of {total} addresses; the feed is as it was"
                ));
            }
        }
    }
    let now = start.clock.now();
    let was_frozen = start.coordinator.stored.frozen.is_some();
    let news = start.coordinator.conclude(now, &mut random);
    start.report(news, now);
    let frozen = start.coordinator.stored.frozen.clone();
    if let Some(frozen) = frozen.as_ref().filter(|_| was_frozen) {
        // Each run has its own log or mail.
        Start::warn_of_doubt(&frozen.text());
    }
    let published = start.publish();
    let rows = start.coordinator.rows();
    // What goes wrong after the feed, as on a full disk, must not cost the pages.
    let history = start.history.conclude(HISTORY_GRACE);
    let pages = start.pages.take().map(Paging::finish);
    published?;
    start.write_metrics(history, pages)?;
    if let Some(notifier) = start.notifier {
        notifier.finish(Duration::MAX);
    }
    Ok(Checked { rows, frozen })
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
        start.ask_witnesses(&pool);
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
                    start.learn(target, evidence);
                }
                Event::Asked(by, silent) if by == start.pools => start.hear(silent),
                // A result of before a reload.
                Event::Checked(..) | Event::Asked(..) | Event::Reported(..) => {}
                Event::Reload => {
                    if start.reloaded(reload) {
                        pool = start.pool(&events)?;
                    }
                }
                Event::Stop => return start.end(),
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
            SignalAction::Reload => Event::Reload,
            SignalAction::Stop => Event::Stop,
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
