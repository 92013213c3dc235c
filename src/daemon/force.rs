//! What is in force: the inputs, the feed, and the snapshot made of them. Nothing that is wrong gets in.

mod intake;
mod telling;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tracing::{debug, info, warn};

use super::announcement;
use super::flapping::Flapping;
use super::guard::Held;
use super::kept::Kept;
use super::offer::{InForce, Offer, Seen, Terms};
use super::offering::Offering;
use super::overriding::Overriding;
use super::standings;
use crate::admin::ServerCondition;
use crate::load::{Loaded, Source, signature_path};
use cvdns_core::answer::{QueryCounterSet, Reclaimed, SnapshotReclaimer};
use cvdns_core::config::{Config, Server};
use cvdns_core::health::{Feed, HealthInputs, Keys};
use cvdns_core::problem::{Problem, Problems};
use cvdns_core::release::{self, STAMP_PERIOD};
use cvdns_core::snapshot::inputs::Databases;
use cvdns_core::snapshot::{Now, Snapshot, StaticData, compile};
use cvdns_io::Version;
use cvdns_net::Listeners;
use cvdns_net::memory::give_back;

use telling::log_some;

/// How long until the next look at who has left a snapshot. Idle UDP workers leave within 200 ms, idle connections when they end.
const LEAVE: Duration = Duration::from_millis(500);

/// Something that ages, and what is said when it is too old and when it is fresh again.
struct Aging {
    /// From when on it is too old.
    from: Option<Timestamp>,
    stale: &'static str,
    fresh: &'static str,
}

/// What happened since the start.
#[derive(Debug)]
struct SinceStart {
    started: Timestamp,
    /// Reloads that were done, and that failed.
    reloads: [u64; 2],
    /// How many snapshots were compiled, and how long the newest took.
    snapshots: u64,
    compile_time: Duration,
}

/// The state that the server answers from.
pub(super) struct Force {
    loaded: Loaded,
    /// What it was started with, of which some holds until it ends.
    started: Config,
    feed: Option<InForce>,
    seen: Option<Arc<Seen>>,
    /// A feed that takes away too much.
    held: Option<Held>,
    kept: Kept,
    /// The versions of the feed's file, and of its signature's, that were read last.
    version: [Option<Version>; 2],
    /// How often no feed could be taken, by reason.
    refusals: BTreeMap<&'static str, u64>,
    /// What is wrong with reading the feed, as it was logged last.
    complaint: Option<String>,
    /// That complaint ends when the file says again what it said before.
    unreadable: bool,
    /// The keys by which what was seen was judged; where `public-key` has others, it is to be judged anew.
    judged_by: Option<Keys>,
    /// What was noted about the feed in force.
    noted: HashSet<String>,
    offering: Offering,
    overriding: Overriding,
    flapping: Flapping,
    /// What was too old when it was last looked at.
    stale: [bool; 2],
    expired: bool,
    databases: Databases,
    /// What was wrong when the frame was compiled, as it was logged.
    known: HashSet<String>,
    snapshots: Arc<ArcSwap<Snapshot>>,
    condition: Arc<ArcSwap<ServerCondition>>,
    reclaimer: Arc<SnapshotReclaimer>,
    queries: QueryCounterSet,
    /// Threads that count for themselves.
    threads: usize,
    /// Nobody has said yet how mirrors stand.
    starting: bool,
    /// When feed or clock were last looked at.
    compiled: Timestamp,
    since_start: SinceStart,
}

