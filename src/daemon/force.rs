//! What is in force: the inputs, the feed, and the snapshot made of them. Nothing that is wrong gets in.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tracing::{debug, info, warn};

use super::LOGGED;
use super::announcement;
use super::flapping::Flapping;
use super::memory;
use super::offer::{InForce, Offer, Seen};
use super::offering::Offering;
use super::overriding::Overriding;
use super::retired::Retired;
use crate::admin::{FeedInForce, Standing};
use crate::config::{Config, Log, Server};
use crate::health::{Feed, State, Word, notes};
use crate::load::{Loaded, Version};
use crate::problem::{Problem, Problems};
use crate::release::STAMP_PERIOD;
use crate::snapshot::inputs::Databases;
use crate::snapshot::{Frame, Now, Snapshot, compile};

/// Something that ages, and what is said when it is too old and when it is fresh again.
struct Aging {
    /// From when on it is too old.
    from: Option<Timestamp>,
    stale: &'static str,
    fresh: &'static str,
}

/// The state that the server answers from.
pub(super) struct Force {
    loaded: Loaded,
    /// What it was started with, of which some holds until it ends.
    started: (Server, Option<SocketAddr>, Log),
    feed: Option<InForce>,
    seen: Option<Seen>,
    /// The version of the feed's file that was read last.
    version: Option<Version>,
    /// What is wrong with reading the feed, as it was logged last.
    complaint: Option<String>,
    /// That complaint ends when the file says again what it said before.
    unreadable: bool,
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
    standing: Arc<ArcSwap<Standing>>,
    retired: Retired,
    /// When feed or clock were last looked at.
    compiled: Timestamp,
}

impl Force {
    /// Compiles what was read, with the feed as it is now; without one, all mirrors are up.
    pub(super) fn new(loaded: Loaded, now: Timestamp, problems: &mut Problems) -> Option<Self> {
        let version = loaded.feed.as_deref().and_then(Version::of);
        let offer = loaded.feed.as_deref().map(|source| Offer::read(source, None, None, now));
        let databases = offer.as_ref().and_then(Offer::news).map(Feed::extra_databases).unwrap_or_default();
        let frame = Arc::new(compile(&loaded.inputs, &databases, problems)?);
        let none = Now::new(None, now, loaded.config.feed.max_age);
        let snapshots = Arc::new(ArcSwap::from_pointee(Snapshot::new(frame.clone(), &none)));
        let mut force = Self {
            started: (loaded.config.server.clone(), loaded.config.admin, loaded.config.log.clone()),
            loaded,
            feed: None,
            seen: None,
            version,
            complaint: None,
            unreadable: false,
            noted: HashSet::new(),
            offering: Offering::default(),
            overriding: Overriding::default(),
            flapping: Flapping::default(),
            stale: [false; 2],
            expired: false,
            databases,
            known: problems.iter().map(Problem::to_string).collect(),
            snapshots,
            standing: Arc::default(),
            retired: Retired::default(),
            compiled: now,
        };
        force.log_start();
        force.overriding.take_over(&force.loaded.overrides);
        force.flapping.set(force.loaded.config.feed.settle);
        let files = force.offering.read(&force.loaded.supply, now);
        let news = offer.is_some_and(|offer| force.settle(offer));
        if news || files || force.overriding.in_force(now) > 0 {
            force.publish(frame, now);
        }
        if news {
            force.log_feed();
        }
        if force.feed.is_none() {
            force.log_without_feed();
        }
        force.show();
        force.free();
        memory::give_back();
        Some(force)
    }

    /// What was read last.
    pub(super) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The snapshot of this moment, for workers.
    pub(super) fn snapshots(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshots
    }

    /// How the server stands, for those who look after it.
    pub(super) fn standing(&self) -> &Arc<ArcSwap<Standing>> {
        &self.standing
    }

    /// The files whose change may change answers.
    pub(super) fn followed(&self) -> Vec<PathBuf> {
        let files = self.loaded.feed.iter().cloned().chain(self.overriding.watched());
        files.chain(self.loaded.supply.watched()).collect()
    }

    fn feed_path(&self) -> Option<&Path> {
        self.loaded.feed.as_deref()
    }

    /// How the server was told to listen when it was started.
    pub(super) fn server(&self) -> &Server {
        &self.started.0
    }

