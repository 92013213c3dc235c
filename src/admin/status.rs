//! `/api/v1/status`: the status of the running server, which `cvdns status` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bundle_status::BundleStatus;
use super::encrypted_status::EncryptedStatus;
use super::signing::SigningStatus;
use super::source_status::SourceStatus;
use super::transferred::TransferredStatus;
use super::view::{SecretsCondition, ServerCondition, ServerView};
use super::xdp_status::XdpInterface;
use crate::dnstap::DnstapState;
use crate::logging::{LevelInForce, LogQueue};
use crate::transfer::TransferStatus;
use cvdns_core::answer::{QueryTotals, Transport};
use cvdns_core::explain::RecordInfo;
use cvdns_core::explain::fleet::mirrors;
use cvdns_core::geo::country::Country;
use cvdns_core::health::{Override, State};
use cvdns_core::snapshot::{HeldFeed, Snapshot};

/// The status of the server at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// When it was started.
    pub started: Timestamp,
    /// The moment of this status.
    pub now: Timestamp,
    /// Why the server is not ready, for people; empty if it is ready.
    pub not_ready: Vec<String>,
    /// Addresses for DNS.
    pub listen: Vec<ListenStatus>,
    /// The interfaces of `[xdp]`.
    #[serde(default)]
    pub xdp: Vec<XdpInterface>,
    /// Encrypted transports; `None` without `[tls]`.
    #[serde(default)]
    pub encrypted: Option<EncryptedStatus>,
    /// The zone files.
    pub zones: Vec<ZoneStatus>,
    /// The bundle that has zone files; `None` if the configuration names none.
    #[serde(default)]
    pub bundle: Option<BundleStatus>,
    /// The zones that are transferred from primaries.
    #[serde(default)]
    pub transferred: Vec<TransferredStatus>,
    /// Number of names that exist.
    pub names: usize,
    /// Description of the country database, for people.
    pub database: String,
    /// The feed.
    pub feed: FeedStatus,
    /// Number of the operator's overrides in force.
    pub overrides: usize,
    /// The overrides in force, in their order.
    #[serde(default)]
    pub overrides_in_force: Vec<OverrideStatus>,
    /// Where the overrides come from, if that is a URL.
    #[serde(default)]
    pub overrides_from: Option<OverridesStatus>,
    /// Sources that go on with what was read of them before, as what is there now cannot be used,
    /// each with the reason, for people.
    #[serde(default)]
    pub not_taken: Vec<String>,
    /// The version record; `None` if no name serves it.
    pub record: Option<RecordStatus>,
    /// Number of mirrors over all fleets by state (`up`, `old`, `lagging`, `stuck`, `settling`,
    /// `drained`, `down`, `removed`, `disabled`); each host counts once.
    pub mirrors: BTreeMap<String, u64>,
    /// Mirrors that are left out of answers.
    pub left_out: Vec<LeftOutMirror>,
    /// Counters of queries since the start.
    pub queries: QueryStatus,
    /// Number of successful reloads of the configuration.
    pub reloads: u64,
    /// Number of failed reloads, which changed nothing.
    pub failed_reloads: u64,
    /// The log: its level and losses.
    pub log: LogStatus,
    /// dnstap; `None` if nothing is sent to a collector.
    #[serde(default)]
    pub dnstap: Option<DnstapStatus>,
    /// Transfers to secondary servers; `None` if nobody may transfer anything.
    #[serde(default)]
    pub transfers: Option<TransferStatus>,
    /// Signatures; `None` if no zone is signed.
    #[serde(default)]
    pub signing: Option<SigningStatus>,
}

/// The log: its level and losses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// The level in force.
    #[serde(flatten)]
    pub level: LevelInForce,
    /// Lines dropped because too many were waiting to be written.
    pub dropped: u64,
    /// Failed writes.
    pub write_errors: u64,
    /// Failed attempts to open the log's file.
    #[serde(default)]
    pub open_errors: u64,
    /// The path of the log's file and why it cannot be opened, for people; `None` if it is open or
    /// the log is in no file.
    #[serde(default)]
    pub not_open: Option<String>,
}

/// dnstap: its collector, and counters since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnstapStatus {
    /// The collector's socket.
    pub socket: String,
    /// Whether a collector is connected.
    pub connected: bool,
    /// Messages that were handed to the collector.
    pub sent: u64,
    /// Messages that were dropped.
    pub dropped: u64,
}

/// An address for DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenStatus {
    /// The address and its port.
    pub address: String,
    /// Number of UDP workers.
    pub workers: usize,
}

/// A zone file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneStatus {
    /// The origin as the zone file has it.
    pub origin: String,
    /// Number of enabled mirrors of its fleet.
    pub mirrors: usize,
    /// Number of countries with enabled mirrors.
    pub countries: usize,
}

