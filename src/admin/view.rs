//! What the handlers of the admin listener see of the running server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};

use super::counted::Counted;
use super::foresight::Foresight;
use super::page::state::PageState;
use super::process::ProcessStats;
use super::signing::SigningCondition;
use crate::dnstap::DnstapState;
use crate::load::DatabaseSize;
use crate::logging::{LogLevel, LogQueue};
use crate::transfer::TransferDesk;
use cvdns_core::answer::{QueryCounterSet, SnapshotReclaimer};
use cvdns_core::health::Override;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{FeedInForce, HeldFeed, Snapshot, Unavailable};
use cvdns_net::{Tallies, Transport};

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
    /// The file of the secrets of cookies.
    pub cookie_secrets: Arc<ArcSwap<SecretsCondition>>,
    /// Encrypted transports; `None` without `[tls]`.
    pub encrypted: Option<EncryptedView>,
    /// What was counted by the servers that this one goes on for.
    pub counted_before: Arc<ArcSwap<Counted>>,
    /// The log, for its counters.
    pub log: LogQueue,
    /// The log's level.
    pub log_level: LogLevel,
    /// dnstap, for its counters.
    pub dnstap: Arc<DnstapState>,
    /// What the process takes of its machine.
    pub process: Arc<ProcessStats>,
    /// The NOTIFY requests that came.
    pub notifies: Arc<NotifyCounts>,
    /// Transfers to secondary servers.
    pub transfers: Arc<TransferDesk>,
    /// Passes operators' requests to the thread that follows feed and files.
    pub changes: mpsc::Sender<OperatorRequest>,
}

/// What is known of encrypted transports beside their counters.
#[derive(Debug, Clone)]
pub struct EncryptedView {
    /// The bound addresses.
    pub addresses: Vec<(Transport, SocketAddr)>,
    /// When the certificate expires, in Unix seconds.
    pub certificate_expiry: Arc<AtomicI64>,
}

/// An operator's request to the thread that follows feed and files. They are carried out one after
/// the other.
#[derive(Debug)]
pub enum OperatorRequest {
    /// Accept the feed that is held back.
    AcceptFeed {
        /// The serial of the feed.
        serial: u64,
        /// Receives the result; the error is the reason for people.
        done: oneshot::Sender<Result<(), String>>,
    },
    /// Read everything again.
    Reload {
        /// Receives what came of it.
        done: oneshot::Sender<ReloadOutcome>,
    },
    /// Tell what is in force beside the clock. This changes nothing.
    Foresee {
        /// Receives it.
        done: oneshot::Sender<Box<Foresight>>,
    },
}

/// What came of reading everything again.
#[derive(Debug)]
pub struct ReloadOutcome {
    /// Whether what was read is in force; nothing has changed otherwise.
    pub done: bool,
    /// The configuration, as the server was told its path.
    pub config: String,
    /// Everything wrong in it and in the files that it names.
    pub problems: Problems,
    /// Keys that have changed since the start and take effect only at a restart.
    pub restart: Vec<String>,
    /// Sources that go on with what was read of them before, each with the reason, for people.
    pub remarks: Vec<String>,
}

/// Who may use the admin listener over TCP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// The file with the token that allows changes; `None`: there is none.
    pub token_file: Option<PathBuf>,
    /// Names by which requests may call the server (`hosts` in `[admin]`).
    pub hosts: Vec<String>,
}

/// What is known of the file of the secrets of cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretsCondition {
    /// Whether the configuration names one.
    pub is_named: bool,
    /// When the file with the secrets in force was changed; `None` if it is unknown.
    pub changed: Option<Timestamp>,
    /// Why the file cannot be used, for people.
    pub complaint: Option<String>,
}