    /// The admin address that it was started with.
    pub(super) fn admin(&self) -> Option<SocketAddr> {
        self.started.1
    }

    /// How often the feed is read, whatever the watch says.
    pub(super) fn poll_interval(&self) -> Duration {
        self.loaded.config.feed.interval
    }

    /// The next moment at which answers change by the clock: a half hour, a downtime, the end of an override, a mirror that
    /// settles, or that the feed or a record becomes too old.
    pub(super) fn next_change(&self) -> Timestamp {
        let seconds = self.compiled.as_second();
        let half_hour = seconds - seconds.rem_euclid(STAMP_PERIOD) + STAMP_PERIOD;
        let half_hour = Timestamp::from_second(half_hour).unwrap_or(Timestamp::MAX);
        let snapshot = self.snapshots.load();
        let change = snapshot.frame.next_change(&self.moment(self.compiled));
        let stale = self.aging().map(|aging| aging.from.filter(|moment| *moment > self.compiled));
        change.into_iter().chain(stale.into_iter().flatten()).chain([half_hour]).min().unwrap_or(half_hour)
    }

    /// Takes over what the clock changes, when its time has come.
    pub(super) fn tick(&mut self, now: Timestamp) {
        if now >= self.next_change() || now < self.compiled {
            self.publish(self.frame(), now);
        }
    }

    /// Frees snapshots that everybody has left; in what time to do it again, if there are more.
    pub(super) fn free(&mut self) -> Option<Duration> {
        if self.retired.free() {
            memory::give_back();
        }
        self.retired.look()
    }

    /// Reads the files of the record and the overrides, and the feed's if it is another than was read last.
    pub(super) fn look(&mut self, now: Timestamp) {
        let version = self.feed_path().and_then(Version::of);
        self.take(version.is_none() || version != self.version, now);
    }

    /// Reads all files that are followed and takes over what is good and new.
    pub(super) fn read(&mut self, now: Timestamp) {
        self.take(true, now);
    }

    fn take(&mut self, feed: bool, now: Timestamp) {
        let files = self.offering.read(&self.loaded.supply, now);
        let fleets = self.loaded.inputs.zones.iter().map(|zone| &*zone.fleet);
        let overrides = self.overriding.read(fleets, now);
        let news = feed && self.read_feed(now);
        if news || files || overrides {
            let databases = self.feed().map(Feed::extra_databases).unwrap_or_default();
            let frame =
                if databases == self.databases { self.frame() } else { self.with_databases(databases) };
            self.publish(frame, now);
        }
        if news {
            self.log_feed();
        }
    }

    /// Reads the feed's file; true when there is a new feed to take over.
    fn read_feed(&mut self, now: Timestamp) -> bool {
        let Some(path) = self.feed_path() else { return false };
        let version = Version::of(path);
        let offer = Offer::read(path, self.seen.as_ref(), self.feed.as_ref(), now);
        self.version = version;
        self.settle(offer)
    }

    /// Takes over new inputs, with the feed that they name; false when they contradict each other, and the old ones go on.
    /// Where the feed cannot be read, the one in force goes on.
    pub(super) fn reload(&mut self, loaded: Loaded, now: Timestamp, problems: &mut Problems) -> bool {
        let source = loaded.feed.as_deref();
        let offer = source.map(|source| Offer::read(source, self.seen.as_ref(), self.feed.as_ref(), now));
        let feed = match &offer {
            None => None,
            Some(offer) => offer.news().or(self.feed()),
        };
        let databases = feed.map(Feed::extra_databases).unwrap_or_default();
        let Some(mut frame) = compile(&loaded.inputs, &databases, problems) else { return false };
        frame.pings.take_over(&self.frame().pings);
        self.warn_of_restart(&loaded.config);
        let moved = self.loaded.feed != loaded.feed;
        self.loaded = loaded;
        self.databases = databases;
        self.known = problems.iter().map(Problem::to_string).collect();
        if moved {
            (self.version, self.complaint) = (None, None);
        }
        let news = if let Some(offer) = offer {
            self.settle(offer)
        } else {
            (self.feed, self.seen) = (None, None);
            if moved {
                self.log_without_feed();
            }
            false
        };
        self.offering.read(&self.loaded.supply, now);
        self.overriding.take_over(&self.loaded.overrides);
        self.flapping.set(self.loaded.config.feed.settle);
        self.publish(Arc::new(frame), now);
        self.log_start();
        if news {
            self.log_feed();
        } else {
            self.log_notes();
        }
        true
    }