/// The feed in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// The configured source, or several with commas; `None` if no feed is configured.
    pub source: Option<String>,
    /// Each source, in the order of the configuration.
    #[serde(default)]
    pub sources: Vec<SourceStatus>,
    /// The source from which the feed in force was read, which is another one until the configured
    /// one has a feed; `None` if there is no feed yet.
    #[serde(default)]
    pub read_from: Option<String>,
    /// The serial; `None` if there is no feed yet.
    pub serial: Option<u64>,
    /// When the feed was generated.
    pub generated: Option<Timestamp>,
    /// Seconds since the feed was generated.
    pub age: Option<i64>,
    /// Whether the feed is younger than `max-age`.
    pub fresh: Option<bool>,
    /// Why the coordinator does not trust what it sees, if it has frozen all states.
    #[serde(default)]
    pub frozen: Option<String>,
    /// The feed that is held back.
    pub held: Option<HeldFeed>,
    /// Failed attempts to get a feed, by reason.
    pub refused: BTreeMap<String, u64>,
}

/// An override in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideStatus {
    /// The host or glob that it is about.
    pub host: String,
    /// The addresses of these hosts that it is about; all, if this is empty.
    pub addresses: Vec<IpAddr>,
    /// The state that it sets.
    pub state: State,
    /// The operator's reason.
    pub reason: String,
    /// Its end; `None` if it does not end by itself.
    pub until: Option<Timestamp>,
}

/// Overrides that come from a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverridesStatus {
    /// The URL.
    pub source: String,
    /// The serial of those in force; `None` if none have come from there yet.
    pub serial: Option<u64>,
    /// Failed attempts to get others, by reason.
    pub refused: BTreeMap<String, u64>,
}

/// The version record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordStatus {
    /// The text of the record; `None` if the answer is SERVFAIL.
    pub text: Option<String>,
    /// Seconds since the record's stamp.
    pub age: Option<i64>,
    /// Whether the record is too old to be answered.
    pub stale: bool,
    /// Released versions that are not announced yet because too few mirrors hold them, for people.
    pub waits: Vec<String>,
    /// Why the release is suspect, for people; `None` if it is not.
    #[serde(default)]
    pub suspect: Option<String>,
}

/// A mirror that is left out of answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutMirror {
    /// The host of the mirror.
    pub host: String,
    /// The code of its country.
    pub country: String,
    /// The reason, for people, with what the feed remarks.
    pub why: String,
}

/// Counters of queries over all transports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryStatus {
    /// Received datagrams.
    pub udp: u64,
    /// Queries received over TCP.
    pub tcp: u64,
    /// Open TCP connections.
    pub connections: u64,
    /// Answers.
    pub answered: u64,
    /// Answers by the class of the name.
    pub by_class: BTreeMap<String, u64>,
    /// Answers by RCODE.
    pub by_rcode: BTreeMap<String, u64>,
    /// Queries whose client subnet was used.
    pub ecs: u64,
    /// Truncated answers: too long for UDP.
    pub truncated: u64,
    /// Answers with mirrors from further along the path than its first pool.
    pub widened: u64,
    /// Answers with mirrors too far behind the record.
    pub lagging: u64,
    /// Answers with mirrors that are not known to work.
    pub fail_open: u64,
}

impl Status {
    /// The status of the server now.
    pub(super) fn of(view: &ServerView, now: Timestamp) -> Self {
        let (snapshot, condition) = (view.snapshots.load(), view.condition.load());
        let states = snapshot.mirrors_by_condition();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: condition.started,
            now,
            not_ready: condition.not_ready.clone(),
            listen: listening(view),
            xdp: view.tallies.xdp().into_iter().map(XdpInterface::from).collect(),
            encrypted: view.encrypted.as_ref().map(|of| EncryptedStatus::of(of, &view.tallies)),
            zones: zones(&snapshot),
            bundle: condition.bundle.as_ref().map(BundleStatus::of),
            transferred: TransferredStatus::all(&condition, now),
            names: snapshot.static_data.nodes.len(),
            database: condition.database.clone(),
            feed: FeedStatus::of(&condition, now),
            overrides: condition.overrides.len(),
            overrides_in_force: condition.overrides.iter().map(OverrideStatus::of).collect(),
            overrides_from: OverridesStatus::of(&condition),
            not_taken: not_taken(&condition, &view.cookie_secrets.load()),
            record: RecordInfo::of_release(&snapshot, now).map(RecordStatus::of),
            mirrors: states
                .into_iter()
                .map(|(state, count)| (state.label().to_owned(), count))
                .collect(),
            left_out: left_out(&snapshot),
            queries: QueryStatus::of(view),
            reloads: condition.reloads[0],
            failed_reloads: condition.reloads[1],
            log: LogStatus::of(view.log_level.in_force(), &view.log),
            dnstap: DnstapStatus::of(&view.dnstap),
            transfers: TransferStatus::of(&view.transfers, now),
            signing: SigningStatus::of(&snapshot, &condition.signing),
        }
    }
}

impl OverrideStatus {
    fn of(entry: &Override) -> Self {
        let Override { host, addresses, state, reason, until, .. } = entry.clone();
        Self { host, addresses, state, reason: reason.to_string(), until }
    }
}