/// What is known of a source of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCondition {
    /// Its path or URL.
    pub name: String,
    /// The serial of its newest feed, and when that was generated; `None` if none came from here
    /// since the start.
    pub newest: Option<(u64, Timestamp)>,
    /// Whether it could be read last time, and had a feed that can be used.
    pub is_usable: bool,
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
    /// The configured sources of the feed, in their order.
    pub sources: Vec<SourceCondition>,
    /// The source from which the feed in force was read.
    pub read_from: Option<String>,
    /// Description of the country database, for people.
    pub database: String,
    /// The size and the age of the country database; `None` if none was read.
    pub database_size: Option<DatabaseSize>,
    /// How often another country database was taken over, and how often one was refused.
    pub database_updates: [u64; 2],
    /// Whether the file of the country database can be used; `None` if none is needed.
    pub database_usable: Option<bool>,
    /// Sources that go on with what was read of them before, each with the reason, for people.
    pub not_taken: Vec<String>,
    /// How often a file of the state directory could not be written.
    pub state_write_errors: u64,
    /// The overrides in force, in their order.
    pub overrides: Vec<Override>,
    /// The URL that overrides come from, if it is one.
    pub overrides_source: Option<String>,
    /// The serial of the overrides in force, if they come from a URL.
    pub overrides_serial: Option<u64>,
    /// Whether the overrides in their place can be used; `None` if the configuration names none.
    pub overrides_usable: Option<bool>,
    /// Failed attempts to get overrides from a URL, by reason.
    pub overrides_refusals: BTreeMap<&'static str, u64>,
    /// Who may use the admin listener over TCP.
    pub access: Access,
    /// When the server was started.
    pub started: Timestamp,
    /// Numbers of successful and failed reloads.
    pub reloads: [u64; 2],
    /// The bundle of zone files in force; `None` if the configuration names none.
    pub bundle: Option<BundleCondition>,
    /// The zones that are transferred from primaries.
    pub transferred: Vec<TransferredCondition>,
    /// Signing of zones.
    pub signing: SigningCondition,
    /// Number of compiled snapshots.
    pub compiled: u64,
    /// How long the newest snapshot took to compile.
    pub compile_time: Duration,
}

/// What is known of the bundle of zone files in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleCondition {
    /// Its name.
    pub name: String,
    /// Where in NATS it comes from.
    pub source: String,
    /// Its serial.
    pub serial: u64,
    /// When it was made.
    pub generated: Timestamp,
    /// Number of its files.
    pub files: usize,
    /// Since when this server answers by it.
    pub since: Timestamp,
    /// Whether the one that is published could be had last time, and can be used.
    pub is_usable: bool,
    /// Failed attempts to get another one, by reason.
    pub refusals: BTreeMap<&'static str, u64>,
}

/// What is known of a zone that is transferred from primaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferredCondition {
    /// The name of the zone.
    pub zone: String,
    /// The addresses of its primaries, in the order in which they are asked.
    pub primaries: Vec<String>,
    /// Why nothing is answered from it; `None` if it is served.
    pub unavailable: Option<Unavailable>,
    /// The serial of its records; `None` if there are none yet.
    pub serial: Option<u32>,
    /// When a primary last confirmed it; `None` if nobody knows.
    pub checked: Option<Timestamp>,
    /// When it expires, or did; `None` without records.
    pub expires: Option<Timestamp>,
    /// What is wrong with its primaries or with what they send, for people.
    pub complaint: Option<String>,
    /// How often a primary failed, by reason.
    pub failures: BTreeMap<&'static str, u64>,
    /// How often a version was taken over: by AXFR, by IXFR.
    pub transfers: [u64; 2],
    /// How often a primary confirmed the version in force.
    pub confirmations: u64,
}

/// How many NOTIFY requests came for zones of primaries.
#[derive(Debug, Default)]
pub struct NotifyCounts {
    /// Those that had a zone checked.
    pub accepted: AtomicU64,
    /// Those that were refused.
    pub refused: AtomicU64,
}

/// State shared by all handlers.
#[derive(Debug)]
pub(super) struct AdminState {
    /// The registry with the metrics collector.
    pub(super) registry: Registry,
    pub(super) view: ServerView,
    /// What pages need beside the view.
    pub(super) pages: PageState,
}
