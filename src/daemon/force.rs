//! What is in force: the inputs, the feed, and the snapshot made of them. Nothing that is wrong gets in.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tracing::{debug, info, warn};

use super::LOGGED;
use super::announcement;
use super::fetching;
use super::guard::{self, Held, Verdict};
use super::kept::{Kept, KeptFeed};
use super::memory;
use super::offer::{InForce, Offer, Refusal, Seen, Terms, signature_of, versions};
use super::offering::Offering;
use super::overriding::Overriding;
use super::retired::Retired;
use crate::admin::{Condition, FeedInForce, HeldFeed};
use crate::config::{Config, Log, Server};
use crate::health::{Feed, State, Word, notes};
use crate::load::remote::Fetched;
use crate::load::{Loaded, Source, Version};
use crate::problem::{Problem, Problems};
use crate::release::{self, Offered, STAMP_PERIOD};
use crate::snapshot::inputs::Databases;
use crate::snapshot::{Frame, Loss, Now, Snapshot, compile};

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
    /// What was noted about the feed in force.
    noted: HashSet<String>,
    offering: Offering,
    overriding: Overriding,
    /// What was too old when it was last looked at.
    stale: [bool; 2],
    expired: bool,
    databases: Databases,
    /// What was wrong when the frame was compiled, as it was logged.
    known: HashSet<String>,
    snapshots: Arc<ArcSwap<Snapshot>>,
    condition: Arc<ArcSwap<Condition>>,
    retired: Retired,
    /// When feed or clock were last looked at.
    compiled: Timestamp,
}

impl Force {
    /// Compiles what was read, with the feed as it is now; without one, all mirrors are up.
    pub(super) fn new(loaded: Loaded, now: Timestamp, problems: &mut Problems) -> Option<Self> {
        let mut kept = Kept::new(loaded.state.clone());
        let key = loaded.config.feed.public_key.as_ref();
        let last = loaded.feed.as_ref().and_then(|source| kept.feed(&source.to_string(), key, now));
        let announced = kept.announced(now);
        let databases = last.as_ref().map(|last| last.feed.extra_databases()).unwrap_or_default();
        let frame = Arc::new(compile(&loaded.inputs, &databases, problems)?);
        let none = Now::new(None, now, loaded.config.feed.max_age);
        let snapshot = Snapshot::remembering(announced.as_ref(), frame.clone(), &none);
        let snapshots = Arc::new(ArcSwap::from_pointee(snapshot));
        let mut force = Self {
            started: (loaded.config.server.clone(), loaded.config.admin, loaded.config.log.clone()),
            loaded,
            feed: None,
            seen: None,
            held: None,
            kept,
            version: [None, None],
            refusals: BTreeMap::new(),
            complaint: None,
            unreadable: false,
            noted: HashSet::new(),
            offering: Offering::default(),
            overriding: Overriding::default(),
            stale: [false; 2],
            expired: false,
            databases,
            known: problems.iter().map(Problem::to_string).collect(),
            snapshots,
            condition: Arc::default(),
            retired: Retired::default(),
            compiled: now,
        };
        force.log_start();
        force.overriding.take_over(&force.loaded.overrides);
        if force.overriding.in_force(now) > 0 {
            force.publish(frame, now);
        }
        if let Some(last) = last {
            force.go_on(last, now);
        }
        force.read(now);
        // What comes from a URL is still to be fetched.
        if force.feed.is_none() && force.loaded.feed.as_ref().is_none_or(|source| source.url().is_none()) {
            force.log_without_feed();
        }
        force.show();
        force.free();
        memory::give_back();
        Some(force)
    }