impl OverridesStatus {
    fn of(condition: &ServerCondition) -> Option<Self> {
        Some(Self {
            source: condition.overrides_source.clone()?,
            serial: condition.overrides_serial,
            refused: by_reason(&condition.overrides_refusals),
        })
    }
}

fn by_reason(refusals: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    refusals.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

fn not_taken(condition: &ServerCondition, secrets: &SecretsCondition) -> Vec<String> {
    condition.not_taken.iter().chain(&secrets.complaint).cloned().collect()
}

impl LogStatus {
    fn of(level: LevelInForce, log: &LogQueue) -> Self {
        let counts = log.counts();
        let [dropped, write_errors, open_errors] =
            [&counts.lines_dropped, &counts.write_errors, &counts.open_errors]
                .map(|count| count.load(Relaxed));
        Self { level, dropped, write_errors, open_errors, not_open: log.not_open() }
    }
}

impl DnstapStatus {
    fn of(state: &DnstapState) -> Option<Self> {
        Some(Self {
            socket: state.socket.as_ref()?.display().to_string(),
            connected: state.is_connected.load(Relaxed),
            sent: state.sent.load(Relaxed),
            dropped: state.dropped(),
        })
    }
}

impl FeedStatus {
    /// Where the feed in force comes from, for people; `None` if no feed is configured.
    pub fn origin(&self) -> Option<String> {
        let source = self.source.as_ref()?;
        Some(match &self.read_from {
            Some(from) if self.sources.iter().any(|source| source.name == *from) => from.clone(),
            Some(before) => format!("{before}, as {source} has none yet"),
            None => source.clone(),
        })
    }

    pub(super) fn of(condition: &ServerCondition, now: Timestamp) -> Self {
        let feed = condition.feed.as_ref();
        Self {
            source: SourceStatus::names(&condition.sources),
            sources: SourceStatus::all(condition, now),
            read_from: condition.read_from.clone(),
            serial: feed.map(|feed| feed.serial),
            generated: feed.map(|feed| feed.generated),
            age: feed.map(|feed| now.duration_since(feed.generated).as_secs()),
            fresh: feed.map(|feed| feed.fresh),
            frozen: feed.and_then(|feed| feed.frozen.clone()),
            held: condition.held.clone(),
            refused: by_reason(&condition.refusals),
        }
    }
}

impl RecordStatus {
    fn of(story: RecordInfo) -> Self {
        let waits = story.gates.iter().filter(|gate| gate.waits).map(|gate| gate.words.clone());
        let waits = waits.collect();
        let RecordInfo { text, age, stale, suspect, .. } = story;
        Self { text, age, stale, waits, suspect }
    }
}

impl QueryStatus {
    fn of(view: &ServerView) -> Self {
        let counters = view.tallies.read();
        let mut queries = Self {
            udp: counters.udp.received,
            tcp: counters.tcp.received,
            connections: counters.tcp.open(),
            ..Self::default()
        };
        for transport in Transport::ALL {
            queries.add(&view.queries.totals(transport));
        }
        queries
    }

    fn add(&mut self, counted: &QueryTotals) {
        for (kind, count) in counted.queries.iter().filter(|(_, count)| *count > 0) {
            self.answered += count;
            *self.by_class.entry(kind.class.label().to_owned()).or_default() += count;
            *self.by_rcode.entry(kind.rcode.to_owned()).or_default() += count;
        }
        self.ecs += counted.ecs;
        self.truncated += counted.truncated;
        self.widened += counted.widened;
        self.lagging += counted.lagging;
        self.fail_open += counted.fail_open;
    }
}

/// Addresses in the order in which they were bound, each with the number of its sockets.
fn listening(view: &ServerView) -> Vec<ListenStatus> {
    let mut out: Vec<ListenStatus> = Vec::new();
    for socket in view.tallies.sockets() {
        let address = socket.address.to_string();
        match out.last_mut().filter(|last| last.address == address) {
            Some(last) => last.workers += 1,
            None => out.push(ListenStatus { address, workers: 1 }),
        }
    }
    out
}

fn zones(snapshot: &Snapshot) -> Vec<ZoneStatus> {
    let zone = |plan: &cvdns_core::snapshot::static_data::Plan| {
        let countries: BTreeSet<Country> =
            plan.fleet.enabled().map(|(_, mirror)| mirror.country).collect();
        ZoneStatus {
            origin: plan.origin.to_string(),
            mirrors: plan.fleet.enabled().count(),
            countries: countries.len(),
        }
    };
    snapshot.static_data.plans.iter().map(zone).collect()
}

/// Left-out mirrors, each host once: a host in several fleets is judged by the first.
fn left_out(snapshot: &Snapshot) -> Vec<LeftOutMirror> {
    let mut seen = BTreeSet::new();
    let stories =
        (0..snapshot.static_data.plans.len()).flat_map(|plan| mirrors(snapshot, plan as u32));
    let first = stories.filter(|story| seen.insert(story.host.clone()));
    let out = first.filter_map(|story| {
        let why = story.with_note(story.left_out.as_ref()?);
        Some(LeftOutMirror { host: story.host, country: story.country.to_owned(), why })
    });
    out.collect()
}
