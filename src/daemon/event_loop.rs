//! Waits for whatever may change answers, and hands it to the state: feed, files, clock, signals
//! and operators.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::bundle_state::FetchedBundle;
use super::feed_poller::{FeedPoller, FetchResult};
use super::file_watcher::FileWatcher;
use super::follower::Follower;
use super::pending_signals::PendingSignals;
use super::pollers::{self, FeedPollers, Pollers};
use super::reload_memory::{ReloadMemory, Shortage};
use super::sandbox;
use super::secondary::{Checked, Confirmed, Primaries};
use super::server_state::ServerState;
use super::supervision::Supervision;
use super::takeover::{Offering, Successor};
use crate::admin::{OperatorRequest, ReloadOutcome};
use crate::load::{self, DocumentError, FeedSource, first_error};
use crate::logging::{LogLevel, log_problems};
use cvdns_core::problem::{Location, Problems};
use cvdns_io::signals::SignalAction;

/// The longest sleep, within which a clock that was set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long the first answer waits for a feed that is fetched.
pub(super) const FIRST_FETCH: Duration = Duration::from_secs(2);

/// How long changes of files, which come in bursts, are gathered.
const BURST: Duration = Duration::from_millis(5);

/// The sources of events.
pub(super) struct EventLoop<'l> {
    /// The path of the configuration.
    pub config: &'l Path,
    /// What fetches feed and overrides from URLs.
    pub pollers: Pollers,
    /// What transfers zones from their primaries.
    pub primaries: Primaries,
    pub pending: &'l PendingSignals,
    /// Operators' requests.
    pub changes: mpsc::Receiver<OperatorRequest>,
    pub log_level: &'l LogLevel,
    /// `None` if no other process can take over.
    pub offering: Option<&'l mut Offering>,
    pub supervision: &'l mut Supervision,
    /// What a reload takes.
    pub memory: ReloadMemory,
}

/// Why events are no longer followed.
pub(super) enum Ending {
    /// A signal says to stop.
    Stopped,
    /// Another process serves.
    Replaced(Successor),
}

