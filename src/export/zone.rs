//! The records of a zone as they are answered now.

use std::collections::{BTreeMap, HashSet};

use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::dynamic_data::{PoolAnswer, WindowSet};
use cvdns_core::snapshot::names::NodeId;
use cvdns_core::snapshot::pools::{Along, PathId};
use cvdns_core::snapshot::static_data::{Answer, Cut, Node, NodeKind, ParentDs, StaticData};
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::name::{Name, parent};
use cvdns_core::wire::{rtype, u16_at};
use cvdns_core::zone::records::Rrset;

/// A type for private use (RFC 6895 section 3.1), which nobody asks for: a record of it makes a name exist that has nothing to
/// answer now.
const PLACEHOLDER: u16 = 65_280;

/// A zone that is served.
pub(super) struct Zone<'s> {
    snapshot: &'s Snapshot,
    number: u32,
    /// Its name.
    pub(super) origin: &'s Name,
    /// Its SOA record.
    pub(super) soa: Rrset<'s>,
    /// Its names, by their lower-case wire form.
    nodes: BTreeMap<&'s [u8], NodeId>,
    /// The plan in whose table clients are looked up; none: no name depends on the client.
    pub(super) asks: Option<u32>,
    /// Whether any name is answered with mirrors.
    pub(super) has_pools: bool,
    /// Whether any name is answered with the release.
    pub(super) has_texts: bool,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// In wire form.
    pub(super) owner: Box<[u8]>,
    pub(super) rtype: u16,
    /// In seconds.
    pub(super) ttl: u32,
    pub(super) rdata: Box<[u8]>,
}

/// All zones of a snapshot, in its order.
pub(super) fn zones(snapshot: &Snapshot) -> Vec<Zone<'_>> {
    let static_data = &*snapshot.static_data;
    let mut zones: Vec<Zone<'_>> = (0..)
        .zip(&static_data.zones)
        .map_while(|(number, zone)| {
            let soa = static_data.rrset(zone.soa)?;
            let (nodes, origin) = (BTreeMap::new(), &zone.origin);
            let (asks, has_pools, has_texts) = (None, false, false);
            Some(Zone { snapshot, number, origin, soa, nodes, asks, has_pools, has_texts })
        })
        .collect();
    for (id, name) in static_data.names.iter() {
        let Some(node) = static_data.nodes.get(id as usize) else { continue };
        let Some(zone) = zones.get_mut(node.zone as usize) else { continue };
        zone.nodes.insert(name, id);
        for holding in static_data.holdings(node) {
            match holding.answer {
                Answer::Pool { rule, along } => {
                    zone.has_pools = true;
                    if along == Along::Client {
                        zone.asks = static_data.rules.get(rule as usize).map(|rule| rule.plan);
                    }
                }
                Answer::Text(_) => zone.has_texts = true,
                Answer::Static { .. } | Answer::Ping { .. } => {}
            }
        }
    }
    zones
}

/// Owners of records of the release that have no content now, and that an export leaves out.
pub fn left_out(snapshot: &Snapshot) -> Vec<Name> {
    let is_out = |answer| matches!(answer, Answer::Text(number) if snapshot.dynamic_data.text(number).is_none());
    let mut names = Vec::new();
    for zone in zones(snapshot) {
        for (name, node) in zone.nodes() {
            let mut holdings = snapshot.static_data.holdings(node).iter();
            if holdings.any(|holding| is_out(holding.answer)) {
                names.extend(Name::from_wire(name));
            }
        }
    }
    names
}

/// The records of a zone that are the same for all clients.
pub(super) struct Shared<'s> {
    /// All but the SOA.
    pub(super) records: Vec<Record>,
    /// Names that exist, and that these records do not make exist.
    missing: Vec<&'s [u8]>,
}

