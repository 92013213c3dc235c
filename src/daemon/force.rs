//! What is in force: the inputs, the feed, and the snapshot made of them. Nothing that is wrong gets in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tracing::{debug, info, warn};

use crate::config::Server;
use crate::health::{Feed, State, notes};
use crate::load::{self, Loaded};
use crate::problem::Problems;
use crate::release::STAMP_PERIOD;
use crate::snapshot::inputs::Databases;
use crate::snapshot::{Frame, Now, Snapshot, compile};

/// The state that the server answers from.
pub(super) struct Force {
    loaded: Loaded,
    feed: Option<Feed>,
    /// The octets of the feed that was read last, taken or not: the same again is not news.
    offered: Option<Vec<u8>>,
    /// What is wrong with reading the feed, as it was logged last.
    complaint: Option<String>,
    stale: bool,
    databases: Databases,
    snapshots: Arc<ArcSwap<Snapshot>>,
    /// When feed or clock were last looked at.
    compiled: Timestamp,
}

impl Force {
    /// Compiles what was read, with the feed as it is now; without one, all mirrors are up.
    pub(super) fn new(loaded: Loaded, now: Timestamp, problems: &mut Problems) -> Option<Self> {
        let databases = Databases::new();
        let frame = Arc::new(compile(&loaded.inputs, &databases, problems)?);
        let none = Now { feed: None, time: now, max_age: loaded.config.feed.max_age };
        let snapshots = Arc::new(ArcSwap::from_pointee(Snapshot::new(frame, &none)));
        let mut force = Self {
            loaded,
            feed: None,
            offered: None,
            complaint: None,
            stale: false,
            databases,
            snapshots,
            compiled: now,
        };
        force.log_start();
        force.read_feed(now);
        if force.feed.is_none() {
            if let Some(path) = force.feed_path() {
                warn!("no feed from {}: all mirrors count as up, and there is no record", path.display());
            } else {
                info!("no feed is configured: all mirrors count as up, and there is no record");
            }
        }
        Some(force)
    }

    /// The snapshot of this moment, for workers.
    pub(super) fn snapshots(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshots
    }

    /// The feed's file.
    pub(super) fn feed_path(&self) -> Option<&Path> {
        self.loaded.feed.as_deref()
    }

    /// How the server was told to listen.
    pub(super) fn server(&self) -> &Server {
        &self.loaded.config.server
    }

    /// How often the feed is read, whatever the watch says.
    pub(super) fn poll_interval(&self) -> Duration {
        self.loaded.config.feed.interval
    }

    /// The next moment at which answers change by the clock: a half hour, a downtime, or the feed's becoming stale.
    pub(super) fn next_change(&self) -> Timestamp {
        let seconds = self.compiled.as_second();
        let half_hour = seconds - seconds.rem_euclid(STAMP_PERIOD) + STAMP_PERIOD;
        let half_hour = Timestamp::from_second(half_hour).unwrap_or(Timestamp::MAX);
        let snapshot = self.snapshots.load();
        let downtimes = snapshot.frame.plans.iter().filter_map(|plan| plan.next_change(self.compiled)).min();
        let stale = self.stale_from().filter(|moment| *moment > self.compiled);
        [Some(half_hour), downtimes, stale].into_iter().flatten().min().unwrap_or(half_hour)
    }

    /// Takes over what the clock changes, when its time has come.
    pub(super) fn tick(&mut self, now: Timestamp) {
        if now >= self.next_change() || now < self.compiled {
            self.publish(self.frame(), now);
        }
    }

    /// Reads the feed's file and takes it over when it is good and new.
    pub(super) fn read_feed(&mut self, now: Timestamp) {
        let Some(path) = self.loaded.feed.clone() else { return };
        match load::read_feed(&path) {
            Err(error) => self.complain(&path, &error),
            Ok((bytes, _)) if self.offered.as_ref() == Some(&bytes) => {}
            Ok((bytes, parsed)) => {
                self.offered = Some(bytes);
                let news = parsed.and_then(|feed| match &self.feed {
                    Some(in_force) => feed.follows(in_force).map(|news| news.then_some(feed)),
                    None => Ok(Some(feed)),
                });
                match news {
                    Ok(Some(feed)) => self.take_feed(feed, now),
                    Ok(None) => self.complaint = None,
                    Err(error) => self.complain(&path, &error.to_string()),
                }
            }
        }
    }

