//! The records of a zone, with the current answers.

use std::collections::{BTreeMap, HashSet};

use super::clients::ClientSet;
use super::input::ExportSigner;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::dynamic_data::PoolAnswer;
use cvdns_core::snapshot::names::NodeId;
use cvdns_core::snapshot::pools::{PathChoice, PathId};
use cvdns_core::snapshot::signatures::{ZoneRecord, sign_zone};
use cvdns_core::snapshot::static_data::{Answer, Cut, Node, NodeKind, ParentDs, StaticData, Zone};
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::name::{Name, parent};
use cvdns_core::wire::{rtype, u16_at};
use cvdns_core::zone::records::Rrset;

/// A type for private use (RFC 6895 section 3.1). A record of it makes a name exist that has no
/// other record now.
const PLACEHOLDER: u16 = 65_280;

/// A served zone.
pub(super) struct ExportZone<'s> {
    snapshot: &'s Snapshot,
    /// Its number in the snapshot.
    pub(super) number: u32,
    /// The name of the zone.
    pub(super) origin: &'s Name,
    /// The SOA record.
    pub(super) soa: Rrset<'s>,
    /// Whether records of the zone's keys are left out: whoever signs the copy has its own.
    pub(super) without_keys: bool,
    /// The names of the zone, by lower-case wire form.
    nodes: BTreeMap<&'s [u8], NodeId>,
    /// The plan by which answers depend on the client; `None` if none does.
    pub(super) client_plan: Option<u32>,
    /// Whether any name has mirrors.
    pub(super) has_pools: bool,
    /// Whether any name has a record of the release.
    pub(super) has_texts: bool,
}

/// All zones of a snapshot, in the same order.
pub(super) fn zones(snapshot: &Snapshot) -> Vec<ExportZone<'_>> {
    zones_where(snapshot, &|_, _| true)
}

/// The zones of a snapshot that are `wanted`, in the same order.
pub(super) fn zones_where<'s>(
    snapshot: &'s Snapshot,
    wanted: &dyn Fn(u32, &Zone) -> bool,
) -> Vec<ExportZone<'s>> {
    let static_data = &*snapshot.static_data;
    let mut zones: Vec<ExportZone<'_>> = (0..)
        .zip(&static_data.zones)
        .filter(|(number, zone)| wanted(*number, zone))
        .map_while(|(number, zone)| {
            let soa = static_data.rrset(zone.soa)?;

            Some(ExportZone {
                snapshot,
                number,
                origin: &zone.origin,
                soa,
                without_keys: zone.signing.is_some(),
                nodes: BTreeMap::new(),
                client_plan: None,
                has_pools: false,
                has_texts: false,
            })
        })
        .collect();
    let mut places = vec![None; static_data.zones.len()];
    for (place, zone) in zones.iter().enumerate() {
        if let Some(slot) = places.get_mut(zone.number as usize) {
            *slot = Some(place);
        }
    }
    for (id, name) in static_data.names.iter() {
        let Some(node) = static_data.nodes.get(id as usize) else { continue };
        let place = places.get(node.zone as usize).copied().flatten();
        let Some(zone) = place.and_then(|place| zones.get_mut(place)) else { continue };
        zone.nodes.insert(name, id);
        for holding in static_data.answers(node) {
            match holding.answer {
                Answer::Pool { rule, choice } => {
                    zone.has_pools = true;
                    if !matches!(choice, PathChoice::Path(_)) {
                        zone.client_plan =
                            static_data.rules.get(rule as usize).map(|rule| rule.plan);
                    }
                }
                Answer::Text(_) => zone.has_texts = true,
                Answer::Static { .. } | Answer::DownloadReport { .. } => {}
            }
        }
    }
    zones
}

/// Owners of release records that an export leaves out because they have no content now.
pub fn left_out(snapshot: &Snapshot) -> Vec<Name> {
    let is_out = |answer| matches!(answer, Answer::Text(number) if snapshot.dynamic_data.text(number).is_none());
    let mut names = Vec::new();
    for zone in zones(snapshot) {
        for (name, node) in zone.nodes() {
            let mut holdings = snapshot.static_data.answers(node).iter();
            if holdings.any(|holding| is_out(holding.answer)) {
                names.extend(Name::from_wire(name));
            }
        }
    }
    names
}

/// The records of a zone that are the same for all clients.
pub(super) struct SharedRecords<'s> {
    /// All records but the SOA.
    pub(super) records: Vec<ZoneRecord>,
    /// Names of the zone that do not exist with these records alone.
    missing: Vec<&'s [u8]>,
}

impl<'s> ExportZone<'s> {
    /// Whether neither feed nor clock change the zone.
    pub(super) fn is_static(&self) -> bool {
        !self.has_pools && !self.has_texts
    }

    /// The SOA record, with the serial of the master file.
    fn soa_record(&self) -> Option<ZoneRecord> {
        records_of(&self.soa).into_iter().next()
    }

