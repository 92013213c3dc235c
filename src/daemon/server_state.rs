//! Everything that answers depend on. Inputs that are wrong change nothing.

mod bundle;
mod condition;
mod database;
mod followed;
mod keeping;
mod keys;
mod losses;
mod overrides;
mod signing;
mod transferred;
mod transfers;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tracing::info;

use super::bundle_state::FollowedBundle;
use super::countries_state::CountriesState;
use super::feed_candidate::FeedDocument;
use super::feed_poller::FetchResult;
use super::feed_state::{FeedChange, FeedPolicy, FeedState, SourcedCandidate};
use super::flapping::FlapTracker;
use super::overrides_state::OverridesState;
use super::publisher::Publisher;
use super::release_state::ReleaseState;
use super::reporter::{self, Overdue, Reporter};
use super::secondary::NotifyListener;
use super::signing::ZoneSigner;
use super::state_directory::{KeptFeed, StateDirectory};
use super::transfers_state::TransfersState;
use super::version_memory::{self, VersionMemory};
use super::zone_checks::ZoneChecks;
use crate::admin::ServerCondition;
use crate::load::{FeedSource, Loaded};
use crate::logging::LogOnce;
use cvdns_core::config::{Config, waiting_for_restart};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, HealthInputs};
use cvdns_core::problem::Problems;
use cvdns_core::release::{self, STAMP_PERIOD};
use cvdns_core::snapshot::{LossWindow, Now, StaticData, compile};
use cvdns_net::Listeners;
use cvdns_net::memory::give_back;

/// The state that the server answers from, made of parts that each own theirs.
pub(super) struct ServerState {
    /// The configuration and all files that it names, as read last.
    loaded: Loaded,
    /// The configuration of the start. Some of it holds until the server ends.
    started_with: Config,
    feed: FeedState,
    release: ReleaseState,
    overrides: OverridesState,
    bundle: FollowedBundle,
    /// Since when the bundle is in force.
    bundle_since: Option<Timestamp>,
    countries: CountriesState,
    flapping: FlapTracker,
    versions: VersionMemory,
    /// What was usable by the feeds before.
    losses: LossWindow,
    /// What became of the checks of zones that are transferred.
    checks: ZoneChecks,
    /// The zones that are expired.
    expired: LogOnce,
    /// Whether another process transfers zones, whose copies are followed.
    follows_copies: bool,
    /// Answers NOTIFY.
    notified: NotifyListener,
    state_directory: StateDirectory,
    /// Signs zones with `[dnssec]`.
    signer: ZoneSigner,
    /// What is transferred to secondaries; `None` where nobody is served.
    transfers: Option<TransfersState>,
    publisher: Publisher,
    reporter: Reporter,
    /// What the admin address shows beside snapshots.
    condition: Arc<ArcSwap<ServerCondition>>,
    started: Timestamp,
    /// How many reloads succeeded, and how many failed.
    reloads: [u64; 2],
}

impl ServerState {
    /// Compiles what was read, with the feed as it is now. Without a feed all mirrors count as up.
    /// Returns `None` if the inputs contradict each other.
    pub(super) fn new(loaded: Loaded, now: Timestamp, problems: &mut Problems) -> Option<Self> {
        let server = &loaded.config.server;
        let threads = Listeners::max_sockets(&server.listen, server.workers);
        Self::for_threads(threads, StateDirectory::new(loaded.state.clone()), loaded, now, problems)
    }

