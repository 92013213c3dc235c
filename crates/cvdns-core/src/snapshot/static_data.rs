//! The part of a snapshot that neither feed nor clock change: names, static answers, paths and
//! client tables.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::download_reports::DownloadReports;
use super::inputs::Settings;
use super::name_class::NameClass;
use super::names::{NameTable, NodeId};
use super::now::Now;
use super::nsec_chain::NsecChain;
use super::pools::{PathChoice, Paths};
use super::template::{TemplateId, Templates};
use super::unavailable::Unavailable;
use super::yields::Walk;
use crate::dnssec::ZoneSigning;
use crate::fleet::Fleet;
use crate::geo::client_table::ClientTable;
use crate::geo::country_map::CountryMap;
use crate::health::Health;
use crate::problem::plural;
use crate::release;
use crate::wire::name::Name;
use crate::zone::file::Families;
use crate::zone::records::{Records, Rrset};

/// The data of answers that neither feed nor clock change. Its parts refer to each other by number,
/// which is an index into the list in question.
#[derive(Debug)]
pub struct StaticData {
    /// The existing names, each with the number of its node.
    pub names: NameTable,
    /// The nodes, one for each existing name.
    pub nodes: Vec<Node>,
    /// The answers of all nodes; those of one node are adjacent.
    pub answers: Vec<NodeAnswer>,
    /// The static records of all zones, as read.
    pub records: Vec<Arc<Records>>,
    /// The static `RRset`s, by reference into `records`.
    pub rrsets: Vec<RrsetRef>,
    /// The delegations.
    pub cuts: Vec<Cut>,
    /// The static answers in wire form.
    pub templates: Templates,
    /// The zones.
    pub zones: Vec<Zone>,
    /// The chain of names of each signed zone, by the number of the zone; empty where no zone is
    /// signed.
    pub chains: Box<[NsecChain]>,
    /// The fleets with their paths, one plan for each zone file.
    pub plans: Vec<Plan>,
    /// The distinct sets of limits under which paths are followed.
    pub rules: Vec<Rule>,
    /// The TXT answers whose content is the release.
    pub texts: Vec<ReleaseText>,
    /// The minimal answer to ANY (RFC 8482 section 4.2).
    pub minimal_any: TemplateId,
    /// Whether any zone is transferred from a primary: NOTIFY is then answered by others
    /// ([`Elsewhere`](crate::answer::Elsewhere)).
    pub has_primaries: bool,
    /// The counters of download reports.
    pub download_reports: DownloadReports,
    /// The country of every address.
    pub countries: Arc<CountryMap>,
    /// Settings that apply to every answer.
    pub settings: Settings,
}

/// Reference to an `RRset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RrsetRef {
    /// Index into [`StaticData::records`].
    pub records: u32,
    /// Number of the `RRset` within these records.
    pub set: u32,
}

/// A name that exists (RFC 4592 section 2.2), with or without data.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// Number of its zone.
    pub zone: u32,
    /// How questions for the name are answered.
    pub kind: NodeKind,
    /// How questions for names below it that do not exist are answered.
    pub below: Below,
    /// Index of its first answer in [`StaticData::answers`].
    pub first: u32,
    /// How many answers it has.
    pub count: u16,
    /// Class under which queries for the name are counted.
    pub class: NameClass,
}

/// How questions for a name are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// By the data of the name; an empty non-terminal has none.
    Plain,
    /// By the data of the name, which is the apex of its zone.
    Apex,
    /// By a CNAME record, whose `RRset` has this number.
    Alias(u32),
    /// By a referral to the delegation of this number.
    Cut(u32),
    /// With SERVFAIL, as for all names below: it is the apex of a zone without data.
    Unavailable(Unavailable),
}

/// How questions for names below a node that do not exist are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// The name does not exist.
    Nothing,
    /// By synthesis from the wildcard with this node, directly below (RFC 4592 section 3.3.1).
    Wildcard(NodeId),
    /// By redirection with a DNAME record, whose `RRset` has this number (RFC 6672).
    Dname(u32),
}

/// The parent zone of a zone. It answers questions for DS at the apex of the zone (RFC 4035
/// section 3.1.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Number of the parent zone.
    pub zone: u32,
    /// Its answer to a question for DS.
    pub ds: ParentDs,
}