impl EventLoop<'_> {
    /// Runs until a signal says to stop, or another process serves.
    pub(super) async fn run(
        mut self,
        state: &mut ServerState,
        follower: &mut impl Follower,
    ) -> Ending {
        let mut watcher = watch(state);
        let mut last_read = Instant::now();
        loop {
            follower.see(&state.followed_state());
            let until_read = state.poll_interval().saturating_sub(last_read.elapsed());
            let sleep = time_to_sleep(state).min(until_read);
            let sleep = self.supervision.alive().map_or(sleep, |alive| alive.min(sleep));
            tokio::select! {
                biased;
                action = self.pending.next() => {
                    if action == SignalAction::Stop {
                        return Ending::Stopped;
                    }
                    self.reload(state, follower, &mut watcher);
                }
                successor = next_successor(self.offering.as_deref_mut()) => {
                    return Ending::Replaced(successor);
                }
                Some(request) = self.changes.recv() => match request {
                    // The operator may have gone.
                    OperatorRequest::AcceptFeed { serial, done } => {
                        let _ = done.send(state.accept(serial, Timestamp::now()));
                    }
                    OperatorRequest::Reload { done } => {
                        let (is_done, problems) = self.reload(state, follower, &mut watcher);
                        let _ = done.send(self.outcome(is_done, problems, state));
                    }
                    OperatorRequest::Foresee { done } => {
                        let _ = done.send(Box::new(state.foresight()));
                    }
                },
                (source, fetched) = self.pollers.feeds.next() => {
                    take_fetched(&self.pollers.feeds, &source, fetched, state);
                }
                fetched = pollers::next(&mut self.pollers.overrides) => {
                    if let Some(poller) = &self.pollers.overrides {
                        take_fetched_overrides(poller, fetched, state);
                    }
                }
                fetched = pollers::next(&mut self.pollers.bundle) => {
                    self.take_bundle(fetched, state, follower, &mut watcher);
                }
                checked = self.primaries.next() => self.take_checked(checked, state),
                () = watcher.changed() => {
                    tokio::time::sleep(BURST).await;
                    state.read_changed(Timestamp::now());
                }
                () = tokio::time::sleep(sleep) => {}
            }
            // Checked after every event: in a busy directory the sleep never ends by itself.
            if watcher.renew() || last_read.elapsed() >= state.poll_interval() {
                state.read(Timestamp::now());
                last_read = Instant::now();
            }
            self.follow_database(state);
            state.tick(Timestamp::now());
        }
    }

    /// Takes over another country database, if one lies in the place of the one in force. Queries
    /// are answered meanwhile.
    fn follow_database(&self, state: &mut ServerState) {
        if !state.has_new_database() {
            return state.follow_restored_database();
        }
        match self.memory.check() {
            Ok(()) => state.read_database(Timestamp::now()),
            Err(Shortage { what, help }) => state.refuse_database(&what, help),
        }
    }

    /// Takes over what came of the check of a zone. A newer version needs as much memory as a
    /// reload.
    fn take_checked(&self, checked: Checked, state: &mut ServerState) {
        let is_newer = matches!(checked.confirmed, Some(Confirmed::Newer(_)));
        let memory = if is_newer { self.memory.check() } else { Ok(()) };
        let verdict = match memory {
            Ok(()) => state.take_checked(checked, Timestamp::now()),
            Err(Shortage { what, .. }) => state.postpone(&checked, &what),
        };
        self.primaries.settle(verdict);
    }

    /// Takes over a bundle that was fetched, if it is good and newer, and everything that its zone
    /// files name. If anything is wrong, nothing changes.
    fn take_bundle(
        &mut self,
        fetched: FetchResult,
        state: &mut ServerState,
        follower: &impl Follower,
        watcher: &mut FileWatcher,
    ) {
        let now = Timestamp::now();
        let offered = match state.judge_bundle(fetched, now) {
            FetchedBundle::Settled => return,
            FetchedBundle::Undecided => return self.refetch_bundle(),
            FetchedBundle::Offered(offered) => offered,
        };
        if let Err(Shortage { what, .. }) = self.memory.check() {
            state.refuse_bundle(&DocumentError::new("memory", what));
            return self.refetch_bundle();
        }
        let mut problems = Problems::default();
        let serial = offered.bundle.serial;
        let mut loaded = load::with_bundle(self.config, state.loaded(), offered, &mut problems);
        follower.adjust(&mut loaded);
        if problems.has_errors() || !state.reload(loaded, now, &mut problems) {
            log_problems(&problems);
            let error = first_error(&problems).map(|error| error.to_string()).unwrap_or_default();
            let what = format!("bundle {serial} cannot be served: {error}");
            return state.refuse_bundle(&DocumentError::new("content", what));
        }
        sandbox::note_beyond(state.loaded(), self.config, &mut problems);
        log_problems(&problems);
        self.primaries.restart(state.loaded());
        *watcher = watch(state);
    }

    fn refetch_bundle(&self) {
        if let Some(poller) = &self.pollers.bundle {
            poller.refetch();
        }
    }

    /// Reads everything again. Returns whether it is in force, and what is wrong with it; if
    /// anything is, nothing changes.
    fn reload(
        &mut self,
        state: &mut ServerState,
        follower: &impl Follower,
        watcher: &mut FileWatcher,
    ) -> (bool, Problems) {
        self.supervision.reloading();
        let mut problems = Problems::default();
        let has_memory = self.has_memory(&mut problems);
        let done = has_memory && self.read_again(state, follower, &mut problems);
        if done {
            sandbox::note_beyond(state.loaded(), self.config, &mut problems);
        }
        log_problems(&problems);
        state.count_reload(done);
        if done {
            let path = self.config.display();
            info!(path = %path, "reloaded {path}");
            if self.log_level.configure(state.loaded().config.log.level) {
                info!("the log level is {:?}", self.log_level.in_force().level);
            }
            self.pollers = Pollers::start(state.loaded());
            self.primaries.restart(state.loaded());
        } else {
            let path = self.config.display();
            error!(path = %path, "{path} was not reloaded: what was served before goes on");
        }
        if has_memory {
            *watcher = watch(state);
        }
        self.supervision.ready(&state.status());
        (done, problems)
    }

    /// Whether there is memory for a reload. If not, nothing else may be tried either: the library
    /// that watches files panics if it gets no thread.
    fn has_memory(&self, problems: &mut Problems) -> bool {
        let checked = self.memory.check();
        if let Err(Shortage { what, help }) = &checked {
            problems.error(
                Location::file(&self.config.display().to_string()),
                what.as_str(),
                *help,
            );
        }
        checked.is_ok()
    }

    /// Reads everything and takes it over.
    fn read_again(
        &self,
        state: &mut ServerState,
        follower: &impl Follower,
        problems: &mut Problems,
    ) -> bool {
        let Some(mut loaded) = load::reload(self.config, state.loaded(), problems) else {
            return false;
        };
        follower.adjust(&mut loaded);
        state.reload(loaded, Timestamp::now(), problems)
    }

    /// What the operator is told of a reload.
    fn outcome(&self, done: bool, problems: Problems, state: &ServerState) -> ReloadOutcome {
        ReloadOutcome {
            done,
            config: self.config.display().to_string(),
            problems,
            restart: if done { state.waiting_for_restart() } else { Vec::new() },
            remarks: if done { state.remarks() } else { Vec::new() },
        }
    }
}