    /// Names what was changed in the configuration and holds at the next start only.
    fn warn_of_restart(&self, new: &Config) {
        let (server, admin, log) = &self.started;
        let changed: Vec<&str> = [
            ("listen", server.listen != new.server.listen),
            ("workers", server.workers != new.server.workers),
            ("udp", server.udp != new.server.udp),
            ("affinity", server.affinity != new.server.affinity),
            ("user", server.user != new.server.user),
            ("tcp-max-connections", server.tcp_max_connections != new.server.tcp_max_connections),
            ("tcp-idle", server.tcp_idle != new.server.tcp_idle),
            ("admin.listen", *admin != new.admin),
            ("log.level", log.level != new.log.level),
            ("log.format", log.json != new.log.json),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect();
        if !changed.is_empty() {
            warn!("changed, but in effect at the next start only: {}", changed.join(", "));
        }
    }

    /// Remembers what a look brought; true when it is a feed to publish.
    fn settle(&mut self, offer: Offer) -> bool {
        match offer {
            Offer::Same => {
                if self.unreadable {
                    (self.complaint, self.unreadable) = (None, false);
                }
                false
            }
            Offer::Known(seen) => {
                (self.seen, self.complaint) = (Some(seen), None);
                false
            }
            Offer::News(feed, seen) => {
                let source = self.loaded.feed.clone().unwrap_or_default();
                self.feed = Some(InForce { feed: *feed, source });
                (self.seen, self.complaint) = (Some(seen), None);
                true
            }
            Offer::Unusable(error, seen) => {
                self.complain(&error);
                self.unreadable = seen.is_none();
                self.seen = seen.or(self.seen.take());
                false
            }
        }
    }

    /// The frame with names for these extra databases.
    fn with_databases(&mut self, databases: Databases) -> Arc<Frame> {
        let mut problems = Problems::default();
        let frame = compile(&self.loaded.inputs, &databases, &mut problems);
        let found: Vec<String> = problems.iter().map(Problem::to_string).collect();
        log_some(found.iter().filter(|problem| !self.known.contains(*problem)));
        self.known = found.into_iter().collect();
        // What was compiled before is compiled again: extra databases are never an error.
        let Some(mut frame) = frame else { return self.frame() };
        frame.pings.take_over(&self.frame().pings);
        self.databases = databases;
        Arc::new(frame)
    }

    fn feed(&self) -> Option<&Feed> {
        self.feed.as_ref().map(|in_force| &in_force.feed)
    }

    fn frame(&self) -> Arc<Frame> {
        self.snapshots.load().frame.clone()
    }

    fn publish(&mut self, frame: Arc<Frame>, now: Timestamp) {
        let started = std::time::Instant::now();
        let feed = self.feed.as_ref().map(|in_force| &in_force.feed);
        self.offering.combine(feed);
        self.flapping.follow(feed, self.loaded.inputs.zones.iter().map(|zone| &*zone.fleet), now);
        let snapshot = Snapshot::after(&self.snapshots.load(), frame, &self.moment(now));
        let expired = snapshot.live.has_expired();
        self.overriding.log(now);
        self.flapping.log(now);
        self.log_fail_open(&snapshot);
        announcement::log(&self.snapshots.load().live, &snapshot.live);
        self.retired.add(self.snapshots.swap(Arc::new(snapshot)));
        self.compiled = now;
        debug!("compiled in {:?}", started.elapsed());
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
            warn!("the record is too old to be trusted: SERVFAIL, until a fresh feed comes (`on-stale`)");
        }
        self.expired = expired;
        self.show();
    }

    /// Shows how the server stands.
    fn show(&self) {
        let [stale, stale_line] = self.stale;
        let feed = self.feed().map(|feed| FeedInForce {
            serial: feed.serial,
            generated: feed.generated,
            fresh: !stale,
        });
        let not_ready = if feed.is_none() && self.loaded.feed.is_some() {
            Some("no feed: all mirrors count as up")
        } else if stale {
            Some("the feed is older than max-age")
        } else if stale_line {
            Some("the record in `record-file` is older than max-age")
        } else {
            None
        };
        let overrides = self.overriding.in_force(self.compiled);
        self.standing.store(Arc::new(Standing { feed, not_ready: not_ready.map(str::to_owned), overrides }));
    }