impl Force {
    /// Compiles what was read, with the feed as it is now; without one, all mirrors are up.
    pub(super) fn new(loaded: Loaded, now: Timestamp, problems: &mut Problems) -> Option<Self> {
        let mut kept = Kept::new(loaded.state.clone());
        let key = loaded.config.feed.public_key.as_ref();
        let last = loaded.feed.as_ref().and_then(|source| kept.feed(&source.to_string(), key, now));
        let announced = kept.announced(now);
        let databases = last.as_ref().map(|last| last.feed.extra_databases()).unwrap_or_default();
        // What reading took is not needed any more: compiling need not come on top of it.
        give_back();
        let static_data = Arc::new(compile(&loaded.inputs, &databases, problems)?);
        let none = Now::new(None, now, loaded.config.feed.max_age);
        let begun = std::time::Instant::now();
        let snapshot = Snapshot::remembering(announced.as_ref(), static_data.clone(), &none);
        let compile_time = begun.elapsed();
        let server = &loaded.config.server;
        let threads = Listeners::most_sockets(&server.listen, server.workers);
        let snapshots = Arc::new(ArcSwap::from_pointee(snapshot.counting(threads)));
        let judged_by = loaded.config.feed.public_key.clone();
        let mut force = Self {
            started: loaded.config.clone(),
            loaded,
            feed: None,
            seen: None,
            held: None,
            kept,
            version: [None, None],
            refusals: BTreeMap::new(),
            complaint: None,
            unreadable: false,
            judged_by,
            noted: HashSet::new(),
            offering: Offering::default(),
            overriding: Overriding::default(),
            flapping: Flapping::default(),
            stale: [false; 2],
            expired: false,
            databases,
            known: problems.iter().map(mark).collect(),
            condition: Arc::default(),
            reclaimer: Arc::new(SnapshotReclaimer::new(snapshots.clone())),
            queries: QueryCounterSet::new(threads),
            threads,
            snapshots,
            starting: true,
            compiled: now,
            since_start: SinceStart { started: now, reloads: [0; 2], snapshots: 1, compile_time },
        };
        force.log_start();
        force.overriding.take_over(&force.loaded.overrides);
        if force.overriding.in_force(now) > 0 {
            force.publish(static_data, now);
        }
        force.starting = false;
        if let Some(last) = last {
            force.go_on(last, now);
        }
        // A feed that was kept is of earlier: what the feed's file says otherwise may have been so for long.
        force.flapping.set(force.loaded.config.feed.settle);
        force.read(now);
        force.follow_changes(now);
        // What comes from a URL is still to be fetched.
        if force.feed.is_none()
            && force.loaded.feed.as_ref().is_none_or(|source| source.url().is_none())
        {
            force.log_without_feed();
        }
        force.show();
        force.free();
        give_back();
        Some(force)
    }

    /// Notes how a reload went.
    pub(super) fn note_reload(&mut self, done: bool) {
        let [good, bad] = &mut self.since_start.reloads;
        *if done { good } else { bad } += 1;
        self.show();
    }

    /// What was read last.
    pub(super) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The snapshot of this moment, for workers.
    pub(super) fn snapshots(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshots
    }

    /// The snapshots with what was answered from them.
    pub(super) fn reclaimer(&self) -> &Arc<SnapshotReclaimer> {
        &self.reclaimer
    }

    /// Where queries are counted.
    pub(super) fn tallies(&self) -> &QueryCounterSet {
        &self.queries
    }

    /// How the server stands, for those who look after it.
    pub(super) fn condition(&self) -> &Arc<ArcSwap<ServerCondition>> {
        &self.condition
    }

    /// The files whose change may change answers.
    pub(super) fn followed(&self) -> Vec<PathBuf> {
        let feed =
            self.feed_path().into_iter().flat_map(|feed| [feed.to_owned(), signature_path(feed)]);
        feed.chain(self.overriding.watched()).chain(self.loaded.supply.watched()).collect()
    }

    fn feed_path(&self) -> Option<&Path> {
        self.loaded.feed.as_ref().and_then(Source::file)
    }

    /// Whether any feed is in force.
    pub(super) fn has_feed(&self) -> bool {
        self.feed.is_some()
    }

    /// The serial of the feed in force.
    pub(super) fn feed_serial(&self) -> Option<u64> {
        self.feed().map(|feed| feed.serial)
    }

    /// How the server was told to listen when it was started.
    pub(super) fn server(&self) -> &Server {
        &self.started.server
    }

    /// How often the feed is read, whatever the watch says.
    pub(super) fn poll_interval(&self) -> Duration {
        self.loaded.config.feed.interval
    }

    /// The next moment at which answers change by the clock: a half hour, a downtime, the end of an override, a mirror that
    /// settles, or that the feed or a record becomes too old.
    pub(super) fn next_change(&self) -> Timestamp {
        let half_hour = release::half_hour(self.compiled) + STAMP_PERIOD;
        let half_hour = Timestamp::from_second(half_hour).unwrap_or(Timestamp::MAX);
        let snapshot = self.snapshots.load();
        let change = snapshot.static_data.next_change(&self.moment(self.compiled));
        let stale = self.aging().map(|aging| aging.from.filter(|moment| *moment > self.compiled));
        change
            .into_iter()
            .chain(stale.into_iter().flatten())
            .chain([half_hour])
            .min()
            .unwrap_or(half_hour)
    }