    /// The signatures of the zone with these records but for those of the SOA record, and its NSEC
    /// records.
    pub(super) fn signatures(
        &self,
        signer: &ExportSigner,
        of_zone: &Zone,
        mut records: Vec<ZoneRecord>,
    ) -> Vec<ZoneRecord> {
        records.extend(self.soa_record());
        sign_zone(of_zone, &records, &signer.store, signer.now)
    }

    /// Collects the records that do not depend on the client.
    pub(super) fn shared(&self) -> SharedRecords<'s> {
        let mut out = RecordCollector { zone: self, records: Vec::new(), glue: Vec::new() };
        for (name, node) in self.nodes() {
            if let NodeKind::Cut(cut) = node.kind
                && let Some(cut) = self.snapshot.static_data.cut(cut)
            {
                out.cut(&cut);
            }
            for holding in self.snapshot.static_data.answers(node) {
                out.holding(name, holding.answer, holding.rtype);
            }
        }
        out.children();
        out.add_glue();
        let records = out.records;
        let exist = self.existing(&records);
        let missing = self.nodes.keys().filter(|name| !exist.contains(**name)).copied().collect();
        SharedRecords { records, missing }
    }

    /// The records for these clients, in addition to the shared ones. Names that have no
    /// record now, nor a name with one below them, get a [`PLACEHOLDER`]; otherwise they would be
    /// denied together with all names below.
    pub(super) fn of_client(
        &self,
        shared: &SharedRecords<'_>,
        client: ClientSet,
    ) -> Vec<ZoneRecord> {
        let Snapshot { static_data, dynamic_data, .. } = self.snapshot;
        let mut records = Vec::new();
        for (name, node) in self.nodes() {
            for holding in static_data.answers(node) {
                let Answer::Pool { rule, choice } = holding.answer else { continue };
                if matches!(choice, PathChoice::Path(_)) {
                    continue;
                }
                let path = static_data
                    .rules
                    .get(rule as usize)
                    .and_then(|rule| static_data.plans.get(rule.plan as usize))
                    .map(|plan| client.path(&plan.paths, choice));
                let Some(path) = path else { continue };
                let answer = dynamic_data.pool(rule, path);
                records.extend(addresses(name, holding.rtype, answer, path));
            }
        }
        let exist = self.existing(&records);
        let missing = shared.missing.iter().filter(|name| !exist.contains(**name));
        let placeholders: Vec<ZoneRecord> = missing.map(|name| self.placeholder(name)).collect();
        records.extend(placeholders);
        records
    }

    fn nodes(&self) -> impl Iterator<Item = (&'s [u8], &'s Node)> {
        let static_data: &'s StaticData = &self.snapshot.static_data;
        self.nodes
            .iter()
            .filter_map(|(name, id)| Some((*name, static_data.nodes.get(*id as usize)?)))
    }

    /// The names that exist with these records: their owners and all ancestors up to the origin,
    /// which has the SOA.
    fn existing(&self, records: &[ZoneRecord]) -> HashSet<Vec<u8>> {
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

    fn placeholder(&self, name: &[u8]) -> ZoneRecord {
        ZoneRecord {
            owner: name.into(),
            rtype: PLACEHOLDER,
            ttl: self.soa.ttl(),
            rdata: Box::new([0]),
        }
    }
}

/// Collects the records of a zone that do not depend on the client.
struct RecordCollector<'z, 's> {
    zone: &'z ExportZone<'s>,
    records: Vec<ZoneRecord>,
    /// Addresses of name servers, some of which may be among the records already.
    glue: Vec<Rrset<'s>>,
}