    /// Goes on with the feed that was in force when the server last ran.
    fn go_on(&mut self, last: KeptFeed, now: Timestamp) {
        let KeptFeed { feed, octets, signature } = last;
        let Some(source) = self.loaded.feed.clone() else { return };
        self.adopt(feed, Arc::new(Seen { source, octets, signature }));
        self.offering.read(&self.loaded.supply, now);
        self.publish(self.frame(), now);
        info!("going on with what was kept in {}", self.kept.directory().unwrap_or(Path::new("")).display());
        self.log_feed();
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
    pub(super) fn condition(&self) -> &Arc<ArcSwap<Condition>> {
        &self.condition
    }

    /// The files whose change may change answers.
    pub(super) fn followed(&self) -> Vec<PathBuf> {
        let feed = self.feed_path().into_iter().flat_map(|feed| [feed.to_owned(), signature_of(feed)]);
        feed.chain(self.overriding.watched()).chain(self.loaded.supply.watched()).collect()
    }

    fn feed_path(&self) -> Option<&Path> {
        self.loaded.feed.as_ref().and_then(Source::file)
    }

    /// Whether any feed is in force.
    pub(super) fn has_feed(&self) -> bool {
        self.feed.is_some()
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

    /// The next moment at which answers change by the clock: a half hour, a downtime, the end of an override, or that the
    /// feed or a record becomes too old.
    pub(super) fn next_change(&self) -> Timestamp {
        let half_hour = release::half_hour(self.compiled) + STAMP_PERIOD;
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
        let version = self.feed_path().map(versions).unwrap_or_default();
        let is_new = version[0].is_none() || version != self.version;
        let offer = if is_new { self.read_feed(now) } else { None };
        self.take(offer, now);
    }

    /// Reads all files that are followed and takes over what is good and new.
    pub(super) fn read(&mut self, now: Timestamp) {
        let offer = self.read_feed(now);
        self.take(offer, now);
    }

    /// Takes over what was fetched, if it is good and new. False: it could not be judged once and for all, and has to be
    /// fetched again though it stays the same.
    pub(super) fn fetched(&mut self, fetched: fetching::Brought, now: Timestamp) -> bool {
        let Some(source) = self.loaded.feed.clone() else { return true };
        let offer = match fetched {
            Ok(Fetched::NotModified) => Offer::Same,
            Ok(Fetched::New { octets, signature }) => {
                Offer::judge(Seen { source, octets, signature }, self.terms(now))
            }
            Err(error) => {
                let reason = error.reason();
                Offer::Unusable(Refusal { error: error.to_string(), reason, seen: None })
            }
        };
        // A feed and its signature are two documents: one may be of the next feed already.
        let judged = !matches!(&offer, Offer::Unusable(refusal)
            if refusal.seen.is_none() || refusal.reason == "signature");
        self.take(Some(offer), now);
        judged
    }

    fn take(&mut self, offer: Option<Offer>, now: Timestamp) {
        let files = self.offering.read(&self.loaded.supply, now);
        let fleets = self.loaded.inputs.zones.iter().map(|zone| &*zone.fleet);
        let overrides = self.overriding.read(fleets, now);
        let frame = self.frame();
        let news = offer.is_some_and(|offer| self.settle(offer, &frame, now));
        if news || files || overrides {
            self.take_over(now);
        }
        if news {
            self.keep_feed();
            self.log_feed();
        }
        self.show();
    }

    /// Publishes what was taken.
    fn take_over(&mut self, now: Timestamp) {
        let databases = self.feed().map(Feed::extra_databases).unwrap_or_default();
        let frame = if databases == self.databases { self.frame() } else { self.with_databases(databases) };
        self.publish(frame, now);
    }

    /// Takes over the feed of this serial that is held back, as an operator says; why not, where it is not.
    pub(super) fn accept(&mut self, serial: u64, now: Timestamp) -> Result<(), String> {
        let Some(held) = self.held.take_if(|held| held.feed.serial == serial) else {
            return Err(match &self.held {
                Some(held) => format!("serial {serial} is not held back, but {} is", held.feed.serial),
                None => "no feed is held back".to_owned(),
            });
        };
        info!("feed {serial} is accepted by an operator");
        self.adopt(*held.feed, held.document);
        self.take_over(now);
        self.keep_feed();
        self.log_feed();
        Ok(())
    }

    /// Looks at the feed's file, if it has one.
    fn read_feed(&mut self, now: Timestamp) -> Option<Offer> {
        let path = self.feed_path()?;
        let version = versions(path);
        let offer = Offer::read(path, self.terms(now));
        self.version = version;
        Some(offer)
    }

    fn terms(&self, now: Timestamp) -> Terms<'_> {
        let (seen, in_force) = (self.seen.as_deref(), self.feed.as_ref());
        Terms { seen, in_force, key: self.loaded.config.feed.public_key.as_ref(), now }
    }

    /// Takes over new inputs, with the feed that they name; false when they contradict each other, and the old ones go on.
    /// Where the feed cannot be read, the one in force goes on, as it does until one was fetched.
    pub(super) fn reload(&mut self, loaded: Loaded, now: Timestamp, problems: &mut Problems) -> bool {
        let terms = Terms { key: loaded.config.feed.public_key.as_ref(), ..self.terms(now) };
        let path = loaded.feed.as_ref().and_then(Source::file);
        let offer = path.map(|path| Offer::read(path, terms));
        let in_force = loaded.feed.as_ref().and(self.feed());
        let feed = offer.as_ref().and_then(Offer::news).or(in_force);
        let databases = feed.map(Feed::extra_databases).unwrap_or_default();
        let Some(mut frame) = compile(&loaded.inputs, &databases, problems) else { return false };
        frame.pings.take_over(&self.frame().pings);
        let frame = Arc::new(frame);
        self.warn_of_restart(&loaded.config);
        let moved = self.loaded.feed != loaded.feed;
        self.loaded = loaded;
        self.databases = databases;
        self.known = problems.iter().map(Problem::to_string).collect();
        if moved {
            (self.version, self.complaint) = ([None, None], None);
        }
        let state_moved = self.kept.directory() != self.loaded.state.as_deref();
        if state_moved {
            self.kept = Kept::new(self.loaded.state.clone());
        }
        let news = offer.is_some_and(|offer| self.settle(offer, &frame, now));
        if self.loaded.feed.is_none() {
            (self.feed, self.seen, self.held) = (None, None, None);
            if moved {
                self.log_without_feed();
            }
        }
        self.offering.read(&self.loaded.supply, now);
        self.overriding.take_over(&self.loaded.overrides);
        self.publish(frame, now);
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

    /// Remembers what a look brought; true when it is a feed to publish over this frame.
    fn settle(&mut self, offer: Offer, frame: &Frame, now: Timestamp) -> bool {
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
                if !self.admits(&feed, &seen, frame, now) {
                    return false;
                }
                self.adopt(*feed, seen);
                true
            }
            Offer::Unusable(Refusal { error, reason, seen }) => {
                self.complain(&error);
                self.count_refusal(reason);
                self.unreadable = seen.is_none();
                self.seen = seen.or(self.seen.take());
                false
            }
        }
    }