/// Waits for a new server that serves; for ever if no other process can take over.
async fn next_successor(offering: Option<&mut Offering>) -> Successor {
    match offering {
        Some(offering) => offering.next().await,
        None => std::future::pending().await,
    }
}

/// Waits a while for the first overrides and the first feed, so that the first answers follow them.
/// Queries wait in the sockets meanwhile, or another process answers them.
pub(super) async fn fetch_first(
    pollers: &mut Pollers,
    state: &mut ServerState,
    patience: Duration,
) {
    let deadline = tokio::time::Instant::now() + patience;
    if let Some(poller) = &mut pollers.overrides {
        if let Ok(fetched) = tokio::time::timeout_at(deadline, poller.next()).await {
            take_fetched_overrides(poller, fetched, state);
        } else {
            warn!("the overrides take longer than {patience:?} to come: they are not waited for");
        }
    }
    let feeds = &mut pollers.feeds;
    if feeds.count() == 0 {
        return;
    }
    // A source that fails is no reason not to wait for the others.
    for _ in 0..feeds.count() {
        let Ok((source, fetched)) = tokio::time::timeout_at(deadline, feeds.next()).await else {
            warn!("the feed takes longer than {patience:?} to come: it is not waited for");
            break;
        };
        let is_fetched = fetched.is_ok();
        take_fetched(feeds, &source, fetched, state);
        if is_fetched && state.has_feed() {
            break;
        }
    }
    if !state.has_feed() {
        state.log_without_feed();
    }
}

fn take_fetched_overrides(poller: &FeedPoller, fetched: FetchResult, state: &mut ServerState) {
    if !state.take_fetched_overrides(fetched, Timestamp::now()) {
        poller.refetch();
    }
}

fn take_fetched(
    feeds: &FeedPollers,
    source: &FeedSource,
    fetched: FetchResult,
    state: &mut ServerState,
) {
    if !state.take_fetched(source, fetched, Timestamp::now()) {
        feeds.refetch(source);
    }
}

/// The time until the clock changes answers, or until snapshots may be freed; those that nobody
/// answers from are freed at once.
fn time_to_sleep(state: &ServerState) -> Duration {
    let until_change = state.next_change().duration_since(Timestamp::now());
    let until_reclaim = state.publisher().reclaim().unwrap_or(LONGEST_SLEEP);
    // A moment that has passed is no reason to sleep.
    Duration::try_from(until_change).unwrap_or_default().min(until_reclaim)
}

/// Watches the followed files, and reads them once more: they may have changed before they were
/// watched.
fn watch(state: &mut ServerState) -> FileWatcher {
    let watcher = FileWatcher::new(state.followed_files());
    state.read(Timestamp::now());
    watcher
}
