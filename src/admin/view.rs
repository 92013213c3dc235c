//! What the handlers of the admin listener see of the running server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};

use super::counted::Counted;
use crate::logging::LogQueue;
use cvdns_core::answer::{QueryCounterSet, SnapshotReclaimer};
use cvdns_core::snapshot::{FeedInForce, HeldFeed, Snapshot};
use cvdns_net::Tallies;

/// The parts of the running server that handlers read, and the channel for requests.
#[derive(Debug, Clone)]
pub struct ServerView {
    /// The snapshot in force.
    pub snapshots: Arc<ArcSwap<Snapshot>>,
    /// Counters of the sockets.
    pub tallies: Tallies,
    /// Counters of queries and answers.
    pub queries: QueryCounterSet,
    /// Counters of answers by path and mirror.
    pub reclaimer: Arc<SnapshotReclaimer>,
    /// The state of the server that is not part of the snapshot.
    pub condition: Arc<ArcSwap<ServerCondition>>,
    /// What was counted by the servers that this one goes on for.
    pub counted_before: Arc<ArcSwap<Counted>>,
    /// The log, for its counters.
    pub log: LogQueue,
    /// Passes requests to accept a feed that is held back to the thread that follows feeds.
    pub accepts: mpsc::Sender<AcceptRequest>,
}

/// An operator's request to accept the feed that is held back.
#[derive(Debug)]
pub struct AcceptRequest {
    /// The serial of the feed.
    pub serial: u64,
    /// Receives the result; the error is the reason for people.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// The state of the server that is not part of the snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerCondition {
    /// The feed in force.
    pub feed: Option<FeedInForce>,
    /// The feed that is held back.
    pub held: Option<HeldFeed>,
    /// Failed attempts to get a feed, by reason.
    pub refusals: BTreeMap<&'static str, u64>,
    /// Number of files of the record that cannot be used.
    pub unusable_files: usize,
    /// Why the server is not ready, for people; empty if it is ready.
    pub not_ready: Vec<String>,
    /// The configured source of the feed.
    pub source: Option<String>,
    /// Description of the country database, for people.
    pub database: String,
    /// Number of overrides in force.
    pub overrides: usize,
    /// When the server was started.
    pub started: Timestamp,
    /// Numbers of successful and failed reloads.
    pub reloads: [u64; 2],
    /// Number of compiled snapshots.
    pub compiled: u64,
    /// How long the newest snapshot took to compile.
    pub compile_time: Duration,
}

/// State shared by all handlers.
#[derive(Debug)]
pub(super) struct AdminState {
    /// The registry with the metrics collector.
    pub(super) registry: Registry,
    pub(super) view: ServerView,
}