/// A parent zone's answer to a question for DS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentDs {
    /// There is no DS record.
    None,
    /// DS records.
    Records {
        /// The answer in wire form.
        template: TemplateId,
        /// The same records as an `RRset`.
        rrset: u32,
    },
    /// A referral: a zone between the two is delegated to other servers.
    Referral(Cut),
    /// SERVFAIL: the parent zone has no data.
    Unavailable(Unavailable),
}

impl ParentDs {
    /// Whether the parent zone itself answers, with or without records.
    pub fn is_of_parent(self) -> bool {
        matches!(self, Self::None | Self::Records { .. })
    }

    /// Whether there are DS records.
    pub fn has_records(self) -> bool {
        matches!(self, Self::Records { .. })
    }
}

/// A delegation (RFC 1034 section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Number of the NS `RRset`.
    pub ns: u32,
    /// How many `RRset`s of glue follow it.
    pub glue: u32,
    /// The referral in wire form.
    pub referral: TemplateId,
}

/// The answer at a node for one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeAnswer {
    /// The record type.
    pub rtype: u16,
    /// The answer.
    pub answer: Answer,
}

/// The source of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Static records.
    Static {
        /// The answer in wire form.
        template: TemplateId,
        /// The same records as an `RRset`.
        rrset: u32,
    },
    /// Addresses of mirrors.
    Pool {
        /// Number of the rule that applies.
        rule: u32,
        /// Which path is followed.
        choice: PathChoice,
    },
    /// The TXT record of the release with this number ([`StaticData::texts`]).
    Text(u32),
    /// The answer to a download report; the report is counted.
    DownloadReport {
        /// The answer in wire form.
        template: TemplateId,
        /// The same record as an `RRset`.
        rrset: u32,
        /// Length in octets of the name below which reports are sent.
        suffix: u8,
    },
}

/// A zone.
#[derive(Debug)]
pub struct Zone {
    /// The origin.
    pub origin: Name,
    /// Number of the SOA `RRset`.
    pub soa: u32,
    /// TTL of the SOA record in negative answers, in seconds (RFC 2308 section 5).
    pub negative_ttl: u32,
    /// The authority section of negative answers in wire form.
    pub negative: TemplateId,
    /// The same with a lower TTL, for NODATA at names with mirrors: each TTL of such names that is
    /// below `negative_ttl`. Some resolvers keep NODATA for all clients, whatever its scope.
    pub no_data: Box<[(u32, TemplateId)]>,
    /// The parent zone; `None` when it is not served here.
    pub parent: Option<Parent>,
    /// Why the zone has no data; `None` when it has.
    pub unavailable: Option<Unavailable>,
    /// How the zone is signed; `None` if it is not.
    pub signing: Option<Arc<ZoneSigning>>,
}

/// A fleet with its paths.
#[derive(Debug)]
pub struct Plan {
    /// Origin of the zone file, as written there.
    pub origin: Arc<str>,
    /// The fleet.
    pub fleet: Arc<Fleet>,
    /// The paths through its pools.
    pub paths: Paths,
    /// The path of each client; `None` when no name depends on clients.
    pub clients: Option<Arc<ClientTable>>,
    /// The class of each client ([`Exclusions`](super::exclusions::Exclusions)); `None` when no
    /// name has variants of its path.
    pub classes: Option<Arc<ClientTable>>,
    /// Longest TTL of its answers in seconds. A mirror is drained this long before a downtime.
    pub ttl: u32,
}

/// Number of a client table: each plan has one of the paths of clients and one of their classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientTableId(u32);

impl ClientTableId {
    /// The table of a plan with the paths of clients.
    pub const fn of_paths(plan: u32) -> Self {
        Self(plan << 1)
    }

    /// The table of a plan with the classes of clients that may not get some mirrors.
    pub const fn of_classes(plan: u32) -> Self {
        Self(plan << 1 | 1)
    }
}

/// Limits under which the paths of a plan are followed for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Number of the plan.
    pub plan: u32,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Most addresses in an answer; 0 means all.
    pub max: u16,
    /// The path is followed until this many addresses are found.
    pub min: u16,
    /// The address families that the name has.
    pub families: Families,
}

/// A TXT answer whose content is the release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReleaseText {
    /// The database whose version it gives; `None` for the version record of all.
    pub database: Option<String>,
    /// Time to live in seconds.
    pub ttl: u32,
}