    fn adopt(&mut self, feed: Feed, document: Arc<Seen>) {
        self.feed = Some(InForce { feed, document: document.clone() });
        (self.seen, self.complaint, self.held) = (Some(document), None, None);
    }

    /// Whether a feed may be taken over, or is held back as it takes away too much.
    fn admits(&mut self, feed: &Feed, document: &Arc<Seen>, frame: &Frame, now: Timestamp) -> bool {
        let config = &self.loaded.config.feed;
        let before = self.moment(now);
        let release = self.offering.of(feed);
        let release = release.as_ref().map(|(release, generated)| Offered { release, generated: *generated });
        let word = Word { feed: Some(feed), ..before.word };
        let after = Now { word, release, ..before };
        let announced = self.snapshots.load();
        let announced = announced.live.remembered();
        let loss =
            before.word.feed.and_then(|_| Loss::between(frame, announced, &before, &after, config.max_loss));
        let verdict = guard::judge(
            loss.as_ref(),
            feed.serial,
            self.held.as_ref(),
            config.max_loss,
            config.interval,
            now,
        );
        let (Some(loss), Verdict::Hold(since)) = (loss, &verdict) else {
            match (verdict, &self.held) {
                (Verdict::Confirmed, _) => warn!("feed {} says what was held back: it is taken", feed.serial),
                (_, Some(held)) => {
                    info!("feed {} is no longer held back: a newer one is taken", held.feed.serial);
                }
                _ => {}
            }
            return true;
        };
        let in_force = before.word.feed.map_or(0, |feed| feed.serial);
        warn!(
            "feed {} is held back: it takes away {loss} usable mirrors (`max-loss`); feed {in_force} goes on until a \
             newer one says the same, or `cvdns feed accept`",
            feed.serial
        );
        let held = Held { feed: Box::new(feed.clone()), document: document.clone(), loss, since: *since };
        (self.seen, self.held) = (Some(document.clone()), Some(held));
        self.count_refusal("held");
        self.show();
        false
    }