impl<'s> Zone<'s> {
    /// The records that do not depend on the client.
    pub(super) fn shared(&self) -> Shared<'s> {
        let mut out = Writer { zone: self, records: Vec::new(), glue: Vec::new() };
        for (name, node) in self.nodes() {
            if let NodeKind::Cut(cut) = node.kind
                && let Some(cut) = self.snapshot.static_data.cut(cut)
            {
                out.cut(&cut);
            }
            for holding in self.snapshot.static_data.holdings(node) {
                out.holding(name, holding.answer, holding.rtype);
            }
        }
        out.children();
        out.add_glue();
        let records = out.records;
        let exist = self.existing(&records);
        let missing = self.nodes.keys().filter(|name| !exist.contains(**name)).copied().collect();
        Shared { records, missing }
    }

    /// The records for clients of this path beside those. Names that exist and have neither a record now nor one below them
    /// get one that nobody asks for: they would else be denied with all that is below.
    pub(super) fn of_client(&self, shared: &Shared<'_>, client: PathId) -> Vec<Record> {
        let Snapshot { static_data, dynamic_data, .. } = self.snapshot;
        let mut records = Vec::new();
        for (name, node) in self.nodes() {
            for holding in static_data.holdings(node) {
                if let Answer::Pool { rule, along: Along::Client } = holding.answer {
                    records.extend(addresses(name, holding.rtype, dynamic_data.pool(rule, client)));
                }
            }
        }
        let exist = self.existing(&records);
        let missing = shared.missing.iter().filter(|name| !exist.contains(**name));
        let places: Vec<Record> = missing.map(|name| self.placeholder(name)).collect();
        records.extend(places);
        records
    }

    fn nodes(&self) -> impl Iterator<Item = (&'s [u8], &'s Node)> {
        let static_data: &'s StaticData = &self.snapshot.static_data;
        self.nodes
            .iter()
            .filter_map(|(name, id)| Some((*name, static_data.nodes.get(*id as usize)?)))
    }

    /// The names that records make exist: their owners, and all above up to the zone's own, which its SOA does.
    fn existing(&self, records: &[Record]) -> HashSet<Vec<u8>> {
        let origin = self.origin.to_lower().wire().to_vec();
        let length = origin.len();
        let mut exist = HashSet::from([origin]);
        for record in records {
            let lower = record.owner.to_ascii_lowercase();
            let mut at: &[u8] = &lower;
            while at.len() > length && exist.insert(at.to_vec()) {
                let Some(above) = parent(at) else { break };
                at = above;
            }
        }
        exist
    }

    fn placeholder(&self, name: &[u8]) -> Record {
        Record { owner: name.into(), rtype: PLACEHOLDER, ttl: self.soa.ttl(), rdata: Box::new([0]) }
    }
}

struct Writer<'z, 's> {
    zone: &'z Zone<'s>,
    records: Vec<Record>,
    /// Addresses of name servers, some of which may stand among the records already.
    glue: Vec<Rrset<'s>>,
}