    /// The same for so many threads that answer over UDP, with what an earlier run has kept.
    pub(super) fn for_threads(
        threads: usize,
        mut state_directory: StateDirectory,
        mut loaded: Loaded,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Option<Self> {
        let keys = loaded.config.feed.public_key.as_ref();
        let kept = state_directory.feed(&loaded.feeds, keys, now);
        let announced = state_directory.announced(now);
        let versions = VersionMemory::new(state_directory.history().unwrap_or_default());
        let required = kept.as_ref().map(|kept| kept.feed.requirements()).unwrap_or_default();
        loaded.expire_zones(now);
        loaded.follow_keys(now, problems);
        // The memory that reading took is not to come on top of what compiling takes.
        give_back();
        let static_data = compile(&loaded.inputs, &required, problems)?;
        let no_feed = Now::new(None, now, loaded.config.feed.max_age);
        let publisher =
            Publisher::new(static_data, required, announced.as_ref(), threads, &no_feed);
        let mut state = Self {
            started_with: loaded.config.clone(),
            feed: FeedState::new(FeedPolicy::of(&loaded)),
            loaded,
            release: ReleaseState::default(),
            overrides: OverridesState::default(),
            bundle: FollowedBundle::default(),
            bundle_since: None,
            countries: CountriesState::default(),
            flapping: FlapTracker::default(),
            versions,
            losses: LossWindow::default(),
            checks: ZoneChecks::default(),
            expired: LogOnce::default(),
            follows_copies: false,
            notified: NotifyListener::default(),
            state_directory,
            signer: ZoneSigner::default(),
            transfers: None,
            publisher,
            reporter: Reporter::default(),
            condition: Arc::default(),
            started: now,
            reloads: [0; 2],
        };
        state.signer.resume(state.state_directory.signed());
        state.reporter.note_problems(problems);
        state.start(kept, now);
        Some(state)
    }

    /// Takes over the overrides, the feed that was kept and the one of the source, in this order.
    fn start(&mut self, kept: Option<KeptFeed>, now: Timestamp) {
        reporter::log_inputs(&self.loaded, &self.publisher.static_data());
        self.log_expired();
        self.follow_bundle(now);
        self.overrides.take_over(&self.loaded.overrides);
        self.resume_overrides();
        if self.overrides.in_force(now).next().is_some() {
            self.publish(self.publisher.static_data(), now);
        }
        self.reporter.log_mirrors();
        if let Some(kept) = kept {
            self.resume(kept, now);
        }
        // States that differ from the feed that was kept may have done so for long: flapping is
        // looked for only from here on.
        self.flapping.set_settle(self.loaded.config.feed.settle);
        self.read(now);
        self.follow_flapping(now);
        // A feed from a URL is still to be fetched.
        let is_fetched = self.loaded.feeds.iter().any(|source| source.file().is_none());
        if !self.has_feed() && !is_fetched {
            self.log_without_feed();
        }
        self.sign_first(now);
        self.show();
        self.publisher.reclaim();
        give_back();
        self.publisher.prefer_huge_pages();
    }

    /// Reads all followed files, and takes over what is good and new.
    pub(super) fn read(&mut self, now: Timestamp) {
        let candidates = self.feed.read_files(FeedPolicy::of(&self.loaded), false, now);
        self.take(candidates, now);
        self.keep_again();
        // What could not be written.
        self.show();
    }

    /// Reads the followed files after a change: the feed's file only if it is another one.
    pub(super) fn read_changed(&mut self, now: Timestamp) {
        let candidates = self.feed.read_files(FeedPolicy::of(&self.loaded), true, now);
        self.take(candidates, now);
    }

    /// Takes over what was fetched from a source, if it is good and new. Returns whether the
    /// verdict is final; if it is not, the document has to be fetched again even if it stays the
    /// same.
    pub(super) fn take_fetched(
        &mut self,
        source: &FeedSource,
        fetched: FetchResult,
        now: Timestamp,
    ) -> bool {
        let policy = FeedPolicy::of(&self.loaded);
        if !policy.sources.contains(source) {
            return true;
        }
        let candidate = self.feed.judge_fetched(source, fetched, policy, now);
        let is_final = candidate.candidate.is_final();
        self.take(vec![candidate], now);
        is_final
    }

    /// Takes over the feed of this serial that is held back, on behalf of an operator.
    ///
    /// # Errors
    /// When no such feed is held back, in words for the operator.
    pub(super) fn accept(&mut self, serial: u64, now: Timestamp) -> Result<(), String> {
        self.feed.accept(serial, FeedPolicy::of(&self.loaded))?;
        info!(feed = serial, "feed {serial} is accepted by an operator");
        self.losses.forget();
        self.state_directory.forget_early();
        self.publish_fitting(self.publisher.static_data(), now);
        self.keep_feed();
        self.log_feed();
        Ok(())
    }

    /// Publishes a snapshot if the clock changes answers, and takes over a feed that was kept and
    /// was of the future as long as the clock was behind.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let keys = self.loaded.config.feed.public_key.as_ref();
        if let Some(kept) = self.state_directory.feed_in_time(keys, now) {
            self.resume(kept, now);
            self.read(now);
        }
        self.expire_zones(now);
        self.follow_keys(now);
        if now >= self.next_change() || now < self.publisher.published() {
            self.publish(self.publisher.static_data(), now);
        }
        self.sign_ahead(now);
    }