impl StaticData {
    /// Size of the data, as text: `12 names in 3 zones`.
    pub fn summary(&self) -> String {
        let names = plural(self.nodes.len(), "name", "names");
        let zones = plural(self.zones.len(), "zone", "zones");
        format!("{names} in {zones}")
    }

    /// The answer at a node for a type; `None` when it has no records of the type.
    pub fn answer(&self, node: &Node, rtype: u16) -> Option<Answer> {
        self.answers(node).iter().find(|entry| entry.rtype == rtype).map(|entry| entry.answer)
    }

    /// All answers at a node.
    pub fn answers(&self, node: &Node) -> &[NodeAnswer] {
        let first = node.first as usize;
        let answers = self.answers.get(first..first + usize::from(node.count));
        debug_assert!(answers.is_some(), "a node refers to answers that do not exist");
        answers.unwrap_or_default()
    }

    /// The zone of this number.
    pub fn zone(&self, zone: u32) -> Option<&Zone> {
        self.zones.get(zone as usize)
    }

    /// The authority section of NODATA at a name of a zone that is answered with mirrors under a
    /// rule.
    pub fn no_data(&self, zone: u32, rule: u32) -> Option<TemplateId> {
        let (zone, rule) = (self.zone(zone)?, self.rules.get(rule as usize)?);
        let own = zone.no_data.iter().find(|(ttl, _)| *ttl == rule.ttl);
        Some(own.map_or(zone.negative, |(_, template)| *template))
    }

    /// The delegation of this number.
    pub fn cut(&self, cut: u32) -> Option<Cut> {
        self.cuts.get(cut as usize).copied()
    }

    /// The `RRset` of this number.
    pub fn rrset(&self, rrset: u32) -> Option<Rrset<'_>> {
        let reference = self.rrsets.get(rrset as usize)?;
        self.records.get(reference.records as usize)?.set(reference.set)
    }

    /// The glue records of a delegation: addresses of its name servers.
    pub fn glue(&self, cut: &Cut) -> impl Iterator<Item = Rrset<'_>> {
        (1..=cut.glue).filter_map(|after| self.rrset(cut.ns + after))
    }

    /// A client table; `None` when no name of its plan needs it.
    pub fn clients(&self, table: ClientTableId) -> Option<&ClientTable> {
        let plan = self.plans.get((table.0 >> 1) as usize)?;
        if table.0 & 1 == 0 { plan.clients.as_deref() } else { plan.classes.as_deref() }
    }

    /// The next moment after `now` at which the clock alone changes answers, apart from the stamp
    /// of the release; `None` when there is none.
    pub fn next_change(&self, now: &Now<'_>) -> Option<Timestamp> {
        let downtimes = self.plans.iter().filter_map(|plan| plan.next_downtime(now.time));
        downtimes.chain(now.inputs.next_change(now.time)).chain(self.next_expiry(now)).min()
    }

    /// The next moment after `now` at which a release text becomes too old; `None`
    /// when there is none.
    pub fn next_expiry(&self, now: &Now<'_>) -> Option<Timestamp> {
        let moments = self.texts.iter().filter_map(|text| text.expiry(now));
        moments.filter(|moment| *moment > now.time).min()
    }
}

impl Plan {
    /// The state of each mirror of the fleet at a moment.
    pub fn health(&self, now: &Now<'_>) -> Health {
        Health::at(&self.fleet, now.inputs, now.time, Duration::from_secs(self.ttl.into()))
    }

    /// The next moment after `time` at which a downtime changes the state of a mirror; `None` when
    /// there is none.
    fn next_downtime(&self, time: Timestamp) -> Option<Timestamp> {
        Health::next_downtime(&self.fleet, time, Duration::from_secs(self.ttl.into()))
    }

    /// A walk along the plan's paths for names with this `min` and these families.
    pub fn walk<'p>(&'p self, min: u16, families: Families, health: &'p Health) -> Walk<'p> {
        Walk { fleet: &self.fleet, health, paths: &self.paths, min: min.into(), families }
    }
}

impl ReleaseText {
    /// From when on the text is too old; `None` without a release.
    pub(super) fn expiry(&self, now: &Now<'_>) -> Option<Timestamp> {
        Some(release::expiry(now.fresh_until()?, self.ttl))
    }
}
