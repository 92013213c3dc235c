//! Runs the coordinator: what it is made of, from its start through each reload.

mod checking;
mod clock;
mod downtime;
mod events;
mod joining;
mod lock;
mod paging;
mod parts;
mod pool;
mod publishing;
mod readers;
mod report;
mod signalled;
mod stop;

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::fcntl::Flock;
use tracing::warn;

pub use self::checking::{once, watch};
use self::clock::Clock;
use self::downtime::Downtimes;
pub use self::joining::{join, join_once};
use self::lock::lock;
use self::paging::Paging;
use self::parts::Parts;
use super::coordinator::{AddressRow, Coordinator};
use super::document::Mirrors;
use super::doubt::Frozen;
use super::history::Recorder;
use super::notify::Notifier;
use super::publish::Publisher;
use super::reporter::Reporter;
use super::roster::{MemberStatus, Roster};
use super::stored::StoredState;
use crate::{MonitorInputs, Role};
use cvdns_core::config::Monitor;

/// The longest sleep. A change of the clock is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

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
    /// When a feed could last not be written, if none was written since.
    failed: Option<Instant>,
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
            failed: None,
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

    fn save(&self) -> Result<(), String> {
        self.coordinator.stored.save(&memory_path(&self.state))
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

/// A random number: the standard library seeds its hash tables from the system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn memory_path(state: &Path) -> PathBuf {
    state.join("memory.json")
}