    fn count_refusal(&mut self, reason: &'static str) {
        *self.refusals.entry(reason).or_default() += 1;
        self.show();
    }

    /// Keeps the feed in force for the next start.
    fn keep_feed(&mut self) {
        if let Some(InForce { document, .. }) = &self.feed {
            let Seen { source, octets, signature } = &**document;
            self.kept.keep_feed(&source.to_string(), octets, signature.as_deref());
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
        self.offering.combine(self.feed.as_ref().map(|in_force| &in_force.feed));
        let snapshot = Snapshot::after(&self.snapshots.load(), frame, &self.moment(now));
        let expired = snapshot.live.has_expired();
        self.overriding.log(now);
        self.log_fail_open(&snapshot);
        announcement::log(&self.snapshots.load().live, &snapshot.live);
        self.retired.add(self.snapshots.swap(Arc::new(snapshot)));
        self.compiled = now;
        self.kept.keep_announced(self.snapshots.load().live.announced());
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
            warn!("the record is too old to be trusted: SERVFAIL until it is renewed (`on-stale`)");
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
        let snapshot = self.snapshots.load();
        let no_record = !snapshot.frame.texts.is_empty() && snapshot.live.announced().is_none();
        let reasons = [
            (feed.is_none() && self.loaded.feed.is_some())
                .then(|| "no feed: all mirrors count as up".to_owned()),
            stale.then(|| "the feed is older than max-age".to_owned()),
            stale_line.then(|| "the record in `record-file` is older than max-age".to_owned()),
            self.offering.complaints().first().cloned(),
            no_record.then(|| "no release: there is no record".to_owned()),
        ];
        let held = self.held.as_ref().map(|held| HeldFeed {
            serial: held.feed.serial,
            generated: held.feed.generated,
            takes_away: held.loss.to_string(),
            since: held.since,
        });
        self.condition.store(Arc::new(Condition {
            feed,
            held,
            refusals: self.refusals.clone(),
            unusable_files: self.offering.complaints().len(),
            overrides: self.overriding.in_force(self.compiled),
            not_ready: reasons.into_iter().flatten().next(),
        }));
    }

    fn moment(&self, time: Timestamp) -> Now<'_> {
        let now = Now::new(self.feed(), time, self.loaded.config.feed.max_age);
        let word = Word { overrides: Some(self.overriding.overrides()), ..now.word };
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
        let Some(wanted) = &self.loaded.feed else { return };
        if self.complaint.as_deref() != Some(error) {
            let in_force = match &self.feed {
                Some(InForce { feed, document }) if document.source == *wanted => {
                    format!("feed {} goes on", feed.serial)
                }
                Some(InForce { feed, document }) => {
                    format!("feed {} of {} goes on", feed.serial, document.source)
                }
                None => "all mirrors count as up".to_owned(),
            };
            warn!("the feed {wanted} is not taken: {error}; {in_force}");
            self.complaint = Some(error.to_owned());
        }
    }

    /// Without a feed all mirrors are up.
    pub(super) fn log_without_feed(&self) {
        let record = if self.offering.is_the_feeds() { ", and there is no record" } else { "" };
        if let Some(source) = &self.loaded.feed {
            warn!("no feed from {source}: all mirrors count as up{record}");
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
mod mutations;
#[cfg(test)]
mod tests;