    /// Takes over new inputs; false when they contradict each other, and the old ones go on.
    pub(super) fn reload(&mut self, loaded: Loaded, now: Timestamp, problems: &mut Problems) -> bool {
        let Some(frame) = compile(&loaded.inputs, &self.databases, problems) else { return false };
        let old = self.server();
        let new = &loaded.config.server;
        if (&old.listen, old.workers, old.udp, &old.user) != (&new.listen, new.workers, new.udp, &new.user) {
            warn!("listen, workers, udp and user take effect at the next start only");
        }
        if self.loaded.feed != loaded.feed {
            // Another source has serials of its own.
            (self.feed, self.offered) = (None, None);
        }
        self.loaded = loaded;
        self.log_start();
        self.publish(Arc::new(frame), now);
        self.read_feed(now);
        true
    }

    fn take_feed(&mut self, feed: Feed, now: Timestamp) {
        self.complaint = None;
        let fleets = self.loaded.inputs.zones.iter().map(|zone| &*zone.fleet);
        for note in notes(&feed, fleets) {
            warn!("feed {}: {note}", feed.serial);
        }
        info!("feed {} of {} is in force: {}", feed.serial, feed.generated, summary(&feed));
        let databases: Databases =
            feed.release.iter().flat_map(|release| release.extra.keys().cloned()).collect();
        self.feed = Some(feed);
        let frame = if databases == self.databases { self.frame() } else { self.with_databases(databases) };
        self.publish(frame, now);
    }

    /// The frame with names for these extra databases.
    fn with_databases(&mut self, databases: Databases) -> Arc<Frame> {
        let mut problems = Problems::default();
        if let Some(frame) = compile(&self.loaded.inputs, &databases, &mut problems) {
            self.databases = databases;
            Arc::new(frame)
        } else {
            for problem in problems.iter() {
                warn!("no names for the feed's extra databases: {problem}");
            }
            self.frame()
        }
    }

    fn frame(&self) -> Arc<Frame> {
        self.snapshots.load().frame.clone()
    }

    fn publish(&mut self, frame: Arc<Frame>, now: Timestamp) {
        let started = std::time::Instant::now();
        let moment = Now { feed: self.feed.as_ref(), time: now, max_age: self.loaded.config.feed.max_age };
        let snapshot = Snapshot::new(frame, &moment);
        self.log_fail_open(&snapshot);
        self.snapshots.store(Arc::new(snapshot));
        self.compiled = now;
        debug!("compiled in {:?}", started.elapsed());
        let stale = self.stale_from().is_some_and(|moment| now >= moment);
        if stale && !self.stale {
            warn!("the feed is older than max-age: stamps are no longer renewed, mirrors stay as last known");
        } else if self.stale && !stale {
            info!("the feed is fresh again");
        }
        self.stale = stale;
    }

    fn stale_from(&self) -> Option<Timestamp> {
        self.feed.as_ref()?.generated.checked_add(self.loaded.config.feed.max_age).ok()
    }

    /// Says once what keeps the feed from being taken, and again when it is something else.
    fn complain(&mut self, path: &Path, error: &str) {
        if self.complaint.as_deref() != Some(error) {
            let in_force = match &self.feed {
                Some(feed) => format!("feed {} goes on", feed.serial),
                None => "all mirrors count as up".to_owned(),
            };
            warn!("{} is not taken: {error}; {in_force}", path.display());
            self.complaint = Some(error.to_owned());
        }
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
        info!("{}; {}", frame.summary(), self.loaded.database);
    }
}

/// How many mirrors are in which state.
fn summary(feed: &Feed) -> String {
    let count = |state| feed.mirrors.values().filter(|mirror| mirror.state == state).count();
    let states = [State::Up, State::Old, State::Down, State::Drained, State::Removed];
    let parts: Vec<String> = states.into_iter().map(|state| format!("{} {state}", count(state))).collect();
    parts.join(", ")
}