impl<'s> RecordCollector<'_, 's> {
    fn holding(&mut self, name: &[u8], answer: Answer, rtype: u16) {
        let Snapshot { static_data, dynamic_data, .. } = self.zone.snapshot;
        match answer {
            Answer::Static { .. } if rtype == rtype::SOA => {}
            Answer::Static { .. } if self.zone.without_keys && is_of_keys(rtype) => {}
            Answer::Static { rrset, .. } | Answer::DownloadReport { rrset, .. } => {
                self.records
                    .extend(static_data.rrset(rrset).into_iter().flat_map(|set| records_of(&set)));
            }
            Answer::Text(number) => {
                if let Some((template, _)) = dynamic_data.text(number) {
                    self.records.extend(decode_prepared(name, template.octets));
                }
            }
            Answer::Pool { rule, choice: PathChoice::Path(path) } => {
                self.records.extend(addresses(name, rtype, dynamic_data.pool(rule, path), path));
            }
            Answer::Pool { choice: PathChoice::Client | PathChoice::Restricted(_), .. } => {}
        }
    }

    /// Adds a delegation of the master file with its glue. Its DS records are holdings of the node.
    fn cut(&mut self, cut: &Cut) {
        let static_data: &'s StaticData = &self.zone.snapshot.static_data;
        if let Some(ns) = static_data.rrset(cut.ns) {
            self.records.extend(records_of(&ns));
            // Addresses of zones served here come first, as the glue in the file may be outdated.
            self.servers(&ns);
        }
        self.glue.extend(static_data.glue(cut));
    }

    /// Adds the addresses of a delegation's name servers within this zone, as the zones served here
    /// have them.
    fn servers(&mut self, ns: &Rrset<'_>) {
        for target in ns.rdatas().filter_map(|rdata| Name::from_wire(rdata).ok()) {
            if target.is_within(self.zone.origin) {
                let lower = target.to_lower();
                let sets = [rtype::A, rtype::AAAA].map(|rtype| self.find(lower.wire(), rtype));
                self.glue.extend(sets.into_iter().flatten());
            }
        }
    }

    /// Delegates served child zones, even if the master file does not: servers of this zone alone
    /// can then refer to them, and the names between the two zones exist.
    fn children(&mut self) {
        let static_data: &'s StaticData = &self.zone.snapshot.static_data;
        for child in &static_data.zones {
            let Some(above) = child.parent.filter(|above| above.zone == self.zone.number) else {
                continue;
            };
            let ds = match above.ds {
                ParentDs::Referral(_) | ParentDs::Unavailable(_) => continue,
                ParentDs::Records { rrset, .. } => static_data.rrset(rrset),
                ParentDs::None => None,
            };
            let Some(ns) = self.find(child.origin.to_lower().wire(), rtype::NS) else { continue };
            self.records.extend(records_of(&ns));
            self.records.extend(ds.into_iter().flat_map(|set| records_of(&set)));
            self.servers(&ns);
        }
    }

    /// Finds static records in any zone, or glue below a delegation.
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
        match static_data.answer(node, rtype)? {
            Answer::Static { rrset, .. } => static_data.rrset(rrset),
            _ => None,
        }
    }

    /// Adds the glue that is not among the records already.
    fn add_glue(&mut self) {
        let has = |name: &[u8], rtype| {
            let static_data = &self.zone.snapshot.static_data;
            let node = self.zone.nodes.get(name).and_then(|id| static_data.nodes.get(*id as usize));
            node.is_some_and(|node| static_data.answer(node, rtype).is_some())
        };
        // One RRset for each name and type, as all its records have one TTL (RFC 2181 section 5.2).
        let mut seen = HashSet::new();
        let glue: Vec<ZoneRecord> = std::mem::take(&mut self.glue)
            .into_iter()
            .map(|set| (set.owner_name().to_lower(), set))
            .filter(|(owner, set)| {
                !has(owner.wire(), set.rtype()) && seen.insert((owner.wire().to_vec(), set.rtype()))
            })
            .flat_map(|(_, set)| records_of(&set))
            .collect();
        self.records.extend(glue);
    }
}

/// Whether records of this type are made of keys (RFC 4034, RFC 7344).
fn is_of_keys(rtype: u16) -> bool {
    matches!(rtype, rtype::DNSKEY | rtype::CDS | rtype::CDNSKEY)
}

fn records_of(set: &Rrset<'_>) -> Vec<ZoneRecord> {
    let record = |rdata: &[u8]| ZoneRecord {
        owner: set.owner().into(),
        rtype: set.rtype(),
        ttl: set.ttl(),
        rdata: rdata.into(),
    };
    set.rdatas().map(record).collect()
}

/// The addresses of an answer, sorted, so that the order does not depend on the feed: all that are
/// in any window. Where some are in every answer and others fill it up, those of one window: no
/// server of these files would put the former first. Paths that fill up from the same pool have
/// different windows of it, as far as there are.
fn addresses(
    name: &[u8],
    rtype: u16,
    answer: Option<&PoolAnswer>,
    path: PathId,
) -> Vec<ZoneRecord> {
    let windows = answer.map(|answer| answer.windows(rtype == rtype::AAAA));
    let octets =
        windows.map(|windows| match usize::from(path).checked_rem(windows.count as usize) {
            Some(number) if windows.has_groups() => windows.numbered(number),
            _ => windows.records(),
        });
    let mut records = decode_prepared(name, octets.unwrap_or_default());
    records.sort_by(|a, b| a.rdata.cmp(&b.rdata));
    records.dedup();
    records
}

/// Decodes prepared records of answers: each has a pointer to QNAME, type, class, TTL, and the data
/// with its length.
fn decode_prepared(name: &[u8], octets: &[u8]) -> Vec<ZoneRecord> {
    let mut records = Vec::new();
    let mut rest = octets;
    while let Some((head, tail)) = rest.split_at_checked(12) {
        let number = |at| u16_at(head, at).unwrap_or_default();
        let Some((rdata, after)) = tail.split_at_checked(number(10).into()) else { break };
        let ttl = u32::from(number(6)) << 16 | u32::from(number(8));
        records.push(ZoneRecord { owner: name.into(), rtype: number(2), ttl, rdata: rdata.into() });
        rest = after;
    }
    records
}