    /// Takes over new inputs and the feed that they name. Returns false if they contradict each
    /// other; nothing changes then. The old feed stays in force until the new one can be read.
    pub(super) fn reload(
        &mut self,
        mut loaded: Loaded,
        now: Timestamp,
        problems: &mut Problems,
    ) -> bool {
        loaded.expire_zones(now);
        loaded.follow_keys(now, problems);
        let policy = FeedPolicy::of(&loaded);
        let rekeyed = self.feed.is_rekeyed(policy);
        let candidates = self.feed.read_for_reload(policy, now);
        let in_force = self.feed.feed().filter(|_| !loaded.feeds.is_empty());
        let new = candidates.iter().filter_map(|of| of.candidate.new_feed());
        let feed = new.max_by_key(|feed| feed.serial).or(in_force);
        let required = feed.map(Feed::requirements).unwrap_or_default();
        give_back();
        let compiled = self.publisher.compile_static(&loaded.inputs, required, problems);
        let Some(static_data) = compiled else { return false };
        self.reporter.note_problems(problems);
        if rekeyed {
            // If the new keys verify the feed that is held back, it is held back again.
            self.feed.drop_held();
        }
        let source_changed = self.loaded.feeds != loaded.feeds;
        let directory_changed = self.replace_loaded(loaded);
        reporter::warn_of_restart(&self.waiting_for_restart());
        let change = self.settle_all(candidates, &static_data, now);
        if self.loaded.feeds.is_empty() {
            self.feed.clear();
            self.losses.forget();
            if source_changed {
                self.log_without_feed();
            }
        }
        self.release.read(&self.loaded.supply, now);
        // The feed that the static data was compiled for may have been held back or refused.
        self.publish_fitting(static_data, now);
        self.follow_bundle(now);
        reporter::log_inputs(&self.loaded, &self.publisher.static_data());
        let replaced = change == FeedChange::Replaced;
        if replaced || directory_changed {
            self.keep_feed();
        }
        if replaced {
            self.log_feed();
        } else {
            self.reporter.log_notes(feed_and_octets(&self.feed), fleets(&self.loaded));
        }
        true
    }

    /// Replaces what was read. Returns whether `state` names another directory now.
    fn replace_loaded(&mut self, loaded: Loaded) -> bool {
        if self.loaded.feeds != loaded.feeds {
            self.state_directory.forget_early();
        }
        self.feed.configure(FeedPolicy::of(&loaded));
        self.loaded = loaded;
        self.checks.retain(self.loaded.transferred.iter().map(|zone| &zone.origin));
        self.log_expired();
        self.overrides.take_over(&self.loaded.overrides);
        self.countries.forget();
        self.flapping.set_settle(self.loaded.config.feed.settle);
        let changed = self.state_directory.path() != self.loaded.state.as_deref();
        if changed {
            let errors = self.state_directory.write_errors();
            self.state_directory =
                StateDirectory::new(self.loaded.state.clone()).after_errors(errors);
            self.versions.kept(false);
            self.keep_overrides();
            self.keep_bundle();
        }
        changed
    }

    /// The next moment at which answers change by the clock: a half hour, a downtime, the end of an
    /// override, a mirror that settles, a key, or a feed or record that becomes too old. Or a
    /// version has waited for too long, which is logged.
    pub(super) fn next_change(&self) -> Timestamp {
        let published = self.publisher.published();
        let half_hour = release::half_hour(published) + STAMP_PERIOD;
        let half_hour = Timestamp::from_second(half_hour).unwrap_or(Timestamp::MAX);
        let change = self.publisher.static_data().next_change(&self.moment(published));
        let ages = self.ages().into_iter().filter_map(|(_, from)| from);
        let ages = ages.filter(|from| *from > published);
        let newest = self.publisher.newest();
        let expiry = self.next_zone_expiry(published);
        let waits = version_memory::next_overdue(newest.dynamic_data.announced(), published);
        let signing = [self.next_renewal(published), self.loaded.next_key_change()];
        let signing = signing.into_iter().flatten();
        let moments = change.into_iter().chain(ages).chain(waits).chain(expiry).chain(signing);
        moments.fold(half_hour, Timestamp::min)
    }

    /// The configuration and all files that it names, as read last.
    pub(super) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// Notes that the sockets of an earlier process are served, which have so many workers.
    pub(super) fn keep_workers(&mut self, workers: usize) {
        self.started_with.server.workers = workers;
    }

    /// Keys that have changed since the start and take effect only at a restart.
    pub(super) fn waiting_for_restart(&self) -> Vec<String> {
        waiting_for_restart(&self.started_with, &self.loaded.config)
    }

    /// The snapshots and what is counted of them.
    pub(super) fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// What the admin address shows beside snapshots.
    pub(super) fn condition(&self) -> &Arc<ArcSwap<ServerCondition>> {
        &self.condition
    }

    /// Whether any feed is in force.
    pub(super) fn has_feed(&self) -> bool {
        self.feed.feed().is_some()
    }

    /// How often files are read even if no change is seen.
    pub(super) fn poll_interval(&self) -> Duration {
        self.loaded.config.feed.interval
    }

    /// Logs that no feed is in force.
    pub(super) fn log_without_feed(&self) {
        reporter::log_without_feed(&self.loaded.feeds, self.release.has_age_of_feed());
    }

