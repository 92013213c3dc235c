//! The frame: all that does not change with feed or clock. Names, static answers, paths and the table of clients.

use std::sync::Arc;

use super::download_reports::DownloadReports;
use super::inputs::Settings;
use super::name_class::NameClass;
use super::names::{NameTable, NodeId};
use super::pools::{Along, Paths};
use super::template::{TemplateId, Templates};
use crate::fleet::Fleet;
use crate::geo::client_table::ClientTable;
use crate::geo::country_map::CountryMap;
use crate::problem::plural;
use crate::wire::name::Name;
use crate::zone::file::Families;
use crate::zone::records::{Records, Rrset};

/// What answering needs and neither feed nor clock change.
#[derive(Debug)]
pub struct StaticData {
    /// The names that exist; a name's node has the same number.
    pub names: NameTable,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// What nodes hold, each node's side by side.
    pub holdings: Vec<Holding>,
    /// The static records of all zones, as they were read.
    pub records: Vec<Arc<Records>>,
    /// Where static `RRset`s stand in them.
    pub rrsets: Vec<SetPlace>,
    /// Delegations.
    pub cuts: Vec<Cut>,
    /// Ready-made static answers.
    pub templates: Templates,
    /// The zones.
    pub zones: Vec<Zone>,
    /// The fleets with their paths, one for each zone file.
    pub plans: Vec<Plan>,
    /// The different limits under which paths are followed.
    pub rules: Vec<Rule>,
    /// The TXT answers that the release fills in.
    pub texts: Vec<Text>,
    /// The minimal answer to ANY (RFC 8482 section 4.2).
    pub minimal_any: TemplateId,
    /// Counts of download reports.
    pub download_reports: DownloadReports,
    /// The country of every address.
    pub countries: Arc<CountryMap>,
    /// What holds for every answer.
    pub settings: Settings,
}

/// Where an `RRset` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetPlace {
    /// In which of the frame's records.
    pub records: u32,
    /// Its number among these.
    pub set: u32,
}

/// A name that exists (RFC 4592 section 2.2), with or without data.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// Its zone.
    pub zone: u32,
    /// What it does to questions.
    pub kind: NodeKind,
    /// What it does to questions for names below it that do not exist.
    pub below: Below,
    /// Its first holding.
    pub first: u32,
    /// How many holdings it has.
    pub count: u16,
    /// As what queries for it are counted.
    pub class: NameClass,
}

/// What a node does to questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// It has data, or only names below it.
    Plain,
    /// The top of its zone.
    Apex,
    /// A CNAME record, by its `RRset`.
    Alias(u32),
    /// A delegation, by its number.
    Cut(u32),
}

/// What holds for names below a node that do not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Just that.
    Nothing,
    /// The node of the wildcard directly below stands for them (RFC 4592 section 3.3.1).
    Wildcard(NodeId),
    /// A DNAME record, by its `RRset`, renames them (RFC 6672).
    Subtree(u32),
}

/// What the zone above says of a zone: DS at the top of a zone is asked there (RFC 4035 section 3.1.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The zone above.
    pub zone: u32,
    /// What it says.
    pub ds: ParentDs,
}

/// What a zone says of DS records at the top of a zone below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentDs {
    /// There are none.
    None,
    /// These.
    Records {
        /// Ready-made.
        template: TemplateId,
        /// As data.
        rrset: u32,
    },
    /// Ask the servers of a zone between the two, which is delegated elsewhere.
    Referral(Cut),
}

/// A delegation (RFC 1034 section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Its NS records.
    pub ns: u32,
    /// How many `RRset`s of glue follow them.
    pub glue: u32,
    /// The ready-made referral.
    pub referral: TemplateId,
}

/// What a node holds of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// The type.
    pub rtype: u16,
    /// The answer.
    pub answer: Answer,
}

/// From where an answer is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Static records.
    Static {
        /// Ready-made.
        template: TemplateId,
        /// As data.
        rrset: u32,
    },
    /// Addresses of mirrors.
    Pool {
        /// Under which limits.
        rule: u32,
        /// Along which path.
        along: Along,
    },
    /// What the release says.
    Text(u32),
    /// The answer to a download report, which is counted.
    Ping {
        /// Ready-made.
        template: TemplateId,
        /// As data.
        rrset: u32,
        /// Octets of the name below which reports are asked.
        suffix: u8,
    },
}

/// A zone.
#[derive(Debug)]
pub struct Zone {
    /// Its name.
    pub origin: Name,
    /// Its SOA record.
    pub soa: u32,
    /// The SOA's TTL in negative answers, in seconds (RFC 2308 section 5).
    pub negative_ttl: u32,
    /// The ready-made authority section of negative answers.
    pub negative: TemplateId,
    /// The zone above, when it is served here too.
    pub parent: Option<Parent>,
}

/// A fleet with its paths.
#[derive(Debug)]
pub struct Plan {
    /// The zone file's origin, as it is written there.
    pub origin: Arc<str>,
    /// The fleet.
    pub fleet: Arc<Fleet>,
    /// Its paths.
    pub paths: Paths,
    /// Which path each client has; none when no name asks.
    pub clients: Option<Arc<ClientTable>>,
    /// Longest TTL of its answers in seconds: so long ahead of a downtime its mirror is drained.
    pub ttl: u32,
}

/// Limits under which the paths of a plan are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The plan.
    pub plan: u32,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Most addresses; 0: all.
    pub max: u16,
    /// The path is followed until there are this many.
    pub min: u16,
    /// Which types the name has.
    pub families: Families,
}

/// A TXT answer that the release fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The database whose record it is; none: the record of all.
    pub database: Option<String>,
    /// Time to live in seconds.
    pub ttl: u32,
}

impl StaticData {
    /// How much there is, for people.
    pub fn summary(&self) -> String {
        let names = plural(self.nodes.len(), "name", "names");
        let zones = plural(self.zones.len(), "zone", "zones");
        format!("{names} in {zones}")
    }

    /// What the node holds of this type.
    pub fn holding(&self, node: &Node, rtype: u16) -> Option<Answer> {
        self.holdings(node)
            .iter()
            .find(|holding| holding.rtype == rtype)
            .map(|holding| holding.answer)
    }

    /// All that the node holds.
    pub fn holdings(&self, node: &Node) -> &[Holding] {
        let first = node.first as usize;
        self.holdings.get(first..first + usize::from(node.count)).unwrap_or_default()
    }

    /// The zone of this number.
    pub fn zone(&self, zone: u32) -> Option<&Zone> {
        self.zones.get(zone as usize)
    }

    /// The delegation of this number.
    pub fn cut(&self, cut: u32) -> Option<Cut> {
        self.cuts.get(cut as usize).copied()
    }

    /// The `RRset` of this number.
    pub fn rrset(&self, rrset: u32) -> Option<Rrset<'_>> {
        let place = self.rrsets.get(rrset as usize)?;
        self.records.get(place.records as usize)?.set(place.set)
    }

    /// The addresses of a delegation's name servers.
    pub fn glue(&self, cut: &Cut) -> impl Iterator<Item = Rrset<'_>> {
        (1..=cut.glue).filter_map(|after| self.rrset(cut.ns + after))
    }

    /// The table of the clients of a plan, when a name asks for it.
    pub fn clients(&self, plan: u32) -> Option<&ClientTable> {
        self.plans.get(plan as usize)?.clients.as_deref()
    }
}