impl<'s> Writer<'_, 's> {
    fn holding(&mut self, name: &[u8], answer: Answer, rtype: u16) {
        let Snapshot { static_data, dynamic_data, .. } = self.zone.snapshot;
        match answer {
            Answer::Static { .. } if rtype == rtype::SOA => {}
            Answer::Static { rrset, .. } | Answer::Ping { rrset, .. } => {
                self.records
                    .extend(static_data.rrset(rrset).into_iter().flat_map(|set| of_set(&set)));
            }
            Answer::Text(number) => {
                if let Some((template, _)) = dynamic_data.text(number) {
                    self.records.extend(ready(name, template.octets));
                }
            }
            Answer::Pool { rule, along: Along::Path(path) } => {
                self.records.extend(addresses(name, rtype, dynamic_data.pool(rule, path)));
            }
            Answer::Pool { along: Along::Client, .. } => {}
        }
    }

    /// A delegation of the master file, with its glue. DS records are among what its node holds.
    fn cut(&mut self, cut: &Cut) {
        let static_data: &'s StaticData = &self.zone.snapshot.static_data;
        if let Some(ns) = static_data.rrset(cut.ns) {
            self.records.extend(of_set(&ns));
            // What is served comes first: the file may have an older copy.
            self.servers(&ns);
        }
        self.glue.extend(static_data.glue(cut));
    }

    /// The addresses of a delegation's name servers within the zone, from the zones that they are in.
    fn servers(&mut self, ns: &Rrset<'_>) {
        for target in ns.rdatas().filter_map(|rdata| Name::from_wire(rdata).ok()) {
            if target.is_within(self.zone.origin) {
                let lower = target.to_lower();
                let sets = [rtype::A, rtype::AAAA].map(|rtype| self.find(lower.wire(), rtype));
                self.glue.extend(sets.into_iter().flatten());
            }
        }
    }

    /// Zones below that are served too are delegated, whether the master file does or not: servers that have the zone alone
    /// refer to them, and the names between the two exist.
    fn children(&mut self) {
        let static_data: &'s StaticData = &self.zone.snapshot.static_data;
        for child in &static_data.zones {
            let Some(above) = child.parent.filter(|above| above.zone == self.zone.number) else {
                continue;
            };
            let ds = match above.ds {
                ParentDs::Referral(_) => continue,
                ParentDs::Records { rrset, .. } => static_data.rrset(rrset),
                ParentDs::None => None,
            };
            let Some(ns) = self.find(child.origin.to_lower().wire(), rtype::NS) else { continue };
            self.records.extend(of_set(&ns));
            self.records.extend(ds.into_iter().flat_map(|set| of_set(&set)));
            self.servers(&ns);
        }
    }

    /// Static records of any zone, or glue that it has for a zone delegated from it.
    fn find(&self, lower: &[u8], rtype: u16) -> Option<Rrset<'s>> {
        let static_data: &'s StaticData = &self.zone.snapshot.static_data;
        let mut name = LowerName::new();
        name.set(lower);
        let (node, below) = static_data.names.closest(&name, static_data.names.probe(&name))?;
        let node = static_data.nodes.get(node as usize)?;
        if let NodeKind::Cut(cut) = node.kind {
            let is_it =
                |set: &Rrset<'_>| set.rtype() == rtype && set.owner().eq_ignore_ascii_case(lower);
            return static_data.glue(&static_data.cut(cut)?).find(is_it);
        }
        if below > 0 {
            return None;
        }
        match static_data.holding(node, rtype)? {
            Answer::Static { rrset, .. } => static_data.rrset(rrset),
            _ => None,
        }
    }

    /// Glue that does not stand among the records as data.
    fn add_glue(&mut self) {
        let has = |name: &[u8], rtype| {
            let static_data = &self.zone.snapshot.static_data;
            let node = self.zone.nodes.get(name).and_then(|id| static_data.nodes.get(*id as usize));
            node.is_some_and(|node| static_data.holding(node, rtype).is_some())
        };
        // One set for each name and type, as all records of a set have one TTL (RFC 2181 section 5.2).
        let mut seen = HashSet::new();
        let glue: Vec<Record> = std::mem::take(&mut self.glue)
            .into_iter()
            .map(|set| (set.owner_name().to_lower(), set))
            .filter(|(owner, set)| {
                !has(owner.wire(), set.rtype()) && seen.insert((owner.wire().to_vec(), set.rtype()))
            })
            .flat_map(|(_, set)| of_set(&set))
            .collect();
        self.records.extend(glue);
    }
}

fn of_set(set: &Rrset<'_>) -> Vec<Record> {
    let record = |rdata: &[u8]| Record {
        owner: set.owner().into(),
        rtype: set.rtype(),
        ttl: set.ttl(),
        rdata: rdata.into(),
    };
    set.rdatas().map(record).collect()
}

/// All addresses that an answer's windows hold, each once and in an order that no feed changes.
fn addresses(name: &[u8], rtype: u16, answer: Option<&PoolAnswer>) -> Vec<Record> {
    let windows =
        answer.map(|answer| if rtype == rtype::AAAA { &answer.ipv6 } else { &answer.ipv4 });
    let mut records = ready(name, windows.map(WindowSet::records).unwrap_or_default());
    records.sort_by(|a, b| a.rdata.cmp(&b.rdata));
    records.dedup();
    records
}

/// Records as answers have them: a pointer to the name that was asked, type, class, TTL, and the data behind its length.
fn ready(name: &[u8], octets: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut rest = octets;
    while let Some((head, tail)) = rest.split_at_checked(12) {
        let number = |at| u16_at(head, at).unwrap_or_default();
        let Some((rdata, after)) = tail.split_at_checked(number(10).into()) else { break };
        let ttl = u32::from(number(6)) << 16 | u32::from(number(8));
        records.push(Record { owner: name.into(), rtype: number(2), ttl, rdata: rdata.into() });
        rest = after;
    }
    records
}