    /// Reads the copies of zones, the files of the record and the overrides, and takes over these
    /// and candidates.
    fn take(&mut self, candidates: Vec<SourcedCandidate>, now: Timestamp) {
        self.read_copies(now);
        let release_changed = self.release.read(&self.loaded.supply, now);
        let overrides_changed = self.overrides.read(fleets(&self.loaded), now);
        let static_data = self.publisher.static_data();
        let change = self.settle_all(candidates, &static_data, now);
        let replaced = change == FeedChange::Replaced;
        // A feed that is held back changes no answer but those of `_feed`.
        let held_changed = self.feed.held() != self.publisher.newest().meta.held;
        if replaced || release_changed || overrides_changed || held_changed {
            self.publish_fitting(static_data, now);
        }
        if replaced {
            self.keep_feed();
            self.log_feed();
        }
        self.show();
    }

    /// Puts a feed in force that an earlier run of the server kept.
    fn resume(&mut self, kept: KeptFeed, now: Timestamp) {
        let KeptFeed { source, feed, octets, signature } = kept;
        let document = Arc::new(FeedDocument { source, octets, signature });
        self.feed.adopt(feed, document, self.loaded.config.feed.public_key.as_ref());
        self.state_directory.forget_early();
        self.release.read(&self.loaded.supply, now);
        self.publish_fitting(self.publisher.static_data(), now);
        let path = self.state_directory.path().unwrap_or(Path::new("")).display();
        info!(path = %path, "going on with what was kept in {path}");
        self.log_feed();
    }

    /// Publishes static data, compiled again if the feed in force requires something else.
    fn publish_fitting(&mut self, static_data: Arc<StaticData>, now: Timestamp) {
        let required = self.feed.feed().map(Feed::requirements).unwrap_or_default();
        let static_data = if required == *self.publisher.required() {
            static_data
        } else {
            let mut problems = Problems::default();
            let compiled =
                self.publisher.compile_static(&self.loaded.inputs, required, &mut problems);
            self.reporter.log_problems(&problems);
            // These inputs were compiled before, and what a feed requires is never an error.
            debug_assert!(compiled.is_some(), "inputs no longer compile");
            compiled.unwrap_or(static_data)
        };
        self.publish(static_data, now);
    }

    /// Compiles a snapshot of this moment, puts it in force, and then logs what it changes.
    fn publish(&mut self, static_data: Arc<StaticData>, now: Timestamp) {
        self.release.update(self.feed.feed());
        let offered = self.release.offered().map(|offered| offered.release.core());
        self.versions.follow(self.feed.feed(), offered);
        self.follow_flapping(now);
        let mut compiled = self.publisher.compile(static_data, &self.moment(now), self.feed.held());
        self.follow_transfers(&mut compiled.snapshot, now);
        self.sign(&mut compiled.snapshot, now);
        let before = self.publisher.newest();
        self.publisher.publish(compiled, now);
        let newest = self.publisher.newest();
        self.overrides.log(now);
        self.flapping.log(now);
        self.reporter.log_changes(&before, &newest);
        self.announce_versions();
        self.state_directory.keep_announced(newest.dynamic_data.announced());
        self.keep_history();
        self.keep_transfers();
        self.versions.log(newest.dynamic_data.announced(), now);
        let ages = self.ages().into_iter();
        let ages = ages.filter(|(_, from)| from.is_some_and(|from| now >= from));
        let expired = newest.dynamic_data.has_expired().then_some(Overdue::Record);
        let overdue = ages.map(|(overdue, _)| overdue).chain(expired).collect();
        self.reporter.log_overdue(overdue, self.release.has_age_of_feed());
        self.show();
    }

    /// What decides about answers at this moment.
    fn moment(&self, time: Timestamp) -> Now<'_> {
        let now = Now::new(self.feed.feed(), time, self.loaded.config.feed.max_age);
        let inputs = HealthInputs {
            overrides: Some(self.overrides.overrides()),
            settling: Some(self.flapping.settling()),
            ..now.inputs
        };
        let history = Some(self.versions.history());
        Now { inputs, release: self.release.offered(), history, ..now }
    }

    fn follow_flapping(&mut self, now: Timestamp) {
        self.flapping.follow(self.feed.feed(), fleets(&self.loaded), now);
    }

    fn log_feed(&mut self) {
        let newest = self.publisher.newest();
        self.reporter.log_feed(feed_and_octets(&self.feed), fleets(&self.loaded), &newest);
    }
}

/// The fleets of all zones.
fn fleets(loaded: &Loaded) -> impl Iterator<Item = &Fleet> {
    loaded.inputs.zones.iter().map(|zone| &*zone.fleet)
}

/// The feed in force and the octets that it was read from.
fn feed_and_octets(feed: &FeedState) -> Option<(&Feed, &[u8])> {
    feed.feed().zip(feed.document().map(|document| document.octets.as_slice()))
}

#[cfg(test)]
mod tests;
