//! Waits for whatever may change answers, and hands it to the state: feed, files, clock, signals
//! and operators.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::feed_poller::{self, FeedPoller, FetchResult};
use super::file_watcher::FileWatcher;
use super::follower::Follower;
use super::pending_signals::PendingSignals;
use super::reload_memory::ReloadMemory;
use super::server_state::ServerState;
use crate::admin::AcceptRequest;
use crate::load;
use crate::logging::log_problems;
use cvdns_core::problem::Problems;
use cvdns_io::signals::SignalAction;

/// The longest sleep, within which a clock that was set is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long the first answer waits for a feed that is fetched.
const FIRST_FETCH: Duration = Duration::from_secs(2);

/// How long changes of files, which come in bursts, are gathered.
const BURST: Duration = Duration::from_millis(5);

/// The sources of events.
pub(super) struct EventLoop<'l> {
    /// The path of the configuration.
    pub config: &'l Path,
    /// `None` if the feed is not fetched from a URL.
    pub poller: Option<FeedPoller>,
    pub pending: &'l PendingSignals,
    /// Requests to accept a feed that is held back.
    pub accepted: mpsc::Receiver<AcceptRequest>,
    /// What a reload takes.
    pub memory: ReloadMemory,
}

impl EventLoop<'_> {
    /// Runs until a signal says to stop.
    pub(super) async fn run(mut self, state: &mut ServerState, follower: &mut impl Follower) {
        let mut watcher = watch(state);
        let mut last_read = Instant::now();
        loop {
            follower.see(&state.followed_state());
            let until_read = state.poll_interval().saturating_sub(last_read.elapsed());
            let sleep = time_to_sleep(state).min(until_read);
            tokio::select! {
                biased;
                action = self.pending.next() => {
                    if action == SignalAction::Stop {
                        return;
                    }
                    if self.has_memory() {
                        if reload(self.config, state, follower) {
                            self.poller = FeedPoller::start(state.loaded());
                        }
                        watcher = watch(state);
                    }
                }
                Some(AcceptRequest { serial, done }) = self.accepted.recv() => {
                    // The operator may have gone.
                    let _ = done.send(state.accept(serial, Timestamp::now()));
                }
                fetched = feed_poller::next(&mut self.poller) => {
                    if let Some(poller) = &self.poller {
                        take_fetched(poller, fetched, state);
                    }
                }
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
            state.tick(Timestamp::now());
        }
    }

    /// Whether there is memory for a reload. Otherwise the log says so, and nothing else must be
    /// tried either: the library that watches files panics if it gets no thread.
    fn has_memory(&self) -> bool {
        let checked = self.memory.check();
        if let Err(shortage) = &checked {
            let config = self.config.display();
            error!("{config} was not reloaded, and what was served before goes on: {shortage}");
        }
        checked.is_ok()
    }
}

/// Waits a moment for the first feed, so that the first answers follow it. Queries wait in the
/// sockets meanwhile.
pub(super) async fn fetch_first(poller: &mut Option<FeedPoller>, state: &mut ServerState) {
    let Some(poller) = poller else { return };
    if let Ok(fetched) = tokio::time::timeout(FIRST_FETCH, poller.next()).await {
        take_fetched(poller, fetched, state);
    } else {
        warn!("the feed takes longer than {FIRST_FETCH:?} to come: it is not waited for");
    }
    if !state.has_feed() {
        state.log_without_feed();
    }
}

fn take_fetched(poller: &FeedPoller, fetched: FetchResult, state: &mut ServerState) {
    if !state.take_fetched(fetched, Timestamp::now()) {
        poller.refetch();
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

/// Reads everything again. Returns false if any of it is wrong; nothing changes then.
fn reload(config: &Path, state: &mut ServerState, follower: &impl Follower) -> bool {
    let mut problems = Problems::default();
    let done =
        load::reload(config, Some(state.loaded()), &mut problems).is_some_and(|mut loaded| {
            follower.adjust(&mut loaded);
            state.reload(loaded, Timestamp::now(), &mut problems)
        });
    log_problems(&problems);
    state.count_reload(done);
    if done {
        info!("reloaded {}", config.display());
    } else {
        error!("{} was not reloaded: what was served before goes on", config.display());
    }
    done
}