    fn moment(&self, time: Timestamp) -> Now<'_> {
        let now = Now::new(self.feed(), time, self.loaded.config.feed.max_age);
        let (overrides, settling) = (self.overriding.overrides(), self.flapping.settling());
        let word = Word { overrides: Some(overrides), settling: Some(settling), ..now.word };
        Now { word, release: self.offering.offered(), ..now }
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

    /// Says once what keeps the feed from being taken, and again when it is something else.
    fn complain(&mut self, error: &str) {
        let Some(path) = self.feed_path() else { return };
        if self.complaint.as_deref() != Some(error) {
            let in_force = match &self.feed {
                Some(InForce { feed, source }) if source == path => format!("feed {} goes on", feed.serial),
                Some(InForce { feed, source }) => {
                    format!("feed {} of {} goes on", feed.serial, source.display())
                }
                None => "all mirrors count as up".to_owned(),
            };
            warn!("the feed {} is not taken: {error}; {in_force}", path.display());
            self.complaint = Some(error.to_owned());
        }
    }

    /// Without a feed all mirrors are up.
    fn log_without_feed(&self) {
        let record = if self.offering.is_the_feeds() { ", and there is no record" } else { "" };
        if let Some(path) = self.feed_path() {
            warn!("no feed from {}: all mirrors count as up{record}", path.display());
        } else {
            info!("no feed is configured: all mirrors count as up{record}");
        }
    }

    fn log_feed(&mut self) {
        if let Some(feed) = self.feed() {
            info!("feed {} of {} is in force: {}", feed.serial, feed.generated, summary(feed));
        }
        self.log_notes();
    }

    /// What the feed says of mirrors that nobody has, unless it said so before.
    fn log_notes(&mut self) {
        let fleets = self.loaded.inputs.zones.iter().map(|zone| &*zone.fleet);
        let found = self.feed().map(|feed| notes(feed, fleets)).unwrap_or_default();
        log_some(found.iter().filter(|note| !self.noted.contains(*note)).map(|note| format!("feed: {note}")));
        self.noted = found.into_iter().collect();
    }

    fn log_fail_open(&self, snapshot: &Snapshot) {
        let open = |snapshot: &Snapshot| snapshot.fail_open_paths();
        let (before, now) = (open(&self.snapshots.load()), open(snapshot));
        if now > 0 && now != before {
            warn!(
                "{now} paths have no usable mirror: all their mirrors are answered as if they were up, for 30 s at a time"
            );
        } else if now == 0 && before > 0 {
            info!("every path has usable mirrors again");
        }
    }

    fn log_start(&self) {
        let frame = self.frame();
        for zone in &self.loaded.inputs.zones {
            let mirrors = zone.fleet.enabled().count();
            let mut countries: Vec<_> = zone.fleet.enabled().map(|(_, mirror)| mirror.country).collect();
            countries.sort_unstable();
            countries.dedup();
            let origins = zone.zones.len();
            let shape = if origins == 1 { String::new() } else { format!(" ({origins} zones)") };
            info!(
                "zone {}{shape}: {mirrors} mirrors in {} countries",
                zone.file.origin.value,
                countries.len()
            );
        }
        info!("{}; {}", frame.summary(), self.loaded.countries.described);
    }
}

impl Aging {
    fn is_stale(&self, now: Timestamp) -> bool {
        self.from.is_some_and(|moment| now >= moment)
    }
}

/// Warns of the first few.
fn log_some(lines: impl Iterator<Item = impl std::fmt::Display>) {
    let mut lines = lines.fuse();
    for line in lines.by_ref().take(LOGGED) {
        warn!("{line}");
    }
    let more = lines.count();
    if more > 0 {
        warn!("{more} more like these: `cvdns check` shows them");
    }
}

/// How many mirrors are in which state.
fn summary(feed: &Feed) -> String {
    let count = |state| feed.mirrors.values().filter(|mirror| mirror.state == state).count();
    let states = [State::Up, State::Old, State::Down, State::Drained, State::Removed];
    let parts: Vec<String> = states.into_iter().map(|state| format!("{} {state}", count(state))).collect();
    parts.join(", ")
}

#[cfg(test)]
mod stepped;
#[cfg(test)]
mod tests;