    /// Takes over what the clock changes, when its time has come: a feed too that was kept and that a clock which was behind made one of
    /// the future.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let key = self.loaded.config.feed.public_key.as_ref();
        if let Some(last) = self.kept.in_time(key, now) {
            self.go_on(last, now);
            self.read(now);
        }
        if now >= self.next_change() || now < self.compiled {
            self.publish(self.static_data(), now);
        }
    }

    /// Frees snapshots that everybody has left; in what time to do it again, if there are more.
    pub(super) fn free(&mut self) -> Option<Duration> {
        let Reclaimed { static_data, more } = self.reclaimer.reclaim();
        if static_data {
            give_back();
        }
        more.then_some(LEAVE)
    }

    /// Takes over new inputs, with the feed that they name; false when they contradict each other, and the old ones go on.
    /// Where the feed cannot be read, the one in force goes on, as it does until one was fetched.
    pub(super) fn reload(
        &mut self,
        loaded: Loaded,
        now: Timestamp,
        problems: &mut Problems,
    ) -> bool {
        let key = loaded.config.feed.public_key.as_ref();
        let rekeyed = self.judged_by.as_ref() != key;
        let terms = Terms { key, anew: rekeyed, ..self.terms(now) };
        let path = loaded.feed.as_ref().and_then(Source::file);
        let offer = path.map(|path| Offer::read(path, terms));
        let offer = self.judged_again(offer, loaded.feed.as_ref(), terms);
        let in_force = loaded.feed.as_ref().and(self.feed());
        let feed = offer.as_ref().and_then(Offer::news).or(in_force);
        let databases = feed.map(Feed::extra_databases).unwrap_or_default();
        give_back();
        let Some(mut static_data) = compile(&loaded.inputs, &databases, problems) else {
            return false;
        };
        static_data.download_reports.take_over(&self.static_data().download_reports);
        let static_data = Arc::new(static_data);
        self.warn_of_restart(&loaded.config);
        if rekeyed {
            // Nobody may accept what the new keys have not verified; if they do, it is held back again.
            self.held = None;
        }
        let moved = self.loaded.feed != loaded.feed;
        self.loaded = loaded;
        self.overriding.take_over(&self.loaded.overrides);
        self.flapping.set(self.loaded.config.feed.settle);
        self.databases = databases;
        self.known = problems.iter().map(mark).collect();
        if moved {
            (self.version, self.complaint) = ([None, None], None);
            self.kept.forget_early();
        }
        let state_moved = self.kept.directory() != self.loaded.state.as_deref();
        if state_moved {
            self.kept = Kept::new(self.loaded.state.clone());
        }
        let news = offer.is_some_and(|offer| self.settle(offer, &static_data, now));
        if self.loaded.feed.is_none() {
            (self.feed, self.seen, self.held) = (None, None, None);
            if moved {
                self.log_without_feed();
            }
        }
        self.offering.read(&self.loaded.supply, now);
        // The frame was made for what was offered, which may have been held back or refused.
        let static_data = self.fitting(static_data);
        self.publish(static_data, now);
        self.log_start();
        if news || state_moved {
            self.keep_feed();
        }
        if news {
            self.log_feed();
        } else {
            self.log_notes();
        }
        true
    }

    /// This frame, if it has names for the extra databases of the feed in force, else another that has.
    fn fitting(&mut self, static_data: Arc<StaticData>) -> Arc<StaticData> {
        let databases = self.feed().map(Feed::extra_databases).unwrap_or_default();
        if databases == self.databases { static_data } else { self.with_databases(databases) }
    }

    /// The frame with names for these extra databases.
    fn with_databases(&mut self, databases: Databases) -> Arc<StaticData> {
        let mut problems = Problems::default();
        let static_data = compile(&self.loaded.inputs, &databases, &mut problems);
        log_some(problems.iter().filter(|problem| !self.known.contains(&mark(problem))));
        self.known = problems.iter().map(mark).collect();
        // What was compiled before is compiled again: extra databases are never an error.
        let Some(mut static_data) = static_data else { return self.static_data() };
        static_data.download_reports.take_over(&self.static_data().download_reports);
        self.databases = databases;
        Arc::new(static_data)
    }

    fn feed(&self) -> Option<&Feed> {
        self.feed.as_ref().map(|in_force| &in_force.feed)
    }

    fn static_data(&self) -> Arc<StaticData> {
        self.snapshots.load().static_data.clone()
    }

    /// Remembers which mirrors' states changed, if any did.
    fn follow_changes(&mut self, now: Timestamp) {
        let feed = self.feed.as_ref().map(|in_force| &in_force.feed);
        self.flapping.follow(feed, self.loaded.inputs.zones.iter().map(|zone| &*zone.fleet), now);
    }

    fn publish(&mut self, static_data: Arc<StaticData>, now: Timestamp) {
        let started = std::time::Instant::now();
        self.offering.combine(self.feed.as_ref().map(|in_force| &in_force.feed));
        self.follow_changes(now);
        let snapshot = Snapshot::after(&self.snapshots.load(), static_data, &self.moment(now));
        let mut snapshot = snapshot.counting(self.threads);
        snapshot.meta.held = self.held.as_ref().map(Held::told);
        self.since_start.compile_time = started.elapsed();
        self.since_start.snapshots += 1;
        debug!("compiled in {:?}", self.since_start.compile_time);
        let expired = snapshot.dynamic_data.has_expired();
        self.overriding.log(now);
        self.flapping.log(now);
        self.log_fail_open(&snapshot);
        if !self.starting {
            standings::log(&self.snapshots.load(), &snapshot);
        }
        announcement::log(&self.snapshots.load().dynamic_data, &snapshot.dynamic_data);
        self.reclaimer.swap(Arc::new(snapshot));
        self.compiled = now;
        self.kept.keep_announced(self.snapshots.load().dynamic_data.announced());
        let aging = self.aging();
        for (aging, before) in aging.iter().zip(self.stale) {
            match (before, aging.is_stale(now)) {
                (false, true) => warn!("{}", aging.stale),
                (true, false) => info!("{}", aging.fresh),
                _ => {}
            }
        }
        self.stale = aging.map(|aging| aging.is_stale(now));
        if expired && !self.expired {
            warn!("the record is too old to be trusted: SERVFAIL until it is renewed (`on-stale`)");
        }
        self.expired = expired;
        self.show();
    }

    fn moment(&self, time: Timestamp) -> Now<'_> {
        let now = Now::new(self.feed(), time, self.loaded.config.feed.max_age);
        let (overrides, settling) = (self.overriding.overrides(), self.flapping.settling());
        let inputs =
            HealthInputs { overrides: Some(overrides), settling: Some(settling), ..now.inputs };
        Now { inputs, release: self.offering.offered(), ..now }
    }

    /// The feed, and the record in a file.
    fn aging(&self) -> [Aging; 2] {
        let from = |since: Timestamp| since.checked_add(self.loaded.config.feed.max_age).ok();
        let feed = self.feed().and_then(|feed| from(feed.generated));
        let stale = if self.offering.is_the_feeds() {
            "the feed is older than max-age: stamps are no longer renewed, mirrors stay as last known"
        } else {
            "the feed is older than max-age: mirrors stay as last known"
        };
        [
            Aging { from: feed, stale, fresh: "the feed is fresh again" },
            Aging {
                from: self.offering.line_stamp().and_then(from),
                stale: "the stamp of the record in `record-file` is older than max-age: stamps are no longer renewed",
                fresh: "the record in `record-file` is fresh again",
            },
        ]
    }
}

/// What tells problems apart. To find out their lines for that would mean to count all lines before
/// each of many.
fn mark(problem: &Problem) -> String {
    format!("{}:{}: {}", problem.location.file_name(), problem.location.span().start, problem.what)
}

impl Aging {
    fn is_stale(&self, now: Timestamp) -> bool {
        self.from.is_some_and(|moment| now >= moment)
    }
}

#[cfg(test)]
mod counted;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod stepped;
#[cfg(test)]
mod tests;
