//! How the running server stands, as one value: `/api/v1/status`, which `cvdns status` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Condition, View};
use crate::logging::Counts;
use cvdns_core::answer::QueryTotals;
use cvdns_core::explain::RecordInfo;
use cvdns_core::explain::fleet::mirrors;
use cvdns_core::geo::country::Country;
use cvdns_core::snapshot::{HeldFeed, Snapshot};

/// The server at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// When it was started.
    pub started: Timestamp,
    /// The moment of this status.
    pub now: Timestamp,
    /// What keeps it from being ready, for people; empty: it is.
    pub not_ready: Vec<String>,
    /// Where it answers.
    pub listen: Vec<Listening>,
    /// The zone files.
    pub zones: Vec<ZoneStatus>,
    /// How many names exist.
    pub names: usize,
    /// The country database, for people.
    pub database: String,
    /// The feed.
    pub feed: FeedStatus,
    /// How many overrides of the operator are in force.
    pub overrides: usize,
    /// The version record; none: no name says it.
    pub record: Option<RecordStatus>,
    /// Mirrors over all fleets by how they stand (`up`, `old`, `lagging`, `settling`, `drained`, `down`, `removed`,
    /// `disabled`); each host counts once.
    pub mirrors: BTreeMap<String, u64>,
    /// Those that are not answered.
    pub left_out: Vec<LeftOut>,
    /// What was asked since the start.
    pub queries: Queries,
    /// Reloads of the configuration that were done.
    pub reloads: u64,
    /// Reloads that failed and changed nothing.
    pub failed_reloads: u64,
    /// How the log fares.
    #[serde(default)]
    pub log: LogStatus,
}

/// What of the log could not be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Lines that were left out, as too many waited to be written.
    pub dropped: u64,
    /// Writes that the system refused.
    pub write_errors: u64,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// The address and its port.
    pub address: String,
    /// UDP workers.
    pub workers: usize,
}

/// What a zone file has served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneStatus {
    /// Its origin, as it is written there.
    pub origin: String,
    /// How many mirrors its fleet has that take part.
    pub mirrors: usize,
    /// In how many countries they stand.
    pub countries: usize,
}

/// The feed in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// From where it comes; none: no feed is configured.
    pub source: Option<String>,
    /// Its serial; none: there is no feed.
    pub serial: Option<u64>,
    /// When it was generated.
    pub generated: Option<Timestamp>,
    /// Seconds since then.
    pub age: Option<i64>,
    /// Whether it is younger than `max-age`.
    pub fresh: Option<bool>,
    /// A feed that is held back.
    pub held: Option<HeldFeed>,
    /// How often no feed could be taken, by reason.
    pub refused: BTreeMap<String, u64>,
}

/// The version record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordStatus {
    /// Its text; none: SERVFAIL.
    pub text: Option<String>,
    /// Seconds since its stamp.
    pub age: Option<i64>,
    /// It is too old to be trusted.
    pub stale: bool,
    /// Released versions that wait for mirrors, in words.
    pub waits: Vec<String>,
}

/// A mirror that is not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its host.
    pub host: String,
    /// The code of its country.
    pub country: String,
    /// Why, for people.
    pub why: String,
}

/// What was asked, over all transports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queries {
    /// Datagrams received.
    pub udp: u64,
    /// Queries received over TCP.
    pub tcp: u64,
    /// TCP connections that are open.
    pub connections: u64,
    /// Answers that were made.
    pub answered: u64,
    /// The same by what the names are.
    pub by_class: BTreeMap<String, u64>,
    /// The same by RCODE.
    pub by_rcode: BTreeMap<String, u64>,
    /// Queries with a client subnet that is heeded.
    pub ecs: u64,
    /// Answers too long for UDP.
    pub truncated: u64,
    /// Answers with mirrors from further along the path.
    pub widened: u64,
    /// Answers with mirrors too far behind the record.
    pub lagging: u64,
    /// Answers with mirrors not known to work.
    pub fail_open: u64,
}

impl Status {
    /// The server now.
    pub(super) fn of(view: &View, now: Timestamp) -> Self {
        let (snapshot, condition) = (view.snapshots.load(), view.condition.load());
        let states = snapshot.mirrors_by_condition();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: condition.started,
            now,
            not_ready: condition.not_ready.clone(),
            listen: listening(view),
            zones: zones(&snapshot),
            names: snapshot.static_data.nodes.len(),
            database: condition.database.clone(),
            feed: FeedStatus::of(&condition, now),
            overrides: condition.overrides,
            record: RecordInfo::of_release(&snapshot, now).map(RecordStatus::of),
            mirrors: states
                .into_iter()
                .map(|(state, count)| (state.label().to_owned(), count))
                .collect(),
            left_out: left_out(&snapshot),
            queries: Queries::of(view),
            reloads: condition.reloads[0],
            failed_reloads: condition.reloads[1],
            log: LogStatus::of(view.log.counts()),
        }
    }
}

impl LogStatus {
    fn of(counts: &Counts) -> Self {
        let [dropped, write_errors] =
            [&counts.lines_dropped, &counts.write_errors].map(|count| count.load(Relaxed));
        Self { dropped, write_errors }
    }
}

impl FeedStatus {
    pub(super) fn of(condition: &Condition, now: Timestamp) -> Self {
        let feed = condition.feed.as_ref();
        Self {
            source: condition.source.clone(),
            serial: feed.map(|feed| feed.serial),
            generated: feed.map(|feed| feed.generated),
            age: feed.map(|feed| now.duration_since(feed.generated).as_secs()),
            fresh: feed.map(|feed| feed.fresh),
            held: condition.held.clone(),
            refused: condition
                .refusals
                .iter()
                .map(|(reason, count)| ((*reason).to_owned(), *count))
                .collect(),
        }
    }
}

impl RecordStatus {
    fn of(story: RecordInfo) -> Self {
        let waits = story.gates.iter().filter(|gate| gate.waits).map(|gate| gate.words.clone());
        Self { waits: waits.collect(), text: story.text, age: story.age, stale: story.stale }
    }
}

impl Queries {
    fn of(view: &View) -> Self {
        let counters = view.tallies.read();
        let mut queries = Self {
            udp: counters.udp.received,
            tcp: counters.tcp.received,
            connections: counters.tcp.open(),
            ..Self::default()
        };
        for counted in [view.queries.udp(), view.queries.tcp()] {
            queries.add(&counted);
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

/// Addresses in the order in which they were taken, each with its sockets counted.
fn listening(view: &View) -> Vec<Listening> {
    let mut out: Vec<Listening> = Vec::new();
    for socket in view.tallies.sockets() {
        let address = socket.address.to_string();
        match out.last_mut().filter(|last| last.address == address) {
            Some(last) => last.workers += 1,
            None => out.push(Listening { address, workers: 1 }),
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

/// Each host once, as the first fleet that has it says.
fn left_out(snapshot: &Snapshot) -> Vec<LeftOut> {
    let mut seen = BTreeSet::new();
    let stories =
        (0..snapshot.static_data.plans.len()).flat_map(|plan| mirrors(snapshot, plan as u32));
    let first = stories.filter(|story| seen.insert(story.host.clone()));
    let out = first.filter_map(|story| {
        let (host, country) = (story.host, story.country.to_owned());
        Some(LeftOut { host, country, why: story.left_out? })
    });
    out.collect()
}
